"""Order of the axes of an array of images: which are height, width and channels."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lib.common.errors import UserError
from lib.common.formatting import format_shape
from lib.tasks.settings import MAX_CHANNELS

MIN_FLAT_SIDE = 8  # of images that are stored as rows of numbers; shorter rows are measurements
MIN_PICTURE_WIDTH = 16  # of an array (height, width, 3 or 4) that is taken for a single picture


@dataclass(frozen=True)
class Layout:
    """The order of the axes of an array of images.

    Attributes:
        shape: (height, width, channels) of an image.
        channels_first: True for (n, channels, height, width).
        note: how the shape was read, where that is not plain; the end of a sentence.
    """

    shape: tuple[int, int, int]
    channels_first: bool = False
    note: str = ""

    def arrange(self, array: np.ndarray) -> np.ndarray:
        """Return the array as (n, height, width, channels), without a copy where NumPy needs none."""
        if self.channels_first:
            return array.transpose(0, 2, 3, 1)
        return array.reshape(len(array), *self.shape)


def find_layout(path: Path, name: str, shape: Sequence[int]) -> Layout:
    """Return the layout of an array of images.

    Args:
        path: its file, named in errors.
        name: the name of the array, named in errors.
        shape: (n, height, width), (n, height, width, channels), (n, channels, height, width), or (n, pixels)
            for square gray images. There are 1 to 16 channels.

    Raises:
        UserError: arrays of that shape cannot be images, or may be several kinds of them.
    """
    if 0 not in shape:
        if len(shape) == 3 and not (shape[2] in (3, 4) and shape[1] >= MIN_PICTURE_WIDTH):
            return Layout((shape[1], shape[2], 1))
        if len(shape) == 4 and min(shape[1], shape[3]) <= MAX_CHANNELS:
            return _find_channels(shape)
        if len(shape) == 2 and (side := _flat_side(shape[1])):
            return Layout(
                (side, side, 1),
                note=f"its rows of {shape[1]:,} numbers were read as {side}×{side} gray images",
            )
    raise UserError(
        f"{path}: {name} has shape {format_shape(shape)}; images are (n, height, width), or "
        f"(n, height, width, 1 to {MAX_CHANNELS} channels){_shape_remedy(shape)}"
    )


def _find_channels(shape: Sequence[int]) -> Layout:
    """Return the layout of an array (n, height, width, channels) or (n, channels, height, width)."""
    _, first, middle, last = shape
    usual = (1, 3)
    if last in usual or first in usual:
        channels_first = last not in usual
    elif max(first, last) > MAX_CHANNELS:
        channels_first = last > MAX_CHANNELS
    else:  # both may be channels: the sides of images are more often equal
        channels_first = middle == last != first
    if channels_first:
        note = f"its shape {format_shape(shape)} was read as (n, channels, height, width)"
        return Layout((middle, last, first), True, note)
    note = "" if last in usual or first > MAX_CHANNELS else f"its images were read as {first}×{middle} pixels"
    note += f" of {last} channels" if note else ""
    return Layout((first, middle, last), note=note)


def _flat_side(length: int) -> int:
    """Return the side of a square of so many pixels, or 0 where they make none."""
    side = math.isqrt(length)
    return side if side * side == length and side >= MIN_FLAT_SIDE else 0


def _shape_remedy(shape: Sequence[int]) -> str:
    if len(shape) == 2 and shape[1] % 3 == 0 and (side := _flat_side(shape[1] // 3)):
        return (
            f"; the order of {shape[1]:,} numbers is ambiguous: reshape(-1, {side}, {side}, 3), or reshape"
            f"(-1, 3, {side}, {side}).transpose(0, 2, 3, 1) if the red plane comes first"
        )
    if len(shape) == 3 and shape[2] in (3, 4):
        return "; this is a single picture"
    return ""


def require_pixel_type(path: Path, name: str, dtype: np.dtype) -> None:
    """Raise `UserError` for arrays whose elements cannot be pixels."""
    if dtype.kind not in "buif":
        raise UserError(f"{path}: {name} is {dtype}; images must be integers or floating point")


def arrange(path: Path, arrays: Mapping[str, np.ndarray]) -> tuple[dict[str, np.ndarray], list[str]]:
    """Return the arrays of a file as images of the values that they hold, and notes on what was assumed.

    Args:
        path: the file, named in errors and notes.
        arrays: images by the name of the array.

    Returns:
        Images (n, height, width, channels) of any numeric type by name, and sentences for the user.

    Raises:
        UserError: an array cannot be images.
    """
    layouts = {name: find_layout(path, name, array.shape) for name, array in arrays.items()}
    for name, array in arrays.items():
        require_pixel_type(path, name, array.dtype)
    notes = {f"{path}: {layout.note}" for layout in layouts.values() if layout.note}
    return {name: layouts[name].arrange(array) for name, array in arrays.items()}, sorted(notes)
