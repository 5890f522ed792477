"""A folder of pictures: as a data set, all of one size, or of any size, made to fit a model."""

import os
import struct
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import numpy as np

from lib.errors import UserError, printable
from lib.files import LONGEST, Header, Images, Source, by, empty, reading

SUFFIXES = {".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm"}
# Of what Pillow could open, the rest is old or worse: an EPS, whatever its name, is a program that Ghostscript runs.
FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP", "TIFF", "PPM")
MOST_PIXELS = 89_478_485  # of one picture: those of 256 MiB in colour, from where on Pillow speaks of a bomb
LARGE = 1 << 24  # pixels from which on pictures are decoded one after the other, so that many at once do not fill the memory
ALONE = threading.Lock()


class Folder:
    """A folder of pictures, all of one size; subfolders are labels. The first one decides size, and grey or colour."""

    @staticmethod
    def recognises(path: Path) -> bool:
        return path.is_dir()

    @staticmethod
    def peek(path: Path) -> Header:
        files = pictures(path)
        with quietly(), _opened(files[0]) as image:
            return Header(_shape(image), len(files), labelled=_classes(path, files) != ())

    @staticmethod
    def read(path: Path) -> Source:
        files = pictures(path)
        with quietly():
            with _opened(files[0]) as image:
                first = _shape(image)
            images = empty(path, (len(files), *first))
            for number, file in enumerate(files):
                images[number] = _picture(file, first, files[0])
        classes = _classes(path, files)
        labels = np.array([classes.index(_class_of(path, file)) for file in files]) if classes else None
        return Source(Images(images, labels, tuple(map(printable, classes))))


def pictures(path: Path) -> list[Path]:
    """The pictures in a folder and one folder down, in the order of their names. Raises `UserError` when there are none."""
    here = _inside(path)
    back = {path.resolve(), *path.resolve().parents}  # where a link below leads in a circle
    below = [file for folder in here if folder.is_dir() and folder.resolve() not in back for file in _inside(folder)]
    files = sorted(file for file in here + below if file.suffix.lower() in SUFFIXES and file.is_file())
    if not files:
        raise UserError(f"{path}: holds no images ({' '.join(sorted(SUFFIXES))}), here or one folder down")
    return files


def fitted(file: Path, shape: tuple[int, int, int], fit: str = "crop", invert: bool = False) -> np.ndarray:
    """A picture of any size and format as a model takes it: uint8 of `shape` (height, width, channels), 0 to 255.

    It is turned as its EXIF says; what is transparent becomes white; colour becomes grey (BT.601) where the model is grey.
    Then `crop` scales it until it covers the shape and cuts off what stands out on two sides, `pad` scales it until it
    fits and fills up with black, `stretch` ignores its proportions. `invert` turns black on white into white on black.
    Raises `UserError` for a file that is no picture.
    """
    from PIL import Image, ImageOps

    height, width, channels = shape
    with _opened(file) as image:
        image = ImageOps.exif_transpose(image)
        if image.has_transparency_data:
            image = image.convert("RGBA")
            image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
        image = _eight_bits(image).convert("RGB" if channels == 3 else "L")
        if fit == "crop":
            image = ImageOps.fit(image, (width, height), Image.Resampling.LANCZOS)
        elif fit == "pad":
            image = ImageOps.pad(image, (width, height), Image.Resampling.LANCZOS)
        else:
            image = image.resize((width, height), Image.Resampling.LANCZOS)
        pixels = np.asarray(ImageOps.invert(image) if invert else image)
    return pixels.reshape(shape)


FITS = ("crop", "pad", "stretch")


def _class_of(path: Path, file: Path) -> str:
    return file.parent.name if file.parent != path else ""


def _classes(path: Path, files: list[Path]) -> tuple[str, ...]:
    names = tuple(sorted({_class_of(path, file) for file in files}))
    return () if "" in names else names


def _inside(folder: Path) -> list[Path]:
    with reading(folder):
        return list(folder.iterdir())


def _shape(image) -> tuple[int, int, int]:
    """Height, width and channels, known before a pixel is decoded."""
    grey = image.mode in ("1", "L", "LA", "F") or image.mode.startswith("I")
    return image.height, image.width, 1 if grey else 3


def _picture(file: Path, first: tuple[int, int, int], named: Path) -> np.ndarray:
    """A picture in the shape of the first one, whose file is named where this one has another; grey is made colour."""
    with _opened(file) as image:
        shape = _shape(image)
        if shape[:2] != first[:2] or shape[2] > first[2]:
            raise UserError(
                f"{file}: is {by(shape)}, while {named.name} is {by(first)}; "
                "the images of a data set have one size and one number of channels"
            )
        return np.asarray(_eight_bits(image).convert("RGB" if first[2] == 3 else "L")).reshape(first)


def _eight_bits(image):
    """Pillow cuts 16-bit greys off at 255; here they are scaled."""
    if not image.mode.startswith("I"):
        return image
    from PIL import Image

    pixels = np.asarray(image)
    return Image.fromarray((pixels // 256 if image.mode != "I" or pixels.max() > 255 else pixels).astype(np.uint8))


@contextmanager
def quietly() -> Iterator[None]:
    """Without what Pillow warns of and what libtiff writes past Python: a picture is read, or refused in one sentence.

    For one thread at a time, while others may decode: both the warnings and standard error are those of the process.
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
def _opened(file: Path):
    """A picture whose pixels are not decoded yet. Raises `UserError`, also for what goes wrong when they are."""
    from PIL import Image  # only folders of images need Pillow

    many = f"{file}: has more than {MOST_PIXELS:,} pixels, too many for one picture"
    try:
        with Image.open(file, formats=FORMATS) as image:
            if image.width * image.height > MOST_PIXELS:
                raise UserError(many)
            with ALONE if image.width * image.height > LARGE else nullcontext():
                yield image
    except Image.DecompressionBombError:
        raise UserError(many) from None
    except BROKEN as error:
        said = str(error).removesuffix(f" {str(file)!r}").removesuffix(f" {file!r}").splitlines() or [type(error).__name__]
        raise UserError(f"{file}: cannot be read as an image ({said[0][:LONGEST]})") from None


# What Pillow's readers raise of pictures that are not what they say; they are many, and check little.
BROKEN = (
    OSError, EOFError, ValueError, SyntaxError, TypeError, AssertionError, AttributeError, LookupError, ArithmeticError,
    MemoryError, RuntimeError, struct.error,
)  # fmt: skip
