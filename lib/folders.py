"""A folder of pictures as a data set."""

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
        files = _pictures(path)
        return Header(_picture(files[0]).shape, len(files), labelled=_classes(path, files) != ())

    @staticmethod
    def read(path: Path) -> Source:
        files = _pictures(path)
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


def _pictures(path: Path) -> list[Path]:
    files = sorted(f for f in [*path.glob("*"), *path.glob("*/*")] if f.suffix.lower() in SUFFIXES and f.is_file())
    if not files:
        raise UserError(f"{path}: holds no images ({' '.join(sorted(SUFFIXES))}), here or one folder down")
    return files


def _class_of(path: Path, file: Path) -> str:
    return file.parent.name if file.parent != path else ""


def _classes(path: Path, files: list[Path]) -> tuple[str, ...]:
    names = tuple(sorted({_class_of(path, file) for file in files}))
    return () if "" in names else names


def _picture(file: Path, colour: bool | None = None) -> np.ndarray:
    from PIL import Image, UnidentifiedImageError  # only folders of images need Pillow

    try:
        with Image.open(file) as image:
            grey = image.mode in ("1", "L", "LA", "I;16", "I", "F")
            mode = "RGB" if colour or not grey else "L"
            pixels = np.asarray(image.convert(mode))
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise UserError(f"{file}: cannot be read as an image ({error})") from None
    return pixels.reshape(*pixels.shape[:2], -1)
