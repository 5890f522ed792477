"""Scores of trained models on a test or validation set."""

import collections
import math
from collections.abc import Sequence

import keras
import numpy as np
from sklearn.metrics import classification_report, confusion_matrix

from lib.config.hyperparameters import AutoencoderHyperparameters, ClassifierHyperparameters
from lib.data.splits import Subset
from lib.models.patch_discriminator import MEASURES
from lib.models.regularizers import make_regularizer
from lib.models.regularizers.kl import kl_divergences
from lib.models.training_model import RECONSTRUCTION
from lib.tasks.metrics import program_metrics
from lib.tasks.predictions import Predictions
from lib.tasks.regularization_metrics import COLLAPSED
from lib.training.batches import Batches, images_of
from lib.training.phases import make_training_targets, pixel_loss

BATCH_SIZE = 512


class MetricMeans:
    """Means of metrics over the batches that are added, and standard deviations of some.

    Args:
        program: the metrics are those of its networks.
        of_baseline: only the metrics that baselines have as well.
    """

    def __init__(self, program: str, of_baseline: bool = False):
        metrics = program_metrics(program)
        self._metrics = [metric for metric in metrics if metric.for_baselines or not of_baseline]
        self._with_spread = {metric.key for metric in self._metrics if metric.spread}
        self._sums: dict[str, float] = collections.defaultdict(float)
        self._square_sums: dict[str, float] = collections.defaultdict(float)
        self._counts: dict[str, int] = collections.defaultdict(int)

    def add(self, predictions: Predictions, **values: np.ndarray) -> None:
        """Add a batch, and its values of metrics that are not computed from predictions alone."""
        arrays: dict[str, np.ndarray | None] = dict(values)
        arrays |= {metric.key: metric.values(predictions) for metric in self._metrics if metric.values}
        for key, array in arrays.items():
            if array is not None:
                self._sums[key] += float(array.sum(dtype=np.float64))
                if key in self._with_spread:
                    self._square_sums[key] += float(np.square(array, dtype=np.float64).sum())
                self._counts[key] += array.size

    def result(self) -> dict[str, float | None]:
        """Return the means and what is derived from them, by key."""
        means: dict[str, float | None] = {key: self._sums[key] / self._counts[key] for key in self._sums}
        derived = {metric.key: metric.derive(means) for metric in self._metrics if metric.derive}
        spreads = {metric.spread: self._spread(metric.key) for metric in self._metrics if metric.spread}
        return means | derived | spreads

    def _spread(self, key: str) -> float:
        count = self._counts[key]
        return math.sqrt(max(0.0, self._square_sums[key] / count - (self._sums[key] / count) ** 2))


def autoencoder_metrics(
    model: keras.Model,
    training_model: keras.Model,
    subset: Subset,
    hp: AutoencoderHyperparameters,
    prefix: str = "test",
) -> dict:
    """Return the scores of an autoencoder's outputs against the targets of its task.

    Args:
        model: maps inputs to outputs, both (n, height, width, channels).
        training_model: the compiled model of `build_training_model`, whose penalty is a score.
        subset: the images to score.
        hp: the task, the loss and beta.
        prefix: the first word of each key, `test` or `validation`.

    Returns:
        A number per key: the metrics of `lib.tasks.metrics.METRICS` that apply. The negative ELBO of a VAE is
        computed with codes sampled as in training (Kingma and Welling 2014, equation 10).
    """
    loss, means = pixel_loss(hp), MetricMeans("autoencoder")
    batches = Batches(subset, BATCH_SIZE, hp)
    for index in range(len(batches)):
        inputs, targets = batches[index]
        outputs = model.predict_on_batch(inputs)
        losses = keras.ops.convert_to_numpy(loss(targets, outputs))
        means.add(Predictions(hp, images_of(inputs), outputs, targets), loss=losses)
    metrics = means.result()
    if hp.has_prior or hp.adversarial_weight:
        metrics |= _training_scores(training_model, subset, hp)
    return {f"{prefix}_{key}": value for key, value in metrics.items()}


def _training_scores(training_model: keras.Model, subset: Subset, hp: AutoencoderHyperparameters) -> dict:
    """Scores of the training model, means over images: terms of the loss, accuracies of discriminators."""

    def make_inputs(inputs, targets, labels):
        # Zeros for the targets' labels: a test set may have none, or other classes than the training set.
        return make_training_targets(hp, inputs, targets, np.zeros_like(labels))

    loss, regularizer = pixel_loss(hp), make_regularizer(hp)
    measures = dict(regularizer.measures) if regularizer else {}
    measures |= MEASURES if hp.adversarial_weight else {}
    batches = Batches(subset, BATCH_SIZE, hp, transform=make_inputs)
    sums: dict[str, float] = collections.defaultdict(float)
    for index in range(len(batches)):
        inputs, targets = batches[index]
        outputs = training_model.predict_on_batch(inputs)
        for name, metric in measures.items():
            sums[f"{name}_{metric.__name__}"] += float(outputs[name].sum(dtype=np.float64))
        if regularizer:
            pixels = targets[RECONSTRUCTION]
            losses = keras.ops.convert_to_numpy(loss(pixels, outputs[RECONSTRUCTION]))
            means = losses.reshape(len(pixels), -1).mean(axis=1, dtype=np.float64)
            sums["reconstruction"] += math.prod(pixels.shape[1:]) * float(means.sum())
            sums[regularizer.name] += float(outputs[regularizer.name].sum(dtype=np.float64))
    scores = {name: total / len(subset) for name, total in sums.items()}
    if regularizer is None:
        return scores
    reconstruction, penalty = scores["reconstruction"], scores[regularizer.name]
    if regularizer.learns:  # as in a history: the loss is without what a discriminator says
        del scores[f"{regularizer.name}_{measures[regularizer.name].__name__}"]
        scores["loss"] = reconstruction
    else:
        scores["loss"] = reconstruction + hp.penalty_weight * penalty
    if hp.variational:
        scores |= _variational_scores(training_model, subset, hp, reconstruction + penalty)
    return scores


def _variational_scores(
    training_model: keras.Model, subset: Subset, hp: AutoencoderHyperparameters, negative_elbo: float
) -> dict:
    """The scores that only a VAE has."""
    encoder, batches = training_model.get_layer("encoder"), Batches(subset, BATCH_SIZE, hp)
    sums: np.ndarray = np.zeros(1)
    for index in range(len(batches)):
        divergences = keras.ops.convert_to_numpy(kl_divergences(*encoder.predict_on_batch(batches[index][0])))
        sums = sums + divergences.sum(axis=0, dtype=np.float64)
    active = int((sums / len(subset) >= COLLAPSED).sum())
    return {"negative_elbo": negative_elbo, "active_numbers": active}


def classifier_metrics(
    model: keras.Model,
    subset: Subset,
    classes: Sequence[str],
    hp: ClassifierHyperparameters,
    prefix: str = "test",
) -> tuple[dict, np.ndarray]:
    """Return the scores of a classifier and the probabilities that it gives.

    Args:
        model: maps images to class probabilities, (n, classes).
        subset: labeled images to score.
        classes: the name of each class.
        hp: read by `Batches`.
        prefix: the first word of the keys of loss and accuracy, `test` or `validation`.

    Returns:
        The scores and the probabilities, float32 (n, classes), 0..1. The scores are the metrics of
        `lib.tasks.metrics.METRICS`, the numbers of images `correct` and `incorrect`, `report` (scikit-learn's
        `classification_report` as a dict) and `confusion_matrix` (a list of rows, one per true class).
    """
    labels = subset.labels
    probabilities = model.predict(Batches(subset, BATCH_SIZE, hp, labeled=True), verbose=0)
    predicted = probabilities.argmax(axis=1)
    correct = int((predicted == labels).sum())
    class_indices = range(len(classes))
    report = classification_report(
        labels, predicted, labels=class_indices, target_names=list(classes), output_dict=True, zero_division=0
    )
    scores = score_classes(hp, probabilities, labels)
    metrics = {f"{prefix}_{key}": value for key, value in scores.items()} | {
        "correct": correct,
        "incorrect": len(labels) - correct,
        "report": report,
        "confusion_matrix": confusion_matrix(labels, predicted, labels=class_indices).tolist(),
    }
    return metrics, probabilities


def score_classes(hp: ClassifierHyperparameters, probabilities: np.ndarray, labels: np.ndarray) -> dict:
    """Return the metrics of the outputs of a classifier, by key.

    Args:
        hp: of the classifier.
        probabilities: (n, classes), 0..1.
        labels: true classes, integers (n,).
    """
    means = MetricMeans("classification")
    means.add(Predictions(hp, np.empty(0), probabilities, labels))
    return means.result()
