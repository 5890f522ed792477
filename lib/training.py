"""Training: optimizer, schedule, callbacks, `fit`; the autoencoder's one phase and the classifier's two."""

import math
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from threading import Event

import keras

from lib.datasets import Dataset
from lib.errors import RunFailed
from lib.hyperparameters import Hyperparameters
from lib.tasks import Batches

WARM_UP = 0.05  # share of the steps in which the learning rate rises to its highest
SECONDS_BETWEEN_STEPS = 0.1  # how often a step is worth telling


@dataclass(frozen=True)
class Phase:
    """One call of `fit`: what it is called, why there is more than one, and what differs between them."""

    name: str
    why: str
    learning_rate: float
    loss: str
    metrics: tuple[str, ...] = ()
    task: str | None = None  # `None`: labels are the targets
    shift: bool = False  # whether training images are moved a little, anew each time


def autoencoder_phase(hp: Hyperparameters) -> Phase:
    """The one phase of an autoencoder: mean squared error to the target."""
    return Phase("autoencoder", "", hp.learning_rate, "mean_squared_error", task=hp.task)


def classifier_phases(hp: Hyperparameters) -> tuple[Phase, Phase]:
    """Head first, then everything (report C, part B)."""
    reasons = {
        "head": "the encoder is frozen: the new layers start from random weights, and their first large errors would "
        "destroy what it has learned",
        "everything": "the new layers fit the encoder now, so all weights train together, at half the learning rate",
    }
    rates = (hp.learning_rate, hp.learning_rate / 2)
    return tuple(
        Phase(name, why, rate, "sparse_categorical_crossentropy", ("accuracy",), shift=True)
        for (name, why), rate in zip(reasons.items(), rates, strict=True)
    )


def fit(
    model: keras.Model,
    dataset: Dataset,
    hp: Hyperparameters,
    phase: Phase,
    tell: Callable[..., None],
    stopped: Event,
    at_epoch: Callable[[dict], None],
) -> dict[str, list[float]]:
    """Train `model` for one phase and leave the weights of its best epoch (by validation loss) in it.

    Parameters: `tell` takes the events (`step`, `epoch`), `stopped` ends training after the batch under way, and
    `at_epoch` gets the history so far at the end of each epoch.
    Returns the history: a list per quantity (`loss`, `val_loss`, …, `seconds`), one number per epoch.
    Raises `RunFailed` when the loss is no number any more.
    """
    train = Batches(dataset.train, hp.batch_size, phase.task, seed=hp.seed, shift=phase.shift)
    validation = Batches(dataset.validation, hp.batch_size, phase.task)
    steps = len(train) * hp.epochs
    model.compile(keras.optimizers.Adam(schedule(phase.learning_rate, steps)), phase.loss, metrics=list(phase.metrics))
    reporter = _Reporter(hp.epochs, len(dataset.train), hp.batch_size, tell, stopped, at_epoch)
    # Patience is all epochs: it never stops, it only keeps the best weights.
    best = keras.callbacks.EarlyStopping(monitor="val_loss", patience=hp.epochs, restore_best_weights=True)
    callbacks = [best, keras.callbacks.TerminateOnNaN(), reporter]
    model.fit(train, validation_data=validation, epochs=hp.epochs, verbose=0, callbacks=callbacks)
    if not all(map(math.isfinite, reporter.history["loss"][-1:])):
        raise RunFailed(
            f"the loss is no number any more after epoch {len(reporter.history['loss'])}; a smaller --learning-rate than "
            f"{phase.learning_rate:g} may help"
        )
    return reporter.history


def schedule(rate: float, steps: int) -> keras.optimizers.schedules.LearningRateSchedule:
    """A short linear warm-up, then half a cosine down to nothing: long steps first, fine ones last."""
    rising = max(1, round(WARM_UP * steps))
    return keras.optimizers.schedules.CosineDecay(
        rate / 10, max(1, steps - rising), alpha=0.0, warmup_target=rate, warmup_steps=rising
    )


class _Reporter(keras.callbacks.Callback):
    """Tells steps and epochs, keeps the history, and stops when asked."""

    def __init__(self, epochs, images, batch_size, tell, stopped, at_epoch):
        super().__init__()
        self.epochs, self.images, self.batch_size = epochs, images, batch_size
        self.tell, self.stopped, self.at_epoch = tell, stopped, at_epoch
        self.history: dict[str, list[float]] = {}
        self.epoch, self.seen, self.began, self.told = 0, 0, 0.0, 0.0

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch, self.seen, self.began = epoch + 1, 0, time.perf_counter()

    def on_train_batch_end(self, batch, logs=None):
        now = time.perf_counter()
        self.seen = min(self.images, (batch + 1) * self.batch_size)
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
        numbers = {name: float(value) for name, value in logs.items()} | {"seconds": self.trained}
        for name, value in numbers.items():
            self.history.setdefault(name, []).append(value)
        self.tell("epoch", epoch=self.epoch, speed=self.seen / self.trained, **numbers)
        self.at_epoch(self.history)


def images_per_second(history: dict[str, list[float]], images: int) -> float:
    """Training speed over whole epochs, the median one."""
    return images / statistics.median(history["seconds"])
