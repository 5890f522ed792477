"""The log of a run. python -m pytest tests/runs/test_run_log.py"""

import os
from pathlib import Path

import pytest

from lib.config.hyperparameters import AutoencoderHyperparameters
from lib.runs.events import EpochEnded, Event, Note, PhaseStarted, RunResult, RunStarted, Step
from lib.runs.run_folder import Run, close_record
from lib.runs.run_log import RunLog, append_lines

PHASE = PhaseStarted(2, 2, "all layers", epochs=10, images=60)
EPOCH = EpochEnded(1, 1234.0, {"kl_loss": 2.0, "loss": 0.5, "val_loss": 0.25})
METRICS = {"test_loss": 0.5, "test_accuracy": 0.75, "correct": 3, "incorrect": 1}
ROW = {"precision": 0.5, "recall": 1, "f1-score": 0.6667, "support": 4}
RECORD = {
    "program": "classification",
    "status": "failed",
    "error": "the loss is nan",
    "metrics": {**METRICS, "report": {"cat": ROW, "accuracy": 0.75}},
    "baselines": {"most_frequent_accuracy": 0.5},
    "timing": {"seconds": 65, "images_per_second": 1000.0},
}


def log(*events: Event) -> list[str]:
    run_log = RunLog(Path())
    for event in events:
        run_log(event)
    return Path("log.txt").read_text(encoding="utf-8").splitlines()


def test_lines_of_progress_and_none_for_live_displays():
    step = Step(1, images=8, loss=0.5, speed=1.0)
    lines = log(RunStarted("models/x", "CPU"), PHASE, step, EPOCH)
    assert lines == [
        "CPU  →  models/x",
        "Phase 2 of 2: all layers.",
        "epoch  1/10   loss 0.50000   validation loss 0.25000   kl 2.00000   1,234 images/s",
    ]


def test_the_result_of_a_run_and_of_a_trial():
    lines = log(RunResult("models/x", RECORD))
    assert lines[:2] == [
        "this classifier: accuracy 0.7500",
        "most frequent class: accuracy 0.5000",
    ]
    assert "cat: precision 0.5000, recall 1.0000, f1-score 0.6667, support 4" in lines
    assert lines[-2:] == ["Failed: the loss is nan.", "1:05 in total, 1,000 images/s in training"]
    Path("log.txt").unlink()
    trial = {key: value for key, value in RECORD.items() if key != "baselines"} | {"status": "finished"}
    assert log(RunResult("models/x", trial)) == lines[-1:]


def test_a_further_attempt_continues_the_log():
    for number in (1, 2):
        lines = log(Note(f"attempt {number}"))
    assert lines == ["attempt 1", "attempt 2"]


def test_names_of_other_people_stay_on_one_line_without_control_characters():
    assert log(Note("a\nb\x1b[2J\udcff")) == ["a b\ufffd[2J\ufffd"]


@pytest.mark.parametrize("kind", ["folder", "pipe", "link", "nothing"])
def test_a_log_that_cannot_be_written_is_no_error_and_nothing_else_is_touched(kind, impatient):
    folder = Path("run")
    folder.mkdir()
    {
        "folder": lambda: (folder / "log.txt").mkdir(),
        "pipe": lambda: os.mkfifo(folder / "log.txt"),
        "link": lambda: (folder / "log.txt").symlink_to(Path("mine").resolve()),
        "nothing": folder.rmdir,
    }[kind]()
    append_lines(folder, ["a line"])
    assert not Path("mine").exists()


def test_a_full_disk_is_no_error(monkeypatch):
    monkeypatch.setattr(
        "lib.runs.run_log._open_regular", lambda path, flags: os.open("/dev/full", os.O_WRONLY)
    )
    append_lines(Path(), ["a line"])


def test_the_end_of_a_run_that_could_not_say_it_itself():
    run = Run.create("run", AutoencoderHyperparameters(dataset="digits"), "digits")
    close_record(run.folder, "failed", "the training process was killed")
    assert Path("run/log.txt").read_text(encoding="utf-8") == "failed: the training process was killed\n"
    run.release(delete_checkpoint=False)
