"""Scores on the test set."""

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
    """Peak signal-to-noise ratio in dB for pixels in 0..1, from a mean squared error; `None` for no error at
    all.
    """
    return 10 * math.log10(1 / mse) if mse > 0 else None


def autoencoder_metrics(
    model: keras.Model, trainer: keras.Model, part: Subset, hp: Hyperparameters, name: str = "test"
) -> dict:
    """Scores of outputs against targets on a part, whose `name` theirs begin with; each error is per pixel
    and channel, pixels in 0..1.

    `test_loss`, `test_mse` and `test_psnr` in dB always. For colorize `test_rgb_mse` and `test_uv_mse` as
    well, whichever of the two was learned, and `test_largest_channel_accuracy`: the share of pixels whose
    largest channel is the right one, which is what Keras calls accuracy when it is asked for images (report
    B). For a VAE `test_reconstruction`, `test_kl` and their sum, `test_negative_elbo`, in nats per image,
    with codes drawn as in training.
    """
    loss = pixel_loss(hp)
    sums: dict[str, float] = collections.defaultdict(float)
    numbers: dict[str, int] = collections.defaultdict(int)

    def add(quantity: str, values: np.ndarray) -> None:
        sums[quantity] += float(values.sum(dtype=np.float64))
        numbers[quantity] += values.size

    batches = Batches(part, BATCH_SIZE, hp)
    for number in range(len(batches)):
        inputs, targets = batches[number]
        outputs = model.predict_on_batch(inputs)
        add("loss", keras.ops.convert_to_numpy(loss(targets, outputs)))
        add("mse", np.square(outputs - targets))
        if targets.shape[-1] > 1 and not hp.color_differences:
            add("largest_channel_accuracy", outputs.argmax(axis=-1) == targets.argmax(axis=-1))
        if hp.color_differences:
            rgb, right = (yuv_to_rgb(np.concatenate([inputs, uv], axis=-1)) for uv in (outputs, targets))
            add("rgb_mse", np.square(np.clip(rgb, 0, 1) - right))
            add("largest_channel_accuracy", rgb.argmax(axis=-1) == right.argmax(axis=-1))
        elif hp.task == "colorize":
            add("uv_mse", np.square(rgb_to_yuv(outputs - targets)[..., 1:]))
    metrics = {quantity: total / numbers[quantity] for quantity, total in sums.items()}
    of_images = metrics["rgb_mse" if hp.color_differences else "mse"]
    metrics |= _evidence_lower_bound(trainer, part, hp) if hp.variational else {}
    return {f"{name}_{quantity}": value for quantity, value in metrics.items()} | {
        f"{name}_psnr": psnr(of_images)
    }


def _evidence_lower_bound(trainer: keras.Model, part: Subset, hp: Hyperparameters) -> dict:
    def form(inputs, targets, labels):  # a test set may have none, or others
        return make_training_targets(hp, inputs, targets, np.zeros_like(labels))

    found = trainer.evaluate(Batches(part, BATCH_SIZE, hp, form=form), verbose=0, return_dict=True)
    reconstruction, kl = found[f"{RECONSTRUCTION}_loss"], found[f"{KL}_loss"]
    return {
        "loss": reconstruction + hp.beta * kl,
        "reconstruction": reconstruction,
        "kl": kl,
        "negative_elbo": reconstruction + kl,
    }


def classifier_metrics(
    model: keras.Model, part: Subset, classes: Sequence[str], hp: Hyperparameters, name: str = "test"
) -> tuple[dict, np.ndarray]:
    """DESIGN's metrics of a classifier on a part, whose `name` loss and accuracy begin with, and the
    probabilities, shape (n, classes), that they come from.
    """
    labels = part.labels
    probabilities = model.predict(Batches(part, BATCH_SIZE, hp, labeled=True), verbose=0)
    predicted = probabilities.argmax(axis=1)
    right = int((predicted == labels).sum())
    likelihood = probabilities[np.arange(len(labels)), labels]
    names, numbers = list(classes), range(len(classes))
    report = classification_report(
        labels, predicted, labels=numbers, target_names=names, output_dict=True, zero_division=0
    )
    metrics = {
        f"{name}_loss": float(-np.log(np.maximum(likelihood, keras.config.epsilon())).mean()),
        f"{name}_accuracy": right / len(labels),
        "correct": right,
        "incorrect": len(labels) - right,
        "report": report,
        "confusion_matrix": confusion_matrix(labels, predicted, labels=numbers).tolist(),
    }
    return metrics, probabilities
