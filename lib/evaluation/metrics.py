"""Scores of trained models on a test or validation set."""

import collections
import math
from collections.abc import Sequence

import keras
import numpy as np
from sklearn.metrics import classification_report, confusion_matrix

from lib.config.hyperparameters import Hyperparameters
from lib.data.splits import Subset
from lib.models.autoencoder import KL, RECONSTRUCTION
from lib.tasks.colorization import rgb_to_yuv, yuv_to_rgb
from lib.training.batches import Batches
from lib.training.phases import make_training_targets, pixel_loss

BATCH_SIZE = 512


def psnr(mse: float) -> float | None:
    """Return the peak signal-to-noise ratio in dB.

    Args:
        mse: mean squared error of pixels in 0..1.

    Returns:
        Decibels; None for an error of 0, where the ratio is infinite.
    """
    return 10 * math.log10(1 / mse) if mse > 0 else None


def autoencoder_metrics(
    model: keras.Model, training_model: keras.Model, subset: Subset, hp: Hyperparameters, prefix: str = "test"
) -> dict:
    """Return the scores of an autoencoder's outputs against the targets of its task.

    Args:
        model: maps inputs to outputs, both (n, height, width, channels).
        training_model: the compiled model of `build_training_model`, whose losses a VAE is scored by.
        subset: the images to score.
        hp: the task, the loss and beta.
        prefix: the first word of each key, `test` or `validation`.

    Returns:
        A number per key. Errors are means over pixels and channels, pixels in 0..1.

        * `test_loss`, `test_mse`, and `test_psnr` in dB, of RGB images (None for an error of 0).
        * `test_rgb_mse` (from outputs in UV) or `test_uv_mse` (from outputs in RGB) for colorize.
        * `test_largest_channel_accuracy` for color images: the fraction of pixels whose largest channel is
          that of the target, which is Keras's `accuracy` of images (report B).
        * `test_reconstruction`, `test_kl` and their sum `test_negative_elbo` for a VAE, in nats per image,
          with codes sampled as in training (Kingma and Welling 2014, equation 10).
    """
    loss = pixel_loss(hp)
    sums: dict[str, float] = collections.defaultdict(float)
    counts: dict[str, int] = collections.defaultdict(int)

    def add(quantity: str, values: np.ndarray) -> None:
        sums[quantity] += float(values.sum(dtype=np.float64))
        counts[quantity] += values.size

    batches = Batches(subset, BATCH_SIZE, hp)
    for index in range(len(batches)):
        inputs, targets = batches[index]
        outputs = model.predict_on_batch(inputs)
        add("loss", keras.ops.convert_to_numpy(loss(targets, outputs)))
        add("mse", np.square(outputs - targets))
        if targets.shape[-1] > 1 and not hp.predicts_uv:
            add("largest_channel_accuracy", outputs.argmax(axis=-1) == targets.argmax(axis=-1))
        if hp.predicts_uv:
            rgb, true_rgb = (yuv_to_rgb(np.concatenate([inputs, uv], axis=-1)) for uv in (outputs, targets))
            add("rgb_mse", np.square(np.clip(rgb, 0, 1) - true_rgb))
            add("largest_channel_accuracy", rgb.argmax(axis=-1) == true_rgb.argmax(axis=-1))
        elif hp.task == "colorize":
            add("uv_mse", np.square(rgb_to_yuv(outputs - targets)[..., 1:]))
    metrics = {quantity: total / counts[quantity] for quantity, total in sums.items()}
    image_mse = metrics["rgb_mse" if hp.predicts_uv else "mse"]
    if hp.variational:
        metrics |= _evidence_lower_bound(training_model, subset, hp)
    scores = {f"{prefix}_{quantity}": value for quantity, value in metrics.items()}
    return scores | {f"{prefix}_psnr": psnr(image_mse)}


def _evidence_lower_bound(training_model: keras.Model, subset: Subset, hp: Hyperparameters) -> dict:
    def make_targets(inputs, targets, labels):
        # Zeros for the labels: a test set may have none, or other classes than the training set.
        return make_training_targets(hp, inputs, targets, np.zeros_like(labels))

    batches = Batches(subset, BATCH_SIZE, hp, transform=make_targets)
    losses = training_model.evaluate(batches, verbose=0, return_dict=True)
    reconstruction, kl = losses[f"{RECONSTRUCTION}_loss"], losses[f"{KL}_loss"]
    return {
        "loss": reconstruction + hp.beta * kl,
        "reconstruction": reconstruction,
        "kl": kl,
        "negative_elbo": reconstruction + kl,
    }


def classifier_metrics(
    model: keras.Model, subset: Subset, classes: Sequence[str], hp: Hyperparameters, prefix: str = "test"
) -> tuple[dict, np.ndarray]:
    """Return the scores of a classifier and the probabilities that it gives.

    Args:
        model: maps images to class probabilities, (n, classes).
        subset: labeled images to score.
        classes: the name of each class.
        hp: read by `Batches`.
        prefix: the first word of the keys of loss and accuracy, `test` or `validation`.

    Returns:
        The scores and the probabilities, float32 (n, classes), 0..1. The scores are `test_loss` (the mean
        cross-entropy in nats), `test_accuracy`, the numbers of images `correct` and `incorrect`, `report`
        (scikit-learn's `classification_report` as a dict) and `confusion_matrix` (a list of rows, one per
        true class).
    """
    labels = subset.labels
    probabilities = model.predict(Batches(subset, BATCH_SIZE, hp, labeled=True), verbose=0)
    predicted = probabilities.argmax(axis=1)
    correct = int((predicted == labels).sum())
    likelihood = probabilities[np.arange(len(labels)), labels]
    class_indices = range(len(classes))
    report = classification_report(
        labels,
        predicted,
        labels=class_indices,
        target_names=list(classes),
        output_dict=True,
        zero_division=0,
    )
    metrics = {
        f"{prefix}_loss": float(-np.log(np.maximum(likelihood, keras.config.epsilon())).mean()),
        f"{prefix}_accuracy": correct / len(labels),
        "correct": correct,
        "incorrect": len(labels) - correct,
        "report": report,
        "confusion_matrix": confusion_matrix(labels, predicted, labels=class_indices).tolist(),
    }
    return metrics, probabilities
