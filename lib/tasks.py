"""What a network learns: (inputs, targets) made per batch from `uint8`, and arrays made pictures again.

Images stay `uint8` in memory; floating point exists for one batch at a time. Nothing is drawn but from (seed, epoch,
batch), so a batch is the same whoever asks for it, and when.
"""

import math

import keras
import numpy as np

from lib import colour
from lib.changes import CHANGES, erased
from lib.datasets import Part
from lib.hyperparameters import Hyperparameters
from lib.targets import cut_axis, given_half
from lib.teams import Share

GREY = 128  # what stands in a picture for the half that is missing


def scale(images: np.ndarray) -> np.ndarray:
    """uint8 0 to 255 as float32 0 to 1, the range that every saved model takes and gives."""
    return np.divide(images, np.float32(255), dtype=np.float32)  # without a copy in between


def picture(pixels: np.ndarray) -> np.ndarray:
    """float 0 to 1 (clipped) as uint8 0 to 255."""
    return np.round(np.clip(np.asarray(pixels), 0, 1) * 255).astype(np.uint8)


def _reconstruct(hp: Hyperparameters, pixels: np.ndarray, random: np.random.Generator):
    return pixels, pixels


def _denoise(hp: Hyperparameters, pixels: np.ndarray, random: np.random.Generator):
    """Gaussian noise, clipped to 0..1, its strength drawn for each image where it is a range (report E: 0.1·i)."""
    strength = random.uniform(*hp.noise, (len(pixels), 1, 1, 1)).astype(np.float32)
    noise = random.standard_normal(pixels.shape, np.float32)
    return np.clip(pixels + strength * noise, 0, 1), pixels


def _colorize(hp: Hyperparameters, pixels: np.ndarray, random: np.random.Generator):
    """Grey in; out RGB (report A) or its colour differences UV (report B)."""
    if hp.colour_space == "rgb":
        return colour.grey(pixels), pixels
    yuv = colour.to_yuv(pixels)
    return yuv[..., :1], yuv[..., 1:]


def _complete(hp: Hyperparameters, pixels: np.ndarray, random: np.random.Generator):
    """One half in, the missing one out (report D: the right)."""
    given, missing = halves(hp, pixels.shape[1:])
    return pixels[:, *given], pixels[:, *missing]


# What `fields.TASKS` names, made: float32 (n, height, width, channels) in 0..1 to float32 inputs and targets.
PAIRS = {"reconstruct": _reconstruct, "denoise": _denoise, "colorize": _colorize, "complete": _complete}


def pairs(hp: Hyperparameters, images: np.ndarray, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Inputs and targets of `hp.task` from uint8 images (n, height, width, channels); what is random comes from `random`."""
    return PAIRS[hp.task](hp, scale(images), random)


def as_they_are(hp: Hyperparameters, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The same for images that are to be used, not learned from: nothing random is done to them, so `denoise` adds no noise."""
    if hp.task == "denoise":
        return scale(images), scale(images)
    return pairs(hp, images, np.random.default_rng(hp.seed))


def halves(hp: Hyperparameters, image: tuple[int, int, int]) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """Rows and columns of the given half and of the missing one."""
    axis, count = given_half(hp, image)
    rest = image[axis] - count
    if hp.missing in ("right", "bottom"):
        given, missing = slice(0, count), slice(count, None)
    else:
        given, missing = slice(rest, None), slice(0, rest)
    everything = slice(None)
    return ((given, everything), (missing, everything)) if axis == 0 else ((everything, given), (everything, missing))


def pictures(hp: Hyperparameters, inputs: np.ndarray, *outputs: np.ndarray) -> list[np.ndarray]:
    """What a person looks at: inputs, then each of `outputs` (or targets), as whole uint8 images.

    A missing half is put beside the given one (grey among the inputs), UV is joined with the given Y.
    """
    if hp.task == "complete":
        blank = np.full_like(outputs[0], GREY / 255)
        return [picture(_joined(hp, inputs, half)) for half in (blank, *outputs)]
    if hp.colour_differences:
        outputs = tuple(colour.to_rgb(np.concatenate([inputs, uv], axis=-1)) for uv in outputs)
    return [picture(inputs), *map(picture, outputs)]


def _joined(hp: Hyperparameters, given: np.ndarray, missing: np.ndarray) -> np.ndarray:
    axis = 1 + cut_axis(hp)
    return np.concatenate([given, missing] if hp.missing in ("right", "bottom") else [missing, given], axis=axis)


class Batches(keras.utils.PyDataset):
    """A part of a data set as batches for Keras.

    Without `learn` they are always the same, in the part's order, as scores need them. With it, the order and the images'
    changes (`CHANGES`) are drawn anew for each epoch; a number beyond the last batch of an epoch is of the next. For `fit`
    batches are `endless`, beginning with epoch number `first`: Keras then builds one pipeline for all epochs, which works
    ahead while scores are computed and pictures drawn, where a new one for each may stand still for a second.

    Batches are those of `hp.task`, or images with their labels where `labelled`; with `form`, inputs, targets and labels
    (zeros of a part that has none) go through it last. With a `share` it gives the same batches, but for what cannot be
    divided equally, and of each the part of one process.
    """

    def __init__(
        self, part: Part, batch_size: int, hp: Hyperparameters, learn=False, labelled=False, form=None,
        share: Share | None = None, endless=False, first=0,
    ):  # fmt: skip
        super().__init__()
        self.part, self.batch_size, self.hp, self.form, self.share = part, batch_size, hp, form, share
        self.labelled = labelled
        self.labels = part.labels if labelled or part.labelled else np.zeros(len(part), np.uint8)
        self.learn, self.changes = learn, [change for name, change in CHANGES.items() if learn and getattr(hp, name)]
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
        which = np.sort(self._which(epoch, number))  # neighbours on disk are read together; the order in a batch changes nothing
        images = self.part.take(which)
        random = self._random(epoch, number)
        for change in self.changes:
            images = change(images, random)
        labels = self.labels[which]
        inputs, targets = (scale(images), labels) if self.labelled else pairs(self.hp, images, random)
        if self.learn and self.hp.erase:
            inputs = erased(inputs, random)
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
