"""The principal components of images (PCA), found in little memory however many images there are."""

import math
from collections.abc import Iterator

import numpy as np
from sklearn.decomposition import PCA

from lib.datasets import Part
from lib.tasks import scale

BYTES = 256 << 20  # of images to learn from, as they are or, where all of them are needed at once, as float32
LARGEST = 4096  # pixels and channels whose covariance is no larger than that
BATCH = 512


def available(train: Part, wanted: int) -> int:
    """How many components there are, of so many that are wanted: no more than pixels and channels, or images."""
    return min(wanted, _count(train), math.prod(train.shape))


def components(train: Part, wanted: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """The mean image (height, width, channels) and the directions in which images differ most, the greatest first.

    The directions have the shape (pixels and channels, `available`), and what is largest in each is positive; both are
    float32, of images from 0 to 1. They are found from as many images as 256 MiB hold. scikit-learn's PCA holds all images
    as float32 and as much again; here the covariance is summed over batches, so that memory does not depend on how many they
    are. Of large images the covariance is what is too large.
    """
    part, count = sampled(train, _count(train), seed), available(train, wanted)
    mean = sum(images.sum(axis=0, dtype=np.float64) for images in _batches(part)) / np.float32(len(part))
    mean = mean.astype(np.float32)
    if count == mean.size:
        return mean, np.eye(count, dtype=np.float32)
    if mean.size > LARGEST:
        images = np.concatenate(list(_batches(part))).reshape(len(part), -1)
        axes = PCA(count, svd_solver="full").fit(images).components_.T
    else:
        covariance = np.zeros((mean.size, mean.size), np.float32)
        for images in _batches(part):
            off = (images - mean).reshape(len(images), -1)
            covariance += off.T @ off
        axes = np.linalg.eigh(covariance)[1][:, : -count - 1 : -1]
    return mean, axes * np.sign(axes[np.abs(axes).argmax(axis=0), np.arange(count)])


def sampled(part: Part, count: int, seed: int) -> Part:
    """At most so many of the images, drawn at random, in their order."""
    if len(part) <= count:
        return part
    return Part(part.source, np.sort(np.random.default_rng(seed).choice(part.positions, count, replace=False)))


def _count(train: Part) -> int:
    """How many images to learn from."""
    pixels = math.prod(train.shape)
    return min(len(train), BYTES // (pixels if pixels <= LARGEST else 4 * pixels))


def _batches(part: Part) -> Iterator[np.ndarray]:
    for start in range(0, len(part), BATCH):
        yield scale(part.take(slice(start, start + BATCH)))
