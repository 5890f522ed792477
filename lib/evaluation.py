"""Scores on the test set, and beside each the trivial methods that it has to beat."""

import math

import keras
import numpy as np
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import classification_report, confusion_matrix
from sklearn.neighbors import KNeighborsClassifier

from lib.datasets import Dataset, Part
from lib.hyperparameters import Hyperparameters
from lib.tasks import Batches, scale

BATCH = 512
BASELINE_BYTES = 256 << 20  # of float32 images that a baseline may fit on
BASELINE_IMAGES = 10_000  # that the classifiers among the baselines learn from


def psnr(mse: float) -> float | None:
    """Peak signal-to-noise ratio in dB for pixels in 0..1, from a mean squared error; `None` for no error at all."""
    return 10 * math.log10(1 / mse) if mse > 0 else None


def autoencoder_metrics(model: keras.Model, test: Part, task: str) -> dict:
    """`test_loss`, `test_mse` (per pixel and channel, pixels in 0..1) and `test_psnr` in dB."""
    loss = float(model.evaluate(Batches(test, BATCH, task), verbose=0))
    return {"test_loss": loss, "test_mse": loss, "test_psnr": psnr(loss)}


def autoencoder_baselines(dataset: Dataset, latent_size: int, seed: int) -> dict:
    """The mean image and PCA with as many components as the code has numbers, on the same test set.

    PCA is fitted on as many training images as 256 MiB hold. `pca_components` is what it could use: a code with as many
    numbers as the image copies it, and then PCA's error is 0.
    """
    train = _sample(dataset.train, BASELINE_BYTES // (4 * math.prod(dataset.shape)), seed)
    flat = scale(train).reshape(len(train), -1)
    mean = flat.mean(axis=0)
    components = min(latent_size, *flat.shape)
    constant, pca = 0.0, 0.0
    solver = "covariance_eigh" if flat.shape[1] <= 4096 else "full"
    projection = PCA(components, svd_solver=solver).fit(flat) if components < flat.shape[1] else None
    for start in range(0, len(dataset.test), BATCH):
        batch = scale(dataset.test.take(slice(start, start + BATCH)))
        batch = batch.reshape(len(batch), -1)
        constant += np.square(batch - mean).sum(dtype=np.float64)
        if projection is not None:
            back = projection.inverse_transform(projection.transform(batch))
            pca += np.square(batch - back).sum(dtype=np.float64)
    numbers = len(dataset.test) * flat.shape[1]
    errors = {"constant": constant / numbers, "pca": pca / numbers}
    scores = {f"{name}_mse": mse for name, mse in errors.items()} | {f"{name}_psnr": psnr(mse) for name, mse in errors.items()}
    return scores | {"pca_components": components}


def classifier_metrics(model: keras.Model, dataset: Dataset) -> tuple[dict, np.ndarray]:
    """DESIGN's metrics of a classifier, and the probabilities, shape (n, classes), that they come from."""
    labels = dataset.test.labels
    probabilities = model.predict(Batches(dataset.test, BATCH), verbose=0)
    predicted = probabilities.argmax(axis=1)
    right = int((predicted == labels).sum())
    likelihood = probabilities[np.arange(len(labels)), labels]
    names, numbers = list(dataset.classes), range(len(dataset.classes))
    report = classification_report(labels, predicted, labels=numbers, target_names=names, output_dict=True, zero_division=0)
    metrics = {
        "test_loss": float(-np.log(np.maximum(likelihood, keras.config.epsilon())).mean()),
        "test_accuracy": right / len(labels),
        "correct": right,
        "incorrect": len(labels) - right,
        "report": report,
        "confusion_matrix": confusion_matrix(labels, predicted, labels=numbers).tolist(),
    }
    return metrics, probabilities


def classifier_baselines(dataset: Dataset, hp: Hyperparameters) -> dict:
    """Test accuracy of the most frequent class, of logistic regression on pixels and of the 3 nearest neighbours.

    The last two learn from at most 10,000 training images.
    """
    count = min(BASELINE_IMAGES, BASELINE_BYTES // (4 * math.prod(dataset.shape)))
    part = Part(dataset.train.source, _sampled(dataset.train, count, hp.seed))
    train, test = (scale(p.take(slice(None))).reshape(len(p), -1) for p in (part, dataset.test))
    frequent = np.bincount(dataset.train.labels).argmax()
    models = {
        "logistic_regression_accuracy": LogisticRegression(C=0.1, tol=1e-3, max_iter=300),
        "nearest_neighbours_accuracy": KNeighborsClassifier(n_neighbors=3, algorithm="brute"),
    }
    baselines = {"most_frequent_accuracy": float((dataset.test.labels == frequent).mean())}
    for name, model in models.items():
        if len(np.unique(part.labels)) > 1:
            baselines[name] = float(model.fit(train, part.labels).score(test, dataset.test.labels))
    return baselines | {"images_learned_from": len(part)}


def _sample(part: Part, count: int, seed: int) -> np.ndarray:
    return Part(part.source, _sampled(part, count, seed)).take(slice(None))


def _sampled(part: Part, count: int, seed: int) -> np.ndarray:
    if len(part) <= count:
        return part.positions
    return np.sort(np.random.default_rng(seed).choice(part.positions, count, replace=False))
