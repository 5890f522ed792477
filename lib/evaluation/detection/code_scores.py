"""Scores of latent codes: the distance of a picture's code from those of normal pictures."""

from dataclasses import dataclass

import numpy as np

from lib.tasks.code_distances import CODE_DISTANCES

MAX_CODES = 2000  # of training pictures that others are compared with
MAX_AXES = 64  # principal components that larger codes are reduced to
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

    def scores(self, codes: np.ndarray, distance: str) -> np.ndarray:
        """Return the logarithm of the distance of codes, float64 (n,).

        Args:
            codes: (n, …) of the size of the center.
            distance: one of `CODE_DISTANCES`.
        """
        projected = (codes.reshape(len(codes), -1) - self.center) @ self.axes
        return np.log(np.maximum(CODE_DISTANCES[distance].compute(projected, self.codes), SMALLEST))
