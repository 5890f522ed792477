"""Structural similarity of images: SSIM and multi-scale SSIM of NumPy arrays, and their terms for a loss.

A Gaussian window is applied to rows, then to columns, as products with band matrices. They are several times
as fast as a filter that walks over the pixels, and as the convolution of `keras.ops.image.ssim`.
"""

import functools
from collections.abc import Iterator
from typing import Any

import numpy as np

WINDOW, SIGMA = 11, 1.5  # of the Gaussian, in pixels
SMALLEST_WINDOW = 3
C1, C2 = 0.01**2, 0.03**2  # for pixels in 0..1
SCALE_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)  # from the finest scale to the coarsest
CHUNK_VALUES = 2**17  # of images that are compared at a time, so that intermediate arrays stay in the cache
BLOCK = 32  # rows that a band matrix makes at a time of large images


def ssim_window(height: int, width: int) -> int:
    """Return the side of the Gaussian window for images of a size, in pixels.

    It is 11 (Wang et al. 2004), or the largest odd number that fits into a smaller image; 0 for images of
    less than 3 pixels, which have no SSIM.
    """
    side = min(height, width, WINDOW)
    window = side - 1 + side % 2
    return window if window >= SMALLEST_WINDOW else 0


def ms_ssim_scales(height: int, width: int) -> int:
    """Return how many of the five scales of MS-SSIM images of a size have: the window must fit into each.

    Five from 176 pixels on the shorter side, four from 88, three from 44, two from 22; else 0, no MS-SSIM.
    """
    count = max(0, (min(height, width) // WINDOW).bit_length())
    return 0 if count < 2 else min(count, len(SCALE_WEIGHTS))


def ssim(images: np.ndarray, targets: np.ndarray) -> np.ndarray | None:
    """Return the structural similarity of images to targets (Wang et al. 2004).

    The window is Gaussian, with a standard deviation of 1.5 pixels, and stays within the image. Channels are
    compared one by one.

    Args:
        images: (n, height, width, channels) in 0..1; what is outside is clipped.
        targets: like the images.

    Returns:
        float32 (n,), 1 for equal images; None for images of less than 3 pixels on a side.
    """
    window = ssim_window(*targets.shape[1:3])
    if not window:
        return None
    chunks = _chunks(images, targets)
    return np.concatenate([np.multiply(*compare(*chunk, window)).mean(axis=(1, 2, 3)) for chunk in chunks])


def ms_ssim(images: np.ndarray, targets: np.ndarray) -> np.ndarray | None:
    """Return the multi-scale structural similarity of images to targets (Wang, Simoncelli and Bovik 2003).

    Images are halved between the scales by averages of 2×2 pixels. With fewer than five scales (see
    `ms_ssim_scales`) the weights of those that are left are divided by their sum.

    Args:
        images: (n, height, width, channels) in 0..1; what is outside is clipped.
        targets: like the images.

    Returns:
        float32 (n,), 1 for equal images; None for images of less than 22 pixels on a side.
    """
    scales = ms_ssim_scales(*targets.shape[1:3])
    if not scales:
        return None
    return np.concatenate([_multi_scale(*chunk, scales) for chunk in _chunks(images, targets)])


def _multi_scale(images: np.ndarray, targets: np.ndarray, scales: int) -> np.ndarray:
    weights = np.array(SCALE_WEIGHTS[:scales]) / sum(SCALE_WEIGHTS[:scales])
    result = np.ones(1, np.float32)
    for scale, weight in enumerate(weights):
        luminance, structure = compare(images, targets, WINDOW)
        is_last = scale == scales - 1
        similarity = (luminance * structure if is_last else structure).mean(axis=(2, 3))
        result = result * np.maximum(similarity, 0) ** weight  # (n, channels)
        if not is_last:
            images, targets = halve(images), halve(targets)
    return result.mean(axis=1).astype(np.float32)


def _chunks(images: np.ndarray, targets: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield some images and their targets at a time, clipped to 0..1, as (n, channels, height, width)."""
    count = max(1, CHUNK_VALUES // targets[0].size)
    for start in range(0, len(targets), count):
        rows = slice(start, start + count)
        yield _planes(images[rows]), _planes(targets[rows])


def _planes(images: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(np.clip(images, 0, 1).transpose(0, 3, 1, 2))


def compare(images: Any, targets: Any, window: int, library: Any = np) -> tuple[Any, Any]:
    """Return the similarity of luminance, and that of contrast and structure, at each place of the window.

    Both are written as 1 minus a term that is exactly 0 for equal images: with the variance of the difference
    in place of the covariance. Their product is the SSIM.

    Args:
        images: float32 (n, channels, height, width) in 0..1.
        targets: like the images.
        window: side of the Gaussian window in pixels, odd; it stays within the images.
        library: of the arrays, NumPy or `keras.ops`.

    Returns:
        Two arrays (n, channels, height - window + 1, width - window + 1).
    """
    difference = images - targets
    mean, target_mean = _smooth(images, window, library), _smooth(targets, window, library)
    mean_difference = mean - target_mean
    squared_means = mean * mean + target_mean * target_mean
    squared_difference = mean_difference * mean_difference
    variances = _smooth(images * images + targets * targets, window, library) - squared_means
    variance_of_difference = _smooth(difference * difference, window, library) - squared_difference
    return 1 - squared_difference / (squared_means + C1), 1 - variance_of_difference / (variances + C2)


def _smooth(planes: Any, window: int, library: Any) -> Any:
    """Planes (n, channels, height, width) filtered by the window, where it stays within them."""
    with np.errstate(invalid="ignore"):  # BLAS may set this flag for products of finite numbers
        filtered = library.swapaxes(_filter_columns(planes, window, library), 2, 3)
        return library.swapaxes(_filter_columns(filtered, window, library), 2, 3)


def _filter_columns(planes: Any, window: int, library: Any) -> Any:
    size = planes.shape[-1] - window + 1
    if size <= 2 * BLOCK:
        return library.matmul(planes, _band_matrix(size, window))
    parts = []
    for start in range(0, size, BLOCK):
        count = min(BLOCK, size - start)
        part = planes[..., start : start + count + window - 1]
        parts.append(library.matmul(part, _band_matrix(count, window)))
    return library.concatenate(parts, axis=-1)


@functools.lru_cache(maxsize=256)
def _band_matrix(size: int, window: int) -> np.ndarray:
    """The matrix that filters an axis, float32 (size + window - 1, size)."""
    offsets = np.arange(window) - window // 2
    kernel = np.exp(-(offsets**2) / (2 * SIGMA**2))
    matrix = np.zeros((size + window - 1, size), np.float32)
    for index in range(size):
        matrix[index : index + window, index] = kernel / kernel.sum()
    return matrix


def halve(planes: np.ndarray) -> np.ndarray:
    """Return planes (…, height, width) at half the size, without a last odd row or column."""
    height, width = (side // 2 * 2 for side in planes.shape[-2:])
    rows = planes[..., 0:height:2, :width] + planes[..., 1:height:2, :width]
    return (rows[..., ::2] + rows[..., 1::2]) / 4
