"""The data set of saved models: that of a record or another one, and how those of several models differ."""

from pathlib import Path
from typing import Any

from lib.common.errors import UserError
from lib.common.formatting import format_shape
from lib.config.hyperparameters import AutoencoderHyperparameters, Hyperparameters
from lib.config.program_settings import find_setting
from lib.data import datasets
from lib.data.datasets import Dataset
from lib.data.user_images import find_pictures
from lib.data.value_range import ValueRange
from lib.runs import records
from lib.runs.recorded_splits import recorded_hyperparameters, split_flags, split_of, split_of_defaults
from lib.runs.validation import sanitize, validate
from lib.tasks import ImageShape

KEPT = ("limit", "split", "fold", "seed")  # settings of a model that another data set is split by
COLORS = {1: "gray", 3: "rgb"}  # values of the setting `color`, by the channels of images


def load_training_data(
    path: Path, data: str | None, fit: str, image_shape: ImageShape, value_range: ValueRange
) -> Dataset:
    """Return the data set that a saved model was trained on, or another one, with the same split.

    Args:
        path: of the model.
        data: the other data set; None for that in the record next to the model.
        fit: how pictures of a folder become images.
        image_shape: (height, width, channels) of the model's images.
        value_range: of these.

    Raises:
        UserError: there is no such record, or the data set cannot be used.
    """
    if data is None:
        _require_valid_record(path)
    recorded = _autoencoder_hyperparameters(path)
    if data is None:
        if recorded is None or recorded.dataset is None:
            raise UserError(f"{path}: no record next to it names its training images; pass them with -d")
        hp, data = recorded, recorded.dataset
    else:
        hp = _hyperparameters_of(data, fit, image_shape, recorded or AutoencoderHyperparameters())
    dataset = datasets.load_dataset(hp, value_range)
    require_shape(data, dataset.shape, image_shape)
    return dataset


def require_shape(data: str, shape: ImageShape, image_shape: ImageShape) -> None:
    """Raise `UserError` where images of a data set do not have the shape of a model's images."""
    if tuple(shape) != tuple(image_shape):
        raise UserError(
            f"{data}: its images are {format_shape(shape)}, the model takes {format_shape(image_shape)}"
        )


def _hyperparameters_of(
    data: str, fit: str, image_shape: ImageShape, recorded: AutoencoderHyperparameters
) -> AutoencoderHyperparameters:
    """The settings of a data set that takes the place of the recorded one."""
    values: dict[str, Any] = {name: getattr(recorded, name) for name in KEPT}
    if find_pictures(data) is not None:
        values |= {"size": image_shape[:2], "fit": fit}
        if color := COLORS.get(image_shape[2]):
            values["color"] = color
    return AutoencoderHyperparameters(dataset=data, **values)


def describe_splits(paths: list[Path], dataset: Dataset, data: str | None) -> list[str]:
    """Return a sentence on each model that was trained on a part of the test images, as far as records say.

    Args:
        paths: of the models; the data set is split as for the first one.
        dataset: its test images.
        data: a data set that takes the place of the recorded one.
    """
    split = split_of(paths[0])
    if split is None or dataset.test.parent is not dataset.train.parent:
        return []  # unknown, or a test set of its own
    if data is not None:
        known = {name: value for name, value in split.items() if name in KEPT}
        split = split_of_defaults() | known | {"dataset": data}
    others = {path: other for path in paths if (other := split_of(path))}
    flags = " ".join(split_flags(split))
    return [
        f"{path}: was trained with another split of {dataset.name} ({_difference(other, split)}); some of "
        f"its training images are test images here: train it with {flags} and no other settings of the split"
        for path, other in others.items()
        if other["dataset"] == split["dataset"] and other != split
    ]


def _difference(split: dict[str, Any], other: dict[str, Any]) -> str:
    """The settings of a split that are others than those of another one."""
    names = [name for name, value in split.items() if value != other[name]]
    return ", ".join(find_setting(name).describe(split[name]).strip() for name in names)


def describe_other_datasets(paths: list[Path], dataset: Dataset) -> list[str]:
    """Return a sentence on each model that was trained on other images than a data set's, as records say."""
    recorded = {path: _recorded_dataset(path) for path in paths}
    return [
        f"{path}: was trained on other images, of {of_model.get('name')}, than those of {dataset.name}, "
        "which its samplers are fitted on and its samples are compared with"
        for path, of_model in recorded.items()
        if of_model.get("sha256") not in (None, dataset.sha256)
    ]


def _recorded_dataset(path: Path) -> dict[str, Any]:
    """What the record next to a model says of its data set; nothing without a valid one."""
    try:
        return sanitize(records.load_record(path.parent))["dataset"]
    except (UserError, RecursionError):
        return {}


def _require_valid_record(path: Path) -> None:
    """Raise `UserError` for a record next to a model that is invalid."""
    if (file := path.parent / records.RECORD_FILE).exists():
        record = records.load_record(path.parent)
        validate(record, file)
        Hyperparameters.from_json(record.get("hyperparameters", {}), str(path.parent))


def _autoencoder_hyperparameters(path: Path) -> AutoencoderHyperparameters | None:
    """The hyperparameters of the record next to a model; None without a valid one of an autoencoder."""
    hp = recorded_hyperparameters(path)
    return hp if isinstance(hp, AutoencoderHyperparameters) else None
