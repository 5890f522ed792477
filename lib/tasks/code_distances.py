"""Distances of latent codes from those of normal pictures, for the score of a detector.

An entry of `CODE_DISTANCES` is all that a distance needs: the value of `--code-distance` and the documents
read it.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

NEIGHBORS = 3
SMALLEST = 1e-6  # standard deviation of a component


@dataclass(frozen=True)
class CodeDistance:
    """A distance of codes.

    Attributes:
        help: for help texts and documents.
        compute: function of codes (n, size) and those of normal pictures (m, size), both float32 in principal
            components around the mean of the latter, that returns distances, float64 (n,).
    """

    help: str
    compute: Callable[[np.ndarray, np.ndarray], np.ndarray]


def nearest_codes(codes: np.ndarray, normal: np.ndarray) -> np.ndarray:
    """The mean Euclidean distance from the three nearest normal codes."""
    squares = np.square(codes).sum(axis=1)[:, None] + np.square(normal).sum(axis=1)
    distances = np.sqrt(np.maximum(squares - 2 * codes @ normal.T, 0))
    count = min(NEIGHBORS, distances.shape[1])
    return np.partition(distances, count - 1, axis=1)[:, :count].mean(axis=1, dtype=np.float64)


def mahalanobis(codes: np.ndarray, normal: np.ndarray) -> np.ndarray:
    """The Mahalanobis distance from the mean of the normal codes."""
    deviations = np.maximum(normal.std(axis=0), SMALLEST)
    return np.sqrt(np.square(codes / deviations).sum(axis=1, dtype=np.float64))


CODE_DISTANCES = {
    "neighbors": CodeDistance("mean distance from the three nearest normal codes", nearest_codes),
    "mahalanobis": CodeDistance("Mahalanobis distance from the mean of the normal codes", mahalanobis),
}
