"""Training phases: the autoencoder's single one, and the classifier's two (head, then everything)."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import keras
import numpy as np

from lib.config.decoder_planner import pixel_loss_name
from lib.config.hyperparameters import AutoencoderHyperparameters, ClassifierHyperparameters
from lib.config.training_choices import LOSSES
from lib.models.importance_sampling import BOUND, KL, importance_weighted_loss
from lib.models.patch_discriminator import MEASURES, PATCHES
from lib.models.regularizers import make_regularizer
from lib.models.training_model import LABELS, RECONSTRUCTION, mean_output_loss
from lib.training import losses as own_losses

CROSS_ENTROPY = "sparse_categorical_crossentropy"


@dataclass(frozen=True)
class Phase:
    """Arguments of `fit` that differ between the phases of a run.

    Args:
        name: key of its history in the record, and name of its checkpoint.
        reason: why there is more than one phase, in a sentence for the screen.
        learning_rate: the highest of its schedule.
        loss: as Keras's `compile` takes it.
        metrics: as Keras's `compile` takes them.
        loss_weights: weight of each output's loss, by the output's name.
        labeled: the targets are labels.
        transform: the last step that makes a batch, see `Batches`.
        minutes: that the phase trains, in place of the epochs of the settings.
    """

    name: str
    reason: str
    learning_rate: float
    loss: object
    metrics: object = None
    loss_weights: dict[str, float] | None = None
    labeled: bool = False
    transform: Callable | None = None
    minutes: float | None = None


def autoencoder_phase(hp: AutoencoderHyperparameters) -> Phase:
    """The phase of an autoencoder, for the model of `build_training_model`.

    The loss is `pixel_loss`. With a regularization it is the reconstruction loss summed over pixels and
    channels, in nats per image, plus `hp.penalty_weight` times the penalty. For a VAE that is the negative
    ELBO for binary cross-entropy, and for squared errors a Gaussian likelihood of variance 1/2, up to a
    constant. With `hp.label_weight` the cross-entropy of the labels is trained on as well, and
    `SeparateLosses` removes it from `loss`, and those of discriminators.
    """
    loss, regularizer = pixel_loss(hp), make_regularizer(hp)
    if not (regularizer or hp.label_weight or hp.adversarial_weight):
        # A penalty makes the loss more than the error, which is then a metric of its own.
        metrics = ["mse"] if hp.l2 else []
        return Phase("autoencoder", "", hp.learning_rate, loss, metrics, minutes=hp.training_minutes)

    def loss_per_image(targets, outputs):  # shape (n,), of which Keras takes the mean over all devices
        losses = loss(targets, outputs)
        return math.prod(outputs.shape[1:]) * keras.ops.mean(losses, axis=tuple(range(1, len(losses.shape))))

    losses: dict[str, Callable] = {RECONSTRUCTION: loss_per_image if regularizer else loss}
    loss_weights = {RECONSTRUCTION: 1.0}
    measures: dict[str, Callable | str] = {}
    if hp.importance_samples > 1:
        losses = {BOUND: importance_weighted_loss(loss), KL: mean_output_loss}
        loss_weights = {BOUND: 1.0, KL: 0.0}
    elif regularizer:
        losses[regularizer.name] = mean_output_loss
        loss_weights[regularizer.name] = hp.penalty_weight
        measures |= regularizer.measures
    if hp.adversarial_weight:
        losses[PATCHES] = mean_output_loss
        loss_weights[PATCHES] = hp.adversarial_weight
        measures |= MEASURES
    if hp.label_weight:
        losses[LABELS] = keras.losses.sparse_categorical_crossentropy
        loss_weights[LABELS] = hp.label_weight
        measures[LABELS] = "accuracy"
    output_metrics: dict[str, list] = {name: [over_images(function)] for name, function in losses.items()}
    for name, measure in measures.items():
        output_metrics.setdefault(name, []).append(measure)
    return Phase(
        "autoencoder",
        "",
        hp.learning_rate,
        losses,
        output_metrics,
        loss_weights,
        transform=partial(make_training_targets, hp),
        minutes=hp.training_minutes,
    )


def over_images(loss: Callable) -> Callable:
    """Return a loss function as a metric, whose mean is that over images.

    Keras's own, `OUTPUT_loss`, is a mean over batches, in which a small last batch counts as others do.
    `SeparateLosses` replaces it.
    """

    def over_images(targets, outputs):
        return loss(targets, outputs)

    return over_images


def pixel_loss(hp: AutoencoderHyperparameters) -> Callable:
    """The loss function for `hp.loss`, of `lib.training.losses` or of Keras.

    It takes targets and outputs of shape (n, height, width, channels) and returns losses of shape (n, height,
    width), means over the channels, or (n, 1, 1) for the similarity of whole images.

    Without `hp.loss` it is that of `lib.config.decoder_planner.pixel_loss_name`.
    """
    name = LOSSES[pixel_loss_name(hp)].function
    return getattr(own_losses, name, None) or keras.losses.get(name)


def make_training_targets(
    hp: AutoencoderHyperparameters,
    inputs: np.ndarray | tuple[np.ndarray, ...],
    targets: np.ndarray,
    labels: np.ndarray,
) -> tuple[np.ndarray | tuple[np.ndarray, ...], dict[str, np.ndarray]]:
    """Return inputs and targets for a model of `build_training_model`.

    Args:
        hp: of the run.
        inputs: float32 (n, height, width, channels), or a tuple of them and of labels.
        targets: float32 (n, height, width, channels).
        labels: classes, integers (n,), for a run with `label_weight`.

    Returns:
        The inputs, followed by the targets where a discriminator needs them, and a target for each output by
        its name.
    """
    targets_by_output = {BOUND if hp.importance_samples > 1 else RECONSTRUCTION: targets}
    if regularizer := make_regularizer(hp):
        zeros = np.zeros((len(targets), 1), np.float32)
        targets_by_output |= dict.fromkeys((regularizer.name, *regularizer.measures), zeros)
    if hp.adversarial_weight:
        targets_by_output |= dict.fromkeys((PATCHES, *MEASURES), np.zeros((len(targets), 1), np.float32))
        inputs = (*inputs, targets) if isinstance(inputs, tuple) else (inputs, targets)
    if hp.label_weight:
        targets_by_output[LABELS] = labels
    return inputs, targets_by_output


def classifier_phases(hp: ClassifierHyperparameters) -> tuple[Phase, Phase]:
    """The head on a frozen encoder, then all weights at half the learning rate (report C, part B)."""
    head_reason = (
        "the encoder is frozen: the new layers start from random weights, and their large initial gradients "
        "would destroy the pretrained weights"
    )
    all_reason = "the new layers now match the encoder: all weights are trained, at half the learning rate"
    head = _classifier_phase(hp, "head", head_reason, hp.learning_rate)
    return head, _classifier_phase(hp, "everything", all_reason, hp.learning_rate / 2)


def scratch_phase(hp: ClassifierHyperparameters) -> Phase:
    """All weights from random ones: the comparison for the two phases (report E)."""
    reason = "the same network from random weights, to measure what pretraining gains"
    return _classifier_phase(hp, "scratch", reason, hp.learning_rate)


def _classifier_phase(hp: ClassifierHyperparameters, name: str, reason: str, learning_rate: float) -> Phase:
    minutes = hp.training_minutes and hp.training_minutes / (3 if hp.scratch else 2)
    return Phase(name, reason, learning_rate, CROSS_ENTROPY, ["accuracy"], labeled=True, minutes=minutes)
