"""Settings that tasks read, and the shape of images."""

from typing import NamedTuple, Protocol

ImageShape = tuple[int, int, int]  # (height, width, channels)
MAX_CHANNELS = 16  # of images: 1 is gray, 3 is color
MAX_CODE_WEIGHT = 100  # of the latent code in the score of a detector


class TaskSettings(Protocol):
    """The settings that every task may read, as of `Hyperparameters`; options are further attributes."""

    @property
    def task(self) -> str: ...

    @property
    def seed(self) -> int: ...

    @property
    def skip(self) -> bool: ...

    @property
    def residual(self) -> bool: ...


class DetectionOptions(NamedTuple):
    """The options of a task that detects defects.

    Attributes:
        error_maps: names of `lib.tasks.error_maps.ERROR_MAPS`.
        area: share of a map whose greatest values make the score of a picture, above 0 to 1.
        code_weight: weight of the distance of the latent code in the score, at least 0.
        code_distance: one of `lib.tasks.code_distances.CODE_DISTANCES`.
        false_alarms: share of normal pictures that the threshold may report, between 0 and 1.
    """

    error_maps: tuple[str, ...]
    area: float
    code_weight: float
    code_distance: str
    false_alarms: float


class DefectData(NamedTuple):
    """The options of the data of a task that detects defects.

    Attributes:
        normal: names of the normal classes; None for a default.
        masks: folder of pictures that are white where a test picture has a defect; None to look for one.
        mask_ending: end of the names of masks, before the suffix.
        defective: name or path of images with defects that are not in the test set; None for none.
    """

    normal: tuple[str, ...] | None = None
    masks: str | None = None
    mask_ending: str = ""
    defective: str | None = None
