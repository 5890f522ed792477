"""Subsets of images, and the split of a data set into a training, a validation and a test set."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

from lib.common.errors import UserError
from lib.config.hyperparameters import ClassifierHyperparameters, Hyperparameters
from lib.data.formats.base import Header, Images
from lib.data.group_splits import Part, divide_groups
from lib.data.groups import Groups, require_divisible
from lib.data.normal_classes import usable_count


@dataclass(frozen=True)
class Subset:
    """A subset of images, selected by their indices. Images are copied only when they are taken.

    Attributes:
        parent: all images.
        indices: int64 (n,), positions in `parent`.
    """

    parent: Images
    indices: np.ndarray

    def __len__(self) -> int:
        return len(self.indices)

    @property
    def shape(self) -> tuple[int, int, int]:
        """(height, width, channels) of an image."""
        return self.parent.images.shape[1:]

    @property
    def labeled(self) -> bool:
        return self.parent.labels is not None

    @property
    def labels(self) -> np.ndarray:
        """The labels of the images, int64 (n,). Raises `LookupError` where the subset is not `labeled`."""
        if self.parent.labels is None:
            raise LookupError("the images have no labels")
        return self.parent.labels[self.indices]

    def take(self, which: slice | np.ndarray | list[int]) -> np.ndarray:
        """Return some images, uint8 (n, height, width, channels), by their positions in this subset."""
        return self.parent.images[self.indices[which]]

    def take_pairs(self, which: slice | np.ndarray | list[int]) -> np.ndarray:
        """Return some images as `take` does; of pairs the degraded ones, joined as channels before them."""
        images, inputs = self.take(which), self.parent.inputs
        return images if inputs is None else np.concatenate([inputs[self.indices[which]], images], axis=-1)

    @property
    def paired(self) -> bool:
        """Whether the images are the clean pictures of pairs."""
        return self.parent.inputs is not None

    def select(self, which: slice | np.ndarray | list[int]) -> Subset:
        """Return a smaller subset, by positions in this one."""
        return Subset(self.parent, self.indices[which])

    def first(self, count: int) -> Subset:
        """Return the first `count` images, or all where there are fewer."""
        return self.select(slice(count))


def split_images(
    train: Images,
    test: Images | None,
    hp: Hyperparameters,
    groups: Groups | None = None,
    usable: np.ndarray | None = None,
) -> tuple[Subset, Subset, Subset]:
    """Split images into a training, a validation and a test set, at random with `hp.seed`.

    The split is stratified by class where there are labels, and enough images of each class.

    Args:
        train: images to split.
        test: the complete test set, or None to take one from `train`.
        hp: `limit` bounds the number of images that are used, and for a classification `labels_fraction` that
            of the images outside the test set; `split` is in percent; with `fold` (k, n), the validation set
            is the k-th of n folds of a cross-validation.
        groups: groups of images of `train` that stay in one part; parts and limits are met as far as that
            allows.
        usable: int64 (n,), sorted positions of the images of `train` that are split; None for all.

    Returns:
        Training, validation (may be empty) and test set, each in the order of its images.

    Raises:
        UserError: there are too few images or groups, or there is no test set and `hp.split` takes none.
    """
    train_percent, validation_percent, test_percent = hp.split
    usable = np.arange(len(train)) if usable is None else usable
    count = min(hp.limit or len(usable), len(usable))
    indices = _sample_indices(train, usable, count, hp.seed, groups)
    if groups is not None:
        labels = train.labels if hp.needs_labels else None
        require_divisible(groups, indices, labels, part_shares(hp, test is not None))
    if test is not None:
        test_subset = Subset(test, np.arange(len(test)))
    elif test_percent:
        count = _count_from_percent(indices, 100 - test_percent, hp)
        min_groups = hp.fold[1] if hp.fold else 1 + bool(validation_percent)
        indices, test_indices = _divide(indices, train.labels, count, hp.seed, groups, min_groups)
        test_subset = Subset(train, np.sort(test_indices))
    else:
        raise UserError(
            f"split {train_percent}/{validation_percent}/0 leaves no test images: pass a test set with -t"
        )
    if isinstance(hp, ClassifierHyperparameters):
        count = max(1, round(len(indices) * hp.labels_fraction))
        indices = _sample_indices(train, indices, count, hp.seed, groups)
    train_indices, validation_indices = indices, indices[:0]
    if hp.fold:
        train_indices, validation_indices = _select_fold(indices, train.labels, *hp.fold, hp.seed, groups)
    elif validation_percent:
        percent = 100 * train_percent / (train_percent + validation_percent)
        count = _count_from_percent(indices, percent, hp)
        train_indices, validation_indices = _divide(indices, train.labels, count, hp.seed, groups)
    return Subset(train, np.sort(train_indices)), Subset(train, np.sort(validation_indices)), test_subset


def training_count(header: Header, hp: Hyperparameters) -> int:
    """Return how many training images `split_images` makes of a data set with this header.

    Of folds, which may differ by an image or two, the mean is returned. Groups may lead to other numbers, and
    so does a choice of normal classes where the header does not say how many images they have.

    Args:
        header: of the data set.
        hp: `limit`, `split`, `fold` and `testset` are used.
    """
    train_percent, validation_percent, test_percent = hp.split
    count = usable_count(header, hp)
    count = min(hp.limit or count, count)
    if not (header.test_count or hp.testset):
        count = round(count * (100 - test_percent) / 100)
    if hp.fold:
        return round(count * (1 - 1 / hp.fold[1]))
    return round(count * (100 * train_percent / (train_percent + validation_percent)) / 100)


def part_shares(hp: Hyperparameters, has_test_set: bool) -> list[float]:
    """Return the shares of the images, in 0..1, for the parts of a split: training, validation, test.

    With `hp.fold` each fold is a part, in place of training and validation. Empty parts are not listed.

    Args:
        hp: `split` and `fold` are used.
        has_test_set: whether there is a separate test set.
    """
    train_percent, validation_percent, test_percent = hp.split
    test = 0.0 if has_test_set else test_percent / 100
    percents = [1] * hp.fold[1] if hp.fold else [train_percent, validation_percent]
    shares = [(1 - test) * percent / sum(percents) for percent in percents]
    return [share for share in (*shares, test) if share]


def _sample_indices(
    images: Images, indices: np.ndarray, count: int, seed: int, groups: Groups | None
) -> np.ndarray:
    if count == len(indices):
        return indices
    if groups is None:
        return _divide(indices, images.labels, count, seed)[0]
    share = count / len(indices)
    parts = [Part(share, 0, count), Part(1 - share, 0)]
    sample, _ = divide_groups(indices, groups.numbers, images.labels, parts, seed)
    if not len(sample):
        smallest = np.unique(groups.numbers[indices], return_counts=True)[1].min()
        raise UserError(
            f"{groups.source}: the smallest of {len(groups):,} {groups.noun} has {smallest:,} images, more "
            f"than the limit of {count:,}; use more images"
        )
    return sample


def _count_from_percent(indices: np.ndarray, percent: float, hp: Hyperparameters) -> int:
    count = round(len(indices) * percent / 100)
    if not 0 < count < len(indices):
        raise UserError(
            f"{len(indices)} images are too few for split {hp.settings()['split'].format(hp.split)}: "
            "one part would be empty; use more images or another --split"
        )
    return count


def _divide(
    indices: np.ndarray,
    labels: np.ndarray | None,
    count: int,
    seed: int,
    groups: Groups | None = None,
    min_groups: int = 1,
) -> tuple[np.ndarray, np.ndarray]:
    """Return `count` of the indices, drawn at random, and the others.

    With groups these are at least `min_groups` whole ones, and the count is met as far as they allow.
    """
    if groups is not None:
        share = count / len(indices)
        parts = [Part(share, min_groups), Part(1 - share)]
        chosen, others = divide_groups(indices, groups.numbers, labels, parts, seed)
        return chosen, others
    from sklearn.model_selection import train_test_split  # late: the programs start without scikit-learn

    strata = None
    if labels is not None:
        strata = labels[indices]
        class_sizes = np.unique(strata, return_counts=True)[1]
        if class_sizes.min() < 2 or len(class_sizes) > min(count, len(indices) - count):
            strata = None  # a class is too small to have an image in both parts
    return train_test_split(indices, train_size=count, random_state=seed, stratify=strata)


def _select_fold(
    indices: np.ndarray,
    labels: np.ndarray | None,
    number: int,
    n_folds: int,
    seed: int,
    groups: Groups | None,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the indices outside a fold and those in it; folds are numbered from 1."""
    from sklearn.model_selection import KFold, StratifiedKFold

    if len(indices) < n_folds:
        raise UserError(
            f"{len(indices)} images are too few for {n_folds} folds; use more images or fewer folds"
        )
    if groups is not None:
        parts = [Part(1 / n_folds)] * n_folds
        folds = divide_groups(indices, groups.numbers, labels, parts, seed)
        validation = folds.pop(number - 1)
        return np.concatenate(folds), validation
    strata = None if labels is None else labels[indices]
    if strata is not None and np.unique(strata, return_counts=True)[1].min() < n_folds:
        strata = None  # a class is too small to have an image in each fold
    splitter = KFold if strata is None else StratifiedKFold
    positions = splitter(n_folds, shuffle=True, random_state=seed).split(indices, strata)
    train_positions, validation_positions = next(itertools.islice(positions, number - 1, None))
    return indices[train_positions], indices[validation_positions]


def sample_subset(subset: Subset, count: int, seed: int) -> Subset:
    """Return a random sample of a subset, without replacement, in the order of its images.

    Args:
        subset: the images.
        count: of the sample; a smaller subset is returned whole.
        seed: of the sample.
    """
    if len(subset) <= count:
        return subset
    return Subset(
        subset.parent, np.sort(np.random.default_rng(seed).choice(subset.indices, count, replace=False))
    )
