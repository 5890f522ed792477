"""What provokes each error about searches, by module: (what to do, what is named, what is said)."""

from contextlib import ExitStack
from pathlib import Path
from unittest import mock

from lib.cli import prompts, session
from lib.cli.display import Display
from lib.common.errors import RunFailed, UserError
from lib.config.hyperparameters import Hyperparameters
from lib.reproduction.command import run_reproduce
from lib.reproduction.context import ReproductionContext
from lib.search import command, options, study
from lib.search.space import Choices, parse_range, parse_space, parse_values
from lib.search.study import StudyDefinition
from lib.worker import run_sequence
from tests.harness import sample_files
from tests.harness.in_process_worker import InProcess

TINY = ["--layers", "1", "--kernel-size", "3", "--kernels", "2", "--epochs", "1", "--no-input"]
GRID = {"kernels": Choices((1, 2))}


def space(grid: str = "", span: str = ""):
    parse_space("autoencoder", [grid] if grid else [], [span] if span else [])


def planned(*words: str):
    options.read_options("autoencoder", ["-d", "digits", *TINY, *words])


def opened(url: str = "sqlite:///study.db", **changed):
    usual = dict(base={"layers": 2}, space=GRID, sampler="grid", folds=1, prune=False, maximize=False)
    study.open_study("s", StudyDefinition(**usual), "sqlite:///study.db")
    study.open_study("s", StudyDefinition(**usual | changed), url)


def lost():
    with mock.patch.object(study, "fail_stale_trials", side_effect=OSError(111, "Connection refused")):
        searched()


def searched(*words: str, broken: str = "", stopped_at: int = 0, status: str = "", retrain: bool = False):
    """A search whose trainings run in this process, and break, are stopped, or end with a status, from some
    training on.
    """
    sample_files.write_idx(Path("x.idx"), sample_files.shapes(40)[0])
    real = InProcess.follow

    def follow(self, on_event):
        request = self.requests[-1]
        if retrain and (request["verb"] != "train" or request.get("trial")):
            return real(self, on_event)
        if broken:
            raise RunFailed(broken)
        if stopped_at and request["verb"] == "train" and InProcess.begun + 1 >= stopped_at:
            on_event({"event": "stopping"})
            self.stopped.set()
            return {"record": {"status": "interrupted"}}
        ended = real(self, on_event)
        return (
            ended | {"record": ended["record"] | {"status": status, "error": "it diverged"}}
            if status
            else ended
        )

    with ExitStack() as patches:
        for module in (session, run_sequence):
            patches.enter_context(mock.patch.object(module, "Worker", InProcess))
        patches.enter_context(mock.patch.object(InProcess, "follow", follow))
        InProcess.begun = 0
        command.run_search(
            "autoencoder", ["-d", "x.idx", *TINY, "--output", "s", *(words or ["--grid", "kernels=2,3"])]
        )


def diverging():
    ended = {"record": {"status": "failed", "error": "it diverged this time"}}
    with (
        mock.patch.object(run_sequence, "Worker", InProcess),
        mock.patch.object(InProcess, "follow", return_value=ended),
    ):
        run_sequence.RunSequence().train(Hyperparameters(dataset="x.idx"), Path("s"), lambda event: None)


def reproduced(*words: str):
    with mock.patch.object(run_sequence.RunSequence, "train", side_effect=run_sequence.StoppedByUser):
        run_reproduce("autoencoder", list(words))


def without_data():
    def one(name: str):
        raise UserError("nowhere: no such file or folder")

    ReproductionContext(Path(), False, range(1), "", Display()).through(["A", "B"], one)


def spoilt_race():
    Path("s").mkdir()
    Path("s/race.json").write_text("[1]")
    reproduced("A", "--race", "--output", "s")


def several(line: str):
    answers = mock.Mock(terminal=False, _line=lambda *_: line)
    prompts.Answers.several(answers, "Vary?", {"kernels": "", "epochs": ""})


def among_others():
    Path("s").mkdir()
    Path("s/run.json").write_text("{}")
    searched()


def a_file():
    Path("s").write_text("")
    searched()


CASES = {
    "search/space": [
        (lambda: space("kernels"), "--grid kernels", "must be NAME=…, such as --grid kernels=16,32,64"),
        (lambda: space(span="epochs"), "--range epochs", "such as --range learning-rate=0.0001..0.01:log"),
        (
            lambda: parse_space("autoencoder", ["epochs=1,2"], ["epochs=1..2"]),
            "--range epochs=1..2",
            "epochs is varied twice",
        ),
        (lambda: space("kernels=0,1"), "--grid kernels=0,1", "kernels must be a whole number"),
        (lambda: space("kernel=1,2"), "'kernel'", "cannot be varied; did you mean 'kernels'?"),
        (lambda: space("nonsense=1,2"), "'nonsense'", "cannot be varied; there are beta, layers, "),
        (
            lambda: space("noise=1,2"),
            "noise",
            "cannot be varied: errors of different tasks do not compare; give one search to each",
        ),
        (
            lambda: parse_values("kernels", "1"),
            "",
            "there is nothing to choose from; give two values or more",
        ),
        (lambda: parse_range("task", "a..b"), "task", "has no range; give its values with --grid"),
        (lambda: parse_range("epochs", "1-2"), "", "must be LOW..HIGH, LOW..HIGH:log or LOW..HIGH:STEP"),
        (lambda: parse_range("epochs", "2..1"), "", "its end must lie above its beginning"),
        (lambda: parse_range("dropout", "0..0.5:log"), "", "a logarithmic range begins above 0"),
        (
            lambda: parse_range("dropout", "0..0.5:1"),
            "",
            "only whole numbers have a step; give LOW..HIGH or LOW..HIGH:log",
        ),
    ],
    "search/study": [
        (
            lambda: opened("postgres"),
            "postgres",
            "cannot be opened (it is no address of a database, such as sqlite:///search.db",
        ),
        (
            lambda: opened("sqlite:////no/where.db"),
            "/no/where.db",
            "cannot be opened (unable to open database file",
        ),
        (
            lambda: opened("oracle://me@host/x"),
            "oracle",
            "its driver, the Python package oracledb, is not installed",
        ),
        (
            lost,
            "the storage of this search",
            "cannot be reached any more (Connection refused); give the same command when it can",
        ),
        (
            lambda: opened(folds=3),
            "s",
            "was begun with another folds; give this one another name with --study",
        ),
        (lambda: opened(folds=3, prune=True), "s", "was begun with another folds, another prune; give"),
        (lambda: opened(base={"layers": 3}), "s", "was begun with another layers; give"),
    ],
    "cli/prompts": [(lambda: several("kernels, kernel"), "'kernel'", "is not one of kernels, epochs")],
    "runs/run_folder": [(a_file, "s", "cannot be made (File exists); choose another --output")],
    "search/options": [
        (lambda: planned(), "nothing is varied", "give --grid kernels=16,32,64 or --range learning-rate="),
        (
            lambda: planned("--resume", "x"),
            "--resume",
            "is for a single run; a search goes on when the same command is given",
        ),
        (
            lambda: planned("--distributed"),
            "--distributed",
            "is for a single run; a search is shared by as many as are given the",
        ),
        (
            lambda: planned("--range", "epochs=1..2", "--sampler", "grid"),
            "--sampler grid",
            "needs --grid for everything that",
        ),
        (
            lambda: planned("--grid", "epochs=1,2", "--trials", "9"),
            "--trials",
            "is for --sampler random and tpe; this grid has 2",
        ),
        (lambda: planned("--grid", "epochs=1,2", "--folds", "1"), "--folds", "must be a whole number from 2"),
    ],
    "reproduction/command": [
        (lambda: reproduced("F"), "'F'", "is no table; there are A-variants, "),
        (lambda: reproduced("C-layers", "--race"), "'C-layers'", "has no race; there are A, "),
        (lambda: reproduced("--best"), "reproduce what? Name tables beside --best", ": A-variants, "),
        (lambda: reproduced("A", "--seeds", "0"), "--seeds", "must be a whole number from 1"),
        (
            lambda: reproduced("--race", "--best"),
            "--race",
            "sets the plain recipe against ours; leave --best out",
        ),
        (lambda: reproduced("A-color"), "interrupted", "to go on: python autoencoder.py reproduce A-color"),
    ],
    "reproduction/context": [(without_data, "A, B", "left out: A, B (nowhere: no such file or folder)")],
    "reproduction/time_to_target": [
        (spoilt_race, "s/race.json", "cannot be read; remove it, and the races are run again")
    ],
    "worker/run_sequence": [(diverging, "it diverged", "")],
    "search/command": [
        (lambda: searched(status="failed"), "it diverged", "none of 2 trials came to its end"),
        (lambda: searched(broken="it broke"), "it broke", "none of 2 trials came to its end"),
        (
            lambda: searched("--grid", "kernels=2,3", "--split", "90/0/10"),
            "split 90/0/10",
            "leaves no validation images; give --folds",
        ),
        (
            lambda: searched(stopped_at=1),
            "interrupted",
            "; to go on: python autoencoder.py search --dataset x.idx",
        ),
        (
            lambda: searched(stopped_at=3, retrain=True),
            "interrupted",
            "; to go on: python autoencoder.py search --dataset x.idx",
        ),
        (
            among_others,
            "--output s",
            "holds run.json, which is not of a search; give a new folder, or that of one to go on with",
        ),
        (lambda: searched(broken="it broke", retrain=True), "it broke", "the winner could not be trained"),
        (lambda: searched(status="failed", retrain=True), "it diverged", "the winner could not be trained"),
    ],
}
