"""Settings that tasks read, and the shape of images."""

from typing import Protocol

ImageShape = tuple[int, int, int]  # (height, width, channels)


class TaskSettings(Protocol):
    """The settings that tasks read; `lib.config.hyperparameters.Hyperparameters` has them all."""

    @property
    def task(self) -> str: ...

    @property
    def seed(self) -> int: ...

    @property
    def noise(self) -> tuple[float, float]: ...

    @property
    def color_space(self) -> str: ...

    @property
    def missing(self) -> str: ...

    @property
    def skip(self) -> bool: ...

    @property
    def residual(self) -> bool: ...

    @property
    def variational(self) -> bool: ...
