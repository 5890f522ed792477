"""Table of the settings of the data, which both programs have."""

from dataclasses import dataclass

from lib.common.settings import setting
from lib.common.value_types import UNLIMITED, Fold, IntRange, OrWord, SplitPercentages, Text


@dataclass(frozen=True)
class DataSettings:
    """Settings of the data."""

    # fmt: off
    dataset: str | None = setting(
        None, Text(), "-d", required=True, group="data", label="data set", searchable=False,
        question="Data set",
        help="training images",
    )
    testset: str | None = setting(
        None, Text(), "-t", group="data", searchable=False,
        help="test images (default: the data set's own test set, else a part of the data set)",
    )
    limit: int | None = setting(
        None, OrWord("all", IntRange(1, UNLIMITED)), group="data",
        help="use at most this many training images; a separate test set is used in full",
    )
    split: tuple[int, int, int] = setting(
        (80, 10, 10), SplitPercentages(), group="data", searchable=False,
        help="percentages for training/validation/test; with a separate test set, the first two share "
             "the rest",
    )
    fold: tuple[int, int] | None = setting(
        None, OrWord("off", Fold()), group="data", searchable=False,
        help="cross-validation: validate on one of several equal parts of all images outside the test set, "
             "train on the others",
    )
    # fmt: on
