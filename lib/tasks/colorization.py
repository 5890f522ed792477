"""Colorization: color from luma, as RGB or as the color differences U and V; and the conversion to YUV.

With R, G, B in 0..1: Y = 0.299 R + 0.587 G + 0.114 B, U = 0.492 (B − Y), V = 0.877 (R − Y), so that Y is in
0..1, U in ±0.436 and V in ±0.615. The coefficients of Y are those of ITU-R BT.601, the factors of U and V
those of BT.470, which report B's OpenCV uses too.
"""

from typing import ClassVar

import numpy as np

from lib.common.errors import UserError
from lib.common.formatting import format_shape
from lib.common.settings import task_option
from lib.common.value_types import OneOf
from lib.tasks.base import Task
from lib.tasks.baselines import Baseline, Method, TrainingSample, baseline, constant
from lib.tasks.fixed_maps import FixedMap, FixedMaps, InputPart
from lib.tasks.metrics import METRICS, Metric, Values, is_of_outputs
from lib.tasks.pixels import LUMA, rgb_to_luma
from lib.tasks.predictions import Predictions
from lib.tasks.registry import get_task

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


@baseline("gray input", name="input")
def gray_input(sample: TrainingSample) -> Method:
    return lambda inputs: inputs


@baseline("gray input", name="input")
def no_chroma(sample: TrainingSample) -> Method:
    return lambda inputs: np.zeros(1, np.float32)  # U and V of gray


@baseline("gray input with the mean color")
def mean_color(sample: TrainingSample) -> Method:
    mean_uv = rgb_to_yuv(sample.targets).mean(axis=0)[..., 1:]

    def add_mean_uv(inputs: np.ndarray) -> np.ndarray:
        return join_chroma(inputs, np.broadcast_to(mean_uv, (len(inputs), *mean_uv.shape)))

    return add_mean_uv


def join_chroma(luma: np.ndarray, uv: np.ndarray) -> np.ndarray:
    """RGB of luma (…, 1) and U and V (…, 2)."""
    return yuv_to_rgb(np.concatenate([luma, uv], axis=-1))


class Colorization(Task):
    """Color from gray: RGB (report A), or with the option `color_space` U and V (`ChromaColorization`)."""

    name = "colorize"
    help = "RGB, or the chroma channels UV, from the gray image"
    order = 30
    baselines: ClassVar[tuple[Baseline, ...]] = (gray_input, mean_color, constant)
    bypasses_code = True
    predicts_scaled = True
    target_channels: ClassVar[int] = 3
    options: ClassVar = {
        "color_space": task_option(
            "rgb",
            OneOf(COLOR_SPACES),
            "--colour-space",
            former_name="colour_space",
            help="output predicted from the gray image: RGB, or the chroma channels UV (yuv)",
        )
    }

    def for_options(self, settings):
        return CHROMA_COLORIZATION if settings.color_space == "yuv" else self

    def shapes(self, settings, image):
        height, width, channels = image
        if channels != 3:
            raise UserError(f"task colorize requires color images; these are {format_shape(image)}")
        return (height, width, 1), (height, width, self.target_channels)

    def image_shape(self, settings, input_shape, target):
        return (*input_shape[:2], 3)

    def make_pair(self, settings, pixels, rng):
        return rgb_to_luma(pixels), pixels

    def join_scaled(self, settings, pixels, predicted):
        """The predicted color differences on the picture's own luma."""
        return join_chroma(rgb_to_luma(pixels), rgb_to_yuv(predicted)[..., 1:])

    def input_part(self, settings, image):
        return InputPart(channels=LUMA[:, None])

    def fixed_maps(self, settings, input_shape, target):
        return FixedMaps(join=FixedMap(2, RGB_FROM_YUV.T) if settings.residual else None)

    @property
    def residual_requirement(self):
        return f"{self.name} in RGB"


class ChromaColorization(Colorization):
    """The color differences U and V from Y (report B), which are not an image by themselves."""

    baselines = (no_chroma, constant)
    target_channels = 2

    def make_pair(self, settings, pixels, rng):
        yuv = rgb_to_yuv(pixels)
        return yuv[..., :1], yuv[..., 1:]

    def to_pixels(self, settings, inputs, *outputs):
        return [inputs, *(join_chroma(inputs, uv) for uv in outputs)]

    def output_pixels(self, settings, outputs):
        return join_chroma(np.full((*outputs.shape[:-1], 1), 0.5, np.float32), outputs)

    def fixed_maps(self, settings, input_shape, target):
        return FixedMaps()

    def allows_residual(self, settings):
        return False

    def output_name(self, settings):
        return "UV"

    def scored_pixels(self, settings, inputs, outputs):
        return np.clip(join_chroma(inputs, outputs), 0, 1)

    def target_words(self, settings):
        return "U and V"


CHROMA_COLORIZATION = ChromaColorization()


def _is_chroma(batch: Predictions) -> bool:
    return get_task(batch.settings) is CHROMA_COLORIZATION


def _rgb_errors(batch: Predictions) -> np.ndarray | None:
    if not _is_chroma(batch):
        return None
    rgb, true_rgb = (join_chroma(batch.inputs, uv) for uv in (batch.outputs, batch.targets))
    return np.square(np.clip(rgb, 0, 1) - true_rgb)


def _uv_errors(batch: Predictions) -> np.ndarray | None:
    if batch.settings.task != Colorization.name or _is_chroma(batch):
        return None
    return np.square(rgb_to_yuv(batch.outputs - batch.targets)[..., 1:])


def _has_true_largest_channel(batch: Predictions) -> np.ndarray | None:
    rgb, true_rgb = batch.outputs, batch.targets
    if _is_chroma(batch):
        rgb, true_rgb = (join_chroma(batch.inputs, uv) for uv in (rgb, true_rgb))
    return rgb.argmax(axis=-1) == true_rgb.argmax(axis=-1) if true_rgb.shape[-1] == 3 else None


def _describe_largest_channel(values: Values) -> str:
    if not is_of_outputs(values):
        return ""
    share = values["largest_channel_accuracy"]
    return f"pixels with the correct largest channel (accuracy in Keras): {share:.4f}"


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
        describe=_describe_largest_channel,
        label="pixels with the correct largest channel (accuracy in Keras)",
        meaning="fraction of the pixels of color images whose largest channel is the target's (report B)",
        values=_has_true_largest_channel,
        decimals=4,
        higher_is_better=True,
    ),
]
