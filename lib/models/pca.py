"""Principal component analysis (PCA) of images in bounded memory."""

import math
from collections.abc import Iterator

import numpy as np
from sklearn.decomposition import PCA

from lib.data.splits import Subset, sample_subset
from lib.tasks.pixels import to_float

MAX_BYTES = 256 << 20  # of images in the sample: uint8, or float32 where all are needed at once
MAX_COVARIANCE = 4096  # values per image up to which the covariance matrix is computed
BATCH_SIZE = 512


def available_components(train: Subset, n_components: int) -> int:
    """Return `n_components`, or the number of images or of values per image, if one of these is smaller."""
    return min(n_components, _sample_size(train), math.prod(train.shape))


def principal_components(train: Subset, n_components: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Compute the mean and the principal components of training images.

    scikit-learn's `PCA` holds all images as float32 twice. Here the covariance is summed over batches, so
    that memory does not depend on the number of images; for large images, whose covariance would be too
    large, a sample of them goes through scikit-learn.

    Args:
        train: the images, of which at most 256 MiB are used.
        n_components: number of components; fewer are returned as `available_components` says.
        seed: seed of the sample.

    Returns:
        The mean image, float32 (height, width, channels), and the components as columns, float32
        (height · width · channels, components), by falling variance; the entry with the largest magnitude in
        each is positive. Pixels are 0..1.
    """
    sample, count = sample_subset(train, _sample_size(train), seed), available_components(train, n_components)
    mean = sum(images.sum(axis=0, dtype=np.float64) for images in _batches(sample)) / np.float32(len(sample))
    mean = mean.astype(np.float32)
    if count == mean.size:
        return mean, np.eye(count, dtype=np.float32)
    if mean.size > MAX_COVARIANCE:
        images = np.concatenate(list(_batches(sample))).reshape(len(sample), -1)
        components = PCA(count, svd_solver="full").fit(images).components_.T
    else:
        covariance = np.zeros((mean.size, mean.size), np.float32)
        for images in _batches(sample):
            centered = (images - mean).reshape(len(images), -1)
            covariance += centered.T @ centered
        components = np.linalg.eigh(covariance)[1][:, : -count - 1 : -1]
    signs = np.sign(components[np.abs(components).argmax(axis=0), np.arange(count)])
    return mean, components * signs


def _sample_size(train: Subset) -> int:
    values = math.prod(train.shape)
    return min(len(train), MAX_BYTES // (values if values <= MAX_COVARIANCE else 4 * values))


def _batches(subset: Subset) -> Iterator[np.ndarray]:
    for start in range(0, len(subset), BATCH_SIZE):
        yield to_float(subset.take(slice(start, start + BATCH_SIZE)))
