"""Error maps: how much each place of a picture differs from what a network returns for it.

An entry of `ERROR_MAPS` is all that a map needs: the value of `--error-map` and the documentation read it.
Maps are of the gray picture (the mean of the channels), or of the mean error of the channels.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from lib.tasks.structural_similarity import C1, C2, CHUNK_VALUES, SIGMA, halve

SCALES = 3  # whole, half and quarter size
CORRELATION_SIGMA = 2.0  # pixels, of the window of the local correlation
SMALLEST_VARIANCE = 1e-4  # in the window, of pictures that are not plain
SMOOTHING = 1.0  # standard deviation in pixels by which the squared errors are smoothed
BLOCK = 32  # pixels that a band matrix makes at a time
MIN_SIDE = 8  # pixels of a picture at the coarsest scale


@dataclass(frozen=True)
class ErrorMap:
    """A kind of error map.

    Attributes:
        help: for help texts and documents.
        compute: function of inputs and outputs, float32 (n, height, width, channels) in 0..1, that returns
            float32 (n, height, width), the greater the less they agree.
    """

    help: str
    compute: Callable[[np.ndarray, np.ndarray], np.ndarray]


def squared_error(inputs: np.ndarray, outputs: np.ndarray) -> np.ndarray:
    """The mean squared error of the channels, smoothed by a Gaussian."""
    return _blur(_mean_of_channels(np.square(inputs - outputs)), SMOOTHING)


def structural_dissimilarity(inputs: np.ndarray, outputs: np.ndarray) -> np.ndarray:
    """1 − SSIM (Wang et al. 2004) of gray pictures, which have the mean of the channels."""
    return _dissimilarity(_mean_of_channels(inputs), _mean_of_channels(outputs))


def multi_scale_dissimilarity(inputs: np.ndarray, outputs: np.ndarray) -> np.ndarray:
    """The mean of 1 − SSIM at whole, half and quarter size; a size below 8 pixels does not count."""
    first, second = _mean_of_channels(inputs), _mean_of_channels(outputs)
    sides, total, scales = first.shape[1:], np.zeros(first.shape, np.float32), 0
    while scales == 0 or (scales < SCALES and min(first.shape[1:]) >= MIN_SIDE):
        total += _enlarge(_dissimilarity(first, second), sides)
        first, second, scales = halve(first), halve(second), scales + 1
    return total / scales


def decorrelation(inputs: np.ndarray, outputs: np.ndarray) -> np.ndarray:
    """1 − the correlation around each pixel, the mean of the channels; 1 where one of both is plain.

    Contrast and brightness do not count, so that pictures are not normal for being easy to return.
    """
    total = np.zeros(inputs.shape[:3], np.float32)
    for channel in range(inputs.shape[-1]):
        first, second = inputs[..., channel], outputs[..., channel]
        mean1, mean2 = (_blur(image, CORRELATION_SIGMA) for image in (first, second))
        variance1 = _blur(first * first, CORRELATION_SIGMA) - mean1 * mean1
        variance2 = _blur(second * second, CORRELATION_SIGMA) - mean2 * mean2
        covariance = _blur(first * second, CORRELATION_SIGMA) - mean1 * mean2
        product = np.maximum(variance1 * variance2, SMALLEST_VARIANCE**2)
        total += 1 - np.clip(covariance / np.sqrt(product), -1, 1)
    return total / inputs.shape[-1]


def error_maps(kinds: Iterable[str], inputs: np.ndarray, outputs: np.ndarray) -> dict[str, np.ndarray]:
    """Return error maps of pictures by kind, float32 (n, height, width).

    Args:
        kinds: names of `ERROR_MAPS`.
        inputs: float32 (n, height, width, channels) in 0..1.
        outputs: like the inputs; values outside of 0..1 are clipped.
    """
    maps = {kind: np.empty(inputs.shape[:3], np.float32) for kind in kinds}
    count = max(1, CHUNK_VALUES // inputs[0].size) if len(inputs) else 1
    for start in range(0, len(inputs), count):
        rows = slice(start, start + count)
        clipped = np.clip(outputs[rows], 0, 1)
        for kind, array in maps.items():
            array[rows] = ERROR_MAPS[kind].compute(inputs[rows], clipped)
    return maps


ERROR_MAPS = {
    "squared": ErrorMap("squared error, smoothed", squared_error),
    "structure": ErrorMap("1 - SSIM", structural_dissimilarity),
    "scales": ErrorMap("1 - SSIM at three scales", multi_scale_dissimilarity),
    "correlation": ErrorMap("1 - local correlation", decorrelation),
}


def _dissimilarity(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """1 − SSIM at each pixel of gray pictures (n, height, width), exactly 0 where they are equal."""
    difference = first - second
    mean1, mean2 = _blur(first), _blur(second)
    mean_difference = mean1 - mean2
    squares = mean1 * mean1 + mean2 * mean2
    mean_difference *= mean_difference
    variances = _blur(first * first + second * second) - squares
    variance_of_difference = _blur(difference * difference) - mean_difference
    luminance = 1 - mean_difference / (squares + C1)
    return 1 - luminance * (1 - variance_of_difference / (variances + C2))


def _mean_of_channels(images: np.ndarray) -> np.ndarray:
    """Mean of the channels of (n, height, width, channels), as a product with a vector: much faster."""
    channels = images.shape[-1]
    return images @ np.full(channels, 1 / channels, np.float32)


def _blur(images: np.ndarray, sigma: float = SIGMA) -> np.ndarray:
    """Gaussian blur of (n, height, width), as products with band matrices: much faster than a filter."""
    count, height, width = images.shape
    rows = np.empty((count, height, width), np.float32)
    blurred = np.empty_like(rows)
    with np.errstate(invalid="ignore"):  # BLAS may set this flag for products of finite numbers
        for inside, around, matrix in _blur_blocks(height, sigma):
            np.matmul(matrix, images[:, around], out=rows[:, inside])
        for inside, around, matrix in _blur_blocks(width, sigma):
            np.matmul(rows[..., around], matrix.T, out=blurred[..., inside])
    return blurred


@lru_cache(16)
def _blur_blocks(side: int, sigma: float) -> list[tuple[slice, slice, np.ndarray]]:
    """Blocks of pixels along a side, the pixels that they depend on, and matrices from these to those.

    What lies outside of a picture is its mirror image.
    """
    from scipy.ndimage import gaussian_filter1d  # late, since the settings import this module

    whole = gaussian_filter1d(np.eye(side, dtype=np.float32), sigma, axis=0)
    radius, blocks = int(4 * sigma + 0.5), []  # that of SciPy
    for start in range(0, side, BLOCK):
        inside = slice(start, min(start + BLOCK, side))
        around = slice(max(0, inside.start - radius), min(side, inside.stop + radius))
        blocks.append((inside, around, np.ascontiguousarray(whole[inside, around])))
    return blocks


def _enlarge(images: np.ndarray, sides: tuple[int, ...]) -> np.ndarray:
    """Linear interpolation of (n, height, width) to other sides."""
    if images.shape[1:] == sides:
        return images
    rows, columns = (
        _interpolation(before, after) for before, after in zip(images.shape[1:], sides, strict=True)
    )
    return rows @ images @ columns.T


@lru_cache(16)
def _interpolation(before: int, after: int) -> np.ndarray:
    """Matrix that interpolates linearly between the centers of pixels, float32 (after, before)."""
    places = np.clip((np.arange(after) + 0.5) * before / after - 0.5, 0, before - 1)[:, None]
    return np.maximum(0, 1 - np.abs(places - np.arange(before))).astype(np.float32)
