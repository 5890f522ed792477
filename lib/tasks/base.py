"""Base class of all tasks, and the registry that finds a task by its name."""

from __future__ import annotations

from typing import ClassVar, Protocol

import numpy as np

from lib.tasks.pixels import to_float, to_uint8

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


class Task:
    """Base class of the tasks: inputs and targets from images, and pictures from outputs.

    A subclass registers itself under its `name`. Pixels are float32 in 0..1, images uint8 in 0..255, and
    arrays have the shape (n, height, width, channels).
    """

    name: ClassVar[str]
    targets_are_images: ClassVar[bool] = False  # whether input and target are the whole image itself
    bypasses_code: ClassVar[bool] = False  # whether skip and residual connections are on by default

    def __init_subclass__(cls) -> None:
        TASKS[cls.name] = cls()

    def shapes(self, settings: TaskSettings, image: ImageShape) -> tuple[ImageShape, ImageShape]:
        """Return the shapes of input and target for images of a shape.

        Raises:
            UserError: the task cannot be done with such images.
        """
        return image, image

    def image_shape(self, settings: TaskSettings, input_shape: ImageShape, target: ImageShape) -> ImageShape:
        """Return the shape of the images that have this input and target: the inverse of `shapes`."""
        return input_shape

    def make_pair(
        self, settings: TaskSettings, pixels: np.ndarray, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the inputs and the targets of a batch of pixels; all random numbers come from `rng`."""
        raise NotImplementedError

    def make_inference_pair(
        self, settings: TaskSettings, pixels: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return inputs and targets for a trained model."""
        return self.make_pair(settings, pixels, np.random.default_rng(settings.seed))

    def to_pictures(
        self, settings: TaskSettings, inputs: np.ndarray, outputs: tuple[np.ndarray, ...]
    ) -> list[np.ndarray]:
        """Return the inputs, then each array of outputs (or targets), as whole uint8 images."""
        return [to_uint8(inputs), *map(to_uint8, outputs)]


TASKS: dict[str, Task] = {}


def get_task(name: str) -> Task:
    """Return the task of a name. Raises `KeyError` for a name that no task has."""
    return TASKS[name]


def task_shapes(settings: TaskSettings, image: ImageShape) -> tuple[ImageShape, ImageShape]:
    """Return the shapes of input and target of the task of `settings`.

    Args:
        settings: the task's name and its options.
        image: (height, width, channels) of the data set's images.

    Returns:
        Two shapes (height, width, channels).

    Raises:
        UserError: the task cannot be done with such images.
    """
    return get_task(settings.task).shapes(settings, image)


def image_shape(settings: TaskSettings, input_shape: ImageShape, target: ImageShape) -> ImageShape:
    """Return the shape of whole images: the inverse of `task_shapes`.

    Args:
        settings: the task's name and its options.
        input_shape: (height, width, channels) of the task's inputs.
        target: (height, width, channels) of its targets.

    Returns:
        (height, width, channels).
    """
    return get_task(settings.task).image_shape(settings, input_shape, target)


def make_pair(
    settings: TaskSettings, images: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Return inputs and targets of a batch of images.

    Args:
        settings: the task's name and its options.
        images: uint8 (n, height, width, channels).
        rng: source of everything random, such as noise.

    Returns:
        Inputs and targets, float32 (n, …) of the shapes of `task_shapes`, 0..1 (color differences: ±0.615).
    """
    return get_task(settings.task).make_pair(settings, to_float(images), rng)


def make_inference_pair(settings: TaskSettings, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return inputs and targets for a trained model: those of `make_pair`, but without noise.

    Args:
        settings: the task's name and its options.
        images: uint8 (n, height, width, channels).

    Returns:
        As `make_pair`.
    """
    return get_task(settings.task).make_inference_pair(settings, to_float(images))


def to_pictures(settings: TaskSettings, inputs: np.ndarray, *outputs: np.ndarray) -> list[np.ndarray]:
    """Return the inputs and each array of outputs or targets as uint8 images for display.

    The missing half is joined to the given one (as gray for the inputs), and UV to the given Y.

    Args:
        settings: the task's name and its options.
        inputs: float32 (n, …), 0..1.
        *outputs: float32 (n, …) each.

    Returns:
        uint8 (n, height, width, channels) for the inputs, then for each of `outputs`.
    """
    return get_task(settings.task).to_pictures(settings, inputs, outputs)
