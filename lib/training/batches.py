"""What a network learns: (inputs, targets) made per batch from `uint8`, and arrays made pictures again.

Images stay `uint8` in memory; floating point exists for one batch at a time. Nothing is drawn but from (seed,
epoch, batch), so a batch is the same whoever asks for it, and when.
"""

import math

import keras
import numpy
import numpy as np

from lib.config.hyperparameters import Hyperparameters
from lib.config.process_group import Shard
from lib.data.augmentation import AUGMENTATIONS, erase
from lib.data.splits import Subset
from lib.tasks.base import make_pair
from lib.tasks.pixels import to_float


class Batches(keras.utils.PyDataset):
    """A part of a data set as batches for Keras.

    Without `learn` they are always the same, in the part's order, as scores need them. With it, the order and
    the images' changes (`CHANGES`) are drawn anew for each epoch; a number beyond the last batch of an epoch
    is of the next. For `fit` batches are `endless`, beginning with epoch number `first`: Keras then builds
    one pipeline for all epochs, which works ahead while scores are computed and pictures drawn, where a new
    one for each may stand still for a second.

    Batches are those of `hp.task`, or images with their labels where `labeled`; with `form`, inputs, targets
    and labels (zeros of a part that has none) go through it last. With a `share` it gives the same batches,
    but for what cannot be divided equally, and of each the part of one process.
    """

    def __init__(
        self,
        part: Subset,
        batch_size: int,
        hp: Hyperparameters,
        learn=False,
        labeled=False,
        form=None,
        share: Shard | None = None,
        endless=False,
        first=0,
    ):
        super().__init__()
        self.part, self.batch_size, self.hp, self.form, self.share = part, batch_size, hp, form, share
        self.labeled = labeled
        self.labels = part.labels if labeled or part.labeled else np.zeros(len(part), np.uint8)
        self.learn, self.changes = (
            learn,
            [change for name, change in AUGMENTATIONS.items() if learn and getattr(hp, name)],
        )
        self.endless, self.first = endless, first
        self._drawn = -1, np.arange(len(part))  # an epoch, and its order

    def __len__(self) -> int:
        """How many batches an epoch has."""
        count = math.ceil(len(self.part) / self.batch_size)
        if self.share is None:
            return count
        last = len(self.part) - (count - 1) * self.batch_size
        return count if self.share.count(last) else count - 1

    @property
    def num_batches(self) -> int | None:
        return None if self.endless else len(self)

    def __getitem__(self, index: int) -> tuple:
        epoch, number = divmod(index, len(self))
        epoch += self.first
        which = np.sort(
            self._which(epoch, number)
        )  # neighbors on disk are read together; the order in a batch changes nothing
        images = self.part.take(which)
        random = self._random(epoch, number)
        for change in self.changes:
            images = change(images, random)
        labels = self.labels[which]
        inputs, targets = (to_float(images), labels) if self.labeled else make_pair(self.hp, images, random)
        if self.learn and self.hp.erase:
            inputs = erase(inputs, random)
        if self.share is not None:  # after what is random, which is then the same for all
            rows = self.share.rows(len(which))
            inputs, targets, labels = inputs[rows], targets[rows], labels[rows]
        return (inputs, targets) if self.form is None else self.form(inputs, targets, labels)

    def images_until(self, number: int) -> int:
        """How many images of an epoch have been seen after that batch."""
        return min(len(self.part), (number + 1) * self.batch_size)

    def _which(self, epoch: int, number: int) -> np.ndarray:
        which = self._order(epoch)[number * self.batch_size : (number + 1) * self.batch_size]
        return which if self.share is None else which[: self.share.count(len(which))]

    def _order(self, epoch: int) -> np.ndarray:
        drawn, order = self._drawn
        if self.learn and drawn != epoch:
            order = self._random(epoch).permutation(len(self.part))
            self._drawn = epoch, order
        return order

    def _random(self, epoch: int, *where: int) -> np.random.Generator:
        return np.random.default_rng((self.hp.seed, self.learn, epoch if self.learn else 0, *where))


STACK_BYTES = 32 << 20  # bytes of batches that one call trains on


class StackedBatches(keras.utils.PyDataset):
    """Batches of one size stacked, so that one compiled call trains on all of them; endless, as they are."""

    def __init__(self, batches, bytes_at_once: int = STACK_BYTES):
        super().__init__(
            workers=2, max_queue_size=2
        )  # one prepares a gang while the device trains on the one before
        self.batches, (inputs, targets) = batches, batches[0]
        size = sum(array.nbytes for array in keras.tree.flatten((inputs, targets)))
        whole = len(batches.part) // batches.batch_size  # the last batch may be smaller, and is then alone
        count = max(1, min(bytes_at_once // size, whole))
        self._ends = [
            *range(count, whole, count),
            *([whole] if whole else []),
            *([len(batches)] if whole < len(batches) else []),
        ]

    def __len__(self) -> int:
        return len(self._ends)

    @property
    def num_batches(self) -> None:
        return None

    def __getitem__(self, index: int) -> tuple:
        epoch, number = divmod(index, len(self))
        places = range(self._ends[number - 1] if number else 0, self._ends[number])
        found = [self.batches[epoch * len(self.batches) + place] for place in places]
        return keras.tree.map_structure(lambda *arrays: numpy.stack(arrays), *found)

    def images_until(self, number: int) -> int:
        return self.batches.images_until(self._ends[number] - 1)
