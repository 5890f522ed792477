"""Principal component analysis (PCA) of images in bounded memory."""

import math
from collections.abc import Iterator

import numpy as np
from scipy import linalg

from lib.data.splits import Subset, sample_subset
from lib.tasks.pixels import to_float

Components = tuple[np.ndarray, np.ndarray]  # the mean image, and the components as columns

MAX_BYTES = 256 << 20  # of images in the sample: uint8, or float32 where all are needed at once
MAX_COVARIANCE = 4096  # values per image up to which the covariance matrix is computed
MAX_LARGE_IMAGES = 4000  # with more values; the time grows with the cube of their number
MIN_VARIANCE = 1e-10  # of a component, as a fraction of the largest; below it is float32's rounding
BATCH_SIZE = 512
CHUNK_SIZE = 4096  # values per image that are converted to float64 at once


def available_components(train: Subset, n_components: int) -> int:
    """Return how many principal components there are: at most one for each image and each of its values.

    Args:
        train: the images.
        n_components: the number that is wanted.
    """
    return min(n_components, sample_size(train), math.prod(train.shape))


def sample_size(train: Subset) -> int:
    """Return the number of training images that the principal components are computed from."""
    values = math.prod(train.shape)
    if values <= MAX_COVARIANCE:
        return min(len(train), MAX_BYTES // values)
    return min(len(train), MAX_BYTES // (4 * values), MAX_LARGE_IMAGES)


def principal_components(train: Subset, n_components: int, seed: int) -> Components:
    """Compute the mean and the principal components of training images.

    scikit-learn's `PCA` holds all images as float32 twice. Here the covariance is summed over batches, so
    that memory does not depend on the number of images. Where images have more values than there are images,
    the products of a sample of images with each other take its place (the method of snapshots, Sirovich
    1987), in float64: in float32 the small eigenvalues would be lost.

    Args:
        train: the images, of which `sample_size` are used.
        n_components: number of components; fewer are returned as `available_components` says.
        seed: seed of the sample.

    Returns:
        The mean image, float32 (height, width, channels), and the components as columns, float32
        (height · width · channels, components), by falling variance; the entry with the largest magnitude in
        each is positive. Pixels are 0..1. Of fewer images than values, components without variance are zero.
    """
    sample, count = sample_subset(train, sample_size(train), seed), available_components(train, n_components)
    mean = sum(images.sum(axis=0, dtype=np.float64) for images in _batches(sample)) / np.float32(len(sample))
    mean = mean.astype(np.float32)
    if count == mean.size:
        return mean, np.eye(count, dtype=np.float32)
    if mean.size > min(MAX_COVARIANCE, len(sample)):
        images = np.concatenate([images - mean for images in _batches(sample)])
        components = _components_of_snapshots(images.reshape(len(sample), -1), count)
    else:
        covariance = np.zeros((mean.size, mean.size), np.float32)
        for images in _batches(sample):
            centered = (images - mean).reshape(len(images), -1)
            covariance += centered.T @ centered
        components = np.linalg.eigh(covariance)[1][:, : -count - 1 : -1]
    signs = np.sign(components[np.abs(components).argmax(axis=0), np.arange(count)])
    return mean, components * signs


def _components_of_snapshots(centered: np.ndarray, count: int) -> np.ndarray:
    """The components of a few centered images, float32 (n, values), as columns."""
    size = len(centered)
    products = np.zeros((size, size))
    for start in range(0, centered.shape[1], CHUNK_SIZE):
        chunk = centered[:, start : start + CHUNK_SIZE].astype(np.float64)
        products += chunk @ chunk.T
    variances, weights = linalg.eigh(products, subset_by_index=(size - count, size - 1), overwrite_a=True)
    has_variance = variances > MIN_VARIANCE * variances[-1]
    components = centered.T @ weights.astype(np.float32) * has_variance
    norms = np.linalg.norm(components, axis=0)
    return (components / np.where(has_variance, norms, 1))[:, ::-1]


def _batches(subset: Subset) -> Iterator[np.ndarray]:
    for start in range(0, len(subset), BATCH_SIZE):
        yield to_float(subset.take(slice(start, start + BATCH_SIZE)))
