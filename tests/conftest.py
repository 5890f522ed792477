"""Every test runs in an empty folder of its own, with the worker's environment and a tiny data set at hand."""

import faulthandler
import os
import signal
from pathlib import Path

import hypothesis
import pytest

from lib.process import ENVIRONMENT

os.environ |= ENVIRONMENT | os.environ  # before anything imports Keras

from tests import made

# How long an example takes says more of what else the machine is doing than of our code.
hypothesis.settings.register_profile("unhurried", deadline=None)
hypothesis.settings.load_profile("unhurried")


if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as in whatever a script starts with `&`; the programs inherit it
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
    """Four IDX files: 60 training and 20 test images of 12×10, three classes; as the flags of classification.py."""
    images, labels = made.shapes(80)
    files = {
        "-d": made.write_idx(tmp_path / "train.idx", images[:60]),
        "-dl": made.write_idx(tmp_path / "train-labels.idx", labels[:60]),
        "-t": made.write_idx(tmp_path / "test.idx", images[60:]),
        "-tl": made.write_idx(tmp_path / "test-labels.idx", labels[60:]),
    }
    return {flag: path.name for flag, path in files.items()}


@pytest.fixture
def dataset(tiny):
    """The same, loaded."""
    from lib import datasets
    from lib.hyperparameters import Hyperparameters

    flags = {"dataset": "-d", "labels": "-dl", "testset": "-t", "test_labels": "-tl"}
    return datasets.load(Hyperparameters(program="classification", **{name: tiny[flag] for name, flag in flags.items()}))


@pytest.fixture
def real():
    """The folder with the published data sets (mnist/, fashion-mnist/, cifar-10/), where there is one."""
    folder = os.environ.get("LATENT_LAB_DATA")
    if not folder:
        pytest.skip("LATENT_LAB_DATA names no folder with real data sets")
    return Path(folder)


@pytest.fixture
def in_process(monkeypatch):
    """Searches train in this process; the class, which counts how often."""
    from lib import series, session
    from tests.inprocess import InProcess

    for module in (session, series):
        monkeypatch.setattr(module, "Worker", InProcess)
    InProcess.begun = 0
    return InProcess
