"""Trainings that end by the clock, and that continue another one.

python -m pytest tests/training/test_time_limit.py
"""

import itertools
import threading
import time
from types import SimpleNamespace

import numpy as np
import pytest

from lib.config.hyperparameters import AutoencoderHyperparameters, ClassifierHyperparameters
from lib.runs.events import EpochEnded, TrainingMeasured
from lib.training import callbacks, phases, time_limit
from tests.training.test_trainer import train


@pytest.fixture
def slow_clock(monkeypatch):
    """A clock on which half a second passes between two looks at it."""
    ticks = itertools.count(0, 0.5)
    clock = SimpleNamespace(perf_counter=lambda: next(ticks), time=time.time)
    monkeypatch.setattr(time_limit, "time", clock)


@pytest.mark.parametrize("schedule", ["cosine", "constant"])
def test_the_schedule_is_complete_when_the_time_is_over(tiny, slow_clock, monkeypatch, schedule):
    rates = []
    set_rate = time_limit.TimeLimit.on_train_batch_begin

    def on_train_batch_begin(self, batch, logs=None):
        set_rate(self, batch, logs)
        rates.append(float(self.model.optimizer.learning_rate))

    monkeypatch.setattr(time_limit.TimeLimit, "on_train_batch_begin", on_train_batch_begin)
    monkeypatch.setattr(callbacks, "MEASURED_SECONDS", 0)
    monkeypatch.setattr(callbacks, "UNMEASURED_BATCHES", 1)
    monkeypatch.setattr(callbacks, "MEASURED_BATCHES", 1)
    events = []
    history, _, _ = train(tiny, events.append, training_minutes=0.5, schedule=schedule, learning_rate=0.01)
    assert [event.epochs for event in events if isinstance(event, TrainingMeasured)] == [0]
    assert 20 < len(rates) < 60
    assert len(history["loss"]) > 3
    assert max(rates) == pytest.approx(0.01, rel=0.1)
    last = {"cosine": 0, "constant": 0.01}[schedule]
    assert rates[-1] == pytest.approx(last, abs=0.0005)


def test_phases_of_a_classifier_share_the_minutes():
    hp = ClassifierHyperparameters(training_minutes=6)
    assert [phase.minutes for phase in phases.classifier_phases(hp)] == [3, 3]
    hp = ClassifierHyperparameters(training_minutes=6, scratch=True)
    assert [phase.minutes for phase in (*phases.classifier_phases(hp), phases.scratch_phase(hp))] == [2, 2, 2]


def test_the_command_of_a_timed_run_names_no_epochs():
    assert "--minutes 3.0" in AutoencoderHyperparameters(training_minutes=3).command()
    assert "--epochs" not in AutoencoderHyperparameters(training_minutes=3).command()


def test_a_continued_run_counts_on_and_keeps_the_best_of_both(tiny, tmp_path):
    """With a learning rate of almost 0 no further epoch is better than one whose loss was lower."""
    events = []
    earlier = {
        "loss": [0.5, 0.1],
        "val_loss": [0.4, 1e-6],
        "seconds": [1.0, 1.0],
        "learning_rate": [1.0, 1.0],
    }
    history, model, lengths = train(tiny, events.append, epochs=2, learning_rate=1e-12, earlier=earlier)
    assert lengths == [3, 4]
    assert [event.epoch for event in events if isinstance(event, EpochEnded)] == [3, 4]
    assert history["val_loss"][:2] == [0.4, 1e-6]
    assert history.keys() == {"loss", "val_loss", "seconds"}
    _, other, _ = train(tiny, epochs=1, learning_rate=1e-12, earlier=earlier)
    for weight, same in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(weight, same)


def test_a_continued_run_that_was_interrupted_is_resumed(tiny, tmp_path):
    earlier = {"loss": [0.5], "val_loss": [0.4], "seconds": [1.0]}
    whole, _, _ = train(tiny, epochs=3, earlier=earlier, patience=5)
    stop_event = threading.Event()

    def emit(event):
        if isinstance(event, EpochEnded) and event.epoch == 2:
            stop_event.set()

    train(tiny, emit, stop_event, tmp_path, epochs=3, earlier=earlier, patience=5)
    resumed, _, lengths = train(tiny, folder=tmp_path, epochs=3, earlier=earlier, patience=5)
    assert (resumed["loss"], lengths) == (whole["loss"], [3, 4])
