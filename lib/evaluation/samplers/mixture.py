"""A Gaussian mixture of the codes of training images (Ghosh et al., "From variational to deterministic
autoencoders", 2020).
"""

import numpy as np

from lib.config.samplers import SAMPLERS
from lib.evaluation import latent_space
from lib.evaluation.samplers.base import CodeSource


def sample(source: CodeSource, count: int, seed: int) -> np.ndarray:
    """Return codes sampled from a mixture that is fitted on codes, as `lib.evaluation.samplers` says."""
    codes = source.encode(SAMPLERS["mixture"].max_images, False)
    return latent_space.sample_mixture(codes, count, seed)
