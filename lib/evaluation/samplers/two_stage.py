"""A second VAE on codes of training images (Dai and Wipf, "Diagnosing and enhancing VAE models", 2019)."""

import numpy as np
from sklearn.decomposition import PCA

from lib.config.samplers import SAMPLERS
from lib.evaluation import latent_space
from lib.evaluation.samplers.base import CodeSource
from lib.models.second_stage import SecondStage

MAX_DIMENSIONS = 256  # values that the second VAE models; of longer codes the first principal components


def sample(source: CodeSource, count: int, seed: int) -> np.ndarray:
    """Return codes sampled from a second VAE that is trained on codes, as `lib.evaluation.samplers` says.

    Codes of a VAE are drawn from their posterior distribution, as in the paper. They are whitened, so that
    the second VAE begins with what one Gaussian would do; a value that is the same in all codes stays so.
    """
    codes = source.encode(SAMPLERS["two-stage"].max_images, True)
    rows = latent_space.flatten_codes(codes).astype(np.float64)
    if not np.ptp(rows, axis=0).any():
        return np.repeat(codes[:1], count, axis=0)
    pca = PCA(min(MAX_DIMENSIONS, *rows.shape), whiten=True, random_state=seed).fit(rows)
    size = max(1, np.count_nonzero(pca.explained_variance_ > 1e-12 * pca.explained_variance_.max()))
    second = SecondStage(size, seed)
    second.fit(pca.transform(rows)[:, :size].astype(np.float32), source.report, source.stop_event)
    samples = np.zeros((count, pca.n_components_))
    samples[:, :size] = second.sample(count, seed)
    return pca.inverse_transform(samples).astype(np.float32).reshape(count, *source.shape)
