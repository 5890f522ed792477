"""Training: optimizer, schedule, callbacks, `fit`; the autoencoder's one phase and the classifier's two."""

import math
import time

import keras

from lib.models.autoencoder import KL, LABELS, RECONSTRUCTION
from lib.training.phases import CROSS_ENTROPY

SECONDS_BETWEEN_STEPS = 0.1  # how often a step is worth telling
DIVERGENCE_FACTOR = 10  # times the loss of the first epoch: nothing learns any more there


class SeparateLabelLoss(keras.callbacks.Callback):
    """Takes what the labels cost out of the losses, before anybody looks: runs with and without labels can be
    compared so, and the best epoch is the autoencoder's.
    """

    def __init__(self, weights: dict[str, float]):
        super().__init__()
        self.weight = weights[LABELS]
        self.told_twice = [LABELS] if KL in weights else [LABELS, RECONSTRUCTION]

    def on_train_batch_end(self, batch, logs=None):
        self._take(logs, "")

    def on_epoch_end(self, epoch, logs=None):
        for kind in ("", "val_") if "val_loss" in logs else ("",):
            self._take(logs, kind)

    def _take(self, logs: dict, kind: str) -> None:
        # The metric, which is a mean over images as the whole is; `labels_loss` is one over batches.
        logs[f"{kind}loss"] -= self.weight * logs.pop(f"{kind}{LABELS}_{CROSS_ENTROPY}")
        for name in self.told_twice:
            del logs[f"{kind}{name}_loss"]


class EpochReporter(keras.callbacks.Callback):
    """Tells steps and epochs, keeps the history, and stops when asked or when nothing good can come of it any
    more.
    """

    def __init__(self, batches, tell, stopped, keep, restore):
        super().__init__()
        self.images_until, self.images = batches.images_until, batches.images_until(len(batches) - 1)
        self.tell, self.stopped, self.keep, self.restore = tell, stopped, keep, restore
        self.history: dict[str, list[float]] = {}
        self.trouble = ""
        self.epoch, self.seen, self.began, self.told = 0, 0, 0.0, 0.0
        self.trained: float | None = None

    def on_train_begin(self, logs=None):
        self.history = self.restore()

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch, self.seen, self.began, self.trained = epoch + 1, 0, time.perf_counter(), None

    def on_train_batch_end(self, batch, logs=None):
        now = time.perf_counter()
        self.seen = self.images_until(batch)
        if self.stopped.is_set():
            self.model.stop_training = True
        if now - self.told >= SECONDS_BETWEEN_STEPS:
            self.told = now
            self.tell(
                "step",
                epoch=self.epoch,
                images=self.seen,
                loss=float(logs["loss"]),
                speed=self.seen / (now - self.began),
            )

    def on_test_begin(self, logs=None):
        self.trained = time.perf_counter() - self.began  # validation is not training time

    def on_epoch_end(self, epoch, logs=None):
        if self.trained is None:
            self.trained = time.perf_counter() - self.began
        numbers = {name: float(value) for name, value in logs.items()} | {"seconds": self.trained}
        if not math.isfinite(numbers["loss"] + numbers.get("val_loss", 0)):
            self._give_up(f"the loss is no number any more in epoch {self.epoch}")
            return
        for name, value in numbers.items():
            self.history.setdefault(name, []).append(value)
        self.tell("epoch", epoch=self.epoch, speed=self.seen / self.trained, **numbers)
        # What was trained before begins with so small a loss that a few images can multiply it: the others
        # know better.
        worse = numbers.get("val_loss", math.inf) > self.history.get("val_loss", [0.0])[0]
        if worse and numbers["loss"] > DIVERGENCE_FACTOR * self.history["loss"][0]:
            self._give_up(
                f"the loss grew to {numbers['loss']:.3g} in epoch {self.epoch}, from "
                f"{self.history['loss'][0]:.3g}"
            )
        self.keep(self.history, self.seen == self.images and not self.trouble)

    def _give_up(self, trouble: str) -> None:
        self.trouble, self.model.stop_training = trouble, True
