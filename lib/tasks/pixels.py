"""Conversion between integer images and float32 pixels, and of RGB to luma.

Black is 0 and white the largest number of the type, 255 or 65,535; `lib.data.value_range` says what values of
a file these are.
"""

import numpy as np

UNKNOWN = 128  # gray of parts that are not given, in pictures of 8 bits
LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # weights of R, G and B (BT.601, as in Pillow)


def white_of(dtype: np.dtype) -> int:
    """Return the value of white in images of a type: 255 of uint8, 65,535 of uint16."""
    return 65_535 if dtype == np.uint16 else 255


def to_float(images: np.ndarray) -> np.ndarray:
    """uint8 or uint16 images as float32 in 0..1, the range of every saved model's inputs and outputs."""
    return np.divide(images, np.float32(white_of(images.dtype)), dtype=np.float32)  # without a copy between


def to_uint8(pixels: np.ndarray) -> np.ndarray:
    """Floating-point pixels, clipped to 0..1, as uint8 in 0..255."""
    return to_images(pixels, np.dtype(np.uint8))


def to_images(pixels: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Floating-point pixels, clipped to 0..1, as images of a type, uint8 or uint16."""
    return np.round(np.clip(np.asarray(pixels), 0, 1) * white_of(dtype)).astype(dtype)


def rgb_to_luma(rgb: np.ndarray) -> np.ndarray:
    """Y of RGB: float32 of shape (…, 3) in 0..1 to shape (…, 1) in 0..1."""
    return rgb @ LUMA[:, None]
