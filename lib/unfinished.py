"""Runs that can go on: those that were interrupted, killed or failed before their end."""

import itertools
from pathlib import Path

from lib import runs
from lib.errors import UserError
from lib.hyperparameters import Hyperparameters
from lib.sound import fault


def require(folder: Path, program: str) -> Hyperparameters:
    """What a run that is to go on was asked for. Raises `UserError` when there is no such run, or when it cannot go on."""
    record = runs.load(folder)
    if wrong := fault(record):
        raise UserError(f"{folder / runs.RECORD}: {wrong}")
    if record.get("program") != program:
        raise UserError(f"{folder}: is no run of {program}.py; give --resume to the program that began it")
    if record["status"] == runs.FINISHED:
        raise UserError(f"{folder}: came to its end already; leave --resume out to begin another run")
    if record["status"] == runs.RUNNING:
        raise UserError(f"{folder}: another process is training this run; wait until it ends")
    return Hyperparameters.from_json(record.get("hyperparameters", {}), f"{folder / runs.RECORD}: hyperparameters")


def has_begun(folder: Path) -> bool:
    """Whether there is an epoch that need not be trained again."""
    return any((folder / runs.CHECKPOINT).glob("*.npz"))


def progress(folder: Path, hp: Hyperparameters) -> str:
    """How far a run has come, as the end of a sentence."""
    history = runs.load(folder).get("history", {})
    phase, last = ("", history) if "loss" in history else next(reversed(history.items()), ("", history))
    return f"after epoch {len(last.get('loss', ()))} of {hp.epochs}" + (f" of phase {phase}" if phase else "")


def like(hp: Hyperparameters, output: str | None) -> Path | None:
    """The newest run that can go on and was asked for the same: the one in `output`, or else any below models/."""
    places = [Path(output)] if output else [path.parent for path in runs.MODELS.glob(f"*/{runs.CHECKPOINT}")]
    for folder in sorted(places, key=lambda place: place.name, reverse=True):
        if _asked_for(hp, folder) and has_begun(folder):
            return folder
    return None


def _asked_for(hp: Hyperparameters, folder: Path) -> bool:
    """Whether there is a run of just these settings that did not come to its end."""
    try:
        return require(folder, hp.program) == hp
    except UserError:
        return False


def standing(hp: Hyperparameters, folder: Path) -> tuple[dict | None, Path, bool]:
    """How far a run of just these settings has come in `folder`, or in FOLDER-2, FOLDER-3, … where that holds another.

    The record of a finished one; else its folder, and whether it was begun there, if only in its first epoch.
    """
    for number in itertools.count(1):
        place = folder if number == 1 else folder.with_name(f"{folder.name}-{number}")
        if not place.is_dir() or not any(place.iterdir()):
            return None, place, False
        try:
            record = runs.load(place)
            asked = Hyperparameters.from_json(record.get("hyperparameters", {}), "")
            if record["status"] == runs.FINISHED and asked == hp:
                return record, place, False
        except UserError:
            continue
        if _asked_for(hp, place):
            return None, place, True
    raise AssertionError
