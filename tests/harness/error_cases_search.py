"""Error cases of searches and reproductions, by module: (function that fails, subject, message)."""

import dataclasses
import io
from contextlib import ExitStack
from pathlib import Path
from unittest import mock

from lib.cli import answer_lines, jobs, session
from lib.cli.display import Display
from lib.common.errors import RunFailed, UserError
from lib.config.hyperparameters import AutoencoderHyperparameters
from lib.reproduction.command_reproduce import ReproduceCommand
from lib.reproduction.context import ReproductionContext
from lib.search import storage, study
from lib.search.command_search import SearchCommand
from lib.search.space import Choices, parse_range, parse_space, parse_values
from lib.search.state import StudyDefinition
from lib.worker import run_sequence
from lib.worker.messages import Stopping, Train, TrainingFinished
from tests.harness import sample_files
from tests.harness.in_process_worker import InProcessWorker

TINY = ["--layers", "1", "--kernel-size", "3", "--kernels", "2", "--epochs", "1", "--no-input"]
GRID = {"kernels": Choices((1, 2))}


def space(grid: str = "", span: str = ""):
    parse_space("autoencoder", [grid] if grid else [], [span] if span else [])


def read_options(*words: str):
    SearchCommand().options("autoencoder", ["-d", "digits", *TINY, *words])


def open_twice(url: str = "sqlite:///study.db", **changed):
    defaults = dict(base={"layers": 2}, space=GRID, sampler="grid", folds=1, prune=False, maximize=False)
    study.open_study("s", StudyDefinition(**defaults), "sqlite:///study.db")
    study.open_study("s", StudyDefinition(**defaults | changed), url)


def lose_storage():
    with mock.patch.object(study, "fail_stale_trials", side_effect=OSError(111, "Connection refused")):
        search()


def search(*words: str, broken: str = "", stopped_at: int = 0, status: str = "", retrain: bool = False):
    """Search in this process, with trainings that fail, are interrupted, or end with a status.

    Args:
        words: flags.
        broken: message with which the training fails.
        stopped_at: number of the first training that is interrupted, from 1; 0 for none.
        status: status with which trainings end.
        retrain: only the winner's training fails.
    """
    sample_files.write_idx(Path("x.idx"), sample_files.shapes(40)[0])
    follow_in_process = InProcessWorker.follow

    def follow(self, on_event, until):
        request = self.requests[-1]
        if retrain and (not isinstance(request, Train) or request.trial):
            return follow_in_process(self, on_event, until)
        if broken:
            raise RunFailed(broken)
        if stopped_at and isinstance(request, Train) and InProcessWorker.trainings + 1 >= stopped_at:
            on_event(Stopping())
            self.stop_event.set()
            return TrainingFinished(folder="", record={"status": "interrupted"}, views={})
        ended = follow_in_process(self, on_event, until)
        if not status:
            return ended
        return dataclasses.replace(ended, record=ended.record | {"status": status, "error": "it diverged"})

    with ExitStack() as patches:
        for module in (jobs, session, run_sequence):
            patches.enter_context(mock.patch.object(module, "Worker", InProcessWorker))
        patches.enter_context(mock.patch.object(InProcessWorker, "follow", follow))
        InProcessWorker.trainings = 0
        SearchCommand().run(
            "autoencoder", ["-d", "x.idx", *TINY, "--output", "s", *(words or ["--grid", "kernels=2,3"])]
        )


def diverge():
    record = {"status": "failed", "error": "it diverged this time"}
    ended = TrainingFinished(folder="", record=record, views={})
    with (
        mock.patch.object(run_sequence, "Worker", InProcessWorker),
        mock.patch.object(InProcessWorker, "follow", return_value=ended),
    ):
        run_sequence.RunSequence().train(
            AutoencoderHyperparameters(dataset="x.idx"), Path("s"), lambda event: None
        )


def reproduce(*words: str):
    with mock.patch.object(run_sequence.RunSequence, "train", side_effect=run_sequence.StoppedByUser):
        ReproduceCommand().run("autoencoder", list(words))


def reproduce_without_data():
    def action(name: str):
        raise UserError("nowhere: no such file or folder")

    ReproductionContext(Path(), False, range(1), "", Display()).for_each(["A", "B"], action)


def read_invalid_results():
    Path("s").mkdir()
    Path("s/race.json").write_text("[1]")
    reproduce("A", "--race", "--output", "s")


def choose_several(line: str):
    with mock.patch("sys.stdin", io.StringIO(line)):
        answer_lines.read_choices("Vary?", {"kernels": "", "epochs": ""})


def search_in_a_run_folder():
    Path("s").mkdir()
    Path("s/run.json").write_text("{}")
    search()


def search_in_a_file():
    Path("s").write_text("")
    search()


CASES = {
    "search/space": [
        (lambda: space("kernels"), "--grid kernels", "must be NAME=…, such as --grid kernels=16,32,64"),
        (lambda: space(span="epochs"), "--range epochs", "such as --range learning-rate=0.0001..0.01:log"),
        (
            lambda: parse_space("autoencoder", ["epochs=1,2"], ["epochs=1..2"]),
            "--range epochs=1..2",
            "epochs is given twice",
        ),
        (lambda: space("kernels=0,1"), "--grid kernels=0,1", "kernels must be a whole number"),
        (lambda: space("kernel=1,2"), "'kernel'", "cannot be varied; did you mean 'kernels'?"),
        (lambda: space("nonsense=1,2"), "'nonsense'", "cannot be varied; there are limit, beta, beta-warmup"),
        (
            lambda: space("noise=1,2"),
            "noise",
            "cannot be varied: errors of different tasks are not comparable; run one",
        ),
        (
            lambda: parse_values("kernels", "1"),
            "",
            "requires at least two values",
        ),
        (lambda: parse_range("task", "a..b"), "task", "cannot have a range; list its values with --grid"),
        (lambda: parse_range("epochs", "1-2"), "", "must be LOW..HIGH, LOW..HIGH:log or LOW..HIGH:STEP"),
        (lambda: parse_range("epochs", "2..1"), "", "the end must be greater than the start"),
        (lambda: parse_range("dropout", "0..0.5:log"), "", "a logarithmic range must start above 0"),
        (
            lambda: parse_range("dropout", "0..0.5:1"),
            "",
            "only whole numbers can have a step; use LOW..HIGH or LOW..HIGH:log",
        ),
    ],
    "search/study": [
        (
            lambda: open_twice("postgres"),
            "postgres",
            "cannot be opened (it is not a database URL, such as sqlite:///search.db",
        ),
        (
            lambda: open_twice("sqlite:////no/where.db"),
            "/no/where.db",
            "cannot be opened (unable to open database file",
        ),
        (
            lambda: open_twice("oracle://me@host/x"),
            "oracle",
            "its driver, the Python package oracledb, is not installed",
        ),
        (
            lambda: open_twice("sqlite:///:memory:"),
            "sqlite:///:memory:",
            "is in memory and would be lost with this process; use a file, such as sqlite:///search.db",
        ),
        (
            lambda: storage.default_url(Path("s\udcff")),
            "s\ufffd",
            "its name is not UTF-8, which SQLite requires; choose another --output",
        ),
        (
            lose_storage,
            "the storage of this search",
            "is no longer reachable (Connection refused); repeat the command when it is",
        ),
        (
            lambda: open_twice(folds=3),
            "s",
            "tudy s was started with another folds; choose another name with --study",
        ),
        (
            lambda: open_twice(folds=3, prune=True),
            "s",
            "tudy s was started with another folds, another prune; choose another name",
        ),
        (
            lambda: open_twice(base={"layers": 3}),
            "s",
            "tudy s was started with another layers; choose another name with --study",
        ),
    ],
    "cli/answer_lines": [
        (lambda: choose_several("kernels, kernel"), "'kernel'", "is not one of kernels, epochs")
    ],
    "runs/run_folder": [
        (search_in_a_file, "s", "cannot be created (File exists); a file or a broken link has this name;")
    ],
    "search/options": [
        (
            lambda: read_options("--study", "../x"),
            "--study '../x'",
            "is not a name of 1 to 60 characters without slashes",
        ),
        (
            lambda: read_options("--resume", "x"),
            "--resume",
            "applies to a single run; repeat the command to continue a search",
        ),
        (
            lambda: read_options("--distributed"),
            "--distributed",
            "applies to a single run; start the same command several times to share a",
        ),
        (
            lambda: read_options("--grid", "epochs=1,2", "--trials", "9"),
            "--trials",
            "requires --sampler random or tpe; this grid has 2 points",
        ),
    ],
    "search/questions": [
        (
            lambda: read_options(),
            "nothing is varied",
            "use --grid kernels=16,32,64 or --range learning-rate=0.0001..0.01:log",
        ),
        (
            lambda: read_options("--range", "epochs=1..2", "--sampler", "grid"),
            "--sampler grid",
            "requires --grid for all hyperparameters; a range has no points",
        ),
    ],
    "reproduction/command_reproduce": [
        (lambda: reproduce("F"), "'F'", "is not a table; available: A-variants, "),
        (lambda: reproduce("C-layers", "--race"), "'C-layers'", "has no race; available: A, "),
        (lambda: reproduce("--best"), "--best", "needs the tables to reproduce: A-variants, "),
        (
            lambda: reproduce("--race", "--best"),
            "--race",
            "compares both settings; remove --best",
        ),
        (lambda: reproduce("A-color"), "interrupted", "to continue: python autoencoder.py reproduce A-color"),
    ],
    "reproduction/context": [
        (reproduce_without_data, "A, B", "skipped: A, B (nowhere: no such file or folder)")
    ],
    "reproduction/time_to_target": [
        (read_invalid_results, "s/race.json", "cannot be read; delete it to repeat the measurements")
    ],
    "worker/run_sequence": [(diverge, "it diverged", "")],
    "search/search": [
        (lambda: search(status="failed"), "it diverged", ""),
        (lambda: search(broken="it broke"), "it broke", ""),
        (
            lambda: search("--grid", "kernels=2,3", "--split", "90/0/10"),
            "split 90/0/10",
            "leaves no validation set; use --folds",
        ),
        (
            lambda: search(stopped_at=1),
            "interrupted",
            "; to continue: python autoencoder.py search --dataset x.idx --layers 1",
        ),
        (
            lambda: search(stopped_at=3, retrain=True),
            "interrupted",
            "; to continue: python autoencoder.py search --dataset x.idx --layers 1",
        ),
        (
            search_in_a_run_folder,
            "--output s",
            "contains run.json, which is not part of a search; use a new folder or that of",
        ),
        (lambda: search(broken="it broke", retrain=True), "it broke", ""),
        (lambda: search(status="failed", retrain=True), "it diverged", ""),
    ],
    "common/value_types": [
        (
            lambda: read_options("--grid", "epochs=1,2", "--folds", "1"),
            "--folds",
            "must be a whole number from 2",
        ),
        (lambda: reproduce("A", "--seeds", "0"), "--seeds", "must be a whole number from 1"),
    ],
}
