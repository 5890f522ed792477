"""Completion: one half of the image is given, the other one is predicted."""

import numpy as np

from lib.common.errors import UserError
from lib.common.formatting import format_shape
from lib.tasks.base import ImageShape, Task, TaskSettings
from lib.tasks.pixels import to_uint8

SIDES = ("right", "left", "top", "bottom")
GRAY = 128  # the missing half in a picture of the inputs


def sees_mirror_image(settings: TaskSettings) -> bool:
    """True if the given half is mirrored onto the missing one before the encoder.

    Symmetric content then has the same place in the feature maps that skip connections join, and in the image
    that a residual output is added to.
    """
    return settings.task == Completion.name and (settings.skip or settings.residual)


def cut_axis(settings: TaskSettings) -> int:
    """The axis along which an image is cut in two: 0 for rows, 1 for columns."""
    return 0 if settings.missing in ("top", "bottom") else 1


def given_half(settings: TaskSettings, image: ImageShape) -> tuple[int, int]:
    """The axis along which an image is cut in two, and how many of its rows or columns are given.

    Raises:
        UserError: the image is a single row or column.
    """
    axis = cut_axis(settings)
    if image[axis] < 2:
        raise UserError(f"task complete: images of {format_shape(image)} are too small to split into halves")
    return axis, image[axis] // 2


def half_slices(settings: TaskSettings, image: ImageShape) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """Slices that select the two halves of an image.

    Args:
        settings: `missing` names the missing half.
        image: (height, width, channels).

    Returns:
        (rows, columns) of the given half, then of the missing one.
    """
    axis, count = given_half(settings, image)
    rest = image[axis] - count
    if settings.missing in ("right", "bottom"):
        given, missing = slice(0, count), slice(count, None)
    else:
        given, missing = slice(rest, None), slice(0, rest)
    full = slice(None)
    return ((given, full), (missing, full)) if axis == 0 else ((full, given), (full, missing))


class Completion(Task):
    """Prediction of the missing half of an image (report D: the right one)."""

    name = "complete"

    def shapes(self, settings, image):
        axis, count = given_half(settings, image)
        rest = image[axis] - count
        height, width, channels = image
        if axis == 0:
            return (count, width, channels), (rest, width, channels)
        return (height, count, channels), (height, rest, channels)

    def image_shape(self, settings, input_shape, target):
        if cut_axis(settings) == 0:
            return (input_shape[0] + target[0], *input_shape[1:])
        return (input_shape[0], input_shape[1] + target[1], *input_shape[2:])

    def make_pair(self, settings, pixels, rng):
        given, missing = half_slices(settings, pixels.shape[1:])
        return pixels[:, *given], pixels[:, *missing]

    def to_pictures(self, settings, inputs, outputs):
        blank = np.full_like(outputs[0], GRAY / 255)
        return [to_uint8(self._join(settings, inputs, half)) for half in (blank, *outputs)]

    def _join(self, settings: TaskSettings, given: np.ndarray, missing: np.ndarray) -> np.ndarray:
        halves = [given, missing] if settings.missing in ("right", "bottom") else [missing, given]
        return np.concatenate(halves, axis=1 + cut_axis(settings))
