"""The principal components of images (PCA), found in little memory however many images there are."""

import math
from collections.abc import Iterator

import numpy as np
from sklearn.decomposition import PCA

from lib.data.splits import Subset, sample_subset
from lib.tasks.pixels import to_float

MAX_BYTES = (
    256 << 20
)  # of images to learn from, as they are or, where all of them are needed at once, as float32
MAX_COVARIANCE = 4096  # pixels and channels whose covariance is no larger than that
BATCH_SIZE = 512


def available_components(train: Subset, wanted: int) -> int:
    """How many components there are, of so many that are wanted: no more than pixels and channels, or images."""
    return min(wanted, _image_count(train), math.prod(train.shape))


def principal_components(train: Subset, wanted: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """The mean image (height, width, channels) and the directions in which images differ most, the greatest
    first.

    The directions have the shape (pixels and channels, `available`), and what is largest in each is positive;
    both are float32, of images from 0 to 1. They are found from as many images as 256 MiB hold.
    scikit-learn's PCA holds all images as float32 and as much again; here the covariance is summed over
    batches, so that memory does not depend on how many they are. Of large images the covariance is what is
    too large.
    """
    part, count = sample_subset(train, _image_count(train), seed), available_components(train, wanted)
    mean = sum(images.sum(axis=0, dtype=np.float64) for images in _batches(part)) / np.float32(len(part))
    mean = mean.astype(np.float32)
    if count == mean.size:
        return mean, np.eye(count, dtype=np.float32)
    if mean.size > MAX_COVARIANCE:
        images = np.concatenate(list(_batches(part))).reshape(len(part), -1)
        axes = PCA(count, svd_solver="full").fit(images).components_.T
    else:
        covariance = np.zeros((mean.size, mean.size), np.float32)
        for images in _batches(part):
            off = (images - mean).reshape(len(images), -1)
            covariance += off.T @ off
        axes = np.linalg.eigh(covariance)[1][:, : -count - 1 : -1]
    return mean, axes * np.sign(axes[np.abs(axes).argmax(axis=0), np.arange(count)])


def _image_count(train: Subset) -> int:
    """How many images to learn from."""
    pixels = math.prod(train.shape)
    return min(len(train), MAX_BYTES // (pixels if pixels <= MAX_COVARIANCE else 4 * pixels))


def _batches(part: Subset) -> Iterator[np.ndarray]:
    for start in range(0, len(part), BATCH_SIZE):
        yield to_float(part.take(slice(start, start + BATCH_SIZE)))
