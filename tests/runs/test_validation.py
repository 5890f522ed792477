"""Records that somebody has edited. python -m pytest tests/runs/test_validation.py"""

import json
import os

import pytest

from lib.cli import runs_command
from lib.common.errors import UserError
from tests.cli.test_runs_command import made, names


@pytest.fixture
def called(capsys):
    """`runs` with these words: its exit status, standard output and standard error."""

    def call(*words: str) -> tuple[int, str, str]:
        status = runs_command.run_runs("autoencoder", list(words))
        return status, *capsys.readouterr()

    return call


@pytest.mark.parametrize(
    ("changes", "words"),
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
        ({"dataset": {"classes": "cat"}}, "dataset.classes must be a list of texts, not 'cat'"),
        (
            {"hyperparameters": {"layers": {"a": 1}}},
            "hyperparameters.layers must be a number, a text, yes or no, or a list of them",
        ),
        ({"history": {"loss": 0.5}}, "history.loss must be a list, or an object of lists, not 0.5"),
    ],
)
def test_nonsense_in_a_run_that_is_asked_for_by_name_is_refused_by_its_key(called, changes, words):
    made("good", 0.02)
    folder = made("bad", 0.01)
    record = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(json.dumps(record | changes))
    os.rename(made("elsewhere"), "elsewhere")
    for asked in (["--diff", "good", "bad"], ["--only", "bad"], ["--diff", str(folder), "elsewhere"]):
        with pytest.raises(UserError) as error:
            called(*asked)
        assert str(error.value).startswith(f"models/bad/run.json: {words}")
    assert names(called()[1]) == ["good", "bad"]  # in a list it has a dash there
    assert names(called("--only", "good")[1]) == ["good"]


@pytest.mark.parametrize("program", ["autoencoder", "classification"])
def test_nothing_is_wrong_with_what_the_programs_write(called, program):
    made("whole", 0.5, program=program)
    made("diverged", float("nan"), program=program)
    made("running", None, program=program, status="running")
    assert names(called("--only", "whole", "diverged", "running")[1]) == ["whole", "diverged", "running"]


def test_paths_that_the_system_does_not_look_up(called):
    made("a")
    with pytest.raises(UserError, match="File name too long"):
        called("a" * 5000)
    with pytest.raises(UserError, match="File name too long"):
        called("--only", "a" * 5000)
