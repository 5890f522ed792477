"""Table of the settings of what an autoencoder learns: the task, the options of all tasks, and the VAE."""

from dataclasses import dataclass

from lib.common.settings import ENTRY, add_entries, change, setting
from lib.common.value_types import FloatRange, OneOf, Switch
from lib.tasks import TASKS, default_task

OPTIONS = {
    name: change(entry, only_when={"task": task.name, **entry.metadata[ENTRY].only_when})
    for task in TASKS.values()
    for name, entry in task.options.items()
}


@dataclass(frozen=True)
@add_entries(OPTIONS, before="variational")
class TaskSettings:
    """Settings of what an autoencoder learns."""

    # fmt: off
    task: str = setting(
        default_task(), OneOf(tuple(TASKS)), group="task", searchable=False,
        help="task of the network",
    )
    variational: bool = setting(
        False, Switch(), group="task", searchable=False,
        help="train a variational autoencoder (VAE)",
    )
    beta: float = setting(
        1.0, FloatRange(0, 1000), group="task", only_when={"variational": True},
        help="weight of the KL divergence relative to the reconstruction loss",
    )
    # fmt: on
