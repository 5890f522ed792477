"""JPEG and PNG of images in memory: their bits per pixel, beside those of latent codes.

Headers and tables of files, which many images could share, do not count: of small images they are most of a
file.
"""

from io import BytesIO
from typing import NamedTuple

import numpy as np
from PIL import Image

QUALITIES = (1, 95)  # of JPEG, lowest and highest; libjpeg advises against higher ones
SCAN = b"\xff\xda"  # marker of JPEG before the compressed pixels
PNG_SIGNATURE, PNG_HEAD, PNG_CHECKSUM = 8, 8, 4  # bytes: of a file, and of each of its chunks
ZLIB_FRAME = 6  # bytes of its compressed pixels that are no data
CHANNELS = {"jpeg": (1, 3), "png": (1, 3, 4)}  # of images that a codec takes


class Compressed(NamedTuple):
    """Images after compression.

    Attributes:
        bits_per_pixel: of all images, height · width each.
        error: mean squared error of pixels in 0..1.
    """

    bits_per_pixel: float
    error: float


def compress_as_jpeg(images: np.ndarray, error: float) -> Compressed:
    """Return JPEG at the lowest quality whose error is at most `error`; at the highest where none is.

    Args:
        images: uint8 (n, height, width, 1 or 3).
        error: mean squared error of pixels in 0..1.
    """
    low, high = QUALITIES
    while low < high:
        quality = (low + high) // 2
        if _jpeg(images, quality).error <= error:
            high = quality
        else:
            low = quality + 1
    return _jpeg(images, low)


def _jpeg(images: np.ndarray, quality: int) -> Compressed:
    size, error = 0, 0.0
    for image in images:
        content = _encode(image, "jpeg", quality=quality, optimize=True)
        size += _jpeg_scan_bytes(content)
        decoded = np.asarray(Image.open(BytesIO(content))).reshape(image.shape)
        error += float(np.mean(np.square((decoded.astype(np.float32) - image) / 255)))
    return Compressed(8 * size / _pixels(images), error / len(images))


def compress_as_png(images: np.ndarray) -> Compressed:
    """Return PNG, which has no error.

    Args:
        images: uint8 (n, height, width, 1, 3 or 4).
    """
    size = sum(_png_data_bytes(_encode(image, "png", optimize=True)) for image in images)
    return Compressed(8 * size / _pixels(images), 0.0)


def _encode(image: np.ndarray, format: str, **options) -> bytes:
    buffer = BytesIO()
    Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image).save(buffer, format, **options)
    return buffer.getvalue()


def _jpeg_scan_bytes(content: bytes) -> int:
    """The size of the compressed pixels of a JPEG, without the header of the scan and the mark of the end."""
    header = content.rindex(SCAN) + len(SCAN)
    start = header + int.from_bytes(content[header : header + 2], "big")
    return len(content) - start - len(SCAN)


def _png_data_bytes(content: bytes) -> int:
    """The size of the compressed pixels of a PNG, without header and checksum of the compression."""
    total, position = -ZLIB_FRAME, PNG_SIGNATURE
    while position < len(content):
        size = int.from_bytes(content[position : position + 4], "big")
        if content[position + 4 : position + PNG_HEAD] == b"IDAT":
            total += size
        position += PNG_HEAD + size + PNG_CHECKSUM
    return total


def _pixels(images: np.ndarray) -> int:
    return len(images) * images.shape[1] * images.shape[2]
