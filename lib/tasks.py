"""What a network learns: (inputs, targets) made per batch from `uint8`, and arrays made pictures again.

Images stay `uint8` in memory; floating point exists for one batch at a time.
"""

import math
from collections.abc import Callable

import keras
import numpy as np

from lib.datasets import Part


def scale(images: np.ndarray) -> np.ndarray:
    """uint8 0 to 255 as float32 0 to 1, the range that every saved model takes and gives."""
    return images.astype(np.float32) / 255


def picture(pixels: np.ndarray) -> np.ndarray:
    """float 0 to 1 (clipped) as uint8 0 to 255."""
    return np.round(np.clip(np.asarray(pixels), 0, 1) * 255).astype(np.uint8)


def _reconstruct(images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    pixels = scale(images)
    return pixels, pixels


# What `hyperparameters.TASKS` names, made: uint8 (n, height, width, channels) to float32 inputs and targets.
PAIRS: dict[str, Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]] = {"reconstruct": _reconstruct}


def shifted(images: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Each image moved a little, by up to a fourteenth of its sides (2 pixels of 28), its border repeated.

    What a picture shows does not depend on where exactly it stands; a classifier learns that from moved copies.
    """
    count, height, width, _ = images.shape
    down, right = max(1, height // 14), max(1, width // 14)
    padded = np.pad(images, ((0, 0), (down, down), (right, right), (0, 0)), mode="edge")
    rows = random.integers(0, 2 * down + 1, (count, 1)) + np.arange(height)
    columns = random.integers(0, 2 * right + 1, (count, 1)) + np.arange(width)
    return padded[np.arange(count)[:, None, None], rows[:, :, None], columns[:, None, :]]


class Batches(keras.utils.PyDataset):
    """A part of a data set as batches for Keras's `fit`: pairs of a task, or images with their labels.

    With a seed the order is drawn anew for each epoch; without one it is that of the part. With `shift` (and a seed)
    the images of each batch are `shifted` anew.
    """

    def __init__(self, part: Part, batch_size: int, task: str | None = None, seed: int | None = None, shift: bool = False):
        super().__init__()
        self.part, self.batch_size, self.task, self.shift = part, batch_size, task, shift
        self._random = None if seed is None else np.random.default_rng(seed)
        self._order = np.arange(len(part))
        self._labels = part.labels if task is None else None
        self.on_epoch_end()

    def __len__(self) -> int:
        return math.ceil(len(self.part) / self.batch_size)

    def __getitem__(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        which = self._order[number * self.batch_size : (number + 1) * self.batch_size]
        which = np.sort(which)  # neighbours on disk are read together; the order within a batch changes nothing
        images = self.part.take(which)
        if self.shift:
            images = shifted(images, self._random)
        if self.task is None:
            return scale(images), self._labels[which]
        return PAIRS[self.task](images)

    def on_epoch_end(self) -> None:
        if self._random is not None:
            self._random.shuffle(self._order)
