"""Images that somebody gives to a saved model: a folder of any pictures, made to fit, or a data set of the
right size.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from lib.common.errors import UserError
from lib.common.formatting import format_shape
from lib.data import datasets
from lib.data.formats.base import Images, exists
from lib.data.formats.cifar10 import Cifar10Format
from lib.data.formats.idx import IdxFolderFormat
from lib.data.formats.image_folder import SUFFIXES, list_pictures, load_fitted, quiet_decoding
from lib.data.formats.registry import peek_source

CHUNK_SIZE = 512  # images in memory at once


class UserImages:
    """Images in order, with a name each. Those of a folder are read as they are needed, any number of them.

    `shape` is (height, width, channels) of what the model takes; `fit` and `invert` are those of
    `folders.fitted`. Of a data set with a test set of its own these are the test images, with `every` the
    training images and then those. Raises `UserError` when there are none, or when a data set has another
    shape.
    """

    def __init__(
        self, where: str, shape: tuple[int, int, int], fit: str = "crop", invert: bool = False, every=False
    ):
        self.where, self.shape, self.fit, self.invert = where, shape, fit, invert
        self.labels: np.ndarray | None = None
        self.classes: tuple[str, ...] = ()
        self.problems: dict[str, str] = {}  # pictures that could not be read, and why
        self._images, self._files = None, []
        if files := find_pictures(where):
            self._files = files
            root = Path(where) if Path(where).is_dir() else Path(where).parent
            self.names = [file.relative_to(root).as_posix() for file in files]
            folders = [file.relative_to(root).parent.as_posix() for file in files]
            if "." not in folders:
                self.classes = tuple(sorted(set(folders)))
                self.labels = np.array([self.classes.index(folder) for folder in folders])
            return
        images = load_all_images(where) if every else load_test_images(where)
        if images.images.shape[1:] != tuple(shape):
            raise UserError(
                f"{where}: its images are {format_shape(images.images.shape[1:])}, the model takes "
                f"{format_shape(shape)}; "
                "only a folder of pictures is made to fit"
            )
        self._images, self.labels, self.classes = images, images.labels, images.classes
        self.names = [f"{number:0{len(str(len(images)))}}" for number in range(1, len(images) + 1)]

    def __len__(self) -> int:
        return len(self.names)

    @property
    def pictures(self) -> bool:
        """Whether these are files of pictures, and no data set."""
        return self._images is None

    def chunks(self, limit: int | None = None) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """The places of some images, shape (n,), and the images, uint8; pictures that cannot be read become
        `problems`.
        """
        count = min(limit or len(self), len(self))
        with ThreadPoolExecutor() as pool:  # Pillow lets other threads work while it decodes
            for start in range(0, count, CHUNK_SIZE):
                places = np.arange(start, min(start + CHUNK_SIZE, count))
                if self._images is not None:
                    images = self._images.images[places]
                    yield places, 255 - images if self.invert else images
                    continue
                with quiet_decoding():
                    read = list(pool.map(self._fitted, places))
                found = [place for place, image in zip(places, read, strict=True) if image is not None]
                if found:
                    yield np.array(found), np.stack([image for image in read if image is not None])
        if self.problems and len(self.problems) == count:
            raise UserError(
                f"{self.where}: none of its {count:,} pictures can be read; "
                f"{next(iter(self.problems.values()))}"
            )

    def _fitted(self, place: int) -> np.ndarray | None:
        try:
            return load_fitted(self._files[place], self.shape, self.fit, self.invert)
        except UserError as error:
            self.problems[self.names[place]] = str(error)
            return None


def load_test_images(where: str) -> Images:
    """The images of a data set that no training has seen, where it has such, else all of them."""
    source = datasets.load_source(where)
    images = source.test or source.train
    if not images.classes and where in datasets.NAMED_DATASETS:
        return Images(images.images, images.labels, datasets.NAMED_DATASETS[where].classes)
    return images


def load_all_images(where: str) -> Images:
    """The images of a data set, those for training first."""
    source = datasets.load_source(where)
    if source.test is None:
        return source.train
    learned, held = source.train.images, source.test.images
    if learned.shape[1:] != held.shape[1:]:
        raise UserError(
            f"{where}: test images are {format_shape(held.shape[1:])}, training images "
            f"{format_shape(learned.shape[1:])}"
        )
    images = np.concatenate([learned, held])
    labeled = source.train.labels is not None and source.test.labels is not None
    labels = np.concatenate([source.train.labels, source.test.labels]) if labeled else None
    return Images(images, labels, source.train.classes)


def find_pictures(where: str) -> list[Path]:
    """The pictures that a path means, none where it is a name, or a data set in one of the formats."""
    path = Path(where)
    if where in datasets.NAMED_DATASETS or not exists(path):
        return []
    if path.is_file():
        return [path] if path.suffix.lower() in SUFFIXES else []
    return [] if IdxFolderFormat.recognizes(path) or Cifar10Format.recognizes(path) else list_pictures(path)


def require_user_images(where: str) -> None:
    """Refuse what is neither pictures nor a data set, quickly. Raises `UserError`."""
    if not where.strip():
        raise UserError("a folder, a data set or a name is needed")
    if not find_pictures(where) and (path := datasets.locate(where)) is not None:
        peek_source(path)
