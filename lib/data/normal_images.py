"""Normal images of a data set, from which a network learns that detects others, and their classes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from lib.common.errors import UserError, printable
from lib.common.suggestions import closest_name
from lib.config.hyperparameters import Hyperparameters
from lib.data.class_labels import MAX_CLASSES, class_names, require_class_numbers
from lib.data.formats.base import Images
from lib.data.groups import Groups
from lib.data.normal_classes import select_classes, usual_classes
from lib.data.splits import Subset
from lib.tasks import list_tasks

MIN_IMAGES = 10  # normal ones, enough to be split into three sets
SHOWN_CLASSES = 12  # in one message
NORMAL = "normal"  # kind of images without labels


@dataclass(frozen=True)
class NormalImages:
    """The normal images of a data set.

    Attributes:
        classes: names of the classes of training and test images, by label; empty without labels.
        normal: names of the classes that are normal; empty without labels.
        indices: int64 (n,), positions of the normal ones among the training images.
        notes: sentences for the user about the choice.
    """

    classes: tuple[str, ...]
    normal: tuple[str, ...]
    indices: np.ndarray
    notes: tuple[str, ...] = ()

    def find_defective(self, images: Images, indices: np.ndarray) -> np.ndarray:
        """Return which of the images at some positions are not normal, bool (n,)."""
        if images.labels is None or not self.has_classes(images):
            return np.zeros(len(indices), bool)
        numbers = [number for number, name in enumerate(self.classes) if name in self.normal]
        return ~np.isin(images.labels[indices], numbers)

    def has_classes(self, images: Images) -> bool:
        """Return whether images have labels that are those of classes."""
        labels = images.labels
        return labels is not None and bool(labels.min() >= 0 and labels.max() < len(self.classes))

    def kinds(self, images: Images, indices: np.ndarray) -> tuple[str, ...]:
        """Return the names of the classes of images at some positions."""
        if images.labels is None or not self.has_classes(images):
            return (NORMAL,) * len(indices)
        return tuple(self.classes[label] for label in images.labels[indices].tolist())

    def complete_test(self, train: Images, test: Images | None, subset: Subset) -> Subset:
        """Return a test set with all images that are not normal.

        Args:
            train: images outside a separate test set.
            test: the separate test set, whose images are complete.
            subset: the test set that the split made of the normal images.
        """
        if test is not None or len(self.indices) == len(train):
            return subset
        others = np.setdiff1d(np.arange(len(train)), self.indices)
        return Subset(train, np.union1d(subset.indices, others))


def choose_normal(train: Images, test: Images | None, hp: Hyperparameters) -> NormalImages | None:
    """Return the normal images of a data set; None for a task that uses all.

    Args:
        train: images outside a separate test set.
        test: the separate test set, with the numbers of the classes of `train`.
        hp: `normal` names the normal classes. Otherwise they are those of the usual names, else all of the
            training images.

    Raises:
        UserError: no training image has a class that is named, or too few are normal, or the images have no
            labels.
    """
    data = hp.defect_data
    if data is None:
        return None
    train, test = _with_valid_labels(train, data.normal, hp), _with_valid_labels(test, data.normal, hp)
    classes = max(class_names(train), class_names(test) if test else (), key=len)
    name = hp.require("dataset")
    notes: tuple[str, ...] = ()
    pool = _present(classes, train if train.labels is not None else test)
    of_test = tuple(other for other in _present(classes, test) if other not in pool)
    normal = select_classes(pool, data.normal, of_test)
    if data.normal is not None:
        _require_known(name, normal, pool, of_test, train)
    elif train.labels is None:
        normal = usual_classes(pool, Path(name).resolve().name)
    else:
        notes = _describe_choice(name, tuple(known for known in normal if known in pool), pool)
    indices = np.arange(len(train))
    chosen = NormalImages(classes, normal, indices, tuple(map(printable, notes)))
    if train.labels is not None:
        indices = indices[~chosen.find_defective(train, indices)]
    if len(indices) < MIN_IMAGES:
        raise UserError(
            f"{name}: {len(indices):,} normal training images are not enough; the minimum is {MIN_IMAGES}"
        )
    return NormalImages(chosen.classes, chosen.normal, indices, chosen.notes)


def _with_valid_labels(images: Images | None, named: Sequence[str] | None, hp: Hyperparameters):
    """The images, without labels that are no numbers of classes; these are refused if classes are named."""
    if images is None or images.labels is None:
        return images
    if named is not None:
        require_class_numbers(images, hp.require("dataset"))
    low, high = images.labels.min(), images.labels.max()
    return images if low >= 0 and high < MAX_CLASSES else replace(images, labels=None, classes=())


def _present(classes: tuple[str, ...], images: Images | None) -> tuple[str, ...]:
    """Names of the classes that images have."""
    if images is None or images.labels is None:
        return ()
    return tuple(classes[number] for number in np.unique(images.labels).tolist())


def _require_known(
    name: str, normal: Sequence[str], known: tuple[str, ...], of_test: tuple[str, ...], train: Images
) -> None:
    """Require names of classes, at least one of training images; the others may be of test images alone."""
    flag = f"--normal {','.join(normal)}"
    if not known:
        if train.label_error:
            raise UserError(f"{train.label_error} ({flag} requires classes)")
        raise UserError(
            f"{name}: the images have no labels, which {flag} requires; use one folder per class, an IDX "
            "folder or an .npz with labels"
        )
    allowed = (*known, *of_test) if any(word in known for word in normal) else known
    for word in normal:
        if word not in allowed:
            close = closest_name(word, known)
            raise UserError(
                f"{name}: no normal images: no training image has the class {word} ({flag}); the classes are "
                f"{list_classes(known)}" + (f"; did you mean {close}?" if close else "")
            )


def list_classes(names: Sequence[str]) -> str:
    """Return names of classes for a message, the first ones of many."""
    more = f" and {len(names) - SHOWN_CLASSES:,} more" if len(names) > SHOWN_CLASSES else ""
    return ", ".join(names[:SHOWN_CLASSES]) + more


def _describe_choice(name: str, normal: tuple[str, ...], known: tuple[str, ...]) -> tuple[str, ...]:
    if normal == known:
        if len(known) == 1:
            return ()
        return (
            f"{name}: all {len(known):,} classes of the training images count as normal; choose with "
            "--normal",
        )
    others = [other for other in known if other not in normal]
    return (
        f"{name}: the class {list_classes(normal)} counts as normal, {list_classes(others)} as defective; "
        "choose with --normal",
    )


def describe_shared_groups(groups: Groups | None, training: np.ndarray, test: np.ndarray) -> tuple[str, ...]:
    """Return a warning of groups that training images and test images that are not normal have in common.

    Args:
        groups: of all images, if there are any that a rule makes.
        training: positions of the images of training and validation.
        test: positions of the test images, among the same images.
    """
    if groups is None or not groups.rule:
        return ()
    shared = np.intersect1d(groups.numbers[training], groups.numbers[test])
    if not len(shared):
        return ()
    some = f"{len(shared):,} groups are" if len(shared) > 1 else "1 group is"
    return (
        printable(
            f"{groups.source}: {some} in the training set and among the defective test images, such as "
            f"{groups.names[shared[0]]}"
        ),
    )


def describe_unused_defects(name: str, train: Images, test: Images | None, hp: Hyperparameters) -> str:
    """Return a sentence where images look like those of a detector, and the task is another; else ""."""
    if hp.program != "autoencoder" or hp.defect_data is not None or test is None:
        return ""
    if train.labels is None or test.labels is None:
        return ""
    classes = class_names(train)
    known, others = _present(classes, train), set(_present(class_names(test), test)) - {*classes}
    if not others or set(usual_classes(known)) != {*known}:
        return ""
    task = list_tasks(lambda task: task.detects_defects)
    return f"{name}: to find defects such as {min(others)}, set --task {task}"
