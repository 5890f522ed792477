"""A training that ends by the clock, with its learning rate schedule complete."""

from __future__ import annotations

import time

import keras
import numpy as np

from lib.config.hyperparameters import Hyperparameters
from lib.training.checkpoints import Checkpoint
from lib.training.optimizers import learning_rate_schedule
from lib.training.phases import Phase

SCHEDULE_POINTS = 200  # at which the learning rate is computed; in between it is interpolated


class TimeLimit(keras.callbacks.Callback):
    """Ends a phase after its minutes, and lets the learning rate follow the time that has passed.

    The time includes validation: training ends so early that a last one, as long as the one before, still
    fits. A phase that goes on from a checkpoint has the time that the epochs before have left. JAX takes a
    new learning rate at the beginning of an epoch only.

    Args:
        hp: settings of the schedule.
        phase: has the minutes and the highest learning rate.
        checkpoint: of the phase; its history tells the time that has been used.
    """

    def __init__(self, hp: Hyperparameters, phase: Phase, checkpoint: Checkpoint):
        super().__init__()
        assert phase.minutes is not None
        self.seconds = 60 * phase.minutes
        self.used = sum(checkpoint.history.get("seconds", [])[checkpoint.earlier_epochs :])
        self.start = self.validation_start = 0.0
        self.validation_seconds = 0.0
        schedule = learning_rate_schedule(hp, phase.learning_rate, SCHEDULE_POINTS)
        self.rates = None  # constant, or lowered by another callback
        if not isinstance(schedule, float):
            self.rates = [float(schedule(step)) for step in range(SCHEDULE_POINTS + 1)]

    @property
    def progress(self) -> float:
        """The part of the time for training that has passed, 1 or more at the end."""
        available = max(self.seconds - self.validation_seconds, 1e-9)
        return (self.used + time.perf_counter() - self.start) / available

    def on_train_begin(self, logs=None):
        self.start = time.perf_counter()

    def on_train_batch_begin(self, batch, logs=None):
        if self.rates is not None:
            places = np.linspace(0, 1, len(self.rates))
            self.model.optimizer.learning_rate = float(np.interp(self.progress, places, self.rates))

    def on_train_batch_end(self, batch, logs=None):
        if self.progress >= 1:
            self.model.stop_training = True

    def on_test_begin(self, logs=None):
        self.validation_start = time.perf_counter()

    def on_test_end(self, logs=None):
        self.validation_seconds = time.perf_counter() - self.validation_start

    def on_epoch_end(self, epoch, logs=None):
        if self.progress >= 1:
            self.model.stop_training = True
