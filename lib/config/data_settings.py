"""Table of the settings of the data, which both programs have."""

from dataclasses import dataclass
from typing import Any

from lib.common.group_rules import GroupRule
from lib.common.pixel_types import Limits, ShownChannels
from lib.common.settings import setting
from lib.common.size_types import ImageSize
from lib.common.value_types import UNLIMITED, Fold, IntRange, OneOf, OrWord, SplitPercentages, Switch, Text
from lib.tasks.settings import MAX_CHANNELS

FIT_MODES = ("crop", "pad", "stretch")
COLORS = ("auto", "rgb", "gray")
MAX_SIDE = 8192  # pixels of an image
MAX_PATCHES = 10_000  # of one picture
_FOR_PICTURES: dict[str, Any] = dict(group="data", searchable=False, is_later=True, for_pictures=True)


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
    size: tuple[int, int] | None = setting(
        None, OrWord("auto", ImageSize(IntRange(1, MAX_SIDE))), **_FOR_PICTURES,
        question="Image size (64, or height x width: 96x128)",
        help="size of the images from a folder of pictures, height x width; auto: that of the pictures, if "
             "all have one",
    )
    fit: str = setting(
        "crop", OneOf(FIT_MODES), **_FOR_PICTURES,
        help="how pictures are brought to --size: scaled and cropped to the center (crop), scaled and padded "
             "with black (pad), or stretched (stretch)",
    )
    color: str = setting(
        "auto", OneOf(COLORS, {"grey": "gray"}), **_FOR_PICTURES,
        help="color of the images from a folder of pictures; auto: rgb if any picture has color",
    )
    skip_broken: bool = setting(
        False, Switch(), **_FOR_PICTURES,
        help="skip pictures that cannot be read, however many (else at most 1 %)",
    )
    cache: bool = setting(
        True, Switch(), **_FOR_PICTURES,
        help="keep the images from a folder of pictures in the user's cache folder, so that the next run "
             "begins at once",
    )
    patches: int | None = setting(
        None, OrWord("off", IntRange(1, MAX_PATCHES)), **_FOR_PICTURES,
        help="random crops of --size from each picture of a folder at its native resolution, in place of one "
             "resized image; those of one picture stay in one part of the split",
    )
    group: str | None = setting(
        None, OrWord("off", GroupRule()), **_FOR_PICTURES,
        help="keep pictures of one group (scene, patient, photograph) in one part of the split: those of one "
             "folder (folder), or with the same part of their file names (before:_, first:8, and others)",
    )
    pixel_range: tuple[float, float] | None = setting(
        None, OrWord("auto", Limits()), group="data", searchable=False, is_later=True,
        help="the values of black and white in images of more than 8 bits, such as 0-4095; auto: the fewest "
             "bits that hold whole numbers, 0-1 for floating point, else the least and the greatest value",
    )
    show_channels: tuple[int, ...] | None = setting(
        None, OrWord("auto", ShownChannels(IntRange(1, MAX_CHANNELS))), group="data", searchable=False,
        is_later=True,
        help="the channels of the images that figures show: one as gray, or up to three as red, green and "
             "blue (4,3,2); auto: the first three",
    )
    # fmt: on
