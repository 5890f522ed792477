"""Opening of picture files, which are untrusted: decoders, limits, errors, and what their headers say."""

import os
import struct
import threading
import unicodedata
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any

from lib.common.errors import UserError, reason
from lib.common.reading import open_file
from lib.data.formats.base import MAX_MESSAGE_LENGTH

PICTURE_SUFFIXES = {
    *(".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".bmp", ".gif", ".webp", ".tif", ".tiff"),
    *(".ppm", ".pgm", ".pbm", ".pnm", ".avif", ".heic", ".heif"),
}
# Names of folders that are a part of a data set, in lower case, also with a word for "set" behind them.
TRAIN_NAMES, TEST_NAMES = {"train", "training"}, {"test", "testing"}
# The decoders that Pillow may use. The others are rare or dangerous: an EPS, under any file name, is a
# program that Ghostscript runs.
PILLOW_FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP", "TIFF", "PPM")
# The fifth to twelfth byte of files in the container of AVIF and HEIC.
AVIF_STARTS = (b"ftypavif", b"ftypavis")
HEIF_STARTS = (b"ftypheic", b"ftypheix", b"ftyphevc", b"ftyphevx", b"ftypheim", b"ftypheis", b"ftypmif1")
MAX_PIXELS = 89_478_485  # of one picture: 256 MiB in color; Pillow's limit for decompression bombs
MAX_FILE_BYTES = 1 << 30  # some decoders read the whole file at once
# Pictures of more pixels are decoded one after the other, so that several threads do not fill the memory.
LARGE_PICTURE_PIXELS = 1 << 24
LARGE_PICTURE_LOCK = threading.Lock()

GRAY_MODES = ("1", "L", "LA", "La", "F", "I")
EXIF_ORIENTATION, TIFF_PHOTOMETRIC = 274, 262  # tags
TURNED = 5  # the first orientation of a picture that lies on its side
PNG_METADATA = (b"eXIf", b"iTXt", b"tEXt", b"zTXt")  # chunks that may hold an orientation

# Errors that Pillow's decoders raise for invalid pictures, which they check little.
DECODE_ERRORS = (
    *(OSError, EOFError, ValueError, SyntaxError, TypeError, AssertionError, AttributeError, LookupError),
    *(ArithmeticError, MemoryError, RuntimeError, struct.error),
)


@contextmanager
def quiet_decoding() -> Iterator[None]:
    """Silence Pillow's warnings, and the messages that libtiff writes to standard error past Python.

    One thread at a time may enter this, while others decode: warnings and standard error belong to the whole
    process.
    """
    with warnings.catch_warnings(action="ignore"), open(os.devnull, "wb") as null_file:
        stderr_copy = os.dup(2)
        os.dup2(null_file.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(stderr_copy, 2)
            os.close(stderr_copy)


@contextmanager
def open_picture(file: Path) -> Iterator[Any]:
    """Context of a Pillow image that is not decoded yet.

    Raises:
        UserError: the file is no picture, is too large, or the block could not decode it.
    """
    from PIL import Image, UnidentifiedImageError  # late, since only pictures need Pillow

    too_large = f"{file}: more than {MAX_PIXELS:,} pixels, too large for one picture"
    try:
        with open_file(file) as stream:
            if os.fstat(stream.fileno()).st_size > MAX_FILE_BYTES:
                raise UserError(f"{file}: more than {MAX_FILE_BYTES:,} bytes, too large for one picture")
            with Image.open(stream, formats=_decoders(file, stream)) as image:
                pixels = image.width * image.height
                if pixels > MAX_PIXELS:
                    raise UserError(too_large)
                with LARGE_PICTURE_LOCK if pixels > LARGE_PICTURE_PIXELS else nullcontext():
                    yield image
    except Image.DecompressionBombError:
        raise UserError(too_large) from None
    except DECODE_ERRORS as error:
        unidentified = isinstance(error, UnidentifiedImageError)  # its message ends with a Python object
        message = "cannot identify image file" if unidentified else reason(error)[:MAX_MESSAGE_LENGTH]
        raise UserError(f"{file}: cannot be read as an image ({message})") from None


def _decoders(file: Path, stream) -> tuple[str, ...]:
    """Return the names of Pillow's decoders for a file, by its first bytes, whatever its suffix is."""
    start = stream.read(12)[4:]
    stream.seek(0)
    if start in AVIF_STARTS:
        return ("AVIF",)
    if start not in HEIF_STARTS:
        return PILLOW_FORMATS
    try:
        import pillow_heif
    except ImportError:
        raise UserError(
            f"{file}: is a HEIC picture: run pip install pillow-heif, or save it as JPEG"
        ) from None
    pillow_heif.register_heif_opener(thumbnails=False)
    return ("AVIF", "HEIF")


def picture_shape(image) -> tuple[int, int, int]:
    """Return (height, width, channels) of an upright picture; its pixels are not decoded."""
    if image.format == "PNG" and _has_late_metadata(image.fp):
        image.load()
    turned = orientation_of(image) >= TURNED
    height, width = (image.width, image.height) if turned else (image.height, image.width)
    return height, width, 1 if is_gray_mode(image, raw_mode_of(image)) else 3


def _has_late_metadata(stream) -> bool:
    """Return whether metadata follow the pixels of a PNG; without them all are known once it is opened."""
    position, after_pixels, found = stream.tell(), False, False
    stream.seek(8)
    while len(head := stream.read(8)) == 8 and not found:
        length, name = struct.unpack(">I4s", head)
        found = after_pixels and name in PNG_METADATA
        after_pixels = after_pixels or name == b"IDAT"
        stream.seek(length + 4, os.SEEK_CUR)
    stream.seek(position)
    return found


def orientation_of(image) -> int:
    """Return how a picture is to be turned, 1 to 8 as EXIF numbers it; 1 where that is unknown."""
    from PIL import Image

    if image.format == "TIFF":
        return 1  # Pillow turns it
    with suppress(*DECODE_ERRORS):
        # That of PngImageFile decodes the picture.
        orientation = int(Image.Image.getexif(image).get(EXIF_ORIENTATION, 1))
        if 1 <= orientation <= 8:
            return orientation
    return 1


def raw_mode_of(image) -> str:
    """Return Pillow's name for how pixels are stored, or "" where it has none; before `load` alone."""
    arguments = image.tile[0][3] if image.tile else ""
    first = arguments[0] if isinstance(arguments, tuple) and arguments else arguments
    return first if isinstance(first, str) else ""


def is_gray_mode(image, raw_mode: str) -> bool:
    return image.mode in GRAY_MODES or image.mode.startswith("I;") or raw_mode.startswith("LA;")


def name_below(folder: Path, file: Path) -> str:
    """Return the path of a picture below a folder without its suffix: the same in all forms of Unicode."""
    return unicodedata.normalize("NFC", file.relative_to(folder).with_suffix("").as_posix())
