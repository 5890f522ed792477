"""Resumable runs: those that were interrupted, killed or failed before their last epoch."""

import itertools
from dataclasses import dataclass
from pathlib import Path

from lib.common.errors import UserError
from lib.config.hyperparameters import Hyperparameters
from lib.config.program_settings import settings
from lib.runs import records
from lib.runs.continuation import parent_epochs
from lib.runs.run_folder import numbered_folder
from lib.runs.validation import ONLY_PHASE, sanitize, validate


@dataclass(frozen=True)
class RunLocation:
    """Folder of a run with given hyperparameters, and the state of the run there.

    Attributes:
        folder: the run folder; it may not exist yet.
        finished_record: the record if the run is finished, else None.
        is_resumable: the run was begun in this folder and can continue, even without a complete epoch.
    """

    folder: Path
    finished_record: dict | None = None
    is_resumable: bool = False


def require_resumable(folder: Path, program: str) -> Hyperparameters:
    """Return the hyperparameters of a run that can continue.

    Args:
        folder: the run folder.
        program: `autoencoder` or `classification`.

    Raises:
        UserError: no valid record, another program's run, or a run that is finished or in progress.
    """
    record = records.load_record(folder)
    path = folder / records.RECORD_FILE
    validate(record, path)
    if record.get("program") != program:
        raise UserError(f"{folder}: is not a run of {program}.py; resume it with the other program")
    if record["status"] == records.FINISHED:
        can_continue = "continues" in settings(program)
        remedy = f"--continue {folder} trains it for more epochs" if can_continue else "start a new run"
        raise UserError(f"{folder}: has already finished; {remedy}")
    if record["status"] == records.RUNNING:
        raise UserError(f"{folder}: another process is training this run; wait until it has finished")
    return Hyperparameters.from_json(record.get("hyperparameters", {}), f"{path}: hyperparameters")


def has_checkpoint(folder: Path) -> bool:
    """Return whether a run folder has the checkpoint of a complete epoch."""
    return any((folder / records.CHECKPOINT_FOLDER).glob("*.npz"))


def describe_progress(folder: Path, hp: Hyperparameters) -> str:
    """Return how many epochs of a run are done, such as `after epoch 2 of 20`, as the end of a sentence."""
    record = sanitize(records.load_record(folder))
    phase, curves = next(reversed((record["history"] or {ONLY_PHASE: {}}).items()))
    epochs = len(curves.get("loss", ()))
    total = "" if hp.training_minutes else f" of {hp.epochs + parent_epochs(record)}"
    return f"after epoch {epochs}{total}" + (f" of phase {phase}" if phase else "")


def find_resumable(hp: Hyperparameters, output: str | None) -> Path | None:
    """Return the newest folder with a resumable run and a checkpoint, by name of the folder.

    Args:
        hp: the hyperparameters that the run must have.
        output: the only folder to look at; None for all folders directly below models/.
    """
    if output:
        folders = [Path(output)]
    else:
        pattern = f"*/{records.CHECKPOINT_FOLDER}"
        folders = [checkpoint.parent for checkpoint in records.MODELS_FOLDER.glob(pattern)]
    for folder in sorted(folders, key=lambda folder: folder.name, reverse=True):
        if _is_resumable(hp, folder) and has_checkpoint(folder):
            return folder
    return None


def _is_resumable(hp: Hyperparameters, folder: Path) -> bool:
    try:
        return require_resumable(folder, hp.program) == hp
    except UserError:
        return False


def locate_run(hp: Hyperparameters, folder: Path) -> RunLocation:
    """Return the first of FOLDER, FOLDER-2, … that is empty or has a run with these hyperparameters.

    Folders with other runs, or with one that is in progress, are passed over.
    """
    for number in itertools.count(1):
        candidate = numbered_folder(folder, number)
        if not candidate.is_dir() or not any(candidate.iterdir()):
            break
        try:
            record = records.load_record(candidate)
            recorded_hp = Hyperparameters.from_json(record.get("hyperparameters", {}), "")
        except UserError:
            continue
        if record["status"] == records.FINISHED and recorded_hp == hp:
            return RunLocation(candidate, finished_record=record)
        if _is_resumable(hp, candidate):
            return RunLocation(candidate, is_resumable=True)
    return RunLocation(candidate)
