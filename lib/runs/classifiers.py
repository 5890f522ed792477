"""Saved classifiers: the newest of a data set's images, and how to train one."""

import shlex
from pathlib import Path

from lib.common.errors import UserError
from lib.runs import records
from lib.runs.recorded_splits import split_flags, split_of


def newest_classifier(
    image: tuple[int, int, int], sha256: str, folder: Path = records.MODELS_FOLDER
) -> str | None:
    """Return the newest saved classifier of images of one shape; first one of the same data set.

    Args:
        image: (height, width, channels) of the images.
        sha256: checksum of the data set.
        folder: folder that holds run folders.

    Returns:
        Path of its file; None if there is none.
    """
    classifiers = [
        (record["dataset"].get("sha256") == sha256, path.stat().st_mtime, str(path))
        for run_folder, record in records.list_records(folder)
        if record["dataset"].get("shape") == list(image) and (path := run_folder / "classifier.h5").is_file()
    ]
    return max(classifiers, default=(False, 0.0, None))[2]


def missing_classifier(dataset: str, model: Path) -> UserError:
    """Return the error for images of which there is no classifier.

    Args:
        dataset: name of the data set.
        model: the saved autoencoder whose samples are to be compared.
    """
    flags = " ".join(["python classification.py", *split_flags(split_of(model) or {})])
    if records.is_conditional(model.parent):
        remedy = f"train an autoencoder without --conditional, and on it a classifier: {flags} -model IT"
    else:
        remedy = f"train one with {flags} -model {shlex.quote(str(model))}"
    return UserError(
        f"{dataset}: no classifier of its images below {records.MODELS_FOLDER}; {remedy}; or pass another "
        f"one with --features"
    )
