"""The data set of a run or a probe, with the labels that it needs."""

from pathlib import Path

import numpy as np

from lib.common.errors import UserError
from lib.config.hyperparameters import AutoencoderHyperparameters, ClassifierHyperparameters, Hyperparameters
from lib.data import datasets
from lib.data.datasets import Dataset
from lib.data.splits import Subset
from lib.data.value_range import BYTES
from lib.models.saving.file_attributes import read_value_range
from lib.runs import run_folder


def open_dataset(hp: Hyperparameters) -> Dataset:
    """Load and split a data set, while the user still answers prompts.

    Images of more than 8 bits get the range of those that the saved model was trained on.

    Raises:
        UserError: the data set, its labels or the saved model cannot be used.
    """
    value_range = BYTES
    if isinstance(hp, ClassifierHyperparameters) and hp.model:
        run_folder.require_model_file(Path(hp.model))
        value_range = read_value_range(Path(hp.model))
    dataset = datasets.load_dataset(hp, value_range)
    if isinstance(hp, ClassifierHyperparameters):
        _require_labels(dataset, hp)
    elif isinstance(hp, AutoencoderHyperparameters) and hp.needs_labels:
        _require_training_labels(dataset, hp)
        if hp.conditional:
            _require_test_labels(dataset, hp)
    return dataset


def _require_labels(dataset: Dataset, hp: ClassifierHyperparameters) -> None:
    """Require the labels that a classifier needs: of training and test images, with the same classes."""
    for subset, path, flag in (
        (dataset.train, hp.dataset, "-dl"),
        (dataset.test, hp.testset or hp.dataset, "-tl"),
    ):
        if not subset.labeled:
            raise UserError(f"{path}: has no labels; pass them with {flag}")
    if len(np.unique(dataset.train.labels)) < 2:
        raise UserError(
            f"{hp.labels or hp.dataset}: all training images have the same label; a classifier requires two"
        )
    _require_known_labels(dataset.test, dataset, hp.test_labels or hp.testset or hp.dataset)


def _require_known_labels(subset: Subset, dataset: Dataset, path: str | None) -> None:
    """Require that all labels of images, which are those of a path, are numbers of the data set's classes."""
    labels, count = subset.labels, len(dataset.classes)
    unknown = labels[(labels < 0) | (labels >= count)]
    if len(unknown):
        raise UserError(f"{path}: label {int(unknown.max())} does not occur in training ({count} classes)")


def _require_training_labels(dataset: Dataset, hp: AutoencoderHyperparameters) -> None:
    """Require the labels that an autoencoder with a classification loss, or a conditional one, needs."""
    if not dataset.train.labeled:
        raise UserError(
            f"{hp.dataset}: has no labels for {'--conditional' if hp.conditional else '--label-weight'}; use "
            f"an IDX folder, an .npz or one folder per class, or "
            f"{'remove it' if hp.conditional else 'set --label-weight 0'}"
        )


def _require_test_labels(dataset: Dataset, hp: AutoencoderHyperparameters) -> None:
    """Require the labels of test images that a conditional autoencoder needs."""
    path = hp.testset or hp.dataset
    if not dataset.test.labeled:
        raise UserError(f"{path}: has no labels for --conditional; use test images with labels")
    _require_known_labels(dataset.train, dataset, hp.dataset)
    _require_known_labels(dataset.test, dataset, path)
