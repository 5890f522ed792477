"""The nearest training image of each image, in pixels: copies of training images are seen by it."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from threadpoolctl import threadpool_limits

from lib.data.splits import Subset, sample_subset
from lib.evaluation.sample_quality.manifolds import squared_distances
from lib.tasks.pixels import to_float

CHUNK_BYTES = 64 << 20  # of training images as float32
TYPICAL_IMAGES = 1000  # test images whose distances are the typical ones
COPY_PERCENTILE = 1  # of these distances, below which an image may be a copy


class Neighbors(NamedTuple):
    """Nearest training images.

    Attributes:
        positions: of the nearest in the training set, int64 (n,).
        distances: root mean squared difference of the pixels in 0..1, float64 (n,).
    """

    positions: np.ndarray
    distances: np.ndarray


def nearest_images(
    images: np.ndarray, train: Subset, report: Callable[[int], None] = lambda done: None
) -> Neighbors:
    """Return the nearest training image of each image.

    Args:
        images: uint8 or uint16 (n, height, width, channels).
        train: training images of the same type and shape; they are read in chunks.
        report: called with the number of training images that are done.
    """
    rows = to_float(images).reshape(len(images), -1)
    best, positions = np.full(len(rows), np.inf), np.zeros(len(rows), np.int64)
    step = max(1, CHUNK_BYTES // (4 * rows.shape[1]))
    for start in range(0, len(train), step):
        others = to_float(train.take(slice(start, start + step))).reshape(-1, rows.shape[1])
        with threadpool_limits(1):
            for part, distances in squared_distances(rows, others):
                nearest = distances.argmin(axis=1)
                smallest = distances[np.arange(len(nearest)), nearest]
                closer = smallest < best[part]
                best[part] = np.where(closer, smallest, best[part])
                positions[part] = np.where(closer, start + nearest, positions[part])
        report(min(start + step, len(train)))
    # The products above are rounded: a copy would have a distance a little above 0.
    differences = rows - to_float(train.take(positions)).reshape(rows.shape)
    return Neighbors(positions, np.sqrt(np.square(differences).mean(axis=1, dtype=np.float64)))


def typical_distances(
    test: Subset, train: Subset, seed: int, report: Callable[[int], None] = lambda done: None
) -> np.ndarray:
    """Return the distances of test images to their nearest training images, float64 (n,).

    Args:
        test: test images, of which 1,000 are drawn.
        train: training images.
        seed: of the sample.
        report: as for `nearest_images`.
    """
    sample = sample_subset(test, TYPICAL_IMAGES, seed)
    return nearest_images(sample.take(slice(None)), train, report).distances
