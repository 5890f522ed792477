"""Inputs and targets of images, for the task of some settings."""

from __future__ import annotations  # types that name np.random would load it before the first prompt

import numpy as np

from lib.tasks.pixels import to_float
from lib.tasks.registry import get_task
from lib.tasks.settings import TaskSettings


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
    return get_task(settings).make_pair(settings, to_float(images), rng)


def make_fixed_pair(
    settings: TaskSettings, images: np.ndarray, rng: np.random.Generator, indices: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return inputs and targets for a validation or a test: what an image gets does not depend on its batch.

    Args:
        settings: the task and its options.
        images: uint8 (n, height, width, channels).
        rng: the same for a batch of the same number.
        indices: positions of the images in the data set, (n,).

    Returns:
        As `make_pair`.
    """
    return get_task(settings).make_fixed_pair(settings, to_float(images), rng, indices)


def make_inference_pair(
    settings: TaskSettings, images: np.ndarray, masks: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Return inputs and targets for a trained model: those of `make_pair`, but without noise.

    Args:
        settings: the task and its options.
        images: uint8 (n, height, width, channels).
        masks: the missing pixels of a task that takes masks, bool (n, height, width); None where none is.

    Returns:
        float32 (n, …) in 0..1 of the shapes of `Task.shapes`.
    """
    task, pixels = get_task(settings), to_float(images)
    if masks is not None and task.hole(settings):
        return task.mask_images(pixels, masks), pixels
    return task.make_inference_pair(settings, pixels)
