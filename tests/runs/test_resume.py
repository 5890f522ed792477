"""Resumable runs; tests/test_interruption.py shows that a resumed run computes the same numbers.

python -m pytest tests/runs/test_resume.py
"""

import dataclasses
from pathlib import Path

import pytest

from lib.common.errors import UserError
from lib.common.filesystem import write_json
from lib.runs import records, resume, run_folder
from tests.runs.test_run_folder import HP, create_killed_run


def create_interrupted_run(folder: str, **changes) -> Path:
    """Create the folder of a run that was killed in its third epoch."""
    create_killed_run(folder, "history={'loss': [0.5, 0.25], 'val_loss': [0.5, 0.25], 'seconds': [1, 1]}")
    (Path(folder) / "checkpoint" / "autoencoder.npz").write_bytes(b"")
    if changes:
        write_json(Path(folder) / records.RECORD_FILE, records.load_record(Path(folder)) | changes)
    return Path(folder)


def test_interrupted_and_failed_runs_can_be_resumed():
    folder = create_interrupted_run("models/mine")
    assert resume.require_resumable(folder, "autoencoder") == HP
    assert resume.describe_progress(folder, HP) == "after epoch 2 of 20"
    assert (
        resume.require_resumable(create_interrupted_run("models/failed", status="failed"), "autoencoder")
        == HP
    )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"program": "classification"}, "models/mine: is not a run of autoencoder.py"),
        (
            {"status": "finished"},
            "models/mine: has already finished; --continue models/mine trains it for more epochs",
        ),
        ({"history": []}, r"models/mine/run.json: history must be an object, not \[\]"),
        (
            {"hyperparameters": {"layers": 0.5}},
            "models/mine/run.json: hyperparameters: layers must be a whole number",
        ),
    ],
)
def test_runs_that_cannot_be_resumed_are_refused(changes, message):
    create_interrupted_run("models/mine", **changes)
    with pytest.raises(UserError, match=message):
        resume.require_resumable(Path("models/mine"), "autoencoder")


def test_a_finished_classifier_is_not_continued():
    create_interrupted_run("models/mine", program="classification", status="finished")
    with pytest.raises(UserError, match="models/mine: has already finished; start a new run"):
        resume.require_resumable(Path("models/mine"), "classification")


def test_a_run_in_progress_is_not_resumed():
    run = run_folder.Run.create("models/mine", HP, "digits")
    with pytest.raises(UserError, match="models/mine: another process is training this run"):
        resume.require_resumable(run.folder, "autoencoder")
    assert resume.find_resumable(HP, None) is None


def test_the_newest_run_with_the_same_hyperparameters_is_found():
    for name in ("a", "c", "b"):
        create_interrupted_run(f"models/{name}")
    assert resume.find_resumable(HP, None) == Path("models/c")
    assert resume.find_resumable(HP, "models/a") == Path("models/a")
    assert resume.find_resumable(HP, "elsewhere") is None
    assert resume.find_resumable(dataclasses.replace(HP, epochs=3), None) is None
    (Path("models/c/checkpoint/autoencoder.npz")).unlink()
    assert resume.find_resumable(HP, None) == Path("models/b")


def test_a_run_is_located_in_the_first_folder_that_fits():
    folder = Path("models/mine")
    assert resume.locate_run(HP, folder) == resume.RunLocation(folder)
    run = run_folder.Run.create("models/mine", dataclasses.replace(HP, epochs=3), "digits")
    run.finish()
    assert resume.locate_run(HP, folder) == resume.RunLocation(Path("models/mine-2"))
    second = create_interrupted_run("models/mine-2")
    assert resume.locate_run(HP, folder) == resume.RunLocation(second, is_resumable=True)
    run_folder.Run.reopen(second, "").finish()
    assert resume.locate_run(HP, folder) == resume.RunLocation(second, records.load_record(second))
