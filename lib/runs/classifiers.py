"""Saved classifiers: the newest of a data set's images, how to train one, and splits that do not agree."""

import shlex
from pathlib import Path
from typing import Any

from lib.common.errors import UserError
from lib.config.hyperparameters import Hyperparameters
from lib.config.program_settings import find_setting
from lib.runs import records
from lib.runs.validation import sanitize

# The split is stratified by labels.
SPLIT_SETTINGS = ("dataset", "testset", "limit", "split", "fold", "seed", "group", "patches", "labels")


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


def split_flags(split: dict[str, Any]) -> list[str]:
    """Return the flags of a split that is not the default, as `split_of` returns it."""
    changed = {name: value for name, value in split.items() if value != find_setting(name).default}
    return [
        f"{find_setting(name).flag} {shlex.quote(find_setting(name).format(value))}"
        for name, value in changed.items()
    ]


def split_of(model: Path) -> dict[str, Any] | None:
    """Return the settings that tell which images are test images; None where no record says."""
    hp = recorded_hyperparameters(model)
    if hp is None:
        return None
    return {name: getattr(hp, name, value) for name, value in split_of_defaults().items()}


def split_of_defaults() -> dict[str, Any]:
    """Return the defaults of the settings that tell which images are test images."""
    return {name: find_setting(name).default for name in SPLIT_SETTINGS}


def recorded_hyperparameters(model: Path) -> Hyperparameters | None:
    """Return the hyperparameters of the record next to a saved model; None without a valid one."""
    try:
        record = sanitize(records.load_record(model.parent))
        return Hyperparameters.from_json(record["hyperparameters"], str(model.parent))
    except (UserError, KeyError, RecursionError):
        return None
