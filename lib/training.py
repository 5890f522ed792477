"""Training: optimizer, schedule, callbacks, `fit`; the autoencoder's one phase and the classifier's two."""

import math
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from threading import Event

import keras
import numpy as np

from lib.datasets import Dataset
from lib.errors import RunFailed
from lib.hyperparameters import Hyperparameters
from lib.networks import KL, RECONSTRUCTION, mean_of_outputs
from lib.tasks import Batches

WARM_UP = 0.05  # share of the steps in which the learning rate rises to its highest
SECONDS_BETWEEN_STEPS = 0.1  # how often a step is worth telling
END = 0.01  # what the exponential schedule leaves of the learning rate

# The words of `fields.LOSSES` and `fields.OPTIMIZERS` in Keras.
KERAS_LOSSES = {"mse": "mean_squared_error", "mae": "mean_absolute_error", "huber": "huber", "bce": "binary_crossentropy"}
OPTIMIZER_CLASSES = {cls.lower(): cls for cls in (
    "Adam", "AdamW", "Nadam", "Adamax", "RMSprop", "SGD", "Adagrad", "Adadelta", "Adafactor", "Lion", "Muon",
)}  # fmt: skip


@dataclass(frozen=True)
class Phase:
    """One call of `fit`: what it is called, why there is more than one, and what differs between them."""

    name: str
    why: str
    learning_rate: float
    loss: object  # as Keras's `compile` takes it
    metrics: tuple[str, ...] = ()
    weights: dict | None = None  # of several losses
    labelled: bool = False  # labels are the targets
    form: Callable | None = None  # what `tasks.Batches` does last


def autoencoder_phase(hp: Hyperparameters) -> Phase:
    """The one phase of an autoencoder: its loss to the target; for a VAE that in nats per image, and the KL divergence.

    The negative ELBO with binary cross-entropy is summed over pixels and channels. With mean squared error the squares are
    summed: a Gaussian likelihood of variance 1/2, up to a constant.
    """
    loss = pixel_loss(hp)
    if not hp.variational:
        return Phase("autoencoder", "", hp.learning_rate, loss)

    def nats(targets, outputs):
        return math.prod(outputs.shape[1:]) * keras.ops.mean(loss(targets, outputs))

    losses = {RECONSTRUCTION: nats, KL: mean_of_outputs}
    return Phase("autoencoder", "", hp.learning_rate, losses, weights={RECONSTRUCTION: 1.0, KL: hp.beta}, form=with_zeros)


def pixel_loss(hp: Hyperparameters) -> Callable:
    """Keras's function of targets and outputs for `hp.loss`; `auto` is binary cross-entropy for VAEs, else squared error."""
    return keras.losses.get(KERAS_LOSSES[hp.loss or ("bce" if hp.variational else "mse")])


def with_zeros(inputs: np.ndarray, targets: np.ndarray) -> tuple[np.ndarray, dict]:
    return inputs, {RECONSTRUCTION: targets, KL: np.zeros((len(targets), 1), np.float32)}


def classifier_phases(hp: Hyperparameters) -> tuple[Phase, Phase]:
    """Head first, then everything (report C, part B)."""
    reasons = {
        "head": "the encoder is frozen: the new layers start from random weights, and their first large errors would "
        "destroy what it has learned",
        "everything": "the new layers fit the encoder now, so all weights train together, at half the learning rate",
    }
    rates = (hp.learning_rate, hp.learning_rate / 2)
    return tuple(_classifying(name, why, rate) for (name, why), rate in zip(reasons.items(), rates, strict=True))


def scratch_phase(hp: Hyperparameters) -> Phase:
    """Everything at once from random weights: what the two phases are compared with (report E)."""
    return _classifying("scratch", "the same network from random weights, to see what pretraining gains", hp.learning_rate)


def _classifying(name: str, why: str, rate: float) -> Phase:
    return Phase(name, why, rate, "sparse_categorical_crossentropy", ("accuracy",), labelled=True)


def fit(
    model: keras.Model,
    dataset: Dataset,
    hp: Hyperparameters,
    phase: Phase,
    tell: Callable[..., None],
    stopped: Event,
    at_epoch: Callable[[dict], None],
    log: Path | None = None,
) -> dict[str, list[float]]:
    """Train `model` for one phase and leave the weights of its best epoch (by validation loss) in it.

    Parameters: `tell` takes the events (`step`, `epoch`), `stopped` ends training after the batch under way, and
    `at_epoch` gets the history so far at the end of each epoch; a TensorBoard log goes below the folder `log` where
    `hp.tensorboard` asks for one.
    Returns the history: a list per quantity (`loss`, `val_loss`, …, `seconds`), one number per epoch.
    Raises `RunFailed` when the loss is no number any more.
    """
    same = dict(hp=hp, labelled=phase.labelled, form=phase.form)
    train = Batches(dataset.train, hp.batch_size, learn=True, **same)
    validation = Batches(dataset.validation, hp.batch_size, **same)
    rate = schedule(hp, phase.learning_rate, len(train) * hp.epochs)
    model.compile(optimizer(hp, rate), phase.loss, loss_weights=phase.weights, metrics=list(phase.metrics))
    reporter = _Reporter(hp.epochs, len(dataset.train), hp.batch_size, tell, stopped, at_epoch)
    # Without a patience of its own it never stops, and only keeps the best weights.
    best = keras.callbacks.EarlyStopping(monitor="val_loss", patience=hp.patience or hp.epochs, restore_best_weights=True)
    callbacks = [best, keras.callbacks.TerminateOnNaN()]
    if hp.schedule == "plateau":
        callbacks.append(keras.callbacks.ReduceLROnPlateau(factor=hp.plateau_factor, patience=hp.plateau_patience, min_delta=0))
    if hp.tensorboard and log is not None:
        callbacks.append(keras.callbacks.TensorBoard(log / phase.name, write_graph=False))
    # The reporter comes last, so that it sees what the others add to an epoch's numbers.
    model.fit(train, validation_data=validation, epochs=hp.epochs, verbose=0, callbacks=[*callbacks, reporter])
    if not all(map(math.isfinite, reporter.history["loss"][-1:])):
        raise RunFailed(
            f"the loss is no number any more after epoch {len(reporter.history['loss'])}; a smaller --learning-rate than "
            f"{phase.learning_rate:g} may help"
        )
    return reporter.history


def schedule(hp: Hyperparameters, rate: float, steps: int):
    """The learning rate as Keras's optimizers take it, for so many steps in all.

    `cosine`: a short linear warm-up, then half a cosine down to nothing: long steps first, fine ones last.
    """
    if hp.schedule in ("constant", "plateau"):
        return rate
    if hp.schedule == "exponential":
        return keras.optimizers.schedules.ExponentialDecay(rate, steps, END)
    rising = max(1, round(WARM_UP * steps))
    return keras.optimizers.schedules.CosineDecay(
        rate / 10, max(1, steps - rising), alpha=0.0, warmup_target=rate, warmup_steps=rising
    )


def optimizer(hp: Hyperparameters, rate) -> keras.optimizers.Optimizer:
    """The optimizer of that Keras name, with `hp.weight_decay` where there is any."""
    decay = {"weight_decay": hp.weight_decay} if hp.weight_decay or hp.optimizer == "adamw" else {}
    return getattr(keras.optimizers, OPTIMIZER_CLASSES[hp.optimizer])(learning_rate=rate, **decay)


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
