"""Data sets: names and places, training, validation and test parts, and the checksum that says which images
they were.
"""

import itertools
from dataclasses import dataclass

import numpy as np

from lib.common.errors import UserError
from lib.config.fields import format_value
from lib.config.hyperparameters import Hyperparameters
from lib.data.formats.base import Images


@dataclass(frozen=True)
class Subset:
    """Some of the images of a source: `positions` say which. Nothing is copied until a batch is taken."""

    source: Images
    positions: np.ndarray

    def __len__(self) -> int:
        return len(self.positions)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Of an image: height, width, channels."""
        return self.source.images.shape[1:]

    def take(self, which) -> np.ndarray:
        """Images as uint8, shape (n, height, width, channels), at some places of this part."""
        return self.source.images[self.positions[which]]

    @property
    def labeled(self) -> bool:
        return self.source.labels is not None

    @property
    def labels(self) -> np.ndarray:
        """The number of each image's class, shape (n,), of a part that is `labeled`."""
        if self.source.labels is None:
            raise LookupError("these images have no labels")
        return self.source.labels[self.positions]

    def first(self, count: int) -> "Subset":
        return Subset(self.source, self.positions[:count])


def split_images(train: Images, test: Images | None, hp: Hyperparameters) -> tuple[Subset, Subset, Subset]:
    """Training, validation and test parts, drawn with `hp.seed`; each class keeps its share where there are
    labels.

    With `hp.fold` the validation part is one of equal parts, as in cross-validation; without it and without a
    share for it, it is empty.
    """
    share_train, share_validation, share_test = hp.split
    positions = np.arange(len(train))
    count = min(hp.limit or len(train), len(train))
    if hp.program == "classification":
        count = max(1, round(count * hp.labels_fraction))
    if count < len(train):
        positions, _ = _divide(positions, train.labels, count, hp.seed)
    if test is None:
        if not share_test:
            raise UserError(
                f"split {share_train}/{share_validation}/0 leaves no test images, and there is no test set: "
                f"give -t"
            )
        positions, held_out = _divide(
            positions, train.labels, _count_from_percent(positions, 100 - share_test, hp), hp.seed
        )
        tested = Subset(train, np.sort(held_out))
    else:
        tested = Subset(test, np.arange(len(test)))
    learned, validated = positions, positions[:0]
    if hp.fold:
        learned, validated = _select_fold(positions, train.labels, *hp.fold, hp.seed)
    elif share_validation:
        share = 100 * share_train / (share_train + share_validation)
        learned, validated = _divide(
            positions, train.labels, _count_from_percent(positions, share, hp), hp.seed
        )
    return Subset(train, np.sort(learned)), Subset(train, np.sort(validated)), tested


def _count_from_percent(positions: np.ndarray, percent: float, hp: Hyperparameters) -> int:
    count = round(len(positions) * percent / 100)
    if not 0 < count < len(positions):
        raise UserError(
            f"{len(positions)} images are too few to split {format_value('split', hp.split)}: a part would "
            f"stay empty; "
            "use more of them, or another --split"
        )
    return count


def _divide(
    positions: np.ndarray, labels: np.ndarray | None, count: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    from sklearn.model_selection import (
        train_test_split,  # only the worker gets here; the programs start without it
    )

    strata = None
    if labels is not None:
        strata = labels[positions]
        rarest = np.unique(strata, return_counts=True)[1]
        if rarest.min() < 2 or len(rarest) > min(count, len(positions) - count):
            strata = None  # too few of a class to give each part one
    return train_test_split(positions, train_size=count, random_state=seed, stratify=strata)


def _select_fold(
    positions: np.ndarray, labels: np.ndarray | None, number: int, of: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """All but one of so many equal parts, and that one, counted from 1."""
    from sklearn.model_selection import KFold, StratifiedKFold

    if len(positions) < of:
        raise UserError(f"{len(positions)} images cannot make {of} folds; use more of them, or fewer folds")
    strata = None if labels is None else labels[positions]
    if strata is not None and np.unique(strata, return_counts=True)[1].min() < of:
        strata = None  # too few of a class to give each part one
    splitter = KFold if strata is None else StratifiedKFold
    folds = splitter(of, shuffle=True, random_state=seed).split(positions, strata)
    learned, validated = next(itertools.islice(folds, number - 1, None))
    return positions[learned], positions[validated]


def sample_subset(part: Subset, count: int, seed: int) -> Subset:
    """At most so many of the images, drawn at random, in their order."""
    if len(part) <= count:
        return part
    return Subset(
        part.source, np.sort(np.random.default_rng(seed).choice(part.positions, count, replace=False))
    )
