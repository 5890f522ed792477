"""Labels of the images of a run: files of labels, and class names that training and test images share."""

from dataclasses import replace

import numpy as np

from lib.common.errors import UserError
from lib.data.formats.base import Images, require_matching_labels
from lib.data.formats.registry import read_labels

MAX_CLASSES = 1000


def attach_labels(
    images: Images, labels_path: str | None, name_or_path: str, patches: int = 1
) -> tuple[Images, tuple[str, ...]]:
    """Return images with the labels of a file, where one is given, and notes on how it was read.

    Args:
        images: of a data set.
        labels_path: the file; None where none is given.
        name_or_path: the data set, for messages.
        patches: number of images that are patches of one picture; a label for each picture is enough.

    Raises:
        UserError: the file holds no labels, or another number of them.
    """
    if labels_path is None:
        return images, ()
    labels = read_labels(labels_path)
    numbers = labels.numbers
    if len(labels) * patches == len(images):
        numbers = np.repeat(numbers, patches)
    require_matching_labels(labels_path, len(numbers), len(images), name_or_path)
    classes = labels.classes or images.classes
    return replace(images, labels=numbers, classes=classes, label_error=""), labels.notes


def require_class_numbers(images: Images | None, name_or_path: str) -> None:
    """Raise `UserError` where labels could not be read, or are no numbers of classes, or too many."""
    if images is None or images.labels is None:
        if images is not None and images.label_error:
            raise UserError(images.label_error)
        return
    low, high = int(images.labels.min()), int(images.labels.max())
    if low < 0 or high >= MAX_CLASSES:
        raise UserError(
            f"{name_or_path}: the labels range from {low} to {high}; class numbers are 0 to {MAX_CLASSES - 1}"
        )


def class_names(images: Images) -> tuple[str, ...]:
    """Return the names of the classes; where there are none, their numbers, unless there are too many."""
    if images.classes or images.labels is None or images.labels.max() >= MAX_CLASSES:
        return images.classes
    return tuple(map(str, range(int(images.labels.max()) + 1)))


def align_classes(train: Images, test: Images, name_or_path: str, is_needed: bool) -> Images:
    """Return test images with the numbers that their classes have among the training images, by their names.

    Numbers without names stay, unless all of them are names of training classes.

    Args:
        train: training images.
        test: test images.
        name_or_path: the file of the test labels, named in errors.
        is_needed: whether a class that does not occur in training is an error; it gets a higher number.

    Raises:
        UserError: the labels are needed, and a class does not occur in training.
    """
    if train.labels is None or test.labels is None or train.classes == test.classes or not len(test.labels):
        return test
    known = {name: number for number, name in enumerate(class_names(train))}
    numbers = np.unique(test.labels)
    if not test.classes and not {str(number) for number in numbers.tolist()} <= {*known}:
        return test
    names = [test.classes[number] if test.classes else str(number) for number in numbers.tolist()]
    unknown = [name for name in names if name not in known]
    if unknown and is_needed:
        raise UserError(
            f"{name_or_path}: class {unknown[0]} does not occur in the training set ({len(known)} classes)"
        )
    known |= {name: len(known) + position for position, name in enumerate(unknown)}
    lookup = np.array([known[name] for name in names], np.int64)
    return replace(test, labels=lookup[np.searchsorted(numbers, test.labels)], classes=tuple(known))
