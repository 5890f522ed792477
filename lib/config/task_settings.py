"""Table of the settings of what an autoencoder learns: the task, and the options of all tasks."""

from dataclasses import dataclass

from lib.common.settings import ENTRY, add_entries, change, setting
from lib.common.value_types import OneOf
from lib.tasks import TASKS, default_task

OPTIONS = {
    name: change(entry, only_when={"task": task.name, **entry.metadata[ENTRY].only_when})
    for task in TASKS.values()
    for name, entry in task.options.items()
}


@dataclass(frozen=True)
@add_entries(OPTIONS)
class TaskSettings:
    """Settings of what an autoencoder learns."""

    # fmt: off
    task: str = setting(
        default_task(), OneOf(tuple(TASKS)), group="task", searchable=False,
        help="task of the network",
    )
    # fmt: on
