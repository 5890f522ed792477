"""Conversion between uint8 images and float32 pixels."""

import numpy as np


def to_float(images: np.ndarray) -> np.ndarray:
    """uint8 in 0..255 as float32 in 0..1, the range of every saved model's inputs and outputs."""
    return np.divide(images, np.float32(255), dtype=np.float32)  # without a copy in between


def to_uint8(pixels: np.ndarray) -> np.ndarray:
    """Floating-point pixels, clipped to 0..1, as uint8 in 0..255."""
    return np.round(np.clip(np.asarray(pixels), 0, 1) * 255).astype(np.uint8)
