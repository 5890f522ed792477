"""Images of any numeric type as uint8 or uint16: the range of their values, and the conversion."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from lib.common.errors import UserError
from lib.data.formats.base import Source, allocate
from lib.data.value_range import ANY, BYTES, BYTES_KIND, FLOAT, INTEGER, ValueRange

CHUNK_SIZE = 4096  # images converted at once
CHUNK_BYTES = 1 << 25  # or fewer of them, as float64
TOLERANCE = 1e-3  # of ranges of floating-point pixels, for rounding errors
DARK = 0.5  # pixels whose largest is below this fraction of white may have another white
WHITE_8, WHITE_16 = 255, 65_535
NO_EFFECT = "--pixel-range has no effect on images of 8 bits"


class Values(NamedTuple):
    """The least and the greatest value of images, and what more is known of them.

    Attributes:
        low: the least value.
        high: the greatest value.
        is_float: whether their type is floating point.
        are_whole: whether all are whole numbers.
        are_bytes: whether all are multiples of 1/255 from 0 to 1, as images of 8 bits become by a division.
    """

    low: float
    high: float
    is_float: bool
    are_whole: bool = True
    are_bytes: bool = False


def normalize_source(path: Path, source: Source, wanted: ValueRange | None = None) -> Source:
    """Return a source whose images are uint8 or uint16, with a note on the range of their values.

    Args:
        path: of the source, named in errors and notes.
        source: images of any numeric type; training and test images get one range.
        wanted: the range of the user, of kind `any`, or that of a saved model or a training set, which images
            of its kind get; by default the range follows from the values.

    Returns:
        The source with its `value_range`. Images that are uint8 already, or uint16 from 0 to 65,535, are not
        copied.

    Raises:
        UserError: a value is NaN or infinite, or all are the same number that is no pixel.
    """
    parts = [part for part in (source.train, source.test) if part is not None]
    arrays = [part.images for part in parts]
    if all(array.dtype == np.uint8 for array in arrays):
        unused = (f"{path}: {NO_EFFECT}",) if wanted is not None and wanted.kind == ANY else ()
        return replace(source, notes=source.notes + unused)
    if all(array.dtype.kind == "b" for array in arrays):
        value_range, note = ValueRange(0, 1), ""
    else:
        values = measure(path, arrays)
        value_range = choose_range(path, values, wanted)
        note = describe_range(values, value_range)
    train, *test = [
        replace(part, images=_convert(path, array, value_range))
        for part, array in zip(parts, arrays, strict=True)
    ]
    notes = (*source.notes, f"{path}: {note}") if note else source.notes
    known = value_range if value_range.is_deep else BYTES
    return replace(source, train=train, test=test[0] if test else None, notes=notes, value_range=known)


def measure(path: Path, arrays: Sequence[np.ndarray]) -> Values:
    """Return what the values of images tell of their range.

    Args:
        path: named in errors.
        arrays: images (n, height, width, channels), of a numeric type other than bool.

    Raises:
        UserError: a value is NaN or infinite; it is named with its place.
    """
    is_float = any(array.dtype.kind == "f" for array in arrays)
    lows, highs, are_whole, are_bytes = [], [], True, is_float
    for array in arrays:
        for start, chunk in _chunks(array):
            low, high = _limits(chunk)
            if not (math.isfinite(low) and math.isfinite(high)):
                raise _not_finite(path, start, chunk)
            lows.append(low)
            highs.append(high)
            if is_float:
                are_whole = are_whole and bool(np.all(chunk == np.rint(chunk)))
                is_unit = low >= -TOLERANCE and high <= 1 + TOLERANCE
                are_bytes = are_bytes and is_unit and _are_bytes(chunk)
    return Values(min(lows), max(highs), is_float, are_whole, are_bytes)


def join_values(parts: Iterable[Values]) -> Values | None:
    """Return what is known of all images from what is known of parts of them; None of no parts."""
    known = list(parts)
    if not known:
        return None
    lows, highs, are_float, are_whole, are_bytes = zip(*known, strict=True)
    return Values(min(lows), max(highs), any(are_float), all(are_whole), all(are_bytes))


def choose_range(path: Path, values: Values, wanted: ValueRange | None = None) -> ValueRange:
    """Return the range of images: the one that is wanted if it is of their kind, else what they suggest.

    Whole numbers above 255 are read by their number of bits, 12 bits for a largest value of 4,000; what is
    neither that nor 0..1 or 0..255 ranges from its least to its greatest value.

    Args:
        path: named in errors.
        values: of the images.
        wanted: as for `normalize_source`.

    Raises:
        UserError: all values are the same number, which is no pixel of a known range.
    """
    kind = FLOAT if values.is_float else INTEGER
    if wanted is not None and wanted.kind in (ANY, kind):
        return replace(wanted, kind=kind)
    low, high = values.low, values.high
    if values.is_float and low >= -TOLERANCE and high <= 1 + TOLERANCE:
        return ValueRange(0, 1, BYTES_KIND if values.are_bytes else FLOAT)
    if values.are_whole and low >= 0 and high <= WHITE_16:
        if high <= WHITE_8:
            return ValueRange(0, 1 if high <= 1 else WHITE_8)
        return ValueRange(0, (1 << int(high).bit_length()) - 1, kind)
    if values.is_float and -1 - TOLERANCE <= low < 0 and DARK < high <= 1 + TOLERANCE:
        return ValueRange(-1, 1, FLOAT)
    if values.is_float and low >= -TOLERANCE * high and DARK * WHITE_8 < high <= WHITE_8:
        return ValueRange(0, WHITE_8, FLOAT)
    if low == high or not math.isfinite(high - low):
        raise UserError(
            f"{path}: its values range from {low:g} to {high:g}; images need a darkest and a brightest value:"
            " set them with --pixel-range"
        )
    return ValueRange(low, high, kind)


def describe_range(values: Values, value_range: ValueRange) -> str:
    """Return the end of a note on the range of images; empty where there was nothing to assume."""
    low, high = values.low, values.high
    spread = f"values from {low:g} to {high:g}"
    if value_range == ValueRange(0, 1):
        return "" if values.is_float else "the values 0 and 1 were read as black and white"
    text = f"{spread} were read as {'16-bit ' if value_range.is_deep else ''}pixels from {value_range}"
    if low < value_range.low - TOLERANCE or high > value_range.high * (1 + TOLERANCE):
        text += "; those beyond are black or white"
    elif value_range.low >= 0 and high < DARK * value_range.high:
        text += f"; if {high:g} is white, set --pixel-range 0-{high:g}"
    return text


def _chunks(array: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """Yield the images in chunks, each with the position of its first image."""
    size = max(1, min(CHUNK_SIZE, CHUNK_BYTES // (8 * max(1, math.prod(array.shape[1:])))))
    for start in range(0, len(array), size):
        yield start, np.asarray(array[start : start + size])


def _limits(chunk: np.ndarray) -> tuple[float, float]:
    with np.errstate(invalid="ignore"):
        return float(chunk.min()), float(chunk.max())


def _are_bytes(chunk: np.ndarray) -> bool:
    if chunk.dtype.kind != "f":
        return False
    levels = chunk * chunk.dtype.type(WHITE_8)
    return bool(np.all(np.abs(levels - np.rint(levels)) <= WHITE_8 * np.finfo(chunk.dtype).eps + TOLERANCE))


def _not_finite(path: Path, start: int, chunk: np.ndarray) -> UserError:
    image, row, column, channel = np.argwhere(~np.isfinite(chunk))[0]
    place = f"image {start + image + 1:,}, row {row + 1:,}, column {column + 1:,}"
    place += f", channel {channel + 1}" if chunk.shape[-1] > 1 else ""
    return UserError(f"{path}: contains NaN or infinity, first in {place}; replace such values")


def _convert(path: Path, array: np.ndarray, value_range: ValueRange) -> np.ndarray:
    """Return images in memory, converted in chunks; in place where the array is in memory already."""
    if value_range.keeps(array) and array.dtype.isnative:
        return array
    is_ours = array.dtype == value_range.dtype and array.dtype.isnative and array.flags.writeable
    images = array if is_ours else allocate(path, array.shape, value_range.dtype)
    for start, chunk in _chunks(array):
        value_range.normalize(chunk, images[start : start + len(chunk)])
    return images
