"""A Gaussian mixture of training images in PCA space: the trivial generator, a baseline of every other."""

from collections.abc import Callable, Iterator

import numpy as np

from lib.data.splits import Subset, sample_subset
from lib.evaluation import latent_space
from lib.models.pca import principal_components
from lib.tasks.pixels import to_float, to_images

COMPONENTS = latent_space.MAX_DIMENSIONS
BATCH_SIZE = 512


def sample_pixel_mixture(train: Subset, count: int, seed: int) -> Callable[[], Iterator[np.ndarray]]:
    """Fit a Gaussian mixture on the first 50 principal components of training images, and sample it.

    Args:
        train: training images, of which 10,000 at most are used for the mixture.
        count: of samples.
        seed: of PCA, mixture and samples.

    Returns:
        A function that yields the samples in batches, of the type of the training images, (n, height, width,
        channels).
    """
    mean, components = principal_components(train, COMPONENTS, seed)
    sample = sample_subset(train, latent_space.MAX_MIXTURE_CODES, seed)
    projected = [
        (to_float(sample.take(slice(start, start + BATCH_SIZE))) - mean).reshape(-1, mean.size) @ components
        for start in range(0, len(sample), BATCH_SIZE)
    ]
    codes = latent_space.sample_mixture(np.concatenate(projected), count, seed)

    def batches() -> Iterator[np.ndarray]:
        for start in range(0, count, BATCH_SIZE):
            part = codes[start : start + BATCH_SIZE]
            pixels = (part @ components.T).reshape(-1, *mean.shape) + mean
            yield to_images(pixels, train.parent.images.dtype)

    return batches
