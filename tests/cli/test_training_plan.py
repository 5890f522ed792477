"""Memory and time before a training. python -m pytest tests/cli/test_training_plan.py"""

from types import SimpleNamespace

import pytest

from lib.cli import training_plan
from lib.cli.training_plan import check_training_plan
from lib.common.errors import PromptCancelled, UserError
from lib.config.hyperparameters import AutoencoderHyperparameters, ClassifierHyperparameters
from lib.data.formats.base import Header

GIGABYTE = 10**9
HP = AutoencoderHyperparameters(dataset="digits", layers=2, kernels=4, batch_size=4096)


@pytest.fixture
def machine(monkeypatch):
    """A machine with so much free memory, and twice as much altogether."""

    def set_memory(free: float, total: float | None = None, gpu: float = 0):
        monkeypatch.setattr(training_plan, "free_memory", lambda: int(free * GIGABYTE))
        monkeypatch.setattr(training_plan, "total_memory", lambda: int((total or 2 * free) * GIGABYTE))
        monkeypatch.setattr(training_plan, "gpu_memory", lambda: int(gpu * GIGABYTE))

    set_memory(16)
    return set_memory


def answers(choice: str = ""):
    """Answers of a user at a terminal who makes a choice, or of a program without a terminal."""
    shown = []

    def choose(title, choices, at_end):
        shown.append((title, choices))
        assert choice in choices
        return choice

    return SimpleNamespace(interactive=bool(choice), has_terminal=bool(choice), choose=choose, shown=shown)


def test_a_training_that_fits_is_not_mentioned(machine):
    warnings = []
    assert check_training_plan(answers(), HP, warnings.append) is HP
    classifier = ClassifierHyperparameters(dataset="digits", model="x.h5")
    assert check_training_plan(answers(), classifier, warnings.append) is classifier
    assert not warnings


def test_without_a_terminal_a_shortage_is_a_warning_with_the_largest_batch_that_fits(machine):
    machine(1)
    warnings = []
    assert check_training_plan(answers(), HP, warnings.append) is HP
    (warning,) = warnings
    assert warning.startswith("Batches of 4,096 images of 28×28×1 need about 1.")
    assert "1.0 GB are free; the largest batch size that fits is " in warning
    fitting = int(warning.split("--batch-size ")[1].rstrip(")."))
    smaller = AutoencoderHyperparameters(dataset="digits", layers=2, kernels=4, batch_size=fitting)
    assert check_training_plan(answers(), smaller, warnings.append) is smaller
    assert len(warnings) == 1


def test_a_certain_shortage_is_refused(machine):
    machine(0.9, total=0.5)
    with pytest.raises(UserError, match=r"the largest batch size that fits is 1,024 \(--batch-size"):
        check_training_plan(answers(), HP, print)
    machine(0.9, total=0.5, gpu=80)  # the network may be trained there
    assert check_training_plan(answers(), HP, print) is HP


def test_a_shortage_is_shared_by_processes(machine):
    machine(1)
    assert check_training_plan(answers(), HP, pytest.fail, processes=64) is HP


def test_a_user_at_a_terminal_chooses(machine):
    machine(1)
    user = answers("smaller")
    assert check_training_plan(user, HP, print).batch_size < HP.batch_size
    assert list(user.shown[0][1]) == ["smaller", "on", "stop"]
    assert check_training_plan(answers("on"), HP, print) is HP
    with pytest.raises(PromptCancelled):
        check_training_plan(answers("stop"), HP, print)
    machine(0.9, total=0.5)
    user = answers("smaller")
    check_training_plan(user, HP, print)
    assert list(user.shown[0][1]) == ["smaller", "stop"]


def test_images_that_are_too_large_get_a_size_that_works(machine, monkeypatch):
    header = Header((8192, 4096, 3), 10)
    monkeypatch.setattr(training_plan.dataset_names, "peek", lambda *_: header)
    machine(2, total=2)
    with pytest.raises(UserError, match=r"not even one image fits: use smaller ones, such as --size \d+x\d+"):
        check_training_plan(answers(), HP, print)
    machine(0.1)
    with pytest.raises(UserError, match="use fewer --kernels or a smaller --latent-dim"):
        check_training_plan(answers(), HP, print)


def test_epochs_of_hours_are_announced(machine, monkeypatch):
    monkeypatch.setattr(training_plan, "_operations_per_second", lambda: 1e6)
    header = Header((256, 256, 3), 100_000)
    monkeypatch.setattr(training_plan.dataset_names, "peek", lambda *_: header)
    warnings = []
    hp = AutoencoderHyperparameters(dataset="digits", layers=2, kernels=16, batch_size=1, epochs=2)
    check_training_plan(answers(), hp, warnings.append)
    assert warnings[0].startswith("An epoch will take about ")
    assert " h on this machine, 2 epochs " in warnings[0]
