"""Standard normal codes: the prior of models whose codes are trained towards it."""

import numpy as np

from lib.evaluation import latent_space
from lib.evaluation.samplers.base import CodeSource


def sample(source: CodeSource, count: int, seed: int) -> np.ndarray:
    """Return codes sampled from the standard normal distribution, as `lib.evaluation.samplers` says."""
    return latent_space.sample_prior(count, source.shape, seed)
