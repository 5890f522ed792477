"""Settings that tasks read, and the shape of images."""

from typing import Protocol

ImageShape = tuple[int, int, int]  # (height, width, channels)
MAX_CHANNELS = 16  # of images: 1 is gray, 3 is color


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

    @property
    def variational(self) -> bool: ...
