"""Squared errors of outputs: of all pixels, or of those that a task scores, such as the pixels of a hole."""

from typing import Any

import numpy as np

from lib.tasks.base import find_task


def squared_errors(settings: Any, inputs: np.ndarray, outputs: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Return the squared errors of the pixels that the task scores.

    Args:
        settings: the hyperparameters of the run.
        inputs: float32 (n, …).
        outputs: float32 (n, height, width, channels).
        targets: likewise.

    Returns:
        Of the shape of the targets; (pixels, channels) where only some are scored.
    """
    errors = np.square(outputs - targets)
    scored = find_task(settings.task).scored_mask(settings, inputs)
    return errors if scored is None else errors[scored]


def image_errors(settings: Any, inputs: np.ndarray, outputs: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Return the mean squared error of each image over the pixels that the task scores; NaN without any.

    The arguments are those of `squared_errors`. float64 (n,).
    """
    errors = np.square(outputs - targets)
    scored = find_task(settings.task).scored_mask(settings, inputs)
    if scored is None:
        return errors.reshape(len(errors), -1).mean(axis=1, dtype=np.float64)
    sums, counts = (errors.mean(axis=-1) * scored).sum(axis=(1, 2), dtype=np.float64), scored.sum(axis=(1, 2))
    return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)


def whole_errors(
    settings: Any, inputs: np.ndarray, outputs: np.ndarray, targets: np.ndarray
) -> np.ndarray | None:
    """Return the squared errors of all pixels where the task scores only some; else None."""
    scored = find_task(settings.task).scored_mask(settings, inputs)
    return None if scored is None else np.square(outputs - targets)
