"""Names of the classes that are normal, of a data set whose other images are defective."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from lib.config.hyperparameters import Hyperparameters
from lib.data.formats.base import Header

USUAL_NAMES = ("good", "normal", "ok")  # of classes that are normal unless others are named; in lower case
ALL = "all"  # stands for all classes, unless one is called so


def select_classes(
    names: Sequence[str], chosen: Sequence[str] | None, of_test: Sequence[str] = ()
) -> tuple[str, ...]:
    """Return the names of normal classes.

    Args:
        names: of the classes of the training images, in the order of their numbers.
        chosen: those that the user has named, by name or by number, or `ALL`; None for the usual ones, and
            without these all.
        of_test: names of the classes that only test images have; those of them with a usual name are normal,
            too, unless others are named.
    """
    if chosen is None:
        return (usual_classes(names) or tuple(names)) + usual_classes(of_test)
    if tuple(chosen) == (ALL,) and ALL not in names:
        return tuple(names)
    return tuple(_name_of(word, (*names, *of_test)) for word in chosen)


def _name_of(word: str, names: Sequence[str]) -> str:
    """The name of a class, which may be named by its number."""
    is_number = word not in names and word.isdecimal() and word.isascii() and len(word) < 10
    return names[int(word)] if is_number and int(word) < len(names) else word


def usual_classes(names: Iterable[str], folder: str = "") -> tuple[str, ...]:
    """Return the names that are usual for normal images, or that of the folder of the training images."""
    return tuple(name for name in names if name.lower() in USUAL_NAMES or (folder and name == folder))


def usable_count(header: Header, hp: Hyperparameters) -> int:
    """Return the number of images outside the test set that a run can train on, as far as it is known."""
    data, counts = hp.defect_data, header.class_counts
    if data is None or not counts:
        return header.count
    return sum(counts.get(name, 0) for name in select_classes(list(counts), data.normal)) or header.count
