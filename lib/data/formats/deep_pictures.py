"""Decoding of pictures of more than 8 bits, or of other channels than gray and color, without loss."""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from lib.common.errors import UserError
from lib.data.formats.depths import Values, choose_range, describe_range, join_values, measure
from lib.data.formats.picture_files import (
    TIFF_PHOTOMETRIC,
    open_picture,
    orientation_of,
    picture_shape,
    quiet_decoding,
    raw_mode_of,
)
from lib.data.formats.pictures import Picture, decode, fit_image
from lib.data.formats.tiff_channels import find_channels, read_channels
from lib.data.value_range import BYTES, BYTES_KIND, FLOAT, INTEGER, ValueRange
from lib.tasks.pixels import LUMA, to_images
from lib.tasks.settings import ImageShape

# Pillow keeps the upper 8 bits of colors of 16. Read as of the other byte order, they are the lower ones.
LOWER_BYTES = {
    "RGB;16B": "RGB;16L",
    "RGB;16L": "RGB;16B",
    "RGB;16N": "RGB;16B" if np.little_endian else "RGB;16L",
    "RGBA;16B": "RGBA;16L",
    "RGBA;16L": "RGBA;16B",
    "RGBA;16N": "RGBA;16B" if np.little_endian else "RGBA;16L",
}
# Of pictures that have 8 bits, so that no file needs to be opened to know it.
SHALLOW_SUFFIXES = {".jpg", ".jpeg", ".jpe", ".jfif", ".gif", ".bmp", ".webp", ".avif", ".heic", ".heif"}
SAMPLE = 64  # pictures that the range for a saved model is judged by


class DeepPicture(NamedTuple):
    """The values of a picture as they are stored.

    Attributes:
        values: (height, width, channels) of any numeric type; uint8 where it has 8 bits.
        opacity: (height, width, 1) in 0..1; None where all is opaque.
        is_inverted: whether the least value is white.
        remarks: what was assumed, as objects of "this picture has".
    """

    values: np.ndarray
    opacity: np.ndarray | None = None
    is_inverted: bool = False
    remarks: tuple[str, ...] = ()


def read_header(file: Path) -> tuple[ImageShape, str]:
    """Return (height, width, channels) of a picture and the kind of its values, as of `ValueRange`.

    The kind of a TIFF of other channels than gray and color is `integer`, unless its pages say more.

    Raises:
        UserError: the file is no picture.
    """
    tiff = find_channels(file)
    if tiff is not None and not tiff.are_pages:
        return (tiff.height, tiff.width, tiff.channels), INTEGER
    with open_picture(file) as image:
        height, width, channels = picture_shape(image)
        channels = channels if tiff is None else tiff.channels
        return (height, width, channels), _kind_of(image)


def measure_picture(file: Path) -> Values | None:
    """Return the limits of the values of a picture; None if it has 8 bits. Raises `UserError`."""
    picture = read_values(file)
    if picture.values.dtype == np.uint8:
        return None
    return measure(file, [picture.values[None]])


def load_deep(
    file: Path,
    shape: ImageShape,
    fit_mode: str = "crop",
    invert: bool = False,
    value_range: ValueRange = BYTES,
) -> Picture:
    """Return a picture as `load_fitted` does, with the depth of a range of values.

    Args:
        file: the picture.
        shape: as for `load_fitted`.
        fit_mode: likewise.
        invert: likewise.
        value_range: of pictures of more than 8 bits; white of the others is 255.

    Returns:
        Pixels uint8 or uint16, as the range says.

    Raises:
        UserError: the file is no picture that can be decoded, or has other channels.
    """
    planes, remarks = open_planes(file, shape[2], value_range)
    pixels = join_planes([fit_image(plane, shape, fit_mode) for plane in planes])
    images = to_images(1 - pixels if invert else pixels, value_range.dtype)
    return Picture(images, remarks, (planes[0].height, planes[0].width))


def find_depth(
    source: str, files: Sequence[Path], channels: int, wanted: ValueRange
) -> tuple[ValueRange | None, str]:
    """Return the range of pictures for a saved model, judged by some of them, and a note on it.

    Args:
        source: of the pictures, for the note.
        files: the pictures.
        channels: that the model takes.
        wanted: the range of the images that the model was trained on.

    Returns:
        The range; None for pictures that are read in 8 bits, as gray or color. Pictures of more bits get that
        of the model if it was trained on such images.
    """
    candidates = [file for file in files if file.suffix.lower() not in SHALLOW_SUFFIXES][:SAMPLE]
    values = []
    with quiet_decoding():
        for file in candidates:
            with suppress(UserError):
                if read_header(file)[1] != BYTES_KIND and (measured := measure_picture(file)) is not None:
                    values.append(measured)
    joined = join_values(values)
    if joined is None:
        return (None if channels in (1, 3) else BYTES), ""
    value_range = choose_range(Path(source), joined, wanted)
    return value_range, f"{source}: {describe_range(joined, value_range)}"


def open_planes(file: Path, channels: int, value_range: ValueRange) -> tuple[list[Any], tuple[str, ...]]:
    """Return the channels of a picture as Pillow images of float32 in 0..1, and its remarks.

    Args:
        file: the picture.
        channels: number that is wanted; gray becomes color, and color luma.
        value_range: as for `load_deep`.
    """
    from PIL import Image

    picture = read_values(file)
    pixels = _scale(picture, value_range)
    found = pixels.shape[2]
    if (found, channels) == (3, 1):
        pixels = pixels @ LUMA[:, None].astype(pixels.dtype)
    elif (found, channels) == (1, 3):
        pixels = np.repeat(pixels, 3, axis=2)
    elif found != channels:
        raise UserError(f"{file}: has {found} channel{'s' if found > 1 else ''}, not {channels}")
    planes = np.moveaxis(pixels, -1, 0).astype(np.float32, copy=False)
    return [Image.fromarray(np.ascontiguousarray(plane)) for plane in planes], picture.remarks


def join_planes(planes: list[Any]) -> np.ndarray:
    """Return Pillow images of one channel each as float32 (height, width, channels)."""
    return np.stack([np.asarray(plane) for plane in planes], axis=-1)


def read_values(file: Path) -> DeepPicture:
    """Return the values of a picture, upright.

    Raises:
        UserError: it cannot be decoded, or holds NaN or infinity.
    """
    tiff = find_channels(file)
    if tiff is None:
        picture = _read_with_pillow(file)
    elif tiff.are_pages:
        picture = _read_pages(file, tiff.channels)
    else:
        picture = DeepPicture(read_channels(file, tiff))
    if picture.values.dtype.kind not in "buif":
        raise UserError(f"{file}: is {picture.values.dtype}; pictures are integers or floating point")
    if picture.values.dtype.kind == "f" and not np.isfinite(picture.values).all():
        measure(file, [picture.values[None]])  # says where
    return picture


def _kind_of(image) -> str:
    if image.mode == "F":
        return FLOAT
    is_deep = image.mode == "I" or image.mode.startswith("I;") or raw_mode_of(image) in LOWER_BYTES
    return INTEGER if is_deep else BYTES_KIND


def _read_with_pillow(file: Path) -> DeepPicture:
    with open_picture(file) as image:
        raw_mode, kind, orientation = raw_mode_of(image), _kind_of(image), orientation_of(image)
        if kind == BYTES_KIND:
            decoded, remarks = decode(image, file)
            values = np.asarray(decoded)
            return DeepPicture(values[..., None] if values.ndim == 2 else values, remarks=remarks)
        key = image.info.get("transparency")
        is_inverted = image.format == "TIFF" and image.tag_v2.get(TIFF_PHOTOMETRIC) == 0
        image.load()
        values = np.asarray(image)
    if raw_mode in LOWER_BYTES:
        values = values.astype(np.uint16) << 8 | _read_lower_bytes(file, LOWER_BYTES[raw_mode])
    values = values[..., None] if values.ndim == 2 else values
    opacity = None
    if values.shape[2] == 4:
        values, opacity = values[..., :3], values[..., 3:] / 65_535
    elif isinstance(key, int | tuple):
        opacity = np.any(values != np.array(key), axis=-1, keepdims=True)
    if opacity is not None:
        opacity = _turn(opacity, orientation)
    return DeepPicture(_turn(values, orientation), opacity, is_inverted)


def _read_lower_bytes(file: Path, raw_mode: str) -> np.ndarray:
    with open_picture(file) as image:
        image.tile = [
            tile._replace(args=raw_mode if isinstance(tile.args, str) else (raw_mode, *tile.args[1:]))
            for tile in image.tile
        ]
        image.info.pop("transparency", None)
        image.load()
        return np.asarray(image)


def _read_pages(file: Path, count: int) -> DeepPicture:
    pages = []
    with open_picture(file) as image:
        for number in range(count):
            image.seek(number)
            pages.append(np.asarray(image))
    if len({(page.shape, page.dtype) for page in pages}) > 1 or pages[0].ndim != 2:
        raise UserError(f"{file}: its pages have different sizes or types")
    return DeepPicture(np.stack(pages, axis=-1))


def _turn(values: np.ndarray, orientation: int) -> np.ndarray:
    """Return a picture upright that is stored as EXIF numbers it, 1 to 8."""
    if orientation >= 5:
        values = values.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        values = values[::-1]
    if orientation in (2, 3, 6, 7):
        values = values[:, ::-1]
    return values


def _scale(picture: DeepPicture, value_range: ValueRange) -> np.ndarray:
    """Return pixels in 0..1, float32 or float64, with transparent ones laid on white."""
    values = picture.values
    if values.dtype == np.uint8:
        pixels = values / np.float32(255)
    else:
        low, high = value_range.low, value_range.high
        pixels = (np.clip(values.astype(np.float64), low, high) - low) / (high - low)
    if picture.is_inverted:
        pixels = 1 - pixels
    if picture.opacity is not None:
        pixels = pixels * picture.opacity + (1 - picture.opacity)
    return pixels
