"""Scores of latent codes: the distance of a picture's code from the nearest codes of normal pictures."""

from dataclasses import dataclass

import numpy as np

MAX_CODES = 2000  # of training pictures that others are compared with
MAX_AXES = 64  # principal components that larger codes are reduced to
NEIGHBORS = 3
SMALLEST = 1e-12  # distance


@dataclass(frozen=True)
class CodeReference:
    """Codes of normal pictures.

    Attributes:
        center: mean of the codes, float32 (size,).
        axes: principal components as columns, float32 (size, count).
        codes: the codes in these components, float32 (pictures, count).
    """

    center: np.ndarray
    axes: np.ndarray
    codes: np.ndarray

    @classmethod
    def of(cls, codes: np.ndarray) -> "CodeReference":
        """Return the reference of codes of normal pictures, (n, …); of at least one."""
        flat = codes[:MAX_CODES].reshape(min(len(codes), MAX_CODES), -1).astype(np.float32)
        center = flat.mean(axis=0)
        _, _, components = np.linalg.svd(flat - center, full_matrices=False)
        axes = components[:MAX_AXES].T.astype(np.float32)
        return cls(center, axes, (flat - center) @ axes)

    def scores(self, codes: np.ndarray) -> np.ndarray:
        """Return the logarithm of the mean distance from the three nearest codes, float64 (n,).

        Args:
            codes: (n, …) of the size of the center.
        """
        projected = (codes.reshape(len(codes), -1) - self.center) @ self.axes
        squares = np.square(projected).sum(axis=1)[:, None] + np.square(self.codes).sum(axis=1)
        distances = np.sqrt(np.maximum(squares - 2 * projected @ self.codes.T, 0))
        count = min(NEIGHBORS, distances.shape[1])
        nearest = np.partition(distances, count - 1, axis=1)[:, :count]
        return np.log(np.maximum(nearest.mean(axis=1, dtype=np.float64), SMALLEST))
