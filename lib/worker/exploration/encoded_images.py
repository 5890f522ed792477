"""Latent codes of images, with small pictures of the images and of their reconstructions."""

from typing import NamedTuple

import numpy as np

from lib.common.errors import UserError, printable
from lib.common.formatting import format_megabytes
from lib.data.user_images import UserImages
from lib.evaluation.projections import MIN_CODES
from lib.models import inference
from lib.tasks import get_task
from lib.tasks.display import Display
from lib.tasks.predictions import Predictions
from lib.worker.exploration.sprite_sheets import make_thumbnails, thumbnail_size
from lib.worker.image_output import ChunkProgress
from lib.worker.saved_models import LoadedAutoencoder, require_finite

MAX_CODE_BYTES = 2**29  # of the codes in float32, which are copied: memory must not grow with their size
MAX_CLASSES = 1000  # more labels are not those of classes


class EncodedImages(NamedTuple):
    """Images with their codes.

    Attributes:
        names: of the images, (n,).
        classes: names of the classes, and numbers where they have none.
        labels: index of each image's class, int (n,); None without classes.
        codes: float32 (n, …).
        errors: mean squared error of each reconstruction, (n,); NaN where nothing is predicted.
        inputs, outputs: what the model gets and returns, small pictures uint8 (n, height, width, 1 or 3).
        display: brightness and channels of the pictures.
    """

    names: list[str]
    classes: list[str]
    labels: np.ndarray | None
    codes: np.ndarray
    errors: np.ndarray
    inputs: np.ndarray
    outputs: np.ndarray
    display: Display


def select_sample(user_images: UserImages, limit: int, latent_size: int, seed: int) -> list[str]:
    """Leave a random sample of images, in their order, and return notes about it.

    Args:
        user_images: the images.
        limit: of their number.
        latent_size: numbers of a code; of very large ones fewer fit in memory.
        seed: of the sample.
    """
    total, fitting = len(user_images), max(MIN_CODES, MAX_CODE_BYTES // (4 * latent_size))
    count = min(limit, fitting)
    if count >= total:
        return []
    positions = np.random.default_rng(seed).choice(total, count, replace=False)
    user_images.select(np.sort(positions))
    why = "; set another number with --limit"
    if count < limit:
        why = f", whose codes of {latent_size:,} numbers need {format_megabytes(4 * latent_size * count)}"
    return [printable(f"{user_images.source}: a random sample of {count:,} of {total:,} images{why}")]


def encode_images(
    model: LoadedAutoencoder, user_images: UserImages, progress: ChunkProgress
) -> EncodedImages:
    """Return codes and reconstructions of images.

    Raises:
        UserError: fewer than 3 of the images can be read, or have no labels for a conditional model.
        RunFailed: the model returns NaN or infinity.
        Interrupted: Ctrl-C before the first chunk is done.
    """
    encoder, task, channels = model.code_encoder(), get_task(model.hp), user_images.shape[2]
    size = thumbnail_size(*user_images.shape[:2], len(user_images))
    display: Display | None = None
    encoded: list[int] = []
    codes, errors, shown = [], [], []
    labels = None
    if (classes := model.classes) is not None:
        labels = classes.of_images(user_images.labels, user_images.classes, user_images.source)

    def run(images: np.ndarray, labels: np.ndarray | None = None):
        inputs, outputs, targets = model.run(images, labels)
        return inference.predict(encoder, inputs, labels), inputs, outputs, targets

    for positions, images, (chunk, *result) in progress.map(run, labels):
        names = [user_images.names[position] for position in positions]
        require_finite(chunk, names, model.path)
        require_finite(result[1], names, model.path)
        display = display or Display.of(model.hp.show_channels, images[..., :channels])
        encoded += list(positions)
        codes.append(chunk)
        errors.append(Predictions(model.hp, *result).image_errors())
        pixels = task.to_pixels(model.hp, *result)[:2]
        shown.append([make_thumbnails(display.show_pixels(part), size) for part in pixels])
    _require_enough(user_images, encoded)
    assert display is not None
    names, indices = _classes(user_images, encoded)
    inputs, outputs = (np.concatenate(parts) for parts in zip(*shown, strict=True))
    return EncodedImages(
        [user_images.names[position] for position in encoded],
        *(names, indices, np.concatenate(codes), np.concatenate(errors), inputs, outputs, display),
    )


def _require_enough(user_images: UserImages, encoded: list[int]) -> None:
    if len(encoded) < MIN_CODES:
        count = f"{len(encoded)} image{'' if len(encoded) == 1 else 's'}"
        raise UserError(
            f"{user_images.source}: {count} cannot show a latent space; it requires {MIN_CODES} at least"
        )


def _classes(user_images: UserImages, encoded: list[int]) -> tuple[list[str], np.ndarray | None]:
    """The names of the classes of the images with these positions, and the indices of these."""
    if user_images.labels is None:
        return [], None
    values, labels = np.unique(user_images.labels[encoded], return_inverse=True)
    if len(values) > MAX_CLASSES:
        return [], None
    known = dict(enumerate(user_images.classes))
    return [printable(known.get(value, str(value))) for value in values.tolist()], labels
