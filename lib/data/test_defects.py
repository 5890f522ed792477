"""Defects of the test images of a data set, for tasks that detect them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lib.common.errors import UserError, printable
from lib.config.hyperparameters import Hyperparameters
from lib.data.formats.base import Images
from lib.data.formats.defect_masks import DefectMasks, read_defect_masks
from lib.data.formats.mask_folders import find_mask_folder
from lib.data.formats.picture_fit import PictureFit
from lib.data.groups import Groups
from lib.data.normal_images import NormalImages, describe_shared_groups, list_classes
from lib.data.splits import Subset


@dataclass(frozen=True)
class TestDefects:
    """Defects of test images, in their order.

    Attributes:
        is_defective: bool (n,).
        kinds: name of the class of each image.
        normal_classes: names of the classes that are normal; empty without labels.
        masks: the defective pixels, where some are known.
    """

    is_defective: np.ndarray
    kinds: tuple[str, ...]
    normal_classes: tuple[str, ...] = ()
    masks: DefectMasks | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the classes and the numbers of images for `run.json`."""
        with_masks = int((self.masks.rows >= 0).sum()) if self.masks else 0
        return {
            "normal_classes": list(self.normal_classes),
            "defective": int(self.is_defective.sum()),
            "with_masks": with_masks,
        }


Subsets = tuple[Subset, Subset, Subset]  # training, validation, test


def find_defects(
    normal: NormalImages,
    train: Images,
    test: Images | None,
    parts: Subsets,
    groups: Groups | None,
    hp: Hyperparameters,
    fit: PictureFit,
) -> tuple[Subsets, TestDefects, tuple[str, ...]]:
    """Return the parts of a data set with all defective images in the test set, its defects, and notes.

    Args:
        normal: the normal classes and images.
        train: images outside a separate test set.
        test: the separate test set, if there is one.
        parts: the split of the normal images.
        groups: of the images of `train`, if they have some.
        hp: names the data and the masks.
        fit: how the pictures became images.

    Raises:
        UserError: a test set that the user made has no defective or no normal images, or masks are invalid.
    """
    complete = normal.complete_test(train, test, parts[2])
    is_defective = normal.find_defective(complete.parent, complete.indices)
    kinds = normal.kinds(complete.parent, complete.indices)
    name = hp.testset or hp.require("dataset")
    if hp.testset or (test and test.files):
        _require_both(name, complete.parent, kinds, is_defective, normal)
    elif test:
        _require_normal(name, kinds, is_defective)
    masks, notes = _find_masks(name, complete, is_defective, hp, fit)
    if not is_defective.any():
        notes += (_describe_absence(name, complete.parent, normal.classes),)
    if masks and fit.patches:
        is_defective = is_defective & ~(masks.is_known & ~masks.has_defects)
    if test is None:
        learned = np.concatenate([part.indices for part in parts[:2]])
        others = np.setdiff1d(complete.indices, parts[2].indices)
        notes += describe_shared_groups(groups, learned, others)
    defects = TestDefects(is_defective, kinds, normal.normal, masks)
    return (*parts[:2], complete), defects, notes


def _find_masks(
    name: str, test: Subset, is_defective: np.ndarray, hp: Hyperparameters, fit: PictureFit
) -> tuple[DefectMasks | None, tuple[str, ...]]:
    """Return the masks of the test images, if the user has some, and notes."""
    folder, files, data = find_mask_folder(hp), test.parent.files, hp.defect_data
    if folder is None or data is None:
        return None, ()
    if folder.is_named and not is_defective.any():
        raise UserError(
            f"{folder.path}: all test images of {name} are normal, and masks show defects; name the normal "
            "classes with --normal, or remove --masks"
        )
    if folder.is_named and not files:
        raise UserError(f"{name}: --masks requires pictures in folders, which masks belong to by their names")
    if not files or not is_defective.any():
        return None, ()
    pictures = [files[index] for index in test.indices.tolist()]
    place = Path(name)
    return read_defect_masks(folder, data.mask_ending, pictures, is_defective, files, place, test.shape, fit)


def _require_both(
    name: str, images: Images, kinds: Sequence[str], is_defective: np.ndarray, normal: NormalImages
) -> None:
    """Require normal and defective images in the user's own test set."""
    if not normal.has_classes(images):
        raise UserError(
            images.label_error
            or f"{name}: the test images have no labels that tell normal from defective ones; put them "
            f"into subfolders, such as {name}/good and {name}/scratch"
        )
    names = list_classes(list(dict.fromkeys(kinds)))
    if not is_defective.any():
        raise UserError(
            f"{name}: no test image is defective: the classes of all are normal ({names}); add defective "
            "ones in a class of their own, or choose the normal classes with --normal"
        )
    _require_normal(name, kinds, is_defective)


def _require_normal(name: str, kinds: Sequence[str], is_defective: np.ndarray) -> None:
    """Require normal images in a test set."""
    if is_defective.all():
        names = list_classes(list(dict.fromkeys(kinds)))
        raise UserError(
            f"{name}: no test image is normal: the classes are {names}; add normal ones, or name their class "
            "with --normal"
        )


def _describe_absence(name: str, images: Images, classes: Sequence[str]) -> str:
    """A note on a test set without defects."""
    remedy = "give a test set of normal and defective images with labels (-t)"
    if images.files:
        remedy = (
            "name a folder of normal and defective pictures with -t FOLDER, in subfolders such as "
            "FOLDER/good and FOLDER/scratch"
        )
    elif len(classes) > 1:
        remedy = "choose the normal classes with --normal"
    return printable(
        f"{name}: the test set has no defects, so there are no scores of their detection; {remedy}"
    )
