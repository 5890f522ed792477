"""Validation of records that were edited by hand. python -m pytest tests/runs/test_validation.py"""

import json
import os
from pathlib import Path

import pytest

from lib.common.errors import UserError
from lib.runs.validation import sanitize, validate
from tests.harness.recorded_runs import listed_names, record_run


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"metrics": [1]}, "metrics must be an object, not [1]"),
        ({"status": 3}, "status must be text, not 3"),
        ({"metrics": {"test_mse": "small"}}, "metrics.test_mse must be a number, not 'small'"),
        ({"timing": {"seconds": True}}, "timing.seconds must be a number, not True"),
        ({"baselines": {"pca_mse": 10**400}}, "baselines.pca_mse must be a number, not 1000000"),
        ({"dataset": {"name": 5}}, "dataset.name must be text, not 5"),
        (
            {"dataset": {"shape": [8, "8", 1]}},
            "dataset.shape must be a list of whole numbers, not [8, '8', 1]",
        ),
        ({"dataset": {"sizes": []}}, "dataset.sizes must be an object, not []"),
        ({"dataset": {"sizes": {"test": "all"}}}, "dataset.sizes.test must be a whole number, not 'all'"),
        ({"dataset": {"classes": "cat"}}, "dataset.classes must be a list of strings, not 'cat'"),
        (
            {"hyperparameters": {"layers": {"a": 1}}},
            "hyperparameters.layers must be a number, a string, a boolean, or a list of them",
        ),
        (
            {"history": {"loss": 0.5}},
            "history.loss must be a list of numbers, or an object of such lists, not 0.5",
        ),
    ],
)
def test_a_single_run_with_an_invalid_record_is_refused_by_the_key(call_runs, changes, message):
    record_run("good", 0.02)
    folder = record_run("bad", 0.01)
    record = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(json.dumps(record | changes))
    os.rename(record_run("elsewhere"), "elsewhere")
    for flags in (["--diff", "good", "bad"], ["--only", "bad"], ["--diff", str(folder), "elsewhere"]):
        with pytest.raises(UserError) as error:
            call_runs(*flags)
        assert str(error.value).startswith(f"models/bad/run.json: {message}")
    assert listed_names(call_runs()[1]) == ["good", "bad"]  # a list shows a dash for the value
    assert listed_names(call_runs("--only", "good")[1]) == ["good"]


def test_validate_names_the_file_and_the_first_invalid_key():
    validate({"status": "finished"}, Path("a/run.json"))
    with pytest.raises(UserError, match=r"^a/run\.json: metrics must be an object, not \[\]$"):
        validate({"status": "finished", "metrics": [], "timing": 5}, Path("a/run.json"))


def test_sanitize_drops_invalid_values():
    record = sanitize(
        {
            "status": 3,
            "task": "a\nb",
            "dataset": {"name": 5, "shape": [8, "8", 1], "classes": "cat", "sizes": {"test": "all"}},
            "metrics": {"test_mse": "small", "test_psnr": float("inf"), "parameters": 9, "report": []},
            "timing": [1],
        }
    )
    assert record == {
        "task": "a b",
        "dataset": {"shape": [8, 1], "classes": [], "sizes": {}, "notes": []},
        "metrics": {"test_psnr": None, "parameters": 9},
        "hyperparameters": {},
        "history": {},
        "baselines": {},
        "timing": {},
        "environment": {},
    }


@pytest.mark.parametrize("program", ["autoencoder", "classification"])
def test_records_written_by_the_programs_are_valid(call_runs, program):
    record_run("whole", 0.5, program=program)
    record_run("diverged", float("nan"), program=program)
    record_run("running", None, program=program, status="running")
    names = ["whole", "diverged", "running"]
    assert listed_names(call_runs("--only", *names)[1]) == names


def test_too_long_paths_are_refused(call_runs):
    record_run("a")
    with pytest.raises(UserError, match="File name too long"):
        call_runs("a" * 5000)
    with pytest.raises(UserError, match="File name too long"):
        call_runs("--only", "a" * 5000)
