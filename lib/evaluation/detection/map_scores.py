"""Scores of error maps: how far each place of a picture is from normal, and how far the picture is.

Maps are compared with those of normal pictures at the same place, as features of a pretrained network are in
PaDiM (Defard et al. 2021): an edge that moves a little in every picture counts less than the same error on a
plain ground.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

PRIOR_PICTURES = 10  # that the variance of all places counts for, beside that of each place
FLOOR = 0.3  # of the mean deviation, added to each: places that hardly vary would dominate the score
SMALLEST = 1e-6  # deviation of an error map


class MapMoments:
    """Sums of error maps, from which their mean and their variance at each place follow."""

    def __init__(self) -> None:
        self.count = 0
        self._sum = self._squares = np.zeros((), np.float64)

    def add(self, maps: np.ndarray) -> None:
        """Add maps, float32 (n, height, width)."""
        self.count += len(maps)
        self._sum = self._sum + maps.sum(axis=0, dtype=np.float64)
        self._squares = self._squares + np.square(maps, dtype=np.float64).sum(axis=0)

    def reference(self) -> "MapReference":
        """Return the mean and the deviation at each place.

        Few pictures say little about a single place: its variance is mixed with the mean of all places, as if
        ten more pictures had that one.
        """
        mean, deviation = _moments(self._sum, self._squares, self.count)
        return MapReference(mean.astype(np.float32), deviation.astype(np.float32))

    def normalize_by_others(self, maps: np.ndarray) -> np.ndarray:
        """Return maps that were added (n, height, width), each normalized by all others."""
        others = self._sum - maps, self._squares - np.square(maps, dtype=np.float64)
        mean, deviation = _moments(*others, self.count - 1)
        return ((maps - mean) / deviation).astype(np.float32)


def _moments(sums: np.ndarray, squares: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Mean and deviation at each place, from sums (…, height, width) over `count` maps."""
    mean = sums / count
    variance = np.maximum(squares / count - mean**2, 0)
    prior = PRIOR_PICTURES * variance.mean(axis=(-2, -1), keepdims=True)
    deviation = np.sqrt((count * variance + prior) / (count + PRIOR_PICTURES))
    floor = FLOOR * deviation.mean(axis=(-2, -1), keepdims=True)
    return mean, deviation + np.maximum(floor, SMALLEST)


@dataclass(frozen=True)
class MapReference:
    """Mean and deviation of the error maps of normal pictures at each place, float32 (height, width)."""

    mean: np.ndarray
    deviation: np.ndarray

    def normalize(self, maps: np.ndarray) -> np.ndarray:
        """Return by how many deviations maps (n, height, width) are above the mean."""
        return (maps - self.mean) / self.deviation


def join_maps(maps: Iterable[np.ndarray]) -> np.ndarray:
    """Return normalized maps of several kinds as one, the greatest at each place, (n, height, width)."""
    return np.maximum.reduce(list(maps))


def picture_scores(maps: np.ndarray, area: float) -> np.ndarray:
    """Return the robust maximum of each map: the mean of its greatest values.

    Args:
        maps: (n, height, width).
        area: share of the places that are averaged, above 0 to 1; at least one place is.

    Returns:
        float64 (n,).
    """
    flat = maps.reshape(len(maps), -1)
    count = max(1, round(area * flat.shape[1]))
    greatest = np.partition(flat, flat.shape[1] - count, axis=1)[:, -count:]
    return greatest.mean(axis=1, dtype=np.float64)
