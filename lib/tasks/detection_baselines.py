"""Baselines of detectors: trivial methods that give pictures a score and an error map.

Maps are squared differences from a normal picture, means over the channels; the greater, the less normal.
"""

from collections.abc import Callable
from functools import partial

import numpy as np

from lib.tasks.baselines import TrainingSample, baseline

COMPONENTS = 32  # of PCA
IMAGES_PER_COMPONENT = 4  # training images at least: with fewer, PCA repeats single pictures
PATCH_SIDE = 8  # pixels
NEIGHBORS = 5
NEIGHBOR_IMAGES = 4000  # training images among which neighbors are searched

# A function from pictures, float32 (n, height, width, channels) in 0..1, to maps float32 (n, height, width)
# and scores float (n,).
Examination = tuple[np.ndarray, np.ndarray]
Examine = Callable[[np.ndarray], Examination]

detection_baseline = partial(baseline, detects=True)


def _residual_map(differences: np.ndarray) -> np.ndarray:
    return np.square(differences).mean(axis=-1)


@detection_baseline("distance to the mean image")
def mean(sample: TrainingSample) -> Examine:
    center, _ = sample.leading_components(_component_count(sample))

    def examine(pixels: np.ndarray) -> Examination:
        maps = _residual_map(pixels - center)
        return maps, maps.mean(axis=(1, 2))

    return examine


def _component_count(sample: TrainingSample) -> int:
    return max(1, min(COMPONENTS, sample.count // IMAGES_PER_COMPONENT))


def _pca_counts(sample: TrainingSample) -> dict[str, int]:
    return {"components": sample.leading_components(_component_count(sample))[1].shape[1]}


def _pca_residuals(sample: TrainingSample) -> Callable[[np.ndarray], np.ndarray]:
    center, axes = sample.leading_components(_component_count(sample))

    def residual_maps(pixels: np.ndarray) -> np.ndarray:
        centered = (pixels - center).reshape(len(pixels), -1)
        return _residual_map((centered - centered @ axes @ axes.T).reshape(pixels.shape))

    return residual_maps


@detection_baseline("PCA residual, {components} components", counts=_pca_counts)
def pca_residual(sample: TrainingSample) -> Examine:
    residual_maps = _pca_residuals(sample)

    def examine(pixels: np.ndarray) -> Examination:
        maps = residual_maps(pixels)
        return maps, maps.mean(axis=(1, 2))

    return examine


@detection_baseline("PCA residual, worst patch", counts=_pca_counts)
def pca_patch(sample: TrainingSample) -> Examine:
    from scipy.ndimage import uniform_filter1d  # late, since the settings import this module

    residual_maps = _pca_residuals(sample)

    def examine(pixels: np.ndarray) -> Examination:
        maps = residual_maps(pixels)
        for axis in (1, 2):
            maps = uniform_filter1d(maps, min(PATCH_SIDE, maps.shape[axis]), axis=axis)
        return maps, maps.max(axis=(1, 2))

    return examine


@detection_baseline(
    f"{NEIGHBORS} neighbors", counts=lambda sample: {"images": len(sample.images(NEIGHBOR_IMAGES))}
)
def neighbors(sample: TrainingSample) -> Examine:
    images = sample.images(NEIGHBOR_IMAGES)
    flat = images.reshape(len(images), -1)
    squares = np.square(flat).sum(axis=1)
    count = min(NEIGHBORS, len(images))

    def examine(pixels: np.ndarray) -> Examination:
        # |picture - image|², without the term that is the same for all images
        relative = squares - 2 * pixels.reshape(len(pixels), -1) @ flat.T
        nearest = np.argpartition(relative, count - 1, axis=1)[:, :count]
        maps, distances = np.zeros(pixels.shape[:3], np.float32), np.zeros(len(pixels))
        for rank in range(count):
            differences = _residual_map(pixels - images[nearest[:, rank]])
            maps += differences / count
            distances += np.sqrt(differences.mean(axis=(1, 2), dtype=np.float64)) / count
        return maps, distances

    return examine
