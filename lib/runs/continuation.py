"""Continued runs: a finished run is trained for more epochs, as a new run with the history of both."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from lib.common.errors import UserError
from lib.config.hyperparameters import Hyperparameters
from lib.runs import records
from lib.runs.run_folder import locate_model
from lib.runs.validation import is_number, sanitize, validate

# Settings that may differ from those of the run: data, task, network and loss stay, so that losses compare.
CHANGEABLE = (
    "epochs",
    "training_minutes",
    "batch_size",
    "optimizer",
    "learning_rate",
    "schedule",
    "plateau_factor",
    "plateau_patience",
    "weight_decay",
    "patience",
    "precision",
    "tensorboard",
    "cache",
    "show_channels",
    "continues",
    "begin_with",
)
PARENT = "parent"  # key of a record: the run that it continues


class Parent(NamedTuple):
    """A run that another one continues.

    Attributes:
        model: the file with its model.
        history: its losses and other numbers, one per epoch.
        sha256: checksum of its data set.
    """

    model: Path
    history: dict[str, list[float]]
    sha256: str

    @property
    def epochs(self) -> int:
        """Number of its epochs, those of the runs that it continues included."""
        return len(self.history["loss"])


def continued_settings(folder: Path, program: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of a run that continues another one.

    Args:
        folder: the run folder of the other one.
        program: that continues it.
        values: settings that are given, by name.

    Raises:
        UserError: the run has not finished, is of the other program, or a setting would change what its
            losses are of.
    """
    if folder.is_file():
        raise UserError(f"{folder}: is a file; give the folder of the run")
    record = records.load_record(folder)
    path = folder / records.RECORD_FILE
    validate(record, path)
    if record.get("program") != program:
        raise UserError(f"{folder}: is not a run of {program}.py, which alone can continue it")
    if record["status"] == records.RUNNING:
        raise UserError(f"{folder}: is still being trained; wait until that has finished")
    if record["status"] != records.FINISHED:
        raise UserError(
            f"{folder}: has not finished; --resume {folder} continues its weights and its optimizer"
        )
    hp = Hyperparameters.from_json(record.get("hyperparameters", {}), f"{path}: hyperparameters")
    own = {name: getattr(hp, name) for name in hp.settings()} | {"begin_with": None, "training_minutes": None}
    for name, value in values.items():
        if name not in CHANGEABLE and value != own[name]:
            raise UserError(
                f"--continue keeps data, task, network and loss of the run: remove "
                f"{hp.settings()[name].flag}, or use --begin-with {folder}"
            )
    return own | dict(values)


def load_parent(folder: Path) -> Parent:
    """Return what a continuing run needs of a finished one.

    Raises:
        UserError: it has no model or no complete history.
    """
    record = sanitize(records.load_record(folder))
    curves = records.main_curves(record)
    count = len(curves.get("loss", ()))
    history = {
        name: [float(value) for value in curve]
        for name, curve in curves.items()
        if len(curve) == count and all(map(is_number, curve))
    }
    needed = {"loss", "seconds"} | ({"val_loss"} & curves.keys())
    if not count or not needed <= history.keys():
        raise UserError(f"{folder}: its record has no complete losses; use --begin-with {folder} instead")
    model = locate_model(str(folder), ("autoencoder.h5",), "--continue")
    return Parent(Path(model), history, record["dataset"].get("sha256", ""))


def parent_epochs(record: Mapping[str, Any]) -> int:
    """Return how many epochs in the history of a record are those of the run that it continues."""
    parent = record.get(PARENT)
    count = parent.get("epochs") if isinstance(parent, dict) else 0
    return count if isinstance(count, int) and count > 0 else 0
