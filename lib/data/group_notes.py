"""Notes for the user on how a split divided groups of images."""

from collections.abc import Sequence

import numpy as np

from lib.common.errors import printable
from lib.common.formatting import abbreviate
from lib.common.group_rules import FOLDER, group_of
from lib.config.hyperparameters import Hyperparameters
from lib.data.formats.base import Images
from lib.data.groups import Groups
from lib.data.splits import Subset, part_shares

NOTED_DEVIATION = 0.05  # of all images, between the size of a part and its percentage


def describe_groups(
    groups: Groups, train: Images, test: Images | None, subsets: Sequence[Subset], hp: Hyperparameters
) -> tuple[str, ...]:
    """Return notes on how a split divided groups; none for the patches of single pictures.

    Args:
        groups: of the images that were split.
        train: these images.
        test: the separate test set, if there is one.
        subsets: training, validation and test set.
        hp: the settings of the split.
    """
    if not groups.rule:
        return ()
    named = zip(("training", "validation", "testing"), subsets, strict=True)
    parts = {word: subset.indices for word, subset in named if subset.parent is train and len(subset)}
    counts = [f"{len(np.unique(groups.numbers[part])):,} for {word}" for word, part in parts.items()]
    note = (
        f"{groups.source}: {len(set(train.files)):,} pictures in {len(groups):,} groups "
        f"(--group {groups.rule}): {', '.join(counts)}"
    )
    if test is not None:
        note += "; the test set is separate"
    total = sum(map(len, parts.values()))
    sizes = [len(part) / total for part in parts.values()]
    planned = _planned_shares(hp, test is not None)
    if max(abs(size - share) for size, share in zip(sizes, planned, strict=True)) > NOTED_DEVIATION:
        note += f"; with whole groups these have {', '.join(f'{size:.0%}' for size in sizes)} of the images"
    notes = (note, *_describe_single_files(groups, train), *_describe_shared_groups(groups, test))
    return tuple(map(printable, notes))


def _planned_shares(hp: Hyperparameters, has_test_set: bool) -> list[float]:
    """The shares of training, validation and test set, as far as they are not empty."""
    shares = part_shares(hp, has_test_set)
    if not hp.fold:
        return shares
    n_folds = hp.fold[1]
    return [sum(shares[: n_folds - 1]), *shares[n_folds - 1 :]]


def _describe_single_files(groups: Groups, images: Images) -> tuple[str, ...]:
    alone = [file for file in dict.fromkeys(images.files) if group_of(file, groups.rule) is None]
    if not alone:
        return ()
    text = abbreviate(groups.rule.partition(":")[2])
    others = f" and {len(alone) - 1:,} more" if len(alone) > 1 else ""
    return (f"{groups.source}: without {text} in the name, a group of its own: {alone[0].name}{others}",)


def _describe_shared_groups(groups: Groups, test: Images | None) -> tuple[str, ...]:
    """A warning of groups that the separate test set has as well; folders are never the same."""
    if test is None or groups.rule.startswith(FOLDER):
        return ()
    names = {group_of(file, groups.rule) for file in test.files}
    shared = [name for name in groups.names if name in names]
    if not shared:
        return ()
    some = f"{len(shared):,} groups are" if len(shared) > 1 else "1 group is"
    return (
        f"{groups.source}: {some} in the test set, too, such as {abbreviate(shared[0])}: scores are too "
        "good if the images show the same",
    )
