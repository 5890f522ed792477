"""Colorization: color from luma, as RGB or as the color differences U and V; and the conversion to YUV.

With R, G, B in 0..1: Y = 0.299 R + 0.587 G + 0.114 B, U = 0.492 (B − Y), V = 0.877 (R − Y), so that Y is in
0..1, U in ±0.436 and V in ±0.615. The coefficients of Y are those of ITU-R BT.601, the factors of U and V
those of BT.470, which report B's OpenCV uses too.
"""

from typing import Any, ClassVar

import numpy as np

from lib.common.errors import UserError
from lib.common.formatting import format_shape
from lib.common.settings import task_option
from lib.common.value_types import OneOf
from lib.tasks.base import Task
from lib.tasks.baselines import Method, TrainingSample, baseline, constant
from lib.tasks.fixed_maps import FixedMap, FixedMaps, InputPart
from lib.tasks.metrics import METRICS, Metric
from lib.tasks.pixels import LUMA, rgb_to_luma
from lib.tasks.predictions import Predictions

COLOR_SPACES = ("rgb", "yuv")
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


def rgb_to_yuv(rgb: np.ndarray) -> np.ndarray:
    """YUV of RGB, both float32 of shape (…, 3)."""
    return rgb @ YUV_FROM_RGB.T.astype(np.float32)


def yuv_to_rgb(yuv: np.ndarray) -> np.ndarray:
    """RGB of YUV, both float32 of shape (…, 3): the inverse of `rgb_to_yuv`.

    Predicted YUV can give RGB outside of 0..1.
    """
    return yuv @ RGB_FROM_YUV.T.astype(np.float32)


def predicts_uv(settings: Any) -> bool:
    """True if the targets are the color differences U and V, which are not an image by themselves."""
    return settings.task == Colorization.name and settings.color_space == "yuv"


@baseline("gray input", name="input")
def gray_input(sample: TrainingSample) -> Method:
    if predicts_uv(sample.settings):
        return lambda inputs: np.zeros(1, np.float32)  # the UV of gray
    return lambda inputs: inputs


@baseline("gray input with the mean color")
def mean_color(sample: TrainingSample) -> Method | None:
    if predicts_uv(sample.settings):
        return None
    mean_uv = rgb_to_yuv(sample.targets).mean(axis=0)[..., 1:]

    def add_mean_uv(inputs: np.ndarray) -> np.ndarray:
        uv = np.broadcast_to(mean_uv, (len(inputs), *mean_uv.shape))
        return yuv_to_rgb(np.concatenate([inputs, uv], axis=-1))

    return add_mean_uv


class Colorization(Task):
    """Color from gray: RGB (report A) or U and V (report B) from Y."""

    name = "colorize"
    help = "RGB, or the chroma channels UV, from the gray image"
    order = 30
    baselines = (gray_input, mean_color, constant)
    bypasses_code = True
    predicts_scaled = True
    options: ClassVar = {
        "color_space": task_option(
            "rgb",
            OneOf(COLOR_SPACES),
            "--colour-space",
            former_name="colour_space",
            help="output predicted from the gray image: RGB, or the chroma channels UV (yuv)",
        )
    }

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

    def to_pixels(self, settings, inputs, *outputs):
        if predicts_uv(settings):
            outputs = tuple(yuv_to_rgb(np.concatenate([inputs, uv], axis=-1)) for uv in outputs)
        return [inputs, *outputs]

    def join_scaled(self, settings, pixels, predicted):
        """The predicted color differences on the picture's own luma."""
        return yuv_to_rgb(np.concatenate([rgb_to_luma(pixels), rgb_to_yuv(predicted)[..., 1:]], axis=-1))

    def output_pixels(self, settings, outputs):
        if not predicts_uv(settings):
            return outputs
        gray = np.full((*outputs.shape[:-1], 1), 0.5, np.float32)
        return self.to_pixels(settings, gray, outputs)[1]

    def input_part(self, settings, image):
        return InputPart(channels=LUMA[:, None])

    def fixed_maps(self, settings, input_shape, target):
        return FixedMaps(join=FixedMap(2, RGB_FROM_YUV.T) if settings.residual else None)

    def allows_residual(self, settings):
        return not predicts_uv(settings)

    @property
    def residual_requirement(self):
        return f"{self.name} in RGB"

    def output_name(self, settings):
        return "UV" if predicts_uv(settings) else ""

    def scored_pixels(self, settings, inputs, outputs):
        if not predicts_uv(settings):
            return outputs
        return np.clip(yuv_to_rgb(np.concatenate([inputs, outputs], axis=-1)), 0, 1)

    def target_words(self, settings):
        return "U and V" if predicts_uv(settings) else ""


def _rgb_of(batch: Predictions, outputs: np.ndarray) -> np.ndarray:
    """Outputs or targets of a batch as RGB: U and V are joined with the Y of the input."""
    if not predicts_uv(batch.settings):
        return outputs
    return yuv_to_rgb(np.concatenate([batch.inputs, outputs], axis=-1))


def _rgb_errors(batch: Predictions) -> np.ndarray | None:
    if not predicts_uv(batch.settings):
        return None
    rgb, true_rgb = _rgb_of(batch, batch.outputs), _rgb_of(batch, batch.targets)
    return np.square(np.clip(rgb, 0, 1) - true_rgb)


def _uv_errors(batch: Predictions) -> np.ndarray | None:
    if batch.settings.task != Colorization.name or predicts_uv(batch.settings):
        return None
    return np.square(rgb_to_yuv(batch.outputs - batch.targets)[..., 1:])


def _has_true_largest_channel(batch: Predictions) -> np.ndarray | None:
    if batch.targets.shape[-1] != 3 and not predicts_uv(batch.settings):
        return None
    rgb, true_rgb = _rgb_of(batch, batch.outputs), _rgb_of(batch, batch.targets)
    return rgb.argmax(axis=-1) == true_rgb.argmax(axis=-1)


METRICS += [
    Metric(
        key="rgb_mse",
        label="MSE of the whole image in RGB, with the given Y",
        meaning="of colors predicted as U and V, with the given Y",
        values=_rgb_errors,
    ),
    Metric(
        key="uv_mse",
        label="MSE of the chroma channels U and V",
        meaning="of colors predicted as RGB",
        values=_uv_errors,
    ),
    Metric(
        key="largest_channel_accuracy",
        label="pixels with the correct largest channel (accuracy in Keras)",
        meaning="fraction of the pixels of color images whose largest channel is the target's (report B)",
        values=_has_true_largest_channel,
        decimals=4,
        higher_is_better=True,
    ),
]
