"""Probes of an encoder: linear probe, k-nearest neighbors, and the names in the table of their scores.

Each is fitted with several fractions of the labels, for the trained encoder, for the same network with
random weights, which shows what pretraining gains, and for as many principal components of the pixels as a
code has values. Report E compares with a network trained from scratch; the probes are those of
self-supervised learning.
"""

import warnings
from collections.abc import Callable

import keras
import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from lib.config.hyperparameters import AutoencoderHyperparameters, Hyperparameters
from lib.data.datasets import Dataset
from lib.data.splits import Subset
from lib.evaluation import latent_space
from lib.models import inference
from lib.models.classifier import encoder_for_images
from lib.models.pca import principal_components
from lib.tasks.pixels import to_float

LINEAR_PROBE = "linear probe"
NEAREST_NEIGHBORS = "nearest neighbors"
FINE_TUNED = "fine-tuned"

TRAINED_WEIGHTS = "this encoder"
RANDOM_WEIGHTS = "random weights"
PRINCIPAL_COMPONENTS = "PCA"  # of the same size; there is nothing to fine-tune

NEIGHBORS = 5


def encode_subset(
    encoder: keras.Model,
    subset: Subset,
    shape: tuple[int, int, int],
    encoder_hp: AutoencoderHyperparameters | None,
) -> np.ndarray:
    """Return the latent codes of images.

    Args:
        encoder: as `load_encoder` gives it.
        subset: the images.
        shape: (height, width, channels) of the images.
        encoder_hp: the hyperparameters that the encoder was trained with, whose task makes its inputs; None
            where they are unknown.

    Returns:
        One row per image, float32 (n, latent size).
    """
    model = encoder_for_images(encoder, shape, encoder_hp)

    def encode(images: np.ndarray) -> np.ndarray:
        return latent_space.flatten_codes(inference.predict(model, images))

    return _encode_batches(subset, encode)


def encode_by_pca(dataset: Dataset, size: int, seed: int) -> dict[str, np.ndarray]:
    """Return the projections of the `train` and `test` images on principal components of the training images.

    Args:
        dataset: the images.
        size: number of components; fewer where there are fewer pixels or training images.
        seed: seed of the sample that the components are computed from, where the images are many.

    Returns:
        One row per image, float32 (n, components).
    """
    mean, components = principal_components(dataset.train, size, seed)

    def project(images: np.ndarray) -> np.ndarray:
        return (images - mean).reshape(len(images), -1) @ components

    return {"train": _encode_batches(dataset.train, project), "test": _encode_batches(dataset.test, project)}


def _encode_batches(subset: Subset, encode: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    starts = range(0, len(subset), latent_space.BATCH_SIZE)
    chunks = (subset.take(slice(start, start + latent_space.BATCH_SIZE)) for start in starts)
    return np.concatenate([encode(to_float(images)) for images in chunks])


def labeled_sample(dataset: Dataset, fraction: float, hp: Hyperparameters) -> np.ndarray:
    """Return the training images whose labels a probe may use: a stratified sample, at least one per class.

    Args:
        dataset: its training labels.
        fraction: of the images of each class, 0 to 1.
        hp: its seed draws the sample.

    Returns:
        Sorted indices into the training set, shape (n,).
    """
    labels, rng = dataset.train.labels, np.random.default_rng(hp.seed)
    sample = []
    for label in np.unique(labels):
        members = rng.permutation(np.flatnonzero(labels == label))
        sample.append(members[: max(1, round(fraction * len(members)))])
    return np.sort(np.concatenate(sample))


def probe_codes(
    codes: dict[str, np.ndarray], dataset: Dataset, sample: np.ndarray, hp: Hyperparameters
) -> dict[str, float]:
    """Return the test accuracies of classifiers fitted on latent codes.

    Args:
        codes: of the whole `train` and `test` sets, float32 (n, latent size) each.
        dataset: its labels.
        sample: indices of the training images to fit on, shape (n,).
        hp: its seed is that of the linear probe.

    Returns:
        The accuracies, 0 to 1, of `LINEAR_PROBE` and `NEAREST_NEIGHBORS`.
    """
    labels = dataset.train.labels[sample]
    # Weighted by distance, so that the nearest neighbor decides where there are as many classes as neighbors.
    neighbors = KNeighborsClassifier(min(NEIGHBORS, len(sample)), weights="distance", algorithm="brute")
    models = {
        LINEAR_PROBE: make_pipeline(
            StandardScaler(), LogisticRegression(C=0.1, max_iter=200, tol=1e-3, random_state=hp.seed)
        ),
        NEAREST_NEIGHBORS: neighbors,
    }
    accuracies = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # the last digit of a probe does not matter
        for name, model in models.items():
            model.fit(codes["train"][sample], labels)
            accuracies[name] = float(model.score(codes["test"], dataset.test.labels))
    return accuracies


def probe_row(method: str, weights: str, fraction: float, labels: int, accuracy: float) -> dict:
    """Return a row of the table in `probe.json`.

    Args:
        method: `LINEAR_PROBE`, `NEAREST_NEIGHBORS` or `FINE_TUNED`.
        weights: `TRAINED_WEIGHTS`, `RANDOM_WEIGHTS` or `PRINCIPAL_COMPONENTS`.
        fraction: of the training labels, 0 to 1.
        labels: number of labeled images that the fraction stands for.
        accuracy: on the test set, 0 to 1.
    """
    return {
        "method": method,
        "weights": weights,
        "share": fraction,
        "labels": labels,
        "test_accuracy": accuracy,
    }
