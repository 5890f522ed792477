"""Fréchet and kernel distance between two sets of features.

Both are 0 for equal distributions and have no upper bound; their scale is that of the features.
"""

import numpy as np
from scipy import linalg
from threadpoolctl import threadpool_limits

KERNEL_SUBSETS, KERNEL_SUBSET_SIZE = 100, 1000  # as in the paper of the kernel distance
DEGREE = 3  # of its polynomial kernel


@threadpool_limits.wrap(limits=1)
def frechet_distance(first: np.ndarray, second: np.ndarray) -> float:
    """Return the squared Fréchet distance of two Gaussians with the features' means and covariances.

    Of InceptionV3's features it is the FID (Heusel et al., "GANs trained by a two time-scale update rule
    converge to a local Nash equilibrium", 2017): |μ₁ − μ₂|² + Tr(Σ₁ + Σ₂ − 2 (Σ₁ Σ₂)^½). The fewer features
    there are, the larger it is: only values of equal numbers of images compare.

    Args:
        first: shape (n, size), n at least 2.
        second: shape (m, size), m at least 2.

    Returns:
        The distance, at least 0.
    """
    means = [features.mean(axis=0, dtype=np.float64) for features in (first, second)]
    roots = [_covariance_root(features, mean) for features, mean in zip((first, second), means, strict=True)]
    # The trace of the root of Σ₁ Σ₂ is the sum of the singular values of Σ₁^½ Σ₂^½. Unlike a root of the
    # product, they are real and exact for covariances without full rank.
    overlap = linalg.svdvals(roots[0].T @ roots[1]).sum()
    traces = sum(np.square(root).sum() for root in roots)
    return max(0.0, float(np.square(means[0] - means[1]).sum() + traces - 2 * overlap))


def _covariance_root(features: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """A matrix R with R Rᵀ = Σ, (size, size)."""
    covariance = np.zeros((features.shape[1],) * 2)
    for start in range(0, len(features), KERNEL_SUBSET_SIZE):
        centered = features[start : start + KERNEL_SUBSET_SIZE] - mean
        covariance += centered.T @ centered
    variances, directions = linalg.eigh(covariance / (len(features) - 1))
    return directions * np.sqrt(np.maximum(variances, 0))


@threadpool_limits.wrap(limits=1)
def kernel_distance(first: np.ndarray, second: np.ndarray, seed: int) -> tuple[float, float]:
    """Return mean and standard deviation of the kernel distance over random subsets.

    Of InceptionV3's features it is the KID (Bińkowski et al., "Demystifying MMD GANs", 2018). Its mean does
    not depend on the number of images.

    Args:
        first: shape (n, size), n at least 2.
        second: shape (m, size), m at least 2.
        seed: draws 100 pairs of subsets of 1,000 features, or of half of the smaller set.

    Returns:
        Both may be below 0, since the estimator is unbiased.
    """
    rng = np.random.default_rng(seed)
    size = max(2, min(KERNEL_SUBSET_SIZE, min(len(first), len(second)) // 2))
    distances = [
        kernel_discrepancy(
            first[rng.choice(len(first), size, replace=False)],
            second[rng.choice(len(second), size, replace=False)],
        )
        for _ in range(KERNEL_SUBSETS)
    ]
    return float(np.mean(distances)), float(np.std(distances))


def kernel_discrepancy(first: np.ndarray, second: np.ndarray) -> float:
    """Return the unbiased estimate of the squared maximum mean discrepancy with k(x, y) = (x·y / size + 1)³.

    Args:
        first: shape (n, size), n at least 2.
        second: shape (m, size), m at least 2.
    """
    x, y = first.astype(np.float64), second.astype(np.float64)
    within = [_kernel(rows, rows) for rows in (x, y)]
    means = [(kernel.sum() - np.trace(kernel)) / (len(kernel) * (len(kernel) - 1)) for kernel in within]
    return float(sum(means) - 2 * _kernel(x, y).mean())


def _kernel(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return (x @ y.T / x.shape[1] + 1) ** DEGREE
