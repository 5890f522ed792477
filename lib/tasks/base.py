"""Base class of all tasks, and the tasks by name."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, ClassVar

import numpy as np

from lib.tasks.baselines import Baseline, constant
from lib.tasks.fixed_maps import FixedMaps, InputPart
from lib.tasks.settings import DefectData, DetectionOptions, ImageShape, TaskSettings


class Task:
    """Base class of the tasks: inputs and targets from images, and pictures from outputs.

    A subclass with a `name` of its own registers itself under it. Pixels are float32 in 0..1, arrays have the
    shape (n, height, width, channels).

    Attributes:
        name: value of `--task`.
        help: targets and inputs, for the documentation.
        order: tasks are offered by rising order; the first one is the default.
        options: entries of the settings that only this task has, by name, made by
            `lib.common.settings.task_option`; methods read them as attributes of their `settings`.
        method_options: names of the options that change what is learned, but not what is scored: runs that
            differ in them compare, and their labels do not name them.
        baselines: trivial methods, in the order of the table of scores.
        targets_are_inputs: input and target are the same, so that a copy of the input would be perfect.
        targets_are_images: input and target are the whole image itself.
        targets_resemble_inputs: initial weights near the identity suit the network.
        bypasses_code: skip and residual connections are on by default.
        copies: of an image in float32 that a pair of input and target takes in memory.
        error_label: the error of a picture in the table of `apply`.
        shows_classes: a figure shows outputs for images of each class.
        predicts_scaled: at the size of their own, pictures get predictions that are made at the model's size
            and scaled up, not tile by tile.
        detects_defects: networks learn from normal pictures alone, and a detector of others goes with them.
        variants: in a figure that compares outputs before and after the training, a row of inputs for each of
            these labels, with the settings that it replaces.
    """

    name: ClassVar[str]
    help: ClassVar[str] = ""
    order: ClassVar[float] = 100
    options: ClassVar[Mapping[str, Any]] = {}
    method_options: ClassVar[Collection[str]] = ()
    baselines: ClassVar[tuple[Baseline, ...]] = (constant,)
    targets_are_inputs: ClassVar[bool] = False
    targets_are_images: ClassVar[bool] = False
    targets_resemble_inputs: ClassVar[bool] = True
    bypasses_code: ClassVar[bool] = False
    copies: ClassVar[int] = 2
    error_label: ClassVar[str] = "error"
    shows_classes: ClassVar[bool] = False
    predicts_scaled: ClassVar[bool] = False
    detects_defects: ClassVar[bool] = False
    variants: ClassVar[Mapping[str, Mapping[str, Any]]] = {}

    def __init_subclass__(cls) -> None:
        if "name" not in vars(cls):
            return
        TASKS[cls.name] = cls()
        for name in sorted(TASKS, key=lambda name: TASKS[name].order):
            TASKS[name] = TASKS.pop(name)

    def for_options(self, settings: TaskSettings) -> Task:
        """Return the task with these options; by default the task itself, for all of them."""
        return self

    def notes(self, settings: TaskSettings, image: ImageShape) -> tuple[str, ...]:
        """Return sentences for the user about files that the options name; by default none.

        Args:
            settings: the options of the task.
            image: (height, width, channels) of the data set's images.

        Raises:
            UserError: such files cannot be used.
        """
        return ()

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

    def make_fixed_pair(
        self, settings: TaskSettings, pixels: np.ndarray, rng: np.random.Generator, indices: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return inputs and targets of validation or test images; by default those of `make_pair`.

        Args:
            settings: the options of the task.
            pixels: as in `make_pair`.
            rng: the same for a batch of the same number.
            indices: positions of the images in the data set, (n,), which say what belongs to an image in
                every batch.

        Returns:
            As `make_pair`.
        """
        return self.make_pair(settings, pixels, rng)

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

    def has_binary_pixels(self, settings: TaskSettings) -> bool:
        """Return whether all pixels of targets are 0 or 1; by default they are not."""
        return False

    def hole(self, settings: TaskSettings) -> str:
        """Return the hole of the inputs, as an option names it; "" for a task that takes no masks."""
        return ""

    @staticmethod
    def mask_images(pixels: np.ndarray, masks: np.ndarray) -> np.ndarray:
        """Return the inputs of images, float32 (n, height, width, channels), with masks (n, …)."""
        raise NotImplementedError

    def target_files(self, settings: TaskSettings) -> tuple[str | None, str | None]:
        """Return the user's targets for the training and test images, which then are inputs; by default none.

        Pairs of such images are used as they are, in place of those of `make_pair`.
        """
        return None, None

    def defect_data(self, settings: TaskSettings) -> DefectData | None:
        """Return which images are normal and where defects are known; None, as by default, if all are used.

        With it, training and validation use normal images alone, and the test set has others, too.
        """
        return None

    def predicted_part(self, settings: TaskSettings, pixels: np.ndarray) -> np.ndarray | None:
        """Return which pixels of a picture are predicted; the others are given, and stay as they are.

        Args:
            settings: the options of the task.
            pixels: (height, width, channels) of any type.

        Returns:
            bool (height, width); `None`, as by default, for all.
        """
        return None

    def join_scaled(self, settings: TaskSettings, pixels: np.ndarray, predicted: np.ndarray) -> np.ndarray:
        """Return pixels of a picture of its own size with a prediction that was scaled up to it.

        Args:
            settings: the options of the task.
            pixels: those of the picture, float32 (height, width, channels) in 0..1.
            predicted: pixels as `to_pixels` returns them, of the same shape.

        Returns:
            float32 of the same shape; by default the prediction.
        """
        return predicted

    def detection(self, settings: Any) -> DetectionOptions:
        """Return the options of the detection; needed for a task that `detects_defects`."""
        raise NotImplementedError

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

    def refusal(self, settings: Any) -> str:
        """Return why other settings contradict the task's, as a sentence; by default "": they do not."""
        return ""

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

    def decoded_words(self, settings: TaskSettings) -> str:
        """Return the part of images that a decoder's outputs show, for titles; empty for whole images."""
        return ""

    def scored_mask(self, settings: TaskSettings, inputs: np.ndarray) -> np.ndarray | None:
        """Return the pixels of targets that errors are of, such as those of a hole; by default `None`: all.

        Args:
            settings: the options of the task.
            inputs: float32 (n, …) of the input shape.

        Returns:
            bool (n, height, width), or `None`.
        """
        return None

    def keep_known(self, settings: TaskSettings, inputs: np.ndarray, outputs: np.ndarray) -> np.ndarray:
        """Return a baseline's predictions with the pixels that are known from the inputs, as a network's.

        Args:
            settings: the options of the task.
            inputs: float32 (n, …) of the input shape.
            outputs: float32 (n, …) of the target shape.
        """
        return outputs


TASKS: dict[str, Task] = {}  # by name, in the order in which they are offered
