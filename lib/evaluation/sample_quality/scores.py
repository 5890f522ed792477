"""All scores of a set of features against real ones."""

from dataclasses import dataclass

import numpy as np

from lib.evaluation.sample_quality.distances import frechet_distance, kernel_distance
from lib.evaluation.sample_quality.manifolds import precision_recall


@dataclass(frozen=True)
class FeatureScores:
    """Closeness of features to real ones.

    Attributes:
        frechet: Fréchet distance.
        kernel, kernel_deviation: mean and standard deviation of the kernel distance.
        precision, recall: in 0..1; None for fewer than four images, and where they were not asked for.
    """

    frechet: float
    kernel: float
    kernel_deviation: float
    precision: float | None
    recall: float | None


def score_features(
    real: np.ndarray, features: np.ndarray, seed: int, with_manifolds: bool = True
) -> FeatureScores:
    """Return the scores of features.

    Args:
        real: shape (n, size), n at least 2.
        features: shape (m, size), m at least 2.
        seed: of the subsets of the kernel distance.
        with_manifolds: also compute precision and recall.
    """
    manifolds = precision_recall(real, features) if with_manifolds else None
    return FeatureScores(
        frechet_distance(real, features),
        *kernel_distance(real, features, seed),
        *((None, None) if manifolds is None else manifolds),
    )
