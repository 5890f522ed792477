"""Sources of images that `evaluate` compares with test images: rows of its table."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from lib.common.errors import UserError
from lib.common.formatting import format_shape
from lib.config.hyperparameters import AutoencoderHyperparameters
from lib.config.samplers import SAMPLERS
from lib.data.datasets import Dataset
from lib.data.splits import Subset
from lib.evaluation import latent_space
from lib.evaluation.sample_quality.pixel_mixture import COMPONENTS, sample_pixel_mixture
from lib.evaluation.samplers.base import CodeSource
from lib.tasks import get_task
from lib.tasks.pixels import to_images
from lib.worker.process import Channel
from lib.worker.saved_models import LoadedAutoencoder, require_finite
from lib.worker.saved_parts import LoadedDecoder
from lib.worker.training_codes import TrainingCodes, sample_labeled_codes, subset_labels

BATCH_SIZE = 512
PIXEL_MIXTURE_WORK = 2000  # progress of its fit, in images
Batches = Iterator[np.ndarray]  # uint8 or uint16 (n, height, width, channels)
Report = Callable[[float], None]  # of the fraction of the preparation that is done


@dataclass(frozen=True)
class ImageSource:
    """Images of one row.

    Attributes:
        model: name of the model; empty for images without one.
        source: where the images come from.
        count: number of images.
        batches: prepares the source, and yields the images.
        work: progress of the preparation, in images.
    """

    model: str
    source: str
    count: int
    batches: Callable[[Report], Batches]
    work: int = 0


@dataclass(frozen=True)
class Generator:
    """A model whose samples are compared.

    Attributes:
        name: in the table.
        autoencoder: the whole model.
        decoder: of codes alone.
        hp: its hyperparameters.
        samplers: names of the samplers, all of which apply to it.
        codes: of its training images.
        dtype: of images, uint8 or uint16.
    """

    name: str
    autoencoder: LoadedAutoencoder
    decoder: LoadedDecoder
    hp: AutoencoderHyperparameters
    samplers: tuple[str, ...]
    codes: TrainingCodes
    dtype: np.dtype

    @property
    def path(self) -> Path:
        return self.autoencoder.path

    def sources(self, channel: Channel, test: Subset, count: int, seed: int) -> Iterator[ImageSource]:
        """Yield the reconstructions of test images, if the model reconstructs, and samples of each sampler.

        Args:
            channel: says when a fit is to end.
            test: the test images.
            count: of samples.
            seed: of samples.
        """
        if get_task(self.hp).targets_are_inputs:  # others are given degraded images
            yield ImageSource(self.name, "reconstructions", len(test), lambda report: self._reconstruct(test))
        for name in self.samplers:
            yield ImageSource(
                self.name,
                name,
                count,
                partial(self._sample, channel, name, count, seed),
                SAMPLERS[name].work * self._fits,
            )

    @property
    def _fits(self) -> int:
        """Number of fits of a sampler: one for each class of a conditional model."""
        return 1 if self.codes.labels is None else len(np.unique(self.codes.labels))

    def _reconstruct(self, test: Subset) -> Batches:
        task, classes = get_task(self.hp), self.autoencoder.classes
        labels = None if classes is None else subset_labels(classes, test, "test")
        for start in range(0, len(test), BATCH_SIZE):
            rows = slice(start, start + BATCH_SIZE)
            inputs, outputs, _ = self.autoencoder.run(
                test.take(rows), None if labels is None else labels[rows]
            )
            _, pixels = task.to_pixels(self.hp, inputs, outputs)
            yield self._to_images(pixels, start)

    def _sample(self, channel: Channel, name: str, count: int, seed: int, report: Report) -> Batches:
        source = CodeSource(self.decoder.code_shape, self.codes.encode, report, channel.stop_event)
        labels = None  # of samples of a conditional model: as frequent as in training
        if self.codes.labels is not None:
            labels = np.random.default_rng(seed).choice(self.codes.labels, count)
        codes = sample_labeled_codes(name, source, self.codes.encode, labels, count, seed)
        for start in range(0, count, BATCH_SIZE):
            rows = slice(start, start + BATCH_SIZE)
            outputs = latent_space.decode_codes(
                self.decoder.model,
                codes[rows],
                self.hp.quantization,
                None if labels is None else labels[rows],
            )
            yield self._to_images(get_task(self.hp).output_pixels(self.hp, outputs), start)

    def _to_images(self, pixels: np.ndarray, start: int) -> np.ndarray:
        require_finite(pixels, [f"image {start + number + 1}" for number in range(len(pixels))], self.path)
        if pixels.shape[1:] != (shape := self.autoencoder.image_shape):
            raise UserError(
                f"{self.path}: it generates images of {format_shape(pixels.shape[1:])}, and those of the "
                f"data set are {format_shape(shape)}; evaluate requires a model of whole images"
            )
        return to_images(pixels, self.dtype)


def training_source(sample: Subset) -> ImageSource:
    """Return training images: real, as many as samples, and none of them a test image."""
    return ImageSource("", "training images", len(sample), lambda report: subset_batches(sample))


def baseline_source(dataset: Dataset, count: int, seed: int) -> ImageSource:
    """Return samples of a Gaussian mixture in PCA space, the baseline."""

    def batches(report: Report) -> Batches:
        sample = sample_pixel_mixture(dataset.train, count, seed)
        report(1.0)
        return sample()

    source = f"mixture of {COMPONENTS} principal components"
    return ImageSource("", source, count, batches, PIXEL_MIXTURE_WORK)


def subset_batches(subset: Subset) -> Batches:
    """Yield the images of a subset."""
    for start in range(0, len(subset), BATCH_SIZE):
        yield subset.take(slice(start, start + BATCH_SIZE))
