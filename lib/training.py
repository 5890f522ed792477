"""Training: optimizer, schedule, callbacks, `fit`; the autoencoder's one phase and the classifier's two."""

import math
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from threading import Event

import keras
import numpy as np

from lib import backend
from lib.checkpoints import Checkpoint
from lib.datasets import Dataset
from lib.errors import RunFailed
from lib.hyperparameters import Hyperparameters
from lib.muon import Muon
from lib.networks import KL, LABELS, RECONSTRUCTION, mean_of_outputs
from lib.tasks import Batches
from lib.teams import Share

WARM_UP = 0.05  # share of the steps in which the learning rate rises to its highest
SECONDS_BETWEEN_STEPS = 0.1  # how often a step is worth telling
DIVERGED = 10  # times the loss of the first epoch: nothing learns any more there
LOG = "tensorboard"  # in the run folder
CROSS_ENTROPY = "sparse_categorical_crossentropy"
END = 0.01  # what the exponential schedule leaves of the learning rate

# The words of `fields.LOSSES` and `fields.OPTIMIZERS` in Keras; Muon is ours.
KERAS_LOSSES = {"mse": "mean_squared_error", "mae": "mean_absolute_error", "huber": "huber", "bce": "binary_crossentropy"}
OPTIMIZER_CLASSES = {cls.lower(): cls for cls in (
    "Adam", "AdamW", "Nadam", "Adamax", "RMSprop", "SGD", "Adagrad", "Adadelta", "Adafactor", "Lion",
)}  # fmt: skip


@dataclass(frozen=True)
class Phase:
    """One call of `fit`: what it is called, why there is more than one, and what differs between them."""

    name: str
    why: str
    learning_rate: float
    loss: object  # as Keras's `compile` takes it
    metrics: object = None  # likewise
    weights: dict | None = None  # of several losses
    labelled: bool = False  # labels are the targets
    form: Callable | None = None  # what `tasks.Batches` does last


@dataclass(frozen=True)
class Trained:
    """What came of a phase: the history (a list per quantity: `loss`, `val_loss`, …, `seconds`; a number per epoch), and,
    where training ended for the worse, why; the model has its best weights either way.
    """

    history: dict[str, list[float]]
    trouble: str = ""


def autoencoder_phase(hp: Hyperparameters) -> Phase:
    """The one phase of an autoencoder: its loss to the target; for a VAE that in nats per image, and the KL divergence; with a
    `label_weight` the cross-entropy of the labels as well, which its `loss` then leaves out.

    The negative ELBO with binary cross-entropy is summed over pixels and channels. With mean squared error the squares are
    summed: a Gaussian likelihood of variance 1/2, up to a constant.
    """
    loss = pixel_loss(hp)
    if not (hp.variational or hp.label_weight):
        # With a penalty the loss is no longer the error alone, which has to be told apart.
        return Phase("autoencoder", "", hp.learning_rate, loss, ["mse"] if hp.l2 else [])

    def nats(targets, outputs):  # one number an image: what Keras averages, it averages over devices as well
        found = loss(targets, outputs)
        return math.prod(outputs.shape[1:]) * keras.ops.mean(found, axis=tuple(range(1, len(found.shape))))

    losses: dict[str, object] = {RECONSTRUCTION: nats if hp.variational else loss}
    weights, metrics = {RECONSTRUCTION: 1.0}, {}
    if hp.variational:
        losses[KL], weights[KL] = mean_of_outputs, hp.beta
    if hp.label_weight:
        losses[LABELS], weights[LABELS], metrics[LABELS] = CROSS_ENTROPY, hp.label_weight, ["accuracy", CROSS_ENTROPY]
    return Phase("autoencoder", "", hp.learning_rate, losses, metrics, weights, form=partial(for_trainer, hp))


def pixel_loss(hp: Hyperparameters) -> Callable:
    """Keras's function of targets and outputs for `hp.loss`; `auto` is binary cross-entropy for VAEs, else squared error."""
    return keras.losses.get(KERAS_LOSSES[hp.loss or ("bce" if hp.variational else "mse")])


def for_trainer(hp: Hyperparameters, inputs: np.ndarray, targets: np.ndarray, labels: np.ndarray):
    """Inputs, and a target for each output of `networks.build_trainer`."""
    wanted = {RECONSTRUCTION: targets}
    if hp.variational:
        wanted[KL] = np.zeros((len(targets), 1), np.float32)
    if hp.label_weight:
        wanted[LABELS] = labels
    return inputs, wanted


def classifier_phases(hp: Hyperparameters) -> tuple[Phase, Phase]:
    """Head first, then everything (report C, part B)."""
    frozen = (
        "the encoder is frozen: the new layers start from random weights, and their first large errors would "
        "destroy what it has learned"
    )
    together = "the new layers fit the encoder now, so all weights train together, at half the learning rate"
    head = _classifying("head", frozen, hp.learning_rate)
    return head, _classifying("everything", together, hp.learning_rate / 2)


def scratch_phase(hp: Hyperparameters) -> Phase:
    """Everything at once from random weights: what the two phases are compared with (report E)."""
    return _classifying("scratch", "the same network from random weights, to see what pretraining gains", hp.learning_rate)


def _classifying(name: str, why: str, rate: float) -> Phase:
    return Phase(name, why, rate, CROSS_ENTROPY, ["accuracy"], labelled=True)


def fit(
    model: keras.Model,
    dataset: Dataset,
    hp: Hyperparameters,
    phase: Phase,
    tell: Callable[..., None],
    stopped: Event,
    at_epoch: Callable[[dict], None],
    folder: Path | None = None,
    share: Share | None = None,
) -> Trained:
    """Train `model` for one phase and leave the weights of its best epoch in it: by validation loss, or where no images are
    kept apart for that, by the loss itself.

    Parameters: `tell` takes the events (`step`, `epoch`), `stopped` ends training after the batch under way, and
    `at_epoch` gets the history so far at the end of each epoch. In `folder`, that of the run, each epoch leaves a checkpoint;
    where there is one already, training goes on from it. A TensorBoard log goes there too where `hp.tensorboard` asks for it.
    `share` is what this process takes of each batch, where several devices train together.
    Raises `RunFailed` when the loss is no number any more before there are weights worth keeping, or when the checkpoint
    cannot be written; `UserError` when it cannot be read.
    """
    checkpoint = Checkpoint(folder, phase.name)
    done = hp.epochs if checkpoint.over else checkpoint.epochs
    batches = partial(Batches, labelled=phase.labelled, form=phase.form, share=share, endless=True)
    train = batches(dataset.train, hp.batch_size, hp, learn=True, first=done)
    validation = batches(dataset.validation, hp.batch_size, hp)
    rate = schedule(hp, phase.learning_rate, len(train) * hp.epochs)
    model.compile(optimizer(hp, rate), phase.loss, loss_weights=phase.weights, metrics=phase.metrics)
    backend.prepare(model, train[0])
    gangs = backend.ganged(model, train)
    # Without a patience of its own it never stops, and only keeps the best weights.
    watched = "val_loss" if len(validation) else "loss"
    best = keras.callbacks.EarlyStopping(monitor=watched, patience=hp.patience or hp.epochs, restore_best_weights=True)
    lasting = [best]  # those that remember the epochs which are past
    if hp.schedule == "plateau":
        lasting.append(keras.callbacks.ReduceLROnPlateau(factor=hp.plateau_factor, patience=hp.plateau_patience, min_delta=0))
    others = [keras.callbacks.TerminateOnNaN()]
    if hp.tensorboard and folder is not None:
        others.append(keras.callbacks.TensorBoard(folder / LOG / phase.name, write_graph=False))

    def keep(history: dict, whole: bool) -> None:
        if whole:  # and before the record, which never promises an epoch that could be lost
            checkpoint.write(model, best, history)
        at_epoch(history)

    # The reporter comes last, so that it sees what the others add to an epoch's numbers, or take from them.
    reporter = _Reporter(gangs, tell, stopped, keep, lambda: checkpoint.restore(model, lasting))
    callbacks = [*lasting, *others, reporter]
    if phase.weights and LABELS in phase.weights:
        callbacks.insert(0, _Apart(phase.weights))
    held = dict(validation_data=backend.pipeline(validation), validation_steps=len(validation)) if len(validation) else {}
    epochs = dict(epochs=hp.epochs, initial_epoch=done, steps_per_epoch=len(gangs))
    with backend.fused(model):
        model.fit(backend.pipeline(gangs), **epochs, **held, shuffle=False, verbose=0, callbacks=callbacks)
    if not reporter.trouble:
        return Trained(reporter.history)
    advice = f"{reporter.trouble}; a smaller --learning-rate than {phase.learning_rate:g} may help"
    if not reporter.history:
        raise RunFailed(advice)
    return Trained(reporter.history, f"{advice}; the weights of epoch {best.best_epoch + 1} are kept")


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
    if hp.optimizer == "muon":
        return Muon(rate, weight_decay=hp.weight_decay, adam_weight_decay=hp.weight_decay)
    decay = {"weight_decay": hp.weight_decay} if hp.weight_decay or hp.optimizer == "adamw" else {}
    return getattr(keras.optimizers, OPTIMIZER_CLASSES[hp.optimizer])(learning_rate=rate, **decay)


class _Apart(keras.callbacks.Callback):
    """Takes what the labels cost out of the losses, before anybody looks: runs with and without labels can be compared so,
    and the best epoch is the autoencoder's."""

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


class _Reporter(keras.callbacks.Callback):
    """Tells steps and epochs, keeps the history, and stops when asked or when nothing good can come of it any more."""

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
        # What was trained before begins with so small a loss that a few images can multiply it: the others know better.
        worse = numbers.get("val_loss", math.inf) > self.history.get("val_loss", [0.0])[0]
        if worse and numbers["loss"] > DIVERGED * self.history["loss"][0]:
            self._give_up(f"the loss grew to {numbers['loss']:.3g} in epoch {self.epoch}, from {self.history['loss'][0]:.3g}")
        self.keep(self.history, self.seen == self.images and not self.trouble)

    def _give_up(self, trouble: str) -> None:
        self.trouble, self.model.stop_training = trouble, True


def images_per_second(history: dict[str, list[float]], images: int) -> float:
    """Training speed over whole epochs, the median one."""
    return images / statistics.median(history["seconds"])
