"""Batches for Keras: inputs and targets of a task, made from integer images one batch at a time.

Images stay `uint8` (or `uint16`) in memory; floating point exists for one batch. Everything random is drawn
from (seed, epoch, batch), so a batch is the same in every process and in a training that goes on from a
checkpoint.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import keras
import numpy as np

from lib.config.hyperparameters import AutoencoderHyperparameters, Hyperparameters
from lib.config.process_group import Shard
from lib.data.formats import masks  # noqa: F401 (reads the folders of masks that a task names)
from lib.data.splits import Subset
from lib.tasks import make_fixed_pair, make_pair
from lib.tasks.augmentation import chosen_augmentations
from lib.tasks.pixels import to_float


def images_of(inputs: np.ndarray | tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """Return the images of the inputs of a batch, which are with labels for a conditional autoencoder."""
    return inputs[0] if isinstance(inputs, tuple) else inputs


class Batches(keras.utils.PyDataset):
    """Batches of a subset, as tuples of inputs and targets.

    Inputs are float32 in 0..1, shape (n, height, width, channels); for a conditional autoencoder a tuple of
    them and of the labels, integers (n,). Targets are those of `hp.task`, float32,
    or with `labeled` the classes, integers of shape (n,).

    Args:
        subset: the images.
        batch_size: images per batch; the last batch of an epoch may be smaller.
        hp: its task, augmentation and seed are used.
        training: draw a new order and new augmentation for each epoch. Otherwise batches follow the order of
            the subset and are the same in every epoch, as scores need them.
        labeled: the targets are the labels.
        transform: function of (inputs, targets, labels) that returns what a batch is; without it a batch is
            (inputs, targets). The labels are zeros for a subset that has none.
        shard: the rows of each batch that this process takes. Images that cannot be divided equally among all
            devices are left out.
        endless: the batches have no end, and an index beyond the last batch of an epoch belongs to the next.
            Keras then builds one input pipeline for all epochs, which works ahead during validation; a new
            one for each epoch stands still for up to a second.
        first_epoch: number of the epoch that index 0 belongs to, from 0.

    Raises:
        LookupError: labels are needed for a subset without any.
    """

    def __init__(
        self,
        subset: Subset,
        batch_size: int,
        hp: Hyperparameters,
        training: bool = False,
        labeled: bool = False,
        transform: Callable[..., tuple] | None = None,
        shard: Shard | None = None,
        endless: bool = False,
        first_epoch: int = 0,
    ):
        super().__init__()
        self.subset = subset
        self.batch_size = batch_size
        self.hp = hp
        self.training = training
        self.labeled = labeled
        self.transform = transform
        self.shard = shard
        self.endless = endless
        self.first_epoch = first_epoch
        self.conditional = isinstance(hp, AutoencoderHyperparameters) and hp.conditional
        needs_labels = labeled or self.conditional
        self.labels = subset.labels if needs_labels or subset.labeled else np.zeros(len(subset), np.uint8)
        self.augmentations = chosen_augmentations(hp, on_inputs=False) if training else []
        self.input_augmentations = chosen_augmentations(hp, on_inputs=True) if training else []
        # (epoch, its order) in one tuple, because threads of Keras may read and replace it.
        self._epoch_order = -1, np.arange(len(subset))

    def __len__(self) -> int:
        """Number of batches in an epoch."""
        count = math.ceil(len(self.subset) / self.batch_size)
        if self.shard is None:
            return count
        last_size = len(self.subset) - (count - 1) * self.batch_size
        return count if self.shard.usable_size(last_size) else count - 1

    @property
    def num_batches(self) -> int | None:
        """Keras's number of batches in an epoch; `None` for endless ones."""
        return None if self.endless else len(self)

    def __getitem__(self, index: int) -> tuple:
        """The batch with that index, counted through all epochs."""
        epoch, number = divmod(index, len(self))
        epoch += self.first_epoch
        # Sorted, so that neighbors on disk are read together; the order within a batch changes nothing.
        positions = np.sort(self._positions(epoch, number))
        images = self.subset.take_pairs(positions)
        labels = self.labels[positions]
        rng = self._rng(epoch, number)
        for augment in self.augmentations:
            images = augment(images, rng)
        if self.labeled:
            inputs, targets = to_float(images), labels
        else:
            assert isinstance(self.hp, AutoencoderHyperparameters)
            inputs, targets = self._make_pair(self.hp, images, rng, positions)
        for augment in self.input_augmentations:
            inputs = augment(inputs, rng)
        if self.shard is not None:  # after all random draws, which are then the same in all processes
            rows = self.shard.rows(len(positions))
            inputs, targets, labels = inputs[rows], targets[rows], labels[rows]
        model_inputs = (inputs, labels.astype(np.int32)) if self.conditional else inputs
        if self.transform is None:
            return model_inputs, targets
        return self.transform(model_inputs, targets, labels)

    def _make_pair(
        self,
        hp: AutoencoderHyperparameters,
        images: np.ndarray,
        rng: np.random.Generator,
        positions: np.ndarray,
    ) -> tuple[np.ndarray, np.ndarray]:
        if self.subset.paired:
            inputs, targets = np.split(to_float(images), 2, axis=-1)
            return inputs, targets
        if self.training:
            return make_pair(hp, images, rng)
        return make_fixed_pair(hp, images, rng, self.subset.indices[positions])

    def images_through(self, number: int) -> int:
        """Number of images in an epoch's batches from the first to that number, which counts from 0."""
        return min(len(self.subset), (number + 1) * self.batch_size)

    def _positions(self, epoch: int, number: int) -> np.ndarray:
        positions = self._order(epoch)[number * self.batch_size : (number + 1) * self.batch_size]
        return positions if self.shard is None else positions[: self.shard.usable_size(len(positions))]

    def _order(self, epoch: int) -> np.ndarray:
        drawn_for, order = self._epoch_order
        if self.training and drawn_for != epoch:
            order = self._rng(epoch).permutation(len(self.subset))
            self._epoch_order = epoch, order
        return order

    def _rng(self, epoch: int, *batch: int) -> np.random.Generator:
        return np.random.default_rng((self.hp.seed, self.training, epoch if self.training else 0, *batch))
