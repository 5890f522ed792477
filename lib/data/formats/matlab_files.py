"""MATLAB's files, .mat, among them those of SVHN, CIFAR-10 and STL-10."""

import string
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lib.common.errors import UserError
from lib.common.formatting import format_shape
from lib.data.formats.array_layouts import arrange, find_layout
from lib.data.formats.array_roles import LABEL_NAMES, ShapeAndType, find_labels, find_roles, plain_name
from lib.data.formats.base import Format, Header, Images, Source, allocate, explain_read_errors
from lib.data.formats.cifar import CIFAR10_CLASSES
from lib.data.formats.labels import Labels, label_notes, labels_of_array, with_labels
from lib.data.formats.matlab_arrays import MARK_PLACE, MARKS, MatlabArray, list_arrays, read_array
from lib.data.formats.stl10 import STL10_CLASSES

# In the folders of published data sets, and of one that lies below the folder that is given.
TRAIN_FILES, TEST_FILES, INNER_FOLDER = (
    ("train*.mat", "data_batch_*.mat"),
    ("test*.mat",),
    "cifar-10-batches-mat",
)


@dataclass(frozen=True)
class Order:
    """The order of the axes of an array of images in MATLAB.

    Attributes:
        shape: that of the arranged array, (n, height, width) or (n, height, width, channels).
        arrange: puts the axes of the array into this order.
        first_label: the number of the first class.
        classes: the names of the classes; empty where unknown.
    """

    shape: tuple[int, ...]
    arrange: Callable[[np.ndarray], np.ndarray] = lambda array: array
    first_label: int = 0
    classes: tuple[str, ...] = ()


class MatlabFormat(Format):
    """A .mat of version 5 to 7, or a folder of those of a published data set."""

    order = 30

    @staticmethod
    def recognizes(path: Path) -> bool:
        if path.is_dir():
            return bool(_list_files(path, TRAIN_FILES))
        with explain_read_errors(path), path.open("rb") as file:
            return file.read(MARK_PLACE + 4)[MARK_PLACE:] in MARKS

    @staticmethod
    def peek(path: Path) -> Header:
        headers = [_peek_file(file) for file in _list_files(path, TRAIN_FILES)]
        tests = [_peek_file(file).count for file in _list_files(path, TEST_FILES)] if path.is_dir() else []
        count, test_count = sum(header.count for header in headers), sum(tests) or headers[0].test_count
        return Header(headers[0].shape, count, test_count, headers[0].labeled)

    @staticmethod
    def read(path: Path) -> Source:
        sources = [_read_file(file) for file in _list_files(path, TRAIN_FILES)]
        tests = [_read_file(file) for file in _list_files(path, TEST_FILES)] if path.is_dir() else []
        notes = dict.fromkeys(note for source in sources + tests for note in source.notes)
        train = _join(path, [source.train for source in sources])
        test = _join(path, [source.train for source in tests]) if tests else sources[0].test
        return Source(train, test, tuple(notes))


def read_matlab_labels(path: Path) -> Labels:
    """Return the labels of a .mat. Raises `UserError` where it has none, or several arrays of them."""
    arrays = {array.name: array for array in list_arrays(path)}
    name = find_labels(path, list(arrays))
    return labels_of_array(path, name, read_array(path, arrays[name]))


def _list_files(path: Path, patterns: tuple[str, ...]) -> list[Path]:
    """Return the files of a folder with such names, or else of the folder of CIFAR-10's in it."""
    if not path.is_dir():
        return [path]
    with explain_read_errors(path):
        for folder in (path, path / INNER_FOLDER):
            files = sorted(file for pattern in patterns for file in folder.glob(pattern) if file.is_file())
            if files:
                return files
    return []


def _peek_file(path: Path) -> Header:
    _, orders, roles, _ = _find_arrays(path)
    header = find_layout(path, roles["images"], orders[roles["images"]].shape)
    tests = orders[roles["test_images"]].shape[0] if "test_images" in roles else 0
    return Header(header.shape, orders[roles["images"]].shape[0], tests, "labels" in roles)


def _read_file(path: Path) -> Source:
    arrays, orders, roles, notes = _find_arrays(path)
    names = [roles[part] for part in ("images", "test_images") if part in roles]
    stored = {name: orders[name].arrange(read_array(path, arrays[name])) for name in names}
    images, assumptions = arrange(path, stored)
    parts = []
    for name, label_role in zip(names, ("labels", "test_labels"), strict=False):
        labels = roles.get(label_role)
        unlabeled = Images(images[name], classes=orders[name].classes)
        read = _label_reader(path, arrays[labels], orders[name]) if labels else None
        parts.append(with_labels(unlabeled, path.name, read, path) if read else unlabeled)
    return Source(
        parts[0], parts[1] if len(parts) > 1 else None, (*notes, *assumptions, *label_notes(*parts))
    )


def _label_reader(path: Path, array: MatlabArray, order: Order) -> Callable[[], Labels]:
    def read() -> Labels:
        labels = labels_of_array(path, array.name, read_array(path, array))
        if not order.classes:
            return labels
        numbers = labels.numbers - order.first_label
        if _is_svhn(path):  # the label of the digit 0 is 10
            numbers = labels.numbers % 10
        if numbers.min() < 0 or numbers.max() >= len(order.classes):
            low, high = labels.numbers.min(), labels.numbers.max()
            raise UserError(f"{path}: labels from {low} to {high} do not belong to this data set")
        return Labels(numbers, order.classes)

    return read


def _find_arrays(path: Path) -> tuple[dict[str, MatlabArray], dict[str, Order], dict[str, str], list[str]]:
    """Return the arrays of a file by name, the orders of those that can be images, the roles, and notes."""
    arrays = {array.name: array for array in list_arrays(path)}
    label_counts = {
        max(array.shape, default=0) for name, array in arrays.items() if plain_name(name) in LABEL_NAMES
    }
    orders = {}
    for name, array in arrays.items():
        if (order := _find_order(path, array, label_counts)) is not None:
            orders[name] = order
    shapes: dict[str, ShapeAndType] = {
        name: (orders[name].shape if name in orders else (), array.dtype) for name, array in arrays.items()
    }
    roles, notes = find_roles(path, shapes)
    for role in ("images", "test_images"):
        if role in roles and roles[role] not in orders:
            array = arrays[roles[role]]
            raise UserError(
                f"{path}: {array.name} has shape {format_shape(array.shape)}; the image axis is "
                "ambiguous: save it as (height, width, channels, n)"
            )
    return arrays, orders, roles, notes


def _is_svhn(path: Path) -> bool:
    return path.name.endswith("_32x32.mat")


def _find_order(path: Path, array: MatlabArray, label_counts: set[int]) -> Order | None:
    """Return the order of the axes of an array of images; None where it has none that is certain."""
    shape = array.shape
    if 0 in shape:
        return None
    if len(shape) == 4 and shape[2] in (1, 3) and shape[3] not in (1, 3):
        classes = tuple(string.digits) if _is_svhn(path) else ()
        return Order((shape[3], *shape[:3]), lambda a: a.transpose(3, 0, 1, 2), classes=classes)
    if len(shape) == 4 and shape[3] in (1, 3):
        return Order(shape)
    if len(shape) == 3:
        is_first, is_last = shape[0] in label_counts, shape[2] in label_counts
        if is_first == is_last:
            is_first, is_last = shape[1] == shape[2], shape[0] == shape[1]
        if is_first != is_last:
            first, last = Order(shape), Order((shape[2], *shape[:2]), lambda a: a.transpose(2, 0, 1))
            return first if is_first else last
    if len(shape) == 2 and array.name == "data" and shape[1] == 32 * 32 * 3:
        rows = (shape[0], 32, 32, 3)
        return Order(rows, lambda a: a.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1), 0, CIFAR10_CLASSES)
    if len(shape) == 2 and array.name == "X" and shape[1] == 96 * 96 * 3:
        rows = (shape[0], 96, 96, 3)
        return Order(rows, lambda a: a.reshape(-1, 3, 96, 96).transpose(0, 3, 2, 1), 1, STL10_CLASSES)
    return None


def _join(path: Path, parts: list[Images]) -> Images:
    """Return the images of several files, one after the other; labels only where all have them."""
    if len(parts) == 1:
        return parts[0]
    count = sum(map(len, parts))
    shape = parts[0].images.shape[1:]
    dtype = np.result_type(*(part.images.dtype for part in parts))
    images, start = allocate(path, (count, *shape), dtype), 0
    for part in parts:
        if part.images.shape[1:] != shape:
            raise UserError(
                f"{path}: its files contain images of {format_shape(shape)} and of "
                f"{format_shape(part.images.shape[1:])}"
            )
        images[start : start + len(part)] = part.images
        start += len(part)
    labels = [part.labels for part in parts if part.labels is not None]
    error = next((part.label_error for part in parts if part.label_error), "")
    joined = np.concatenate(labels) if len(labels) == len(parts) else None
    return Images(images, joined, parts[0].classes, error)
