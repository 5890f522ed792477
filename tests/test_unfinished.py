"""python -m pytest tests/test_unfinished.py (that a run goes on as if nothing had been: tests/test_interruption.py)"""

import dataclasses
from pathlib import Path

import pytest

from lib import runs, unfinished
from lib.errors import UserError
from tests.test_runs import HP, killed


def interrupted(folder: str, **changes) -> Path:
    """A run that was killed in its third epoch."""
    killed(folder, "history={'loss': [0.5, 0.25], 'val_loss': [0.5, 0.25], 'seconds': [1, 1]}")
    (Path(folder) / "checkpoint" / "autoencoder.npz").write_bytes(b"")
    if changes:
        runs.write_json(Path(folder) / runs.RECORD, runs.load(Path(folder)) | changes)
    return Path(folder)


def test_what_was_interrupted_can_go_on():
    folder = interrupted("models/mine")
    assert unfinished.require(folder, "autoencoder") == HP
    assert unfinished.progress(folder, HP) == "after epoch 2 of 20"
    assert unfinished.require(interrupted("models/failed", status="failed"), "autoencoder") == HP


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"program": "classification"}, "models/mine: is no run of autoencoder.py"),
        ({"status": "finished"}, "models/mine: came to its end already; leave --resume out to begin another run"),
        ({"history": []}, r"models/mine/run.json: history must be an object, not \[\]"),
        ({"hyperparameters": {"layers": 0.5}}, "models/mine/run.json: hyperparameters: layers must be a whole number"),
    ],
)
def test_what_cannot_go_on_is_refused(changes, words):
    interrupted("models/mine", **changes)
    with pytest.raises(UserError, match=words):
        unfinished.require(Path("models/mine"), "autoencoder")


def test_a_run_that_is_at_work_is_left_alone():
    run = runs.Run.create("models/mine", HP, "digits")
    with pytest.raises(UserError, match="models/mine: another process is training this run"):
        unfinished.require(run.folder, "autoencoder")
    assert unfinished.like(HP, None) is None


def test_the_newest_run_that_was_asked_for_the_same_is_found():
    for name in ("a", "c", "b"):
        interrupted(f"models/{name}")
    assert unfinished.like(HP, None) == Path("models/c")
    assert unfinished.like(HP, "models/a") == Path("models/a")
    assert unfinished.like(HP, "elsewhere") is None
    assert unfinished.like(dataclasses.replace(HP, epochs=3), None) is None
    (Path("models/c/checkpoint/autoencoder.npz")).unlink()  # nothing would be gained
    assert unfinished.like(HP, None) == Path("models/b")
