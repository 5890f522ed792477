"""Keras callbacks of a training: events for the program, history, stopping, divergence."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from threading import Event as ThreadingEvent

import keras

from lib.common.memory import used_memory
from lib.models.patch_discriminator import PATCHES
from lib.models.regularizers.adversarial import AdversarialRegularizer
from lib.models.training_model import LABELS, RECONSTRUCTION
from lib.runs.events import EpochEnded, Event, Step, TrainingMeasured
from lib.training.batches import Batches
from lib.training.phases import over_images

# The first batch compiles the network, and the second one still allocates memory. A measurement lasts so long
# that an epoch which is over sooner needs none.
UNMEASURED_BATCHES, MEASURED_BATCHES, MEASURED_SECONDS = 3, 5, 3.0
SECONDS_BETWEEN_STEPS = 0.1  # between two events `Step`
DIVERGENCE_FACTOR = 10  # times the training loss of the first epoch
MIN_DIVERGED_LOSS = 0.01  # a PSNR of 20 dB

History = dict[str, list[float]]  # one value per epoch for each quantity


@dataclass(frozen=True)
class TrainingHooks:
    """Functions of the caller that `fit` calls while it trains.

    Args:
        emit: called with a `Step` at most ten times a second, and with `EpochEnded` after each epoch.
        stop_event: once it is set, training ends after the batch under way.
        on_epoch_end: called with the history so far after each epoch.
    """

    emit: Callable[[Event], object]
    stop_event: ThreadingEvent
    on_epoch_end: Callable[[History], None] = lambda history: None


SEPARATE_LOSSES = (LABELS, PATCHES, AdversarialRegularizer.name)  # outputs whose losses are removed


class SeparateLosses(keras.callbacks.Callback):
    """Makes the losses of outputs in Keras's logs means over images, and removes some of them.

    These are the losses of labels and of discriminators, which are subtracted from the total. Runs with and
    without `label_weight` or `adversarial_weight` can then be compared, and the best epoch is the
    autoencoder's, not that of the weakest discriminator. It must be the first callback: Keras hands the same
    dictionary to the ones after it.

    Args:
        loss_weights: weight of each output's loss.
    """

    def __init__(self, loss_weights: dict[str, float]):
        super().__init__()
        self.weights = {name: loss_weights[name] for name in SEPARATE_LOSSES if name in loss_weights}
        self.outputs = tuple(loss_weights)
        # Without a penalty the reconstruction is all that is left of the loss.
        is_all = loss_weights.keys() - self.weights.keys() == {RECONSTRUCTION}
        self.redundant = [*self.weights, *([RECONSTRUCTION] if is_all else [])]

    def on_train_batch_end(self, batch, logs=None):
        self._subtract(logs, "")

    def on_epoch_end(self, epoch, logs=None):
        for prefix in ("", "val_") if "val_loss" in logs else ("",):
            self._subtract(logs, prefix)

    def _subtract(self, logs: dict, prefix: str) -> None:
        for name in self.outputs:
            logs[f"{prefix}{name}_loss"] = logs.pop(f"{prefix}{name}_{over_images.__name__}")
        for name, weight in self.weights.items():
            logs[f"{prefix}loss"] -= weight * logs[f"{prefix}{name}_loss"]
        for name in self.redundant:
            del logs[f"{prefix}{name}_loss"]


class SpeedMeter:
    """Duration of the first batches of a training, known once.

    Attributes:
        batches: number of batches that are measured.
        is_done: nothing is measured any more.
    """

    def __init__(self) -> None:
        self.batches = -UNMEASURED_BATCHES
        self.is_done = False
        self._start = 0.0

    def seconds_per_batch(self, now: float) -> float | None:
        """Return the duration of a batch when enough batches have ended; `None` before and ever after.

        Args:
            now: time at the end of a batch, in seconds.
        """
        if self.is_done:
            return None
        if self.batches < 0:
            self._start = now
        self.batches += 1
        seconds = now - self._start
        if self.batches < MEASURED_BATCHES or seconds < MEASURED_SECONDS:
            return None
        self.is_done = True
        return seconds / self.batches


class EpochReporter(keras.callbacks.Callback):
    """Emits events, keeps the history, and ends a training that was stopped or has diverged.

    It must be the last callback, so that its numbers include what the others add to the logs or remove.

    Args:
        batches: the training batches.
        hooks: functions of the caller.
        save: called with the history after each complete epoch, before `hooks.on_epoch_end`.
        restore: called when training begins; returns the history of the epochs before.
        last_epoch: its number; `None` where a time limit decides.
    """

    def __init__(
        self,
        batches: Batches,
        hooks: TrainingHooks,
        save: Callable[[History], None],
        restore: Callable[[], History],
        last_epoch: int | None = None,
    ):
        super().__init__()
        self.batches = batches
        self.hooks = hooks
        self.save = save
        self.restore = restore
        self.last_epoch = last_epoch
        self.history: History = {}
        self.problem = ""
        self.epoch = 0
        self.images_trained = 0  # of the epoch under way
        self.epoch_start = 0.0
        self.last_step_event = 0.0
        self.training_seconds: float | None = None
        self.speed_meter = SpeedMeter()

    def on_train_begin(self, logs=None):
        self.history = self.restore()

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch + 1
        self.images_trained = 0
        self.epoch_start = time.perf_counter()
        self.training_seconds = None

    def on_train_batch_end(self, batch, logs=None):
        now = time.perf_counter()
        self.images_trained = self.batches.images_through(batch)
        self._measure(now)
        if self.hooks.stop_event.is_set():
            self.model.stop_training = True
        if now - self.last_step_event >= SECONDS_BETWEEN_STEPS:
            self.last_step_event = now
            self.hooks.emit(
                Step(
                    self.epoch,
                    self.images_trained,
                    loss=float(logs["loss"]),
                    speed=self.images_trained / (now - self.epoch_start),
                )
            )

    def _measure(self, now: float) -> None:
        """Report memory and speed once, after the first batches of the training."""
        if (seconds := self.speed_meter.seconds_per_batch(now)) is not None:
            epochs = 0 if self.last_epoch is None else self.last_epoch - self.epoch + 1
            batches, epoch_seconds = self.speed_meter.batches, seconds * len(self.batches)
            self.hooks.emit(TrainingMeasured(batches, epoch_seconds, epochs, used_memory()))

    def on_test_begin(self, logs=None):
        self.training_seconds = time.perf_counter() - self.epoch_start  # validation does not count

    def on_epoch_end(self, epoch, logs=None):
        self.speed_meter.is_done = True
        # --- numbers of the epoch
        if self.training_seconds is None:
            self.training_seconds = time.perf_counter() - self.epoch_start
        numbers = {name: float(value) for name, value in logs.items()} | {"seconds": self.training_seconds}
        if not math.isfinite(numbers["loss"] + numbers.get("val_loss", 0)):
            self._end_with(f"the loss became NaN or infinite in epoch {self.epoch}")
            return
        if self.history:  # a continued run may have trained with another schedule, which has other numbers
            self.history = {name: curve for name, curve in self.history.items() if name in numbers}
        is_new = not self.history
        for name, value in numbers.items():
            if is_new or name in self.history:
                self.history.setdefault(name, []).append(value)
        self.hooks.emit(EpochEnded(self.epoch, self.images_trained / self.training_seconds, numbers))
        # --- divergence
        if self._has_diverged():
            first, last = self.history["loss"][0], self.history["loss"][-1]
            self._end_with(f"the loss grew to {last:.3g} in epoch {self.epoch}, from {first:.3g}")
        # --- checkpoint, then the record, which must not promise an epoch that could be lost
        is_complete = self.images_trained == self.batches.images_through(len(self.batches) - 1)
        if is_complete and not self.problem:
            self.save(self.history)
        self.hooks.on_epoch_end(self.history)

    def _has_diverged(self) -> bool:
        """True if the training loss is ten times, and the validation loss more than, that of the first epoch.

        The training loss alone is not enough: a pretrained network begins with so small a loss that a few
        images can multiply it. A PCA of as many components as there are images begins without any error.
        """
        losses, validation_losses = self.history["loss"], self.history.get("val_loss")
        if validation_losses and validation_losses[-1] <= validation_losses[0]:
            return False
        return losses[-1] > max(DIVERGENCE_FACTOR * losses[0], MIN_DIVERGED_LOSS)

    def _end_with(self, problem: str) -> None:
        self.problem = problem
        self.model.stop_training = True
