"""A folder of pictures: as a data set, all of one size, or of any size, made to fit a model."""

from contextlib import contextmanager
from pathlib import Path

import numpy as np

from lib.errors import UserError
from lib.files import Header, Images, Source, by

SUFFIXES = {".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm"}


class Folder:
    """A folder of pictures, all of one size; subfolders are labels. The first one decides size, and grey or colour."""

    @staticmethod
    def recognises(path: Path) -> bool:
        return path.is_dir()

    @staticmethod
    def peek(path: Path) -> Header:
        files = pictures(path)
        return Header(_picture(files[0]).shape, len(files), labelled=_classes(path, files) != ())

    @staticmethod
    def read(path: Path) -> Source:
        files = pictures(path)
        first = _picture(files[0])
        images = np.empty((len(files), *first.shape), np.uint8)
        for number, file in enumerate(files):
            picture = _picture(file, colour=first.shape[2] == 3)
            if picture.shape != first.shape:
                raise UserError(
                    f"{file}: is {by(picture.shape)}, while {files[0].name} is {by(first.shape)}; "
                    "the images of a data set have one size and one number of channels"
                )
            images[number] = picture
        classes = _classes(path, files)
        labels = np.array([classes.index(_class_of(path, file)) for file in files]) if classes else None
        return Source(Images(images, labels, classes))


def pictures(path: Path) -> list[Path]:
    """The pictures in a folder and one folder down, in the order of their names. Raises `UserError` when there are none."""
    files = sorted(f for f in [*path.glob("*"), *path.glob("*/*")] if f.suffix.lower() in SUFFIXES and f.is_file())
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


def _picture(file: Path, colour: bool | None = None) -> np.ndarray:
    with _opened(file) as image:
        grey = image.mode in ("1", "L", "LA", "F") or image.mode.startswith("I")
        pixels = np.asarray(_eight_bits(image).convert("RGB" if colour or not grey else "L"))
    return pixels.reshape(*pixels.shape[:2], -1)


def _eight_bits(image):
    """Pillow cuts 16-bit greys off at 255; here they are scaled."""
    if not image.mode.startswith("I"):
        return image
    from PIL import Image

    pixels = np.asarray(image)
    return Image.fromarray((pixels // 256 if image.mode != "I" or pixels.max() > 255 else pixels).astype(np.uint8))


@contextmanager
def _opened(file: Path):
    from PIL import Image, UnidentifiedImageError  # only folders of images need Pillow

    try:
        with Image.open(file) as image:
            yield image
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise UserError(f"{file}: cannot be read as an image ({error})") from None
