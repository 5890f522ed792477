"""A second VAE on codes of training images (Dai and Wipf, "Diagnosing and enhancing VAE models", 2019)."""

import numpy as np

from lib.config.samplers import SAMPLERS
from lib.evaluation import latent_space
from lib.evaluation.samplers.base import CodeSource
from lib.models.second_stage import SecondStage

MAX_DIMENSIONS = 256  # values of a code that the second VAE takes; longer codes are reduced by PCA first


def sample(source: CodeSource, count: int, seed: int) -> np.ndarray:
    """Return codes sampled from a second VAE that is trained on codes, as `lib.evaluation.samplers` says.

    Codes of a VAE are drawn from their posterior distribution, as in the paper. Each value is scaled to mean
    0 and standard deviation 1; a value that is the same in all codes stays as it is.
    """
    codes = source.encode(SAMPLERS["two-stage"].max_images, True)
    rows, pca = latent_space.reduce_dimensions(latent_space.flatten_codes(codes), seed, MAX_DIMENSIONS)
    mean, deviation = rows.mean(axis=0, dtype=np.float64), rows.std(axis=0, dtype=np.float64)
    varies = deviation > 1e-6 * deviation.max(initial=0)
    scaled = (rows - mean) / np.where(varies, deviation, 1)
    second = SecondStage(rows.shape[1], seed)
    second.fit(scaled.astype(np.float32), source.report, source.stop_event)
    samples = second.sample(count, seed) * np.where(varies, deviation, 0) + mean
    if pca is not None:
        samples = latent_space.restore_dimensions(samples, pca)
    return samples.astype(np.float32).reshape(count, *source.shape)
