"""Pictures at their own size, with what others like them need: transparency, color profile, metadata."""

from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from lib.data.formats.jpeg_reduction import REDUCIBLE_FORMATS
from lib.data.formats.picture_files import DECODE_ERRORS, EXIF_ORIENTATION, open_picture
from lib.data.formats.pictures import decode, read_alpha

MAX_METADATA_BYTES = 60_000  # a JPEG has room for 65,533


class UnscaledPicture(NamedTuple):
    """A decoded picture.

    Attributes:
        pixels: uint8 (height, width, channels), upright.
        remarks: what was assumed, as in `Decoded`.
        alpha: uint8 (height, width); `None` for an opaque picture.
        profile: ICC color profile of the pixels; empty for none.
        exif: metadata of a JPEG without its orientation; empty for none.
        sampling: Pillow's number for the resolution of a JPEG's colors; 0 is the full one.
        hole: missing pixels, bool (height, width); `None` where none are to be completed.
    """

    pixels: np.ndarray
    remarks: tuple[str, ...]
    alpha: np.ndarray | None = None
    profile: bytes = b""
    exif: bytes = b""
    sampling: int = 0
    hole: np.ndarray | None = None


def load_unscaled(file: Path, channels: int, invert: bool = False) -> UnscaledPicture:
    """Return a picture at its own size.

    Args:
        file: the picture.
        channels: 1 for gray, 3 for RGB.
        invert: whether to replace each value v by 255 - v.

    Raises:
        UserError: the file is no picture that can be decoded.
    """
    with open_picture(file) as opened:
        is_jpeg = opened.format in REDUCIBLE_FORMATS
        mode = opened.mode
        sampling = _find_sampling(opened) if is_jpeg else 0
        image, remarks = decode(opened, file)
        alpha = read_alpha(opened)
        exif = _exif_without_orientation(opened) if is_jpeg else b""
        profile = opened.info.get("icc_profile") or b""
        pixels = np.asarray(image.convert("RGB" if channels == 3 else "L"))
    pixels = pixels.reshape(*pixels.shape[:2], channels)
    fits = mode in (("RGB", "RGBA", "P") if channels == 3 else ("L", "LA"))
    if not (fits and isinstance(profile, bytes)):
        profile = b""
    opacity = None if alpha is None else np.asarray(alpha)
    return UnscaledPicture(255 - pixels if invert else pixels, remarks, opacity, profile, exif, sampling)


def _find_sampling(image: Any) -> int:
    from PIL import JpegImagePlugin

    return max(0, JpegImagePlugin.get_sampling(image))


def _exif_without_orientation(image: Any) -> bytes:
    """The metadata of a JPEG, which is upright once it is written again; empty where they are damaged."""
    with suppress(*DECODE_ERRORS):
        exif = image.getexif()
        if not exif:
            return b""
        exif.pop(EXIF_ORIENTATION, None)
        content = exif.tobytes()
        return content if len(content) < MAX_METADATA_BYTES else b""
    return b""
