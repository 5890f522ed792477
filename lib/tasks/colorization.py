"""Colorization: color from luma, as RGB or as the color differences U and V; and the conversion to YUV.

With R, G, B in 0..1: Y = 0.299 R + 0.587 G + 0.114 B, U = 0.492 (B − Y), V = 0.877 (R − Y), so that Y is in
0..1, U in ±0.436 and V in ±0.615. The coefficients of Y are those of ITU-R BT.601, the factors of U and V
those of BT.470, which report B's OpenCV uses too.
"""

import numpy as np

from lib.common.errors import UserError
from lib.common.formatting import format_shape
from lib.tasks.base import Task, TaskSettings
from lib.tasks.pixels import to_uint8

COLOR_SPACES = ("rgb", "yuv")
LUMA = np.array([0.299, 0.587, 0.114], np.float32)
U_FACTOR, V_FACTOR = 0.492, 0.877

# Rows: Y, U, V; columns: R, G, B.
YUV_FROM_RGB = np.stack(
    [
        LUMA,
        U_FACTOR * (np.array([0, 0, 1], np.float32) - LUMA),
        V_FACTOR * (np.array([1, 0, 0], np.float32) - LUMA),
    ]
).astype(np.float64)
RGB_FROM_YUV = np.linalg.inv(YUV_FROM_RGB)


def rgb_to_luma(rgb: np.ndarray) -> np.ndarray:
    """Y of RGB: float32 of shape (…, 3) in 0..1 to shape (…, 1) in 0..1."""
    return rgb @ LUMA[:, None]


def rgb_to_yuv(rgb: np.ndarray) -> np.ndarray:
    """YUV of RGB, both float32 of shape (…, 3)."""
    return rgb @ YUV_FROM_RGB.T.astype(np.float32)


def yuv_to_rgb(yuv: np.ndarray) -> np.ndarray:
    """RGB of YUV, both float32 of shape (…, 3): the inverse of `rgb_to_yuv`.

    Predicted YUV can give RGB outside of 0..1.
    """
    return yuv @ RGB_FROM_YUV.T.astype(np.float32)


def predicts_uv(settings: TaskSettings) -> bool:
    """True if the targets are the color differences U and V, which are not an image by themselves."""
    return settings.task == Colorization.name and settings.color_space == "yuv"


class Colorization(Task):
    """Color from gray: RGB (report A) or U and V (report B) from Y."""

    name = "colorize"
    bypasses_code = True

    def shapes(self, settings, image):
        height, width, channels = image
        if channels != 3:
            raise UserError(f"task colorize requires color images; these are {format_shape(image)}")
        return (height, width, 1), (height, width, 2 if predicts_uv(settings) else 3)

    def image_shape(self, settings, input_shape, target):
        return (*input_shape[:2], 3)

    def make_pair(self, settings, pixels, rng):
        if settings.color_space == "rgb":
            return rgb_to_luma(pixels), pixels
        yuv = rgb_to_yuv(pixels)
        return yuv[..., :1], yuv[..., 1:]

    def to_pictures(self, settings, inputs, outputs):
        if predicts_uv(settings):
            outputs = tuple(yuv_to_rgb(np.concatenate([inputs, uv], axis=-1)) for uv in outputs)
        return [to_uint8(inputs), *map(to_uint8, outputs)]
