"""Images with defects that are not in the test set, by which a threshold can be chosen."""

from __future__ import annotations

import os
from dataclasses import replace

import numpy as np

from lib.common.errors import UserError
from lib.config.hyperparameters import Hyperparameters
from lib.data.formats.base import Images, Source


def require_disjoint(
    name: str, loaded: Source, train: Images, test: Images | None, hp: Hyperparameters
) -> None:
    """Require that images are not among those of the data set.

    Args:
        name: name or path of the images.
        loaded: the images.
        train: of the data set.
        test: its separate test set, if there is one.
        hp: names the data set.

    Raises:
        UserError: some are among them.
    """
    known = {os.path.realpath(file) for part in (train, test) if part for file in part.files}
    files = [file for part in (loaded.train, loaded.test) if part for file in part.files]
    shared = [file for file in files if os.path.realpath(file) in known]
    if not shared and name not in (hp.dataset, hp.testset):
        return
    places = " or ".join(filter(None, (hp.dataset, hp.testset)))
    count = len(shared) if shared else len(loaded.train)
    example = f", such as {shared[0]}" if shared else ""
    raise UserError(
        f"{name}: {count:,} image{'s are' if count > 1 else ' is'} in {places}, too{example}; "
        "--defective requires images that are neither trained on nor tested"
    )


def join_parts(loaded: Source) -> Images:
    """Return the training images of a source, then its test images, without labels."""
    train, test = loaded.train, loaded.test
    if test is None:
        return train
    images = np.concatenate([train.images, test.images])
    return replace(train, images=images, labels=None, classes=(), files=train.files + test.files)
