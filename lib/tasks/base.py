"""Base class of all tasks, and the registry that finds a task by its name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar, NamedTuple

import numpy as np

from lib.tasks.baselines import Baseline, constant
from lib.tasks.pixels import to_float, to_uint8
from lib.tasks.settings import ImageShape, TaskSettings


class FixedMap(NamedTuple):
    """A linear map with constant weights along one axis of images, such as a mirror.

    Attributes:
        axis: 0 for rows, 1 for columns, 2 for channels.
        matrix: float32, shape (size before, size after).
    """

    axis: int
    matrix: np.ndarray

    def apply_to_shape(self, image: ImageShape) -> ImageShape:
        """Return the shape of images of a shape after the map."""
        height, width, channels = (
            self.matrix.shape[1] if axis == self.axis else size for axis, size in enumerate(image)
        )
        return height, width, channels


class FixedMaps(NamedTuple):
    """The fixed linear maps in the network of a task.

    Attributes:
        encoder: applied to the inputs before the encoder.
        estimate: from the inputs to the image that a residual output is added to; `None`: the inputs.
        join: of the channels of inputs and residual outputs together to those of the target, in place of
            adding the outputs to an image.
    """

    encoder: FixedMap | None = None
    estimate: FixedMap | None = None
    join: FixedMap | None = None


class InputPart(NamedTuple):
    """The part of whole images that a task shows the encoder.

    Attributes:
        rows: slice of the rows.
        columns: slice of the columns.
        channels: float32 (channels before, channels after), a linear map of the channels; `None` for all.
    """

    rows: slice = slice(None)
    columns: slice = slice(None)
    channels: np.ndarray | None = None


class Task:
    """Base class of the tasks: inputs and targets from images, and pictures from outputs.

    A subclass registers itself under its `name`. Pixels are float32 in 0..1, images uint8 in 0..255, and
    arrays have the shape (n, height, width, channels).

    Attributes:
        name: value of `--task`.
        help: targets and inputs, for the documentation.
        order: tasks are offered by rising order; the first one is the default.
        options: entries of the settings that only this task has, by name, made by
            `lib.common.settings.task_option`; methods read them as attributes of their `settings`.
        baselines: trivial methods, in the order of the table of scores.
        targets_are_inputs: input and target are the same, so that a copy of the input would be perfect.
        targets_are_images: input and target are the whole image itself.
        targets_resemble_inputs: initial weights near the identity suit the network.
        bypasses_code: skip and residual connections are on by default.
        copies: of an image in float32 that a pair of input and target takes in memory.
        error_label: the error of a picture in the table of `apply`.
        decoded_part: in the titles of figures, the part of images that outputs show; empty for whole images.
        shows_classes: a figure shows outputs for images of each class.
        variants: in a figure that compares outputs before and after the training, a row of inputs for each of
            these labels, with the settings that it replaces.
    """

    name: ClassVar[str]
    help: ClassVar[str] = ""
    order: ClassVar[float] = 100
    options: ClassVar[Mapping[str, Any]] = {}
    baselines: ClassVar[tuple[Baseline, ...]] = (constant,)
    targets_are_inputs: ClassVar[bool] = False
    targets_are_images: ClassVar[bool] = False
    targets_resemble_inputs: ClassVar[bool] = True
    bypasses_code: ClassVar[bool] = False
    copies: ClassVar[int] = 2
    error_label: ClassVar[str] = "error"
    decoded_part: ClassVar[str] = ""
    shows_classes: ClassVar[bool] = False
    variants: ClassVar[Mapping[str, Mapping[str, Any]]] = {}

    def __init_subclass__(cls) -> None:
        TASKS[cls.name] = cls()
        for name in sorted(TASKS, key=lambda name: TASKS[name].order):
            TASKS[name] = TASKS.pop(name)

    # --- images

    def shapes(self, settings: TaskSettings, image: ImageShape) -> tuple[ImageShape, ImageShape]:
        """Return the shapes of input and target for images of a shape.

        Args:
            settings: the options of the task.
            image: (height, width, channels) of whole images.

        Returns:
            Two shapes (height, width, channels); by default that of the image.

        Raises:
            UserError: the task cannot be done with such images.
        """
        return image, image

    def image_shape(self, settings: TaskSettings, input_shape: ImageShape, target: ImageShape) -> ImageShape:
        """Return the shape of the images that have this input and target: the inverse of `shapes`.

        Args:
            settings: the options of the task.
            input_shape: (height, width, channels) of the inputs.
            target: (height, width, channels) of the targets.

        Returns:
            (height, width, channels); by default that of the inputs.
        """
        return input_shape

    def make_pair(
        self, settings: TaskSettings, pixels: np.ndarray, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the inputs and the targets of a batch.

        Args:
            settings: the options of the task.
            pixels: float32 (n, height, width, channels) in 0..1.
            rng: source of everything random, such as noise.

        Returns:
            float32 (n, …) of the shapes of `shapes`.
        """
        raise NotImplementedError

    def make_inference_pair(
        self, settings: TaskSettings, pixels: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return inputs and targets for a trained model; by default those of `make_pair` with the run's seed.

        Args:
            settings: the options of the task.
            pixels: as in `make_pair`.

        Returns:
            As `make_pair`.
        """
        return self.make_pair(settings, pixels, np.random.default_rng(settings.seed))

    def to_pictures(
        self, settings: TaskSettings, inputs: np.ndarray, *outputs: np.ndarray
    ) -> list[np.ndarray]:
        """Return the inputs, then each array of outputs (or targets), as whole images of 8 bits.

        Args:
            settings: the options of the task.
            inputs: float32 (n, …) of the input shape.
            *outputs: arrays float32 (n, …) of the target shape.

        Returns:
            uint8 (n, height, width, channels) for the inputs and for each of `outputs`: `to_pixels`, rounded.
        """
        return [to_uint8(pixels) for pixels in self.to_pixels(settings, inputs, *outputs)]

    def to_pixels(self, settings: TaskSettings, inputs: np.ndarray, *outputs: np.ndarray) -> list[np.ndarray]:
        """Return the inputs, then each array of outputs (or targets), as the pixels of whole images.

        Args:
            settings: the options of the task.
            inputs: float32 (n, …) of the input shape.
            *outputs: arrays float32 (n, …) of the target shape.

        Returns:
            float32 (n, height, width, channels) for the inputs and for each of `outputs`; values outside of
            0..1 are possible.
        """
        return [inputs, *outputs]

    def output_pixels(self, settings: TaskSettings, outputs: np.ndarray) -> np.ndarray:
        """Return outputs without their inputs as pixels.

        Args:
            settings: the options of the task.
            outputs: float32 (n, …) of the target shape.

        Returns:
            float32 (n, height, width, channels), which may be parts of whole images; values outside of 0..1
            are possible.
        """
        return outputs

    # --- network

    def input_part(self, settings: TaskSettings, image: ImageShape) -> InputPart:
        """Return the part of whole images that has the input shape, for classifiers on an encoder.

        Args:
            settings: the options of the task.
            image: (height, width, channels) of whole images.
        """
        return InputPart()

    def fixed_maps(self, settings: TaskSettings, input_shape: ImageShape, target: ImageShape) -> FixedMaps:
        """Return the fixed linear maps in the network; by default none.

        Args:
            settings: the options of the task.
            input_shape: (height, width, channels) of the inputs.
            target: (height, width, channels) of the targets.
        """
        return FixedMaps()

    def allows_residual(self, settings: TaskSettings) -> bool:
        """Return whether outputs can be added to the inputs, with the setting `residual`."""
        return not self.targets_are_inputs

    @property
    def residual_requirement(self) -> str:
        """The task with the options that residual outputs require; empty for a task that refuses them."""
        return "" if self.targets_are_inputs else self.name

    def mirror_refusal(self, settings: TaskSettings) -> str:
        """Return why outputs for mirrored inputs are no mirrored outputs, as test-time augmentation needs.

        By default "": they are.
        """
        return ""

    # --- scores

    def output_name(self, settings: TaskSettings) -> str:
        """Return what outputs are that are no pixels in 0..1, such as UV; empty for pixels."""
        return ""

    def scored_pixels(self, settings: TaskSettings, inputs: np.ndarray, outputs: np.ndarray) -> np.ndarray:
        """Return outputs or targets as the pixels that PSNR and SSIM are of; by default as they are.

        Args:
            settings: the options of the task.
            inputs: float32 (n, …) of the input shape.
            outputs: float32 (n, …) of the target shape.

        Returns:
            float32 (n, height, width, channels) in 0..1 or, of a network with a linear output, about that.
        """
        return outputs

    def target_words(self, settings: TaskSettings) -> str:
        """Return the part of images that errors are of, such as `U and V`; empty for whole images."""
        return ""


TASKS: dict[str, Task] = {}  # by name, in the order in which they are offered


def get_task(name: str) -> Task:
    """Return the task of a name. Raises `KeyError` for a name that no task has."""
    return TASKS[name]


def find_task(name: object) -> Task:
    """Return the task of a name in a record; for a name that no task has, a task with all defaults."""
    return TASKS.get(name, Task()) if isinstance(name, str) else Task()


def default_task() -> str:
    """Return the name of the default task."""
    return next(iter(TASKS))


def list_tasks(condition: Callable[[Task], bool] = lambda task: True) -> str:
    """Return the names of the tasks with a property, such as `denoise, colorize or complete`."""
    return join_names(name for name, task in TASKS.items() if condition(task))


def list_residual_tasks() -> str:
    """Return the tasks that allow residual outputs, those with a condition last."""
    requirements = {task.residual_requirement: task.name for task in TASKS.values()}
    return join_names(sorted(filter(None, requirements), key=lambda text: text != requirements[text]))


def join_names(names: Iterable[str]) -> str:
    """Return names as `denoise, colorize or complete`."""
    *first, last = names
    return f"{', '.join(first)} or {last}" if first else last


# Inputs and targets for the task of some settings


def make_pair(
    settings: TaskSettings, images: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Return inputs and targets for training.

    Args:
        settings: the task and its options.
        images: uint8 (n, height, width, channels).
        rng: source of everything random, such as noise.

    Returns:
        float32 (n, …) in 0..1 of the shapes of `Task.shapes`; color differences are within ±0.615.
    """
    return get_task(settings.task).make_pair(settings, to_float(images), rng)


def make_inference_pair(settings: TaskSettings, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return inputs and targets for a trained model: those of `make_pair`, but without noise.

    Args:
        settings: the task and its options.
        images: uint8 (n, height, width, channels).

    Returns:
        float32 (n, …) in 0..1 of the shapes of `Task.shapes`.
    """
    return get_task(settings.task).make_inference_pair(settings, to_float(images))
