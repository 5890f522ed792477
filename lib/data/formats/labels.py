"""Labels of images: arrays of class numbers, one-hot rows and texts, as class numbers and class names."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from lib.common.errors import UserError, printable
from lib.common.formatting import format_shape
from lib.data.formats.base import Images, allocate, require_matching_labels

MAX_LABEL_LENGTH = 200  # characters of the name of a class
MAX_LABEL = 2**62
WHOLE_NUMBER = re.compile(r"[+-]?\d{1,18}(\.0*)?", re.ASCII)
CHUNK_SIZE = 1 << 16  # rows converted at once


@dataclass(frozen=True)
class Labels:
    """The labels of images.

    Attributes:
        numbers: int64 (n,).
        classes: the class name of each number, from 0 on; empty where the labels are numbers.
        notes: sentences for the user about how they were read.
    """

    numbers: np.ndarray
    classes: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.numbers)


def labels_of_array(path: Path, name: str, array: np.ndarray) -> Labels:
    """Return the labels in an array.

    Args:
        path: its file, named in errors.
        name: the name of the array, named in errors.
        array: whole numbers or texts, (n,), (n, 1) or (1, n), or one-hot rows (n, classes), of any numeric
            type.

    Raises:
        UserError: the array cannot be labels.
    """
    if not array.size or array.dtype.kind not in "buifSU" or array.ndim not in (1, 2):
        raise _no_labels(path, name, array)
    if array.ndim == 2 and 1 not in array.shape:
        if array.dtype.kind not in "buif":
            raise _no_labels(path, name, array)
        return Labels(_from_one_hot(path, name, array))
    array = array.reshape(-1)
    if array.dtype.kind in "SU":
        texts = array.tolist()
        return labels_of_texts(
            path, [text.decode("utf-8", "replace") if isinstance(text, bytes) else text for text in texts]
        )
    numbers = allocate(path, array.shape, np.int64)
    for start in range(0, len(array), CHUNK_SIZE):
        chunk = np.asarray(array[start : start + CHUNK_SIZE])
        is_whole = np.isfinite(chunk).all() and (chunk == np.floor(chunk)).all()
        if not is_whole or np.abs(chunk).max() > MAX_LABEL:
            raise _no_labels(path, name, array)
        numbers[start : start + CHUNK_SIZE] = chunk
    return Labels(numbers)


def _from_one_hot(path: Path, name: str, array: np.ndarray) -> np.ndarray:
    numbers = allocate(path, (len(array),), np.int64)
    for start in range(0, len(array), CHUNK_SIZE):
        chunk = np.asarray(array[start : start + CHUNK_SIZE])
        is_one_hot = ((chunk == 0) | (chunk == 1)).all() and (np.count_nonzero(chunk, axis=1) == 1).all()
        if not is_one_hot:
            raise _no_labels(path, name, array)
        numbers[start : start + CHUNK_SIZE] = chunk.argmax(axis=1)
    return numbers


def _no_labels(path: Path, name: str, array: np.ndarray) -> UserError:
    return UserError(
        f"{path}: {name} is {array.dtype} of shape {format_shape(array.shape)}, not labels; those "
        "are whole numbers or names, one per image, or one-hot rows"
    )


def labels_of_texts(path: Path, texts: Sequence[str]) -> Labels:
    """Return labels that are given as texts: all of them whole numbers, or else the names of classes.

    Classes are numbered in the order of their names.

    Raises:
        UserError: a text is empty, or too long for a name.
    """
    texts = [text.strip() for text in texts]
    numbers = allocate(path, (len(texts),), np.int64)
    try:
        numbers[:] = [_whole_number(text) for text in texts]
        return Labels(numbers)
    except ValueError:
        pass
    names = sorted(set(texts))
    for name in names:
        if not 0 < len(name) <= MAX_LABEL_LENGTH:
            raise UserError(
                f"{path}: label of image {texts.index(name) + 1:,} has {len(name):,} characters; class "
                f"names have 1 to {MAX_LABEL_LENGTH}"
            )
    position = {name: number for number, name in enumerate(names)}
    numbers[:] = [position[text] for text in texts]
    return Labels(numbers, tuple(map(printable, names)))


def _whole_number(text: str) -> int:
    """Return the number that a text such as 7, -7 or 7.0 is. Raises `ValueError` for others."""
    if not WHOLE_NUMBER.fullmatch(text):
        raise ValueError
    return int(text.partition(".")[0])


def with_labels(images: Images, source: str, read: Callable[[], Labels], path: Path) -> Images:
    """Return images with the labels that are stored with them, or with the reason why these are left out.

    Args:
        images: the images.
        source: their file or array, named in errors.
        read: reads the labels.
        path: the file of the labels, named in errors.
    """
    try:
        labels = read()
        require_matching_labels(path, len(labels), len(images), source)
    except UserError as error:
        return replace(images, label_error=str(error))
    return replace(images, labels=labels.numbers, classes=labels.classes or images.classes)


def label_notes(*parts: Images | None) -> tuple[str, ...]:
    """Return notes about the labels of images that `with_labels` has left out."""
    errors = dict.fromkeys(part.label_error for part in parts if part is not None and part.label_error)
    return tuple(f"{error}; the images are used without labels" for error in errors)
