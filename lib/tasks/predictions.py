"""Class `Predictions`: outputs beside their targets, and their squared errors."""

from typing import Any, NamedTuple

import numpy as np

from lib.tasks.registry import get_task


class Predictions(NamedTuple):
    """A batch of outputs beside their targets.

    Attributes:
        settings: the hyperparameters of the run.
        inputs: float32 (n, height, width, channels); empty for a classifier.
        outputs: like the targets; of a classifier probabilities, (n, classes).
        targets: float32 (n, height, width, channels); of a classifier labels, (n,).
    """

    settings: Any
    inputs: np.ndarray
    outputs: np.ndarray
    targets: np.ndarray

    @property
    def pixels(self) -> tuple[np.ndarray, np.ndarray]:
        """The outputs and the targets as pixels in 0..1, also where the outputs are something else."""
        task = get_task(self.settings)
        outputs, targets = (
            task.scored_pixels(self.settings, self.inputs, part) for part in (self.outputs, self.targets)
        )
        return outputs, targets

    @property
    def scored_mask(self) -> np.ndarray | None:
        """Which pixels the task scores, such as those of a hole, bool (n, height, width); None for all."""
        return get_task(self.settings).scored_mask(self.settings, self.inputs)

    def squared_errors(self) -> np.ndarray:
        """Return the squared errors of the pixels that the task scores.

        Returns:
            Of the shape of the targets; (pixels, channels) where only some are scored.
        """
        errors, scored = np.square(self.outputs - self.targets), self.scored_mask
        return errors if scored is None else errors[scored]

    def whole_errors(self) -> np.ndarray | None:
        """Return the squared errors of all pixels where the task scores only some; else None."""
        return None if self.scored_mask is None else np.square(self.outputs - self.targets)

    def image_errors(self) -> np.ndarray:
        """Return the mean of the squared errors of each image, float64 (n,); NaN where no pixel is scored."""
        errors, scored = np.square(self.outputs - self.targets), self.scored_mask
        if scored is None:
            return errors.reshape(len(errors), -1).mean(axis=1, dtype=np.float64)
        counts = scored.sum(axis=(1, 2))
        sums = (errors.mean(axis=-1) * scored).sum(axis=(1, 2), dtype=np.float64)
        return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)
