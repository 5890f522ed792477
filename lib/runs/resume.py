"""Runs that can go on: those that were interrupted, killed or failed before their end."""

import itertools
from pathlib import Path

from lib.common.errors import UserError
from lib.config.hyperparameters import Hyperparameters
from lib.runs import records
from lib.runs.validation import find_fault


def require_resumable(folder: Path, program: str) -> Hyperparameters:
    """What a run that is to go on was asked for. Raises `UserError` when there is no such run, or when it
    cannot go on.
    """
    record = records.load_record(folder)
    if wrong := find_fault(record):
        raise UserError(f"{folder / records.RECORD}: {wrong}")
    if record.get("program") != program:
        raise UserError(f"{folder}: is no run of {program}.py; give --resume to the program that began it")
    if record["status"] == records.FINISHED:
        raise UserError(f"{folder}: came to its end already; leave --resume out to begin another run")
    if record["status"] == records.RUNNING:
        raise UserError(f"{folder}: another process is training this run; wait until it ends")
    return Hyperparameters.from_json(
        record.get("hyperparameters", {}), f"{folder / records.RECORD}: hyperparameters"
    )


def has_checkpoint(folder: Path) -> bool:
    """Whether there is an epoch that need not be trained again."""
    return any((folder / records.CHECKPOINT).glob("*.npz"))


def describe_progress(folder: Path, hp: Hyperparameters) -> str:
    """How far a run has come, as the end of a sentence."""
    history = records.load_record(folder).get("history", {})
    phase, last = ("", history) if "loss" in history else next(reversed(history.items()), ("", history))
    return f"after epoch {len(last.get('loss', ()))} of {hp.epochs}" + (f" of phase {phase}" if phase else "")


def find_resumable(hp: Hyperparameters, output: str | None) -> Path | None:
    """The newest run that can go on and was asked for the same: the one in `output`, or else any below
    models/.
    """
    places = (
        [Path(output)]
        if output
        else [path.parent for path in records.MODELS_FOLDER.glob(f"*/{records.CHECKPOINT}")]
    )
    for folder in sorted(places, key=lambda place: place.name, reverse=True):
        if _is_resumable(hp, folder) and has_checkpoint(folder):
            return folder
    return None


def _is_resumable(hp: Hyperparameters, folder: Path) -> bool:
    """Whether there is a run of just these settings that did not come to its end."""
    try:
        return require_resumable(folder, hp.program) == hp
    except UserError:
        return False


def locate_run(hp: Hyperparameters, folder: Path) -> tuple[dict | None, Path, bool]:
    """How far a run of just these settings has come in `folder`, or in FOLDER-2, FOLDER-3, … where that holds
    another.

    The record of a finished one; else its folder, and whether it was begun there, if only in its first epoch.
    """
    for number in itertools.count(1):
        place = folder if number == 1 else folder.with_name(f"{folder.name}-{number}")
        if not place.is_dir() or not any(place.iterdir()):
            return None, place, False
        try:
            record = records.load_record(place)
            asked = Hyperparameters.from_json(record.get("hyperparameters", {}), "")
            if record["status"] == records.FINISHED and asked == hp:
                return record, place, False
        except UserError:
            continue
        if _is_resumable(hp, place):
            return None, place, True
    raise AssertionError
