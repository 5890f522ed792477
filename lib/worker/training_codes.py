"""The training images of a saved model, and their latent codes, for samplers."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path

import keras
import numpy as np

from lib.common.errors import UserError, printable
from lib.config.hyperparameters import AutoencoderHyperparameters
from lib.config.samplers import SAMPLERS, applicable_samplers
from lib.data.splits import Subset
from lib.evaluation import latent_space
from lib.evaluation.samplers.base import CodeSource, sample_codes
from lib.models import inference
from lib.tasks import make_inference_pair
from lib.worker.image_labels import ModelClasses, positions_by_label
from lib.worker.saved_models import require_finite
from lib.worker.saved_parts import LoadedEncoder

MAX_SAMPLE_BYTES = 2**32  # of all samples of a request, of their codes and of their images
MAX_CODE_BYTES = 2**28  # of the codes that samplers are fitted on; of larger codes there are fewer


@dataclass(frozen=True)
class TrainingCodes:
    """The codes of a model's training images.

    Attributes:
        encoder: of the model.
        train: the images.
        path: of the model, for messages.
        seed: of samples of the images, and of codes from a posterior distribution.
    """

    encoder: LoadedEncoder
    train: Subset
    path: Path
    seed: int

    @cached_property
    def labels(self) -> np.ndarray | None:
        """The labels of the images for a conditional model, else None. Raises `UserError`: there are none."""
        classes = self.encoder.classes
        return None if classes is None else subset_labels(classes, self.train, "training")

    def describe_limit(self, samplers: Sequence[str]) -> list[str]:
        """Return a sentence about samplers that are fitted on fewer images than otherwise, if any."""
        most_images = max(SAMPLERS[name].max_images for name in samplers)
        if self._most_codes >= min(most_images, len(self.train)):
            return []
        return [
            f"{self.path}: samplers are fitted on {self._most_codes:,} training images, whose latent codes "
            f"take {MAX_CODE_BYTES >> 20} MiB"
        ]

    @property
    def _most_codes(self) -> int:
        """Number of codes at most, so that they fit in memory."""
        return max(2, MAX_CODE_BYTES // (4 * math.prod(self.encoder.model.output_shape[1:])))

    def encode(self, count: int, from_posterior: bool, label: int | None = None) -> np.ndarray:
        """Return codes as `lib.evaluation.samplers.base.CodeSource` needs them.

        Args:
            count: of images, of which there may be fewer.
            from_posterior: draw the codes of a VAE.
            label: encode only images of this class of a conditional model.

        Raises:
            RunFailed: a code is NaN, infinite or too large.
            UserError: there is no image of the class.
        """
        order = np.random.default_rng(self.seed).permutation(len(self.train))
        if label is not None and self.labels is not None:
            order = order[self.labels[order] == label]
            if not len(order):
                assert self.encoder.classes is not None
                name = printable(self.encoder.classes.names[label])
                raise UserError(
                    f"{self.path}: no training image is of the class {name}; name others with --label"
                )
        positions = np.sort(order[: min(count, self._most_codes)])
        posterior = self.encoder.posterior if from_posterior else None
        parts = (self._predict(posterior, *batch) for batch in self._inputs(positions))
        if posterior is None:
            codes = np.concatenate(list(parts))
        else:
            means, log_variances = map(np.concatenate, zip(*parts, strict=True))
            noise = np.random.default_rng(self.seed).standard_normal(means.shape, np.float32)
            codes = means + np.exp(0.5 * log_variances) * noise
        require_finite(codes, [f"image {position + 1}" for position in positions], self.path)
        return codes

    def _predict(self, posterior: keras.Model | None, inputs: np.ndarray, labels: np.ndarray | None):
        return inference.predict(self.encoder.model if posterior is None else posterior, inputs, labels)

    def _inputs(self, positions: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray | None]]:
        for start in range(0, len(positions), latent_space.BATCH_SIZE):
            rows = positions[start : start + latent_space.BATCH_SIZE]
            images = self.train.take_pairs(rows)[..., : self.train.shape[-1]]  # of pairs the degraded ones
            inputs = make_inference_pair(self.encoder.hp, images)[0]
            yield inputs, None if self.labels is None else self.labels[rows]


def require_memory(count: int, shape: tuple[int, ...], name: str, item_bytes: int = 4) -> None:
    """Raise `UserError` where so many arrays of a shape do not fit in `MAX_SAMPLE_BYTES`.

    Args:
        count: of the arrays.
        shape: of one.
        name: what they are, for the message.
        item_bytes: of a number.
    """
    most = MAX_SAMPLE_BYTES // (item_bytes * math.prod(shape))
    if count > most:
        raise UserError(
            f"{count:,} {name} of {math.prod(shape):,} numbers do not fit in {MAX_SAMPLE_BYTES >> 30} GiB of "
            f"memory: set --count to {most:,} or less"
        )


def subset_labels(classes: ModelClasses, subset: Subset, part: str) -> np.ndarray:
    """Return the labels of a part of a data set as numbers of a model's classes, int32 (n,).

    Args:
        classes: of the model.
        subset: the images.
        part: `training` or `test`, for messages.

    Raises:
        UserError: there are no labels, or they are of other classes.
    """
    labels = subset.labels if subset.labeled else None
    return classes.of_images(labels, subset.parent.classes, f"{part} images")


def sample_labeled_codes(
    name: str,
    source: CodeSource,
    encode: Callable[[int, bool, int], np.ndarray],
    labels: np.ndarray | None,
    count: int,
    seed: int,
) -> np.ndarray:
    """Return latent codes of a sampler; those of each class are sampled from the codes of its images.

    Args:
        name: of the sampler.
        source: what it is fitted on, for images of all classes.
        encode: `TrainingCodes.encode`, or a function like it.
        labels: of a conditional model: the class of each sample, integers (count,); else None.
        count: of samples.
        seed: of the fit and the samples.

    Returns:
        float32 (count, *source.shape).
    """
    require_memory(count, source.shape, "samples")
    if labels is None:
        return sample_codes(name, source, count, seed)
    samples = np.zeros((count, *source.shape), np.float32)
    groups = list(positions_by_label(labels))
    for number, (label, positions) in enumerate(groups):
        of_class = replace(
            source,
            encode=partial(_encode_class, encode, label),
            report=partial(_report_group, source.report, number, len(groups)),
        )
        class_seed = int(np.random.SeedSequence((seed, label)).generate_state(1)[0])
        samples[positions] = sample_codes(name, of_class, len(positions), class_seed)
        if source.stop_event.is_set():
            break
    return samples


def _report_group(report: Callable[[float], None], number: int, count: int, fraction: float) -> None:
    report((number + fraction) / count)


def _encode_class(
    encode: Callable[[int, bool, int], np.ndarray], label: int, count: int, from_posterior: bool
) -> np.ndarray:
    return encode(count, from_posterior, label)


def unfit_sampler(path: Path, sampler: str, hp: AutoencoderHyperparameters) -> UserError:
    """Return the error for a sampler that does not apply to a model."""
    return UserError(
        f"{path}: --sampler {sampler} does not apply to this model; use "
        f"{' or '.join(applicable_samplers(hp))}"
    )
