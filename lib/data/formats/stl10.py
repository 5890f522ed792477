"""STL-10's binary version: images of 96×96, three planes each, column by column, and labels from 1 to 10.

Coates, Ng and Lee, "An Analysis of Single-Layer Networks in Unsupervised Feature Learning" (2011).
"""

from pathlib import Path

import numpy as np

from lib.common.errors import UserError
from lib.data.formats.archives import holds, is_archive, read_members
from lib.data.formats.base import Format, Header, Images, Source, count_records, explain_read_errors
from lib.data.formats.labels import Labels, label_notes, with_labels

IMAGE_SHAPE = (96, 96, 3)
IMAGE_BYTES = 96 * 96 * 3
STL10_CLASSES = ("airplane", "bird", "car", "cat", "deer", "dog", "horse", "monkey", "ship", "truck")
FOLDER = "stl10_binary"  # as published, and in the archive stl10_binary.tar.gz
TRAIN_IMAGES, TEST_IMAGES, UNLABELED = "train_X.bin", "test_X.bin", "unlabeled_X.bin"
IMAGE_FILES = (TRAIN_IMAGES, TEST_IMAGES, UNLABELED)
LABEL_FILES = {TRAIN_IMAGES: "train_y.bin", TEST_IMAGES: "test_y.bin"}


class Stl10Format(Format):
    """The folder, a folder that holds it, the archive, or one of the files of images."""

    order = 60

    @staticmethod
    def recognizes(path: Path) -> bool:
        if is_archive(path):
            return holds(path, lambda name: name in IMAGE_FILES)
        return _locate(path).is_file()

    @staticmethod
    def peek(path: Path) -> Header:
        if is_archive(path):  # to count, it would have to be decompressed; these are the published numbers
            return Header(IMAGE_SHAPE, 5_000, 8_000, labeled=True)
        train = _locate(path)
        count = _count_images(train, train.stat().st_size)
        test = train.with_name(TEST_IMAGES)
        has_test = path.is_dir() and test.is_file()
        labels = LABEL_FILES.get(train.name)
        return Header(
            IMAGE_SHAPE,
            count,
            _count_images(test, test.stat().st_size) if has_test else 0,
            labeled=labels is not None and train.with_name(labels).is_file(),
        )

    @staticmethod
    def read(path: Path) -> Source:
        files = _read_archive(path) if is_archive(path) else _map_files(path)
        parts = [_decode(path, name, files) for name in IMAGE_FILES if name in files]
        notes: tuple[str, ...] = ()
        if path.is_dir() and _locate(path).with_name(UNLABELED).is_file():
            notes = (f"{path}: {UNLABELED} was ignored; pass it with -d to train on it",)
        return Source(parts[0], parts[1] if len(parts) > 1 else None, notes + label_notes(*parts))


def _read_archive(path: Path) -> dict[str, np.ndarray]:
    """Return the content of an archive's labeled files by name."""
    wanted = {*LABEL_FILES, *LABEL_FILES.values()}
    files = read_members(path, lambda name, size: name in wanted)
    if TRAIN_IMAGES not in files:
        raise UserError(f"{path}: contains no {TRAIN_IMAGES}")
    return files


def _map_files(path: Path) -> dict[str, np.ndarray]:
    """Return the content of a folder's labeled files by name, or of one file and its labels."""
    train = _locate(path)
    names = LABEL_FILES if path.is_dir() else [train.name]
    paths = [train.with_name(name) for name in names]
    paths += [train.with_name(LABEL_FILES[name]) for name in names if name in LABEL_FILES]
    files: dict[str, np.ndarray] = {}
    for file in paths:
        if file.is_file():
            with explain_read_errors(file):
                files[file.name] = np.memmap(file, np.uint8, "r")
    return files


def _locate(path: Path) -> Path:
    """Return the file of the training images below a folder, or the file itself if it has such a name."""
    if not path.is_dir():
        return path if path.name in IMAGE_FILES else path / TRAIN_IMAGES
    return next(
        (file for folder in (path, path / FOLDER) if (file := folder / TRAIN_IMAGES).is_file()),
        path / TRAIN_IMAGES,
    )


def _count_images(path: Path | str, size: int) -> int:
    return count_records(path, size, IMAGE_BYTES, "STL-10 images")


def _decode(path: Path, name: str, files: dict[str, np.ndarray]) -> Images:
    """Return the images of a file as a view, with its labels numbered from 0 on."""
    content = files[name]
    count = _count_images(f"{path}: {name}", content.size)
    images = Images(content.reshape(count, 3, 96, 96).transpose(0, 3, 2, 1))
    labels = files.get(LABEL_FILES.get(name, ""))
    if labels is None:
        return images
    return with_labels(images, name, lambda: _decode_labels(path, name, labels), path)


def _decode_labels(path: Path, name: str, labels: np.ndarray) -> Labels:
    if not (labels.size and labels.min() >= 1 and labels.max() <= len(STL10_CLASSES)):
        raise UserError(f"{path}: the labels of {name} are not in 1 to 10, as in STL-10")
    return Labels(labels.astype(np.int64) - 1, STL10_CLASSES)
