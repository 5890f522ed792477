"""Fixtures of all tests: an empty working folder, the worker's environment, tiny data sets."""

import faulthandler
import importlib
import io
import os
import signal
import subprocess
import sys
from pathlib import Path

import hypothesis
import pytest
from PIL import Image

from lib.common.errors import exit_status
from lib.worker import run_sequence
from lib.worker.process import WORKER_ENVIRONMENT
from tests.harness import sample_files

os.environ |= WORKER_ENVIRONMENT | os.environ  # before anything imports Keras

# How long an example takes says more of what else the machine is doing than of our code.
hypothesis.settings.register_profile("unhurried", deadline=None)
hypothesis.settings.load_profile("unhurried")


if (
    signal.getsignal(signal.SIGINT) is signal.SIG_IGN
):  # as in whatever a script starts with `&`; the programs inherit it
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    """Long tests may take as long as they take: the limit of pyproject.toml is for all others."""
    if item.get_closest_marker("slow") or item.get_closest_marker("fuzz"):
        faulthandler.cancel_dump_traceback_later()


@pytest.fixture(autouse=True)
def _alone(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for name in ("FORCE_COLOR", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def impatient():
    """A test that waits for a pipe fails after a minute."""
    signal.signal(signal.SIGALRM, lambda *_: pytest.fail("it waits for ever"))
    signal.alarm(60)
    yield
    signal.alarm(0)


@pytest.fixture
def tiny(tmp_path):
    """Four IDX files: 60 training and 20 test images of 12×10, three classes; as the flags of
    classification.py.
    """
    images, labels = sample_files.shapes(80)
    files = {
        "-d": sample_files.write_idx(tmp_path / "train.idx", images[:60]),
        "-dl": sample_files.write_idx(tmp_path / "train-labels.idx", labels[:60]),
        "-t": sample_files.write_idx(tmp_path / "test.idx", images[60:]),
        "-tl": sample_files.write_idx(tmp_path / "test-labels.idx", labels[60:]),
    }
    return {flag: path.name for flag, path in files.items()}


@pytest.fixture
def dataset(tiny):
    """The same, loaded."""
    from lib.config.hyperparameters import ClassifierHyperparameters
    from lib.data import datasets

    flags = {"dataset": "-d", "labels": "-dl", "testset": "-t", "test_labels": "-tl"}
    return datasets.load_dataset(
        ClassifierHyperparameters(**{name: tiny[flag] for name, flag in flags.items()})
    )


@pytest.fixture
def real():
    """The folder with the published data sets (mnist/, fashion-mnist/, cifar-10/), where there is one."""
    folder = os.environ.get("LATENT_LAB_DATA")
    if not folder:
        pytest.skip("LATENT_LAB_DATA names no folder with real data sets")
    return Path(folder)


@pytest.fixture
def unrendered(monkeypatch):
    """Figures are plotted but not rendered, which takes as long as a tiny training."""
    from matplotlib.figure import Figure

    monkeypatch.setattr(Figure, "savefig", lambda self, path, dpi: Image.new("L", (1, 1)).save(path, "PNG"))


@pytest.fixture
def eager():
    """TensorFlow runs without graphs, which are not worth their time in tiny trainings."""
    from tests.harness.eager import eager_functions

    with eager_functions():
        yield


@pytest.fixture
def in_process(monkeypatch, unrendered):
    """Searches train in this process, without rendered figures; the class, which counts how often."""
    from lib.cli import jobs, session
    from tests.harness.in_process_worker import InProcessWorker

    for module in (jobs, session, run_sequence):
        monkeypatch.setattr(module, "Worker", InProcessWorker)
    InProcessWorker.trainings = 0
    return InProcessWorker


@pytest.fixture
def call(capsys, monkeypatch, in_process):
    """A function that runs a program like `tests.test_no_terminal.run`, but with its jobs in this process."""

    def call(program: str, *words: str, lines: str = "") -> subprocess.CompletedProcess:
        main = importlib.import_module(program.removesuffix(".py")).main
        monkeypatch.setattr(sys, "stdin", io.StringIO(lines))
        capsys.readouterr()
        status = exit_status(program, lambda: main(list(words)))
        return subprocess.CompletedProcess([program, *words], status, *capsys.readouterr())

    return call


@pytest.fixture
def call_runs(capsys):
    """A function that calls the command `runs` and returns its exit status, standard output and error."""
    from lib.cli.command_runs import RunsCommand

    def call(*words: str, program: str = "autoencoder") -> tuple[int, str, str]:
        status = RunsCommand().run(program, list(words))
        return status, *capsys.readouterr()

    return call
