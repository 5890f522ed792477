"""Groups of images that stay in one part of a split: pictures of one scene, patches of one picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lib.common.errors import UserError
from lib.common.formatting import abbreviate
from lib.common.group_rules import group_of
from lib.config.hyperparameters import Hyperparameters
from lib.data.formats.base import Images

TOLERANCE = 0.05  # of all images: so much, a group may be larger than the largest part


@dataclass(frozen=True)
class Groups:
    """The groups of images.

    Attributes:
        numbers: int64 (n,), the group of each image, from 0 on.
        names: of the groups.
        source: data set that the images are from, for messages.
        rule: canonical text of `--group`; empty where each picture is a group of patches.
    """

    numbers: np.ndarray
    names: tuple[str, ...]
    source: str
    rule: str = ""

    def __len__(self) -> int:
        return len(self.names)

    @property
    def noun(self) -> str:
        """The word for groups in messages, with the flag that makes them."""
        return f"groups (--group {self.rule})" if self.rule else "pictures (--patches keeps each together)"

    @property
    def remedy(self) -> str:
        """The end of a message about groups that cannot be divided."""
        return "use another --group" if self.rule else "use more pictures"


def group_images(images: Images, hp: Hyperparameters) -> Groups | None:
    """Return the groups of the images that are split; None where each image is on its own.

    Args:
        images: all images outside a separate test set.
        hp: `group` is used, and without it `patches`, which make a group of each picture.

    Raises:
        UserError: the images are no pictures, or no file name contains the text of the rule.
    """
    source = hp.require("dataset")
    if hp.group is None and not hp.patches:
        return None
    if not images.files:
        flag = f"--group {hp.group}" if hp.group else "--patches"
        raise UserError(f"{source}: {flag} requires file names, which only folders of pictures have")
    patches = hp.patches or 1
    files = images.files[::patches]
    if hp.group is None:
        names: Sequence[str | None] = [str(file) for file in files]
    else:
        names = [group_of(file, hp.group) for file in files]
    if all(name is None for name in names):
        text = (hp.group or "").partition(":")[2]
        raise UserError(
            f"{source}: no file name contains {abbreviate(text)} (--group {hp.group}), such as "
            f"{files[0].name}; use another --group"
        )
    # A file without a group is one of its own, with its path as a key that no name of a group equals.
    keys = [
        (name, "") if name is not None else ("", str(file)) for name, file in zip(names, files, strict=True)
    ]
    numbers = {key: number for number, key in enumerate(dict.fromkeys(keys))}
    return Groups(
        np.repeat(np.array([numbers[key] for key in keys], np.int64), patches),
        tuple(name or file for name, file in numbers),
        source,
        hp.group or "",
    )


def require_divisible(
    groups: Groups, indices: np.ndarray, labels: np.ndarray | None, shares: Sequence[float]
) -> None:
    """Require groups that can be divided into the parts of a split.

    Args:
        groups: of all images.
        indices: int64 (n,), positions of the images that are split.
        labels: int64, of all images, where a class must not be missing in a part; else None.
        shares: of the parts in 0..1.

    Raises:
        UserError: there are fewer groups than parts, one is larger than each part, or most classes are in
            one group.
    """
    if len(shares) < 2:
        return
    numbers, sizes = np.unique(groups.numbers[indices], return_counts=True)
    largest, source, count = groups.names[numbers[sizes.argmax()]], groups.source, len(indices)
    if groups.rule and len(numbers) == 1:
        raise UserError(
            f"{source}: all {count:,} images are in one group, {abbreviate(largest)} (--group "
            f"{groups.rule}); use another --group"
        )
    if len(numbers) < len(shares):
        raise UserError(
            f"{source}: {len(numbers):,} {groups.noun} are too few for {len(shares):,} parts of the split; "
            f"{groups.remedy}, or fewer parts"
        )
    if groups.rule and sizes.max() > (max(shares) + TOLERANCE) * count:
        raise UserError(
            f"{source}: the group {abbreviate(largest)} (--group {groups.rule}) has {sizes.max():,} of "
            f"{count:,} images, more than the largest part of the split ({max(shares):.0%}); use another "
            "--group or --split"
        )
    if groups.rule and labels is not None:
        _require_classes_in_several_groups(groups, groups.numbers[indices], labels[indices])


def _require_classes_in_several_groups(groups: Groups, numbers: np.ndarray, labels: np.ndarray) -> None:
    pairs = np.unique(np.stack([labels, numbers], axis=1), axis=0)
    group_counts = np.unique(pairs[:, 0], return_counts=True)[1]
    if (group_counts == 1).sum() > len(group_counts) / 2:
        raise UserError(
            f"{groups.source}: most classes are in a single group each (--group {groups.rule}), so that test "
            "images have classes that training images lack; group by a part of the file name, or by "
            "subfolders of the classes"
        )
