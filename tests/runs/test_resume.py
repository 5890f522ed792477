"""python -m pytest tests/runs/test_resume.py (that a run goes on as if nothing had been:
tests/test_interruption.py)
"""

import dataclasses
from pathlib import Path

import pytest

from lib.common.errors import UserError
from lib.runs import records, resume, run_folder
from tests.runs.test_run_folder import HP, killed


def interrupted(folder: str, **changes) -> Path:
    """A run that was killed in its third epoch."""
    killed(folder, "history={'loss': [0.5, 0.25], 'val_loss': [0.5, 0.25], 'seconds': [1, 1]}")
    (Path(folder) / "checkpoint" / "autoencoder.npz").write_bytes(b"")
    if changes:
        run_folder.write_json(Path(folder) / records.RECORD, records.load_record(Path(folder)) | changes)
    return Path(folder)


def test_what_was_interrupted_can_go_on():
    folder = interrupted("models/mine")
    assert resume.require_resumable(folder, "autoencoder") == HP
    assert resume.describe_progress(folder, HP) == "after epoch 2 of 20"
    assert resume.require_resumable(interrupted("models/failed", status="failed"), "autoencoder") == HP


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"program": "classification"}, "models/mine: is no run of autoencoder.py"),
        (
            {"status": "finished"},
            "models/mine: came to its end already; leave --resume out to begin another run",
        ),
        ({"history": []}, r"models/mine/run.json: history must be an object, not \[\]"),
        (
            {"hyperparameters": {"layers": 0.5}},
            "models/mine/run.json: hyperparameters: layers must be a whole number",
        ),
    ],
)
def test_what_cannot_go_on_is_refused(changes, words):
    interrupted("models/mine", **changes)
    with pytest.raises(UserError, match=words):
        resume.require_resumable(Path("models/mine"), "autoencoder")


def test_a_run_that_is_at_work_is_left_alone():
    run = run_folder.Run.create("models/mine", HP, "digits")
    with pytest.raises(UserError, match="models/mine: another process is training this run"):
        resume.require_resumable(run.folder, "autoencoder")
    assert resume.find_resumable(HP, None) is None


def test_the_newest_run_that_was_asked_for_the_same_is_found():
    for name in ("a", "c", "b"):
        interrupted(f"models/{name}")
    assert resume.find_resumable(HP, None) == Path("models/c")
    assert resume.find_resumable(HP, "models/a") == Path("models/a")
    assert resume.find_resumable(HP, "elsewhere") is None
    assert resume.find_resumable(dataclasses.replace(HP, epochs=3), None) is None
    (Path("models/c/checkpoint/autoencoder.npz")).unlink()  # nothing would be gained
    assert resume.find_resumable(HP, None) == Path("models/b")
