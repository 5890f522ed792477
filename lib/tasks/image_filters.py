"""Baselines of denoising and restoration that filter an image: median, bilateral filter, non-local means.

The last two are those of scikit-image, which is an extra. Their parameters are chosen on validation images.
"""

from __future__ import annotations

import itertools
import math
import warnings
from collections.abc import Callable, Iterable

import numpy as np

from lib.tasks.baselines import Method, TrainingSample, baseline, missing_packages

MAX_PIXELS = 1 << 21  # of the test images that slow filters are scored on: 2,048 of 32×32
TUNING_PIXELS = 1 << 15  # of the validation images that parameters are chosen on: 32 of 32×32
PACKAGES = "scikit-image PyWavelets"  # the former estimates noise with the latter
MIN_SIDE = 3  # of images, pixels
WINDOW_DEVIATIONS = (0.7, 1.2, 2.0)  # of the bilateral filter: standard deviations in pixels
COLOR_DEVIATIONS = (0.03, 0.06, 0.1, 0.2, 0.4)  # for pixels in 0..1
PATCH_SIZES, PATCH_DISTANCE = (3, 5), 6  # of non-local means, pixels
NOISE_FACTORS = (0.4, 0.6, 0.8, 1.0, 1.3)  # strength by the estimated noise of the image
STRENGTHS = (0.02, 0.05, 0.1)  # or the same for all images


@baseline("median filter, 3×3")
def median(sample: TrainingSample) -> Method:
    from scipy.ndimage import median_filter  # late, as in all baselines

    return lambda inputs: median_filter(inputs, (1, 3, 3, 1))


def _scored_images(sample: TrainingSample) -> int:
    """The number of test images that a slow filter is scored on."""
    return max(1, MAX_PIXELS // math.prod(sample.validation_pairs(1)[0].shape[1:3]))


@baseline("bilateral filter", max_images=_scored_images)
def bilateral(sample: TrainingSample) -> Method | None:
    """Tomasi and Manduchi, "Bilateral Filtering for Gray and Color Images" (1998)."""
    try:
        from skimage.restoration import denoise_bilateral
    except ImportError:
        sample.note(missing_packages("the bilateral filter", PACKAGES))
        return None

    def filter_image(image: np.ndarray, window: float, color: float) -> np.ndarray:
        if image.shape[2] == 3:
            return denoise_bilateral(image, sigma_color=color, sigma_spatial=window, channel_axis=-1)
        channels = [image[..., channel] for channel in range(image.shape[2])]
        return np.stack([denoise_bilateral(c, sigma_color=color, sigma_spatial=window) for c in channels], 2)

    return _best_filter(sample, filter_image, itertools.product(WINDOW_DEVIATIONS, COLOR_DEVIATIONS))


@baseline("non-local means", max_images=_scored_images)
def non_local_means(sample: TrainingSample) -> Method | None:
    """Buades, Coll and Morel, "Non-Local Means Denoising" (2011), with the fast algorithm of scikit-image.

    The standard deviation of the noise is estimated for each image (Donoho and Johnstone 1994).
    """
    try:
        import pywt  # noqa: F401
        from skimage.restoration import denoise_nl_means, estimate_sigma
    except ImportError:
        sample.note(missing_packages("non-local means", PACKAGES))
        return None

    def filter_image(image: np.ndarray, patch_size: int, factor: float, strength: float) -> np.ndarray:
        with warnings.catch_warnings(action="ignore"):  # of a flat image, whose noise is NaN
            sigma = np.nan_to_num(estimate_sigma(image, average_sigmas=True, channel_axis=-1))
        strength = max(factor * sigma + strength, 1e-4)
        return denoise_nl_means(
            image, patch_size, PATCH_DISTANCE, strength, sigma=sigma, fast_mode=True, channel_axis=-1
        )

    strengths = [*((factor, 0.0) for factor in NOISE_FACTORS), *((0.0, fixed) for fixed in STRENGTHS)]
    return _best_filter(
        sample, filter_image, ((size, *strength) for size in PATCH_SIZES for strength in strengths)
    )


def _best_filter(
    sample: TrainingSample, filter_image: Callable[..., np.ndarray], candidates: Iterable[tuple]
) -> Method | None:
    """The filter of images with those parameters that have the lowest error on validation images.

    None for images of a row or two, which the filters of scikit-image do not take.
    """

    def filter_all(inputs: np.ndarray, parameters: tuple) -> np.ndarray:
        filtered = [filter_image(np.ascontiguousarray(image), *parameters) for image in inputs]
        return np.stack(filtered).astype(np.float32).reshape(inputs.shape)

    inputs, targets = sample.validation_pairs(TUNING_PIXELS)
    if min(inputs.shape[1:3]) < MIN_SIDE:
        return None
    best = min(candidates, key=lambda parameters: np.square(filter_all(inputs, parameters) - targets).mean())
    return lambda inputs: filter_all(inputs, best)
