"""A folder of pictures: as a data set, all of one size, or of any size, made to fit a model."""

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
from lib.data.formats.base import MAX_MESSAGE_LENGTH, Header, Images, Source, allocate, explain_read_errors

SUFFIXES = {".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm"}
# Of what Pillow could open, the rest is old or worse: an EPS, whatever its name, is a program that
# Ghostscript runs.
FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP", "TIFF", "PPM")
MAX_PIXELS = 89_478_485  # of one picture: those of 256 MiB in color, from where on Pillow speaks of a bomb
DECODE_ALONE_FROM = (
    1 << 24
    # pixels from which on pictures are decoded one after the other, so that many at once do not fill the
    # memory
)
DECODE_ALONE = threading.Lock()


class ImageFolderFormat:
    """A folder of pictures, all of one size; subfolders are labels. The first one decides size, and gray or
    color.
    """

    @staticmethod
    def recognizes(path: Path) -> bool:
        return path.is_dir()

    @staticmethod
    def peek(path: Path) -> Header:
        files = list_pictures(path)
        with quiet_decoding(), _open_picture(files[0]) as image:
            return Header(_picture_shape(image), len(files), labeled=_classes(path, files) != ())

    @staticmethod
    def read(path: Path) -> Source:
        files = list_pictures(path)
        with quiet_decoding():
            with _open_picture(files[0]) as image:
                first = _picture_shape(image)
            images = allocate(path, (len(files), *first))
            for number, file in enumerate(files):
                images[number] = _read_picture(file, first, files[0])
        classes = _classes(path, files)
        labels = np.array([classes.index(_class_of(path, file)) for file in files]) if classes else None
        return Source(Images(images, labels, tuple(map(printable, classes))))


def list_pictures(path: Path) -> list[Path]:
    """The pictures in a folder and one folder down, in the order of their names. Raises `UserError` when
    there are none.
    """
    here = _list_folder(path)
    back = {path.resolve(), *path.resolve().parents}  # where a link below leads in a circle
    below = [
        file
        for folder in here
        if folder.is_dir() and folder.resolve() not in back
        for file in _list_folder(folder)
    ]
    files = sorted(file for file in here + below if file.suffix.lower() in SUFFIXES and file.is_file())
    if not files:
        raise UserError(f"{path}: holds no images ({' '.join(sorted(SUFFIXES))}), here or one folder down")
    return files


def load_fitted(
    file: Path, shape: tuple[int, int, int], fit: str = "crop", invert: bool = False
) -> np.ndarray:
    """A picture of any size and format as a model takes it: uint8 of `shape` (height, width, channels), 0 to
    255.

    It is turned as its EXIF says; what is transparent becomes white; color becomes gray (BT.601) where the
    model is gray. Then `crop` scales it until it covers the shape and cuts off what stands out on two sides,
    `pad` scales it until it fits and fills up with black, `stretch` ignores its proportions. `invert` turns
    black on white into white on black. Raises `UserError` for a file that is no picture.
    """
    from PIL import Image, ImageOps

    height, width, channels = shape
    with _open_picture(file) as image:
        image = ImageOps.exif_transpose(image)
        if image.has_transparency_data:
            image = image.convert("RGBA")
            image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
        image = _to_eight_bits(image).convert("RGB" if channels == 3 else "L")
        if fit == "crop":
            image = ImageOps.fit(image, (width, height), Image.Resampling.LANCZOS)
        elif fit == "pad":
            image = ImageOps.pad(image, (width, height), Image.Resampling.LANCZOS)
        else:
            image = image.resize((width, height), Image.Resampling.LANCZOS)
        pixels = np.asarray(ImageOps.invert(image) if invert else image)
    return pixels.reshape(shape)


FIT_MODES = ("crop", "pad", "stretch")


def _class_of(path: Path, file: Path) -> str:
    return file.parent.name if file.parent != path else ""


def _classes(path: Path, files: list[Path]) -> tuple[str, ...]:
    names = tuple(sorted({_class_of(path, file) for file in files}))
    return () if "" in names else names


def _list_folder(folder: Path) -> list[Path]:
    with explain_read_errors(folder):
        return list(folder.iterdir())


def _picture_shape(image) -> tuple[int, int, int]:
    """Height, width and channels, known before a pixel is decoded."""
    gray = image.mode in ("1", "L", "LA", "F") or image.mode.startswith("I")
    return image.height, image.width, 1 if gray else 3


def _read_picture(file: Path, first: tuple[int, int, int], named: Path) -> np.ndarray:
    """A picture in the shape of the first one, whose file is named where this one has another; gray is made
    color.
    """
    with _open_picture(file) as image:
        shape = _picture_shape(image)
        if shape[:2] != first[:2] or shape[2] > first[2]:
            raise UserError(
                f"{file}: is {format_shape(shape)}, while {named.name} is {format_shape(first)}; "
                "the images of a data set have one size and one number of channels"
            )
        return np.asarray(_to_eight_bits(image).convert("RGB" if first[2] == 3 else "L")).reshape(first)


def _to_eight_bits(image):
    """Pillow cuts 16-bit grays off at 255; here they are scaled."""
    if not image.mode.startswith("I"):
        return image
    from PIL import Image

    pixels = np.asarray(image)
    return Image.fromarray(
        (pixels // 256 if image.mode != "I" or pixels.max() > 255 else pixels).astype(np.uint8)
    )


@contextmanager
def quiet_decoding() -> Iterator[None]:
    """Without what Pillow warns of and what libtiff writes past Python: a picture is read, or refused in one
    sentence.

    For one thread at a time, while others may decode: both the warnings and standard error are those of the
    process.
    """
    with warnings.catch_warnings(action="ignore"), open(os.devnull, "wb") as nowhere:
        before = os.dup(2)
        os.dup2(nowhere.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(before, 2)
            os.close(before)


@contextmanager
def _open_picture(file: Path):
    """A picture whose pixels are not decoded yet. Raises `UserError`, also for what goes wrong when they are."""
    from PIL import Image  # only folders of images need Pillow

    many = f"{file}: has more than {MAX_PIXELS:,} pixels, too many for one picture"
    try:
        with Image.open(file, formats=FORMATS) as image:
            if image.width * image.height > MAX_PIXELS:
                raise UserError(many)
            with DECODE_ALONE if image.width * image.height > DECODE_ALONE_FROM else nullcontext():
                yield image
    except Image.DecompressionBombError:
        raise UserError(many) from None
    except DECODE_ERRORS as error:
        said = str(error).removesuffix(f" {str(file)!r}").removesuffix(f" {file!r}").splitlines() or [
            type(error).__name__
        ]
        raise UserError(f"{file}: cannot be read as an image ({said[0][:MAX_MESSAGE_LENGTH]})") from None


# What Pillow's readers raise of pictures that are not what they say; they are many, and check little.
DECODE_ERRORS = (
    OSError, EOFError, ValueError, SyntaxError, TypeError, AssertionError, AttributeError, LookupError, ArithmeticError,
    MemoryError, RuntimeError, struct.error,
)  # fmt: skip
