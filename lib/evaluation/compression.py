"""Bits per pixel of an autoencoder, beside those of JPEG and PNG of the same images at the same error."""

import math
from functools import partial
from typing import NamedTuple

import keras
import numpy as np

from lib.config.hyperparameters import AutoencoderHyperparameters
from lib.config.quantization import Quantization
from lib.data.datasets import Dataset
from lib.data.splits import Subset, sample_subset
from lib.evaluation.code_rates import Rounding, choose_rounding, code_bits, symbol_bits
from lib.evaluation.image_codecs import CHANNELS, compress_as_jpeg, compress_as_png
from lib.evaluation.latent_space import BATCH_SIZE, decode_codes, encode_batches
from lib.tasks import get_task
from lib.tasks.pixels import to_float
from lib.training.batches import Batches

TRAINING_IMAGES, IMAGES = 5_000, 1_000  # whose codes have the frequencies; that are validated, and tested
MAX_VALUES = 2**24  # of the images, or of their codes, in memory


def can_compress(hp: AutoencoderHyperparameters) -> bool:
    """Return whether the code is all that the decoder needs to give the image that was encoded.

    A conditional decoder needs the label, too, which is stored with the code. Pixels of two values are drawn
    from the image, which the code does not tell.
    """
    task = get_task(hp)
    is_whole = task.targets_are_inputs and task.targets_are_images and not task.has_binary_pixels(hp)
    return is_whole and not (hp.skip or hp.residual)


class _Encoded(NamedTuple):
    """Images with their codes, and labels, integers (n,), of a conditional autoencoder."""

    codes: np.ndarray
    images: np.ndarray
    labels: np.ndarray | None


def compression_scores(
    encoder: keras.Model, decoder: keras.Model, dataset: Dataset, hp: AutoencoderHyperparameters
) -> dict[str, float]:
    """Return the bits per pixel of codes, of JPEG at the same error, and of PNG.

    Args:
        encoder: from images to codes.
        decoder: from codes to images.
        dataset: frequencies are those of its training images; rounding is chosen on its validation images,
            if it has none on training images; at most 1,000 test images are compressed.
        hp: of the network.

    Returns:
        Metrics for a record: those of `lib.tasks.compression_metrics` that apply.
    """
    values = max(math.prod(dataset.shape), math.prod(decoder.inputs[0].shape[1:]))

    def encode(subset: Subset, count: int) -> _Encoded:
        sample = sample_subset(subset, max(2, min(count, MAX_VALUES // values)), hp.seed)
        codes = encode_batches(encoder, Batches(sample, BATCH_SIZE, hp))
        return _Encoded(codes, sample.take(slice(None)), sample.labels if hp.conditional else None)

    def decode(labels: np.ndarray | None, codes: np.ndarray) -> np.ndarray:
        return np.clip(decode_codes(decoder, codes, labels=labels), 0, 1)

    train, test = encode(dataset.train, TRAINING_IMAGES), encode(dataset.test, IMAGES)
    rounding: Rounding | Quantization | None = hp.quantization
    if rounding is None:
        known = encode(dataset.validation if hp.validates else dataset.train, IMAGES)
        rounding = choose_rounding(
            train.codes, known.codes, to_float(known.images), partial(decode, known.labels)
        )
    outputs = decode(test.labels, rounding.nearest(test.codes))
    error = float(np.mean(np.square(outputs - to_float(test.images)), dtype=np.float64))
    bits = code_bits(rounding, train.codes, test.codes)
    if train.labels is not None and test.labels is not None:
        bits += symbol_bits(train.labels, test.labels) / len(test.labels)
    pixels = math.prod(dataset.shape[:2])
    return {"test_bits_per_pixel": bits / pixels, "test_coded_mse": error} | _codec_scores(test.images, error)


def _codec_scores(images: np.ndarray, error: float) -> dict[str, float]:
    """The bits per pixel of JPEG and PNG, as far as they can hold such images."""
    scores: dict[str, float] = {}
    if images.dtype == np.uint8 and images.shape[-1] in CHANNELS["jpeg"]:
        jpeg = compress_as_jpeg(images, error)
        scores |= {"test_jpeg_bits_per_pixel": jpeg.bits_per_pixel, "test_jpeg_coded_mse": jpeg.error}
    if images.dtype == np.uint8 and images.shape[-1] in CHANNELS["png"]:
        scores["test_png_bits_per_pixel"] = compress_as_png(images).bits_per_pixel
    return scores
