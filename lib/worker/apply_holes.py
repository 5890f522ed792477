"""Holes of the pictures that `apply` completes: where they come from, and pictures without one."""

import numpy as np

from lib.common.errors import UserError
from lib.data.user_images import TRANSPARENT, UserImages, find_pictures
from lib.tasks import get_task
from lib.worker.messages import Apply
from lib.worker.saved_models import LoadedAutoencoder


def choose_holes(request: Apply, models: list[LoadedAutoencoder]) -> str | None:
    """Return the holes that `UserImages` takes; None for models that complete none.

    Pictures have the holes of the request, else their transparent pixels; the images of a data set those of
    the request, else those of the training.

    Raises:
        UserError: holes are requested of models that complete none.
    """
    trained = [hole for model in models if (hole := get_task(model.hp).hole(model.hp))]
    if not trained:
        if request.missing:
            raise UserError(
                f"{models[0].path}: --missing requires a model that was trained with a hole, such as "
                f"--task complete --missing center"
            )
        return None
    if request.missing:
        return request.missing
    return TRANSPARENT if find_pictures(request.data) is not None else trained[0]


def missing_fractions(images: np.ndarray) -> np.ndarray:
    """Return the fraction of each image that is missing, by its last channel, (n,)."""
    return (images[..., -1] > 0).mean(axis=(1, 2))


def describe_whole(user_images: UserImages, missing: np.ndarray) -> list[str]:
    """Return a sentence about pictures without a hole, if there are any.

    Args:
        user_images: the pictures.
        missing: fraction of each that is missing, (n,); NaN of those that are not completed.

    Raises:
        UserError: none has a hole.
    """
    whole, count = int((missing == 0).sum()), int((~np.isnan(missing)).sum())
    if not whole:
        return []
    reason = "no transparent pixel" if user_images.holes == TRANSPARENT else "an empty mask"
    if whole == count:
        raise UserError(
            f"{user_images.source}: nothing to complete: all {count:,} pictures have {reason}; erase what is "
            f"to be completed, or pass masks or a hole with --missing (masks/, center)"
        )
    verbs = ("have", "stay as they are") if whole > 1 else ("has", "stays as it is")
    return [f"{user_images.source}: {whole:,} of {count:,} pictures {verbs[0]} {reason} and {verbs[1]}"]
