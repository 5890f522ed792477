"""Halves of images: the cut, the mirror image of the given half, and baselines for the missing one."""

from typing import Any

import numpy as np

from lib.common.errors import UserError
from lib.common.formatting import format_shape
from lib.tasks.baselines import Method, TrainingSample, baseline, regression_method
from lib.tasks.settings import ImageShape, TaskSettings

SIDES = ("right", "left", "top", "bottom")
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


def join_halves(settings: Any, given: np.ndarray, missing: np.ndarray) -> np.ndarray:
    """Whole images of their halves, (n, height, width, channels)."""
    halves = [given, missing] if settings.missing in ("right", "bottom") else [missing, given]
    return np.concatenate(halves, axis=1 + cut_axis(settings))
