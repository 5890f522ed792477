"""Colour as brightness and colour differences: the YUV of ITU-R BT.601, as analogue PAL scales it.

With R, G, B in 0..1:  Y = 0.299 R + 0.587 G + 0.114 B,  U = 0.492 (B − Y),  V = 0.877 (R − Y);
so Y is in 0..1, U in ±0.436, V in ±0.615. (BT.601's own coefficients of Y; the factors of U and V are those of BT.470,
which report B's OpenCV uses too.)
"""

import numpy as np

LUMA = np.array([0.299, 0.587, 0.114], np.float32)
U_FACTOR, V_FACTOR = 0.492, 0.877

# Rows: Y, U, V; columns: R, G, B.
FROM_RGB = np.stack(
    [LUMA, U_FACTOR * (np.array([0, 0, 1], np.float32) - LUMA), V_FACTOR * (np.array([1, 0, 0], np.float32) - LUMA)]
).astype(np.float64)
TO_RGB = np.linalg.inv(FROM_RGB)


def grey(rgb: np.ndarray) -> np.ndarray:
    """Y of RGB: float32 of shape (…, 3) in 0..1 to shape (…, 1) in 0..1."""
    return rgb @ LUMA[:, None]


def to_yuv(rgb: np.ndarray) -> np.ndarray:
    """RGB to YUV, float32 of shape (…, 3)."""
    return rgb @ FROM_RGB.T.astype(np.float32)


def to_rgb(yuv: np.ndarray) -> np.ndarray:
    """The inverse of `to_yuv`; within 0..1 only where the YUV came from there."""
    return yuv @ TO_RGB.T.astype(np.float32)
