"""Completion: one half of the image is given, the other one is predicted."""

from typing import Any, ClassVar

import numpy as np

from lib.common.errors import UserError
from lib.common.formatting import format_shape
from lib.common.settings import task_option
from lib.common.value_types import OneOf
from lib.tasks.base import FixedMap, FixedMaps, InputPart, Task
from lib.tasks.baselines import Method, TrainingSample, baseline, constant, regression_method
from lib.tasks.settings import ImageShape, TaskSettings

SIDES = ("right", "left", "top", "bottom")
GRAY = 128  # the missing half in a picture of the inputs
NEIGHBORS = 15  # for the k-nearest-neighbor regression of a missing half


def cut_axis(settings: Any) -> int:
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


def half_slices(settings: Any, image: ImageShape) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
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


def mirror_matrix(settings: Any, given_size: int, missing_size: int) -> np.ndarray:
    """Map from rows or columns of the given half to those of its mirror image in place of the missing one.

    Where that has one row or column more, the outermost is repeated. float32 (given_size, missing_size).
    """
    # From the cut to each missing row or column: the first of a half on the right is next to the cut, the
    # last of one on the left.
    distances = np.arange(missing_size)
    if settings.missing in ("left", "top"):
        distances = distances[::-1]
    matrix = np.eye(given_size, dtype=np.float32)[:, np.maximum(given_size - 1 - distances, 0)]
    return matrix[::-1] if settings.missing in ("left", "top") else matrix


@baseline("mirror image of the given half")
def mirror(sample: TrainingSample) -> Method | None:
    axis = 1 + cut_axis(sample.settings)
    if sample.inputs.shape != sample.targets.shape:
        return None
    return lambda inputs: np.flip(inputs, axis)


@baseline("ridge regression from the given half")
def ridge(sample: TrainingSample) -> Method:
    from sklearn.linear_model import Ridge

    return regression_method(Ridge(alpha=1.0), sample)


@baseline("mean of 15 nearest neighbors")
def neighbors(sample: TrainingSample) -> Method:
    from sklearn.neighbors import KNeighborsRegressor

    count = min(NEIGHBORS, len(sample.inputs))
    return regression_method(KNeighborsRegressor(count, algorithm="brute"), sample)


class Completion(Task):
    """Prediction of the missing half of an image (report D: the right one)."""

    name = "complete"
    help = "the missing half from the other half"
    order = 40
    baselines = (constant, mirror, ridge, neighbors)
    options: ClassVar = {
        "missing": task_option(
            "right", OneOf(SIDES), help="the missing half, which is predicted from the other half"
        )
    }
    targets_resemble_inputs = False
    copies = 1
    error_label = "error of the missing half"
    decoded_part = "missing half"
    shows_classes = True

    def shapes(self, settings, image):
        axis, count = given_half(settings, image)
        sizes = count, image[axis] - count
        return tuple((*image[:axis], size, *image[axis + 1 :]) for size in sizes)

    def image_shape(self, settings, input_shape, target):
        axis = cut_axis(settings)
        return (*input_shape[:axis], input_shape[axis] + target[axis], *input_shape[axis + 1 :])

    def make_pair(self, settings, pixels, rng):
        given, missing = half_slices(settings, pixels.shape[1:])
        return pixels[:, *given], pixels[:, *missing]

    def to_pixels(self, settings, inputs, *outputs):
        blank = np.full_like(outputs[0], GRAY / 255)
        return [self._join(settings, inputs, half) for half in (blank, *outputs)]

    def _join(self, settings: Any, given: np.ndarray, missing: np.ndarray) -> np.ndarray:
        halves = [given, missing] if settings.missing in ("right", "bottom") else [missing, given]
        return np.concatenate(halves, axis=1 + cut_axis(settings))

    def input_part(self, settings, image):
        return InputPart(*half_slices(settings, image)[0])

    def fixed_maps(self, settings, input_shape, target):
        """The given half is mirrored onto the missing one where skip or residual connections need it.

        Symmetric content then has the same place in the feature maps that skip connections join, and in the
        image that a residual output is added to.
        """
        if not (settings.skip or settings.residual):
            return FixedMaps()
        axis = cut_axis(settings)
        mirrored = FixedMap(axis, mirror_matrix(settings, input_shape[axis], target[axis]))
        return FixedMaps(mirrored, mirrored if settings.residual else None)

    def mirror_refusal(self, settings):
        if settings.missing in ("left", "right"):
            return "TTA mirrors images left to right: it requires missing top or bottom"
        return ""

    def target_words(self, settings):
        return "the missing half"
