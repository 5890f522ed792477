"""Training: optimizer, schedule, callbacks, `fit`; the autoencoder's one phase and the classifier's two."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import keras
import numpy as np

from lib.config.hyperparameters import Hyperparameters
from lib.models.autoencoder import KL, LABELS, RECONSTRUCTION, mean_output_loss

CROSS_ENTROPY = "sparse_categorical_crossentropy"

# The words of `fields.LOSSES` and `fields.OPTIMIZERS` in Keras; Muon is ours.
KERAS_LOSSES = {
    "mse": "mean_squared_error",
    "mae": "mean_absolute_error",
    "huber": "huber",
    "bce": "binary_crossentropy",
}


@dataclass(frozen=True)
class Phase:
    """One call of `fit`: what it is called, why there is more than one, and what differs between them."""

    name: str
    why: str
    learning_rate: float
    loss: object  # as Keras's `compile` takes it
    metrics: object = None  # likewise
    weights: dict | None = None  # of several losses
    labeled: bool = False  # labels are the targets
    form: Callable | None = None  # what `tasks.Batches` does last


def autoencoder_phase(hp: Hyperparameters) -> Phase:
    """The one phase of an autoencoder: its loss to the target; for a VAE that in nats per image, and the KL
    divergence; with a `label_weight` the cross-entropy of the labels as well, which its `loss` then leaves
    out.

    The negative ELBO with binary cross-entropy is summed over pixels and channels. With mean squared error
    the squares are summed: a Gaussian likelihood of variance 1/2, up to a constant.
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
        losses[KL], weights[KL] = mean_output_loss, hp.beta
    if hp.label_weight:
        losses[LABELS], weights[LABELS], metrics[LABELS] = (
            CROSS_ENTROPY,
            hp.label_weight,
            ["accuracy", CROSS_ENTROPY],
        )
    return Phase(
        "autoencoder", "", hp.learning_rate, losses, metrics, weights, form=partial(make_training_targets, hp)
    )


def pixel_loss(hp: Hyperparameters) -> Callable:
    """Keras's function of targets and outputs for `hp.loss`; `auto` is binary cross-entropy for VAEs, else
    squared error.
    """
    return keras.losses.get(KERAS_LOSSES[hp.loss or ("bce" if hp.variational else "mse")])


def make_training_targets(hp: Hyperparameters, inputs: np.ndarray, targets: np.ndarray, labels: np.ndarray):
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
    head = _classifier_phase("head", frozen, hp.learning_rate)
    return head, _classifier_phase("everything", together, hp.learning_rate / 2)


def scratch_phase(hp: Hyperparameters) -> Phase:
    """Everything at once from random weights: what the two phases are compared with (report E)."""
    return _classifier_phase(
        "scratch", "the same network from random weights, to see what pretraining gains", hp.learning_rate
    )


def _classifier_phase(name: str, why: str, rate: float) -> Phase:
    return Phase(name, why, rate, CROSS_ENTROPY, ["accuracy"], labeled=True)
