"""Arrays of any numeric type, range and layout as uint8 images, with notes on what was assumed of them."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lib.common.errors import UserError
from lib.common.formatting import format_shape
from lib.data.formats.base import allocate
from lib.tasks.settings import MAX_CHANNELS

CHUNK_SIZE = 4096  # images converted at once
TOLERANCE = 1e-3  # of ranges of floating-point pixels, for rounding errors
# A largest floating-point value between 1 and this may be white of either 0..1 or 0..255.
UNCLEAR_WHITE = 1.5
DARK = 0.5  # pixels whose largest is below this fraction of white may have another white
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


def convert_to_uint8(path: Path, arrays: Mapping[str, np.ndarray]) -> tuple[dict[str, np.ndarray], list[str]]:
    """Return the arrays of a file as uint8 images, 0 to 255, and notes on what was assumed.

    All arrays of a file have the same range. Those of uint8 are not copied.

    Args:
        path: the file, named in errors and notes.
        arrays: images by the name of the array.

    Returns:
        Images (n, height, width, channels) by name, and sentences for the user.

    Raises:
        UserError: an array cannot be images, or its values are not those of pixels.
    """
    layouts = {name: find_layout(path, name, array.shape) for name, array in arrays.items()}
    notes = {f"{path}: {layout.note}" for layout in layouts.values() if layout.note}
    for name, array in arrays.items():
        require_pixel_type(path, name, array.dtype)
    if all(array.dtype == np.uint8 for array in arrays.values()):
        return {name: layouts[name].arrange(array) for name, array in arrays.items()}, sorted(notes)
    white, note = _find_white(path, arrays)
    images = {name: layouts[name].arrange(_scale(path, array, white)) for name, array in arrays.items()}
    return images, sorted(notes) + ([f"{path}: {note}"] if note else [])


def _find_white(path: Path, arrays: Mapping[str, np.ndarray]) -> tuple[int, str]:
    """Return the value of a white pixel, 1, 255 or 65,535, and the end of a note where it was assumed."""
    ranges = {name: _range(array) for name, array in arrays.items()}
    for name, limits in ranges.items():  # NaN where the array holds one, which `min` below would hide
        if not all(map(math.isfinite, limits)):
            raise UserError(f"{path}: {name} contains NaN or infinity; replace them by numbers from 0 to 1")
    name = next(iter(arrays))
    low, high = min(low for low, _ in ranges.values()), max(high for _, high in ranges.values())
    spread = f"ranges from {low:g} to {high:g}"
    if all(array.dtype.kind == "b" for array in arrays.values()):
        return 1, ""
    if any(array.dtype.kind == "f" for array in arrays.values()):
        if low >= -TOLERANCE and high <= 1 + TOLERANCE:
            return 1, ""
        if low >= -1 - TOLERANCE and high <= 1 + TOLERANCE:
            raise UserError(f"{path}: {name} {spread}; images range from 0 to 1: save (x + 1) / 2")
        if low >= -TOLERANCE * high and UNCLEAR_WHITE < high <= 65_535:
            white = 255 if high <= 255 else 65_535
            hint = _dark_hint(high, white)
            return white, f"{_values(low, high)} were read as pixels from 0 to {white:,}{hint}"
        raise UserError(
            f"{path}: {name} {spread}; floating-point images range from 0 to 1, 255 or 65,535: save "
            "(x - black) / (white - black) instead of x"
        )
    if low < 0 or high > 65_535:
        raise UserError(
            f"{path}: {name} {spread}; integer images range from 0 to 255 or 65,535: save "
            "(x - black) / (white - black) instead of x"
        )
    if high <= 1:
        return 1, "the values 0 and 1 were read as black and white"
    if high <= 255:
        return 255, f"{_values(low, high)} were read as pixels from 0 to 255{_dark_hint(high, 255)}"
    hint = _dark_hint(high, 65_535)
    return 65_535, f"{_values(low, high)} were read as 16-bit pixels, from 0 to 65,535{hint}"


def _values(low: float, high: float) -> str:
    return f"values from {low:g} to {high:g}"


def _dark_hint(high: float, white: int) -> str:
    return f"; if {high:g} is white, save x / {high:g} instead of x" if high < DARK * white else ""


def _range(array: np.ndarray) -> tuple[float, float]:
    """Return the least and the greatest value of an array; NaN where it holds one."""
    lows, highs = [], []
    with np.errstate(invalid="ignore"):
        for start in range(0, len(array), CHUNK_SIZE):
            chunk = np.asarray(array[start : start + CHUNK_SIZE])
            lows.append(chunk.min())
            highs.append(chunk.max())
        return float(np.min(lows)), float(np.max(highs))


def _scale(path: Path, array: np.ndarray, white: int) -> np.ndarray:
    """Return an array whose largest value is `white` as uint8, converted in chunks."""
    scaled = allocate(path, array.shape)
    for start in range(0, len(array), CHUNK_SIZE):
        chunk = np.asarray(array[start : start + CHUNK_SIZE])
        values = chunk if chunk.dtype.kind == "f" else chunk.astype(np.float32)
        scaled[start : start + CHUNK_SIZE] = np.rint(np.clip(values, 0, white) * (255 / white))
    return scaled
