"""Decoding of one picture as 8-bit gray or color, the same for training and for saved models; fitting."""

from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from lib.common.errors import UserError
from lib.data.formats.depths import TOLERANCE
from lib.data.formats.jpeg_reduction import REDUCIBLE_FORMATS, reduce_jpeg
from lib.data.formats.picture_files import (
    TIFF_PHOTOMETRIC,
    TURNED,
    is_gray_mode,
    open_picture,
    orientation_of,
    raw_mode_of,
)
from lib.tasks.settings import ImageShape

# A largest floating-point value between 1 and this may be white of either 0..1 or 0..255.
UNCLEAR_WHITE = 1.5
# The values of white that are tried, in this order.
WHOLE_RANGES: tuple[int, ...] = (255, 65_535)
FLOAT_RANGES: tuple[int, ...] = (1, 255, 65_535)
SUBSAMPLED_KEYS = {"L;2": 85, "L;4": 17}  # factors from PNG's values of 2 and 4 bits to Pillow's of 8
SEVERAL_FRAMES = "several frames; the first one is used"


class Decoded(NamedTuple):
    """A decoded picture.

    Attributes:
        image: a Pillow image of mode L (gray) or RGB.
        remarks: what was assumed, as objects of "this picture has".
    """

    image: Any
    remarks: tuple[str, ...]


class Picture(NamedTuple):
    """A picture as the image of a model.

    Attributes:
        pixels: uint8 (height, width, channels).
        remarks: as those of `Decoded`.
        sides: height and width of the picture itself.
    """

    pixels: np.ndarray
    remarks: tuple[str, ...]
    sides: tuple[int, int]


def load_fitted(
    file: Path, shape: tuple[int, int, int], fit_mode: str = "crop", invert: bool = False
) -> Picture:
    """Return a picture of any size, fitted to the input shape of a model.

    For a gray model, color becomes luma (BT.601). Large JPEGs are decoded at a fraction of their size.

    Args:
        file: the picture.
        shape: (height, width, channels) of the result.
        fit_mode: "crop" scales the picture until it covers the shape, and cuts off what exceeds it on two
            sides; "pad" scales it until it fits into the shape, and fills up with black; "stretch" ignores
            its proportions. A picture of that size stays as it is.
        invert: whether to replace each value v by 255 - v, for black on white where a model expects white on
            black.

    Raises:
        UserError: the file is no picture that can be decoded.
    """
    from PIL import ImageOps

    height, width, channels = shape
    with open_picture(file) as opened:
        if is_reducible := opened.format in REDUCIBLE_FORMATS:
            turned = orientation_of(opened) >= TURNED
            sides = opened.size if turned else opened.size[::-1]
            reduce_jpeg(opened, height, width, fit_mode, turned)
        image, remarks = decode(opened, file)
        sides = sides if is_reducible else (image.height, image.width)
        image = image.convert("RGB" if channels == 3 else "L")
        image = fit_image(image, shape, fit_mode)
        pixels = np.asarray(ImageOps.invert(image) if invert else image)
    return Picture(pixels.reshape(shape), remarks, sides)


def fit_image(image, shape: ImageShape, fit_mode: str, resampling: int | None = None):
    """Return a Pillow image of any mode scaled to (height, width, …) as `load_fitted` describes.

    Args:
        image: the Pillow image.
        shape: (height, width, …) of the result.
        fit_mode: as for `load_fitted`.
        resampling: Pillow's number of a filter; None for Lanczos, that of pictures.
    """
    from PIL import Image, ImageOps

    size = (shape[1], shape[0])
    resampling = Image.Resampling.LANCZOS if resampling is None else Image.Resampling(resampling)
    if fit_mode == "crop":
        return ImageOps.fit(image, size, resampling)
    if fit_mode == "pad":
        return ImageOps.pad(image, size, resampling)
    return image.resize(size, resampling)


def describe_remarks(source: str, remarks: Counter[str], count: int) -> tuple[str, ...]:
    """Return sentences for the user about what was assumed of pictures.

    Args:
        source: their folder or file.
        remarks: the number of pictures with each remark.
        count: number of pictures that were read.
    """
    return tuple(
        f"{source}: {number:,} of {count:,} picture{'s' if count > 1 else ''} "
        f"{'have' if number > 1 else 'has'} {remark}"
        for remark, number in sorted(remarks.items())
    )


def decode(image, file: Path) -> Decoded:
    """Return an opened picture upright, in 8 bits, as gray or RGB, without transparency.

    It is turned as its EXIF orientation says; transparent pixels are laid on white. CMYK, Lab, YCbCr and
    palettes become RGB; color profiles are not applied. Of several frames, the first is taken. Gray values of
    16 bits are scaled from 0..65,535, all others of more than 8 bits from the first range that holds them:
    0..255 or 0..65,535, and 0..1 before these for floating point.

    Args:
        image: as `open_picture` yields it.
        file: its path, named in errors.

    Raises:
        UserError: its values are in none of these ranges.
    """
    raw_mode = raw_mode_of(image)
    is_gray = is_gray_mode(image, raw_mode)
    remarks = (SEVERAL_FRAMES,) if image.format != "MPO" and getattr(image, "is_animated", False) else ()
    _correct_transparency(image, raw_mode)
    image.load()
    orientation = orientation_of(image)
    if image.mode in ("F", "I") or image.mode.startswith("I;"):
        decoded, remark = _scale_to_8_bits(image, raw_mode, file)
        remarks += (remark,)
    else:
        decoded = _flatten(image).convert("L" if is_gray else "RGB")
    return Decoded(turn_upright(decoded, orientation), remarks)


def turn_upright(image, orientation: int):
    """Return a Pillow image turned from an orientation, 1 to 8 as EXIF numbers it."""
    from PIL import Image

    turns = Image.Transpose
    methods = (
        *(None, turns.FLIP_LEFT_RIGHT, turns.ROTATE_180, turns.FLIP_TOP_BOTTOM),
        *(turns.TRANSPOSE, turns.ROTATE_270, turns.TRANSVERSE, turns.ROTATE_90),
    )
    method = methods[orientation - 1]
    return image if method is None else image.transpose(method)


def _correct_transparency(image, raw_mode: str) -> None:
    """Scale the transparent color of a PNG as Pillow scales its pixels."""
    key = image.info.get("transparency")
    if isinstance(key, int):
        image.info["transparency"] = key * SUBSAMPLED_KEYS.get(raw_mode, 1)
    elif isinstance(key, tuple) and raw_mode == "RGB;16B":
        image.info["transparency"] = tuple(value >> 8 for value in key)


def _flatten(image):
    """Return a picture of 8 bits with transparent pixels laid on white."""
    from PIL import Image

    if image.mode == "LAB":
        return _lab_to_rgb(image)
    if not image.has_transparency_data:
        return image.convert("RGB") if image.mode not in ("1", "L") else image
    transparent = _to_rgba(image)
    opaque = Image.new("RGB", image.size, "white")
    opaque.paste(transparent, mask=transparent)
    return opaque


def _to_rgba(image):
    return (image.convert("LA") if image.mode == "La" else image).convert("RGBA")


def read_alpha(image):
    """Return the opacity of an opened picture, upright, of mode L; None for one without transparency."""
    _correct_transparency(image, raw_mode_of(image))
    image.load()
    if not image.has_transparency_data:
        return None
    return turn_upright(_to_rgba(image).getchannel("A"), orientation_of(image))


def _lab_to_rgb(image):
    from PIL import ImageCms

    lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
    return ImageCms.profileToProfile(image, lab, srgb, outputMode="RGB")


def _scale_to_8_bits(image, raw_mode: str, file: Path):
    """Return a gray picture of more than 8 bits as one of 8, and a remark on the range of its values."""
    from PIL import Image

    values = np.asarray(image)
    kind, white = _find_white(image, values, raw_mode, file)
    scaled = np.multiply(values, 255 / white, dtype=np.float32)
    pixels = np.rint(scaled, out=scaled).clip(0, 255, out=scaled).astype(np.uint8)
    if image.format == "TIFF" and image.tag_v2.get(TIFF_PHOTOMETRIC) == 0:
        pixels = 255 - pixels  # zero is white, which Pillow knows for 8 bits only
    if isinstance(key := image.info.get("transparency"), int):
        pixels[values == key] = 255
    return Image.fromarray(pixels), f"{kind} values, read as 0 to {white:,}"


def _find_white(image, values: np.ndarray, raw_mode: str, file: Path) -> tuple[str, int]:
    """Return the kind of values that a picture has, and the one that is white."""
    if raw_mode == "I;12":
        return "12-bit", 4095
    if image.mode.startswith("I;") or (image.mode == "I" and image.format in ("PNG", "PPM")):
        return "16-bit", 65_535
    is_float = image.mode == "F"
    kind = "floating-point" if is_float else "whole-number"
    ranges, tolerance = (FLOAT_RANGES, TOLERANCE) if is_float else (WHOLE_RANGES, 0.0)
    low, high = float(values.min()), float(values.max())
    if not np.isfinite([low, high]).all():
        raise UserError(f"{file}: contains NaN or infinite values; replace them")
    unclear = is_float and 1 + tolerance < high <= UNCLEAR_WHITE
    for white in () if unclear else ranges:
        if -tolerance * high <= low and high <= (1 + tolerance) * white:
            return kind, white
    whites = ", ".join(f"{white:,}" for white in ranges[:-1])
    raise UserError(
        f"{file}: its {kind} values range from {low:g} to {high:g}; pictures range from 0 to {whites} or "
        f"{ranges[-1]:,}: rescale them with (x - black) / (white - black){'' if is_float else ' * 255'}"
    )
