"""Precision and recall of generated features (Kynkäänniemi et al., "Improved precision and recall metric for
assessing generative models", 2019).

The manifold of a set is the union of balls around its features, each as large as the distance to the k-th
nearest neighbor in the set.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from threadpoolctl import threadpool_limits

NEIGHBORS = 3  # as in the paper
MAX_DISTANCES = 2**23  # that are in memory at once: 64 MB


class PrecisionRecall(NamedTuple):
    """Precision: the fraction of generated features on the real manifold. Recall: the opposite. In 0..1."""

    precision: float
    recall: float


@threadpool_limits.wrap(limits=1)
def precision_recall(real: np.ndarray, generated: np.ndarray) -> PrecisionRecall | None:
    """Return precision and recall of generated features.

    Args:
        real: shape (n, size).
        generated: shape (m, size).

    Returns:
        None where a set has fewer than k + 1 features.
    """
    if min(len(real), len(generated)) <= NEIGHBORS:
        return None
    center = real.mean(axis=0, dtype=np.float64)  # differences of large numbers would lose digits
    real, generated = real - center, generated - center
    precision = _fraction_inside(generated, real)
    return PrecisionRecall(precision, _fraction_inside(real, generated))


def squared_distances(rows: np.ndarray, others: np.ndarray) -> Iterator[tuple[slice, np.ndarray]]:
    """Yield the squared distances of rows to all others, in chunks of bounded memory.

    Args:
        rows: shape (n, size).
        others: shape (m, size).

    Yields:
        A slice of `rows`, and its distances, (rows of the slice, m), at least 0.
    """
    norms = np.einsum("ij,ij->i", others, others)
    step = max(1, MAX_DISTANCES // max(1, len(others)))
    for start in range(0, len(rows), step):
        chunk = rows[start : start + step]
        distances = chunk @ others.T
        distances *= -2
        distances += norms
        distances += np.einsum("ij,ij->i", chunk, chunk)[:, None]
        yield slice(start, start + len(chunk)), np.maximum(distances, 0, out=distances)


def _fraction_inside(rows: np.ndarray, manifold: np.ndarray) -> float:
    """The fraction of rows that are in a ball around one of the rows of a manifold."""
    radii = np.empty(len(manifold))
    for part, distances in squared_distances(manifold, manifold):
        radii[part] = np.partition(distances, NEIGHBORS, axis=1)[:, NEIGHBORS]  # itself is the first
    inside = sum(int((d <= radii).any(axis=1).sum()) for _, d in squared_distances(rows, manifold))
    return inside / len(rows)
