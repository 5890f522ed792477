"""Folders of pictures of one size, as data sets; and pictures of any size, fitted to a model."""

import os
import struct
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import numpy as np

from lib.common.errors import UserError, printable
from lib.common.formatting import format_shape
from lib.data.formats.base import (
    MAX_MESSAGE_LENGTH,
    Format,
    Header,
    Images,
    Source,
    allocate,
    explain_read_errors,
)

PICTURE_SUFFIXES = {".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm"}
FIT_MODES = ("crop", "pad", "stretch")
# The decoders that Pillow may use. The others are rare or dangerous: an EPS, under any file name, is a
# program that Ghostscript runs.
PILLOW_FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP", "TIFF", "PPM")
MAX_PIXELS = 89_478_485  # of one picture: 256 MiB in color; Pillow's limit for decompression bombs
# Pictures of more pixels are decoded one after the other, so that several threads do not fill the memory.
LARGE_PICTURE_PIXELS = 1 << 24
LARGE_PICTURE_LOCK = threading.Lock()

# Errors that Pillow's decoders raise for invalid pictures, which they check little.
DECODE_ERRORS = (
    *(OSError, EOFError, ValueError, SyntaxError, TypeError, AssertionError, AttributeError, LookupError),
    *(ArithmeticError, MemoryError, RuntimeError, struct.error),
)


class ImageFolderFormat(Format):
    """A folder of pictures of one size, in subfolders by class where they are labeled.

    The first picture decides the size, and whether the data set is gray or color.
    """

    @staticmethod
    def recognizes(path: Path) -> bool:
        return path.is_dir()

    @staticmethod
    def peek(path: Path) -> Header:
        files = list_pictures(path)
        labels, _ = subfolder_labels(path, files)
        with quiet_decoding(), _open_picture(files[0]) as image:
            return Header(_picture_shape(image), len(files), labeled=labels is not None)

    @staticmethod
    def read(path: Path) -> Source:
        files = list_pictures(path)
        with quiet_decoding():
            with _open_picture(files[0]) as image:
                shape = _picture_shape(image)
            images = allocate(path, (len(files), *shape))
            for index, file in enumerate(files):
                images[index] = _read_picture(file, shape, files[0])
        labels, classes = subfolder_labels(path, files)
        return Source(Images(images, labels, tuple(map(printable, classes))))


def list_pictures(folder: Path) -> list[Path]:
    """Return the pictures in a folder and its subfolders (one level), by name.

    Raises:
        UserError: there are none, or the folder cannot be listed.
    """
    entries = _list_folder(folder)
    ancestors = {folder.resolve(), *folder.resolve().parents}  # links to these would lead in a circle
    nested = [
        file
        for entry in entries
        if entry.is_dir() and entry.resolve() not in ancestors
        for file in _list_folder(entry)
    ]
    files = sorted(
        file for file in entries + nested if file.suffix.lower() in PICTURE_SUFFIXES and file.is_file()
    )
    if not files:
        raise UserError(
            f"{folder}: holds no images ({' '.join(sorted(PICTURE_SUFFIXES))}), here or one folder down"
        )
    return files


def subfolder_labels(folder: Path, files: list[Path]) -> tuple[np.ndarray | None, tuple[str, ...]]:
    """Return the labels of pictures, int64 (n,), and the names of the subfolders that are their classes.

    Where a picture lies in `folder` itself, the labels are None and there are no classes.
    """
    names = [file.parent.name for file in files]
    if any(file.parent == folder for file in files):
        return None, ()
    classes = tuple(sorted(set(names)))
    return np.array([classes.index(name) for name in names]), classes


def load_fitted(
    file: Path, shape: tuple[int, int, int], fit_mode: str = "crop", invert: bool = False
) -> np.ndarray:
    """Return a picture of any size and format, fitted to the input shape of a model.

    It is rotated as its EXIF data say; transparency becomes white; for a gray model, color becomes luma
    (BT.601).

    Args:
        file: the picture.
        shape: (height, width, channels) of the result.
        fit_mode: "crop" scales the picture until it covers the shape, and cuts off what exceeds it on two
            sides; "pad" scales it until it fits into the shape, and fills up with black; "stretch" ignores
            its proportions.
        invert: whether to replace each value v by 255 - v, for black on white where a model expects white on
            black.

    Returns:
        uint8 array of `shape`, 0 to 255.

    Raises:
        UserError: the file is no picture that can be decoded.
    """
    from PIL import Image, ImageOps

    height, width, channels = shape
    with _open_picture(file) as image:
        image = ImageOps.exif_transpose(image)
        if image.has_transparency_data:
            image = image.convert("RGBA")
            image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
        image = _to_eight_bits(image).convert("RGB" if channels == 3 else "L")
        if fit_mode == "crop":
            image = ImageOps.fit(image, (width, height), Image.Resampling.LANCZOS)
        elif fit_mode == "pad":
            image = ImageOps.pad(image, (width, height), Image.Resampling.LANCZOS)
        else:
            image = image.resize((width, height), Image.Resampling.LANCZOS)
        pixels = np.asarray(ImageOps.invert(image) if invert else image)
    return pixels.reshape(shape)


def _list_folder(folder: Path) -> list[Path]:
    with explain_read_errors(folder):
        return list(folder.iterdir())


def _picture_shape(image) -> tuple[int, int, int]:
    """Return (height, width, channels) of a picture; nothing is decoded for it."""
    gray = image.mode in ("1", "L", "LA", "F") or image.mode.startswith("I")
    return image.height, image.width, 1 if gray else 3


def _read_picture(file: Path, shape: tuple[int, int, int], first_file: Path) -> np.ndarray:
    """Return a picture in the shape of the first one. Gray becomes color; any other difference is refused."""
    with _open_picture(file) as image:
        actual = _picture_shape(image)
        if actual[:2] != shape[:2] or actual[2] > shape[2]:
            raise UserError(
                f"{file}: is {format_shape(actual)}, while {first_file.name} is {format_shape(shape)}; "
                "the images of a data set have one size and one number of channels"
            )
        return np.asarray(_to_eight_bits(image).convert("RGB" if shape[2] == 3 else "L")).reshape(shape)


def _to_eight_bits(image):
    """Scale 16-bit grays to 8 bits; Pillow's `convert` would clip them at 255."""
    if not image.mode.startswith("I"):
        return image
    from PIL import Image

    pixels = np.asarray(image)
    has_16_bits = image.mode != "I" or pixels.max() > 255
    return Image.fromarray((pixels // 256 if has_16_bits else pixels).astype(np.uint8))


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
def _open_picture(file: Path):
    """Open a picture without decoding it. Errors, also while the block decodes it, become `UserError`."""
    from PIL import Image  # late, since only pictures need Pillow

    too_large = f"{file}: has more than {MAX_PIXELS:,} pixels, too many for one picture"
    try:
        with Image.open(file, formats=PILLOW_FORMATS) as image:
            pixels = image.width * image.height
            if pixels > MAX_PIXELS:
                raise UserError(too_large)
            with LARGE_PICTURE_LOCK if pixels > LARGE_PICTURE_PIXELS else nullcontext():
                yield image
    except Image.DecompressionBombError:
        raise UserError(too_large) from None
    except DECODE_ERRORS as error:
        # Pillow ends its messages with the path, which this one begins with.
        message = str(error).removesuffix(f" {str(file)!r}").removesuffix(f" {file!r}")
        first_line = (message.splitlines() or [type(error).__name__])[0]
        raise UserError(f"{file}: cannot be read as an image ({first_line[:MAX_MESSAGE_LENGTH]})") from None
