"""The weights that an autoencoder begins with: those of a saved model, or of the run that it continues."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras

from lib.common.errors import UserError
from lib.config.architecture import Architecture
from lib.config.hyperparameters import AutoencoderHyperparameters
from lib.data.datasets import Dataset
from lib.models.autoencoder import build_autoencoder
from lib.models.saving.model_files import load_saved_model
from lib.models.transfer import Transfer, take_weights
from lib.runs.continuation import PARENT, Parent, load_parent
from lib.runs.run_folder import FIRST_MODELS, locate_model


class FirstWeights:
    """What `--begin-with` and `--continue` name; without them nothing.

    Args:
        hp: settings of the run.
        dataset: that it is trained on.

    Attributes:
        history: of the run that is continued, one number per epoch for each quantity; else {}.

    Raises:
        UserError: the model cannot be loaded, or the run that is continued has had other images.
        RunFailed: a weight is NaN or infinite.
    """

    def __init__(self, hp: AutoencoderHyperparameters, dataset: Dataset):
        self._hp = hp
        self._transfer: Transfer | None = None
        self._parent: Parent | None = None
        self._path = ""
        self._source: keras.Model | None = None
        if hp.continues:
            self._parent = load_parent(Path(hp.continues))
            if not self._parent.sha256:
                raise UserError(
                    f"{hp.continues}: its record does not say which images it was trained on; use "
                    "--begin-with instead"
                )
            if self._parent.sha256 != dataset.sha256:
                raise UserError(
                    f"{hp.continues}: was trained on other images than these; use --begin-with instead"
                )
            self._path = str(self._parent.model)
        elif hp.begin_with:
            self._path = locate_model(hp.begin_with, FIRST_MODELS, "--begin-with")
        if self._path:
            self._source = load_saved_model(Path(self._path)).model
        self.history = self._parent.history if self._parent else {}

    def require_fitting(self, architecture: Architecture) -> None:
        """Raise `UserError` if no layer fits a network, or for a continued run not all do."""
        if self._source is not None:
            self._take(build_autoencoder(architecture), self._source)

    def give(self, model: keras.Model) -> None:
        """Give a new network the weights. Raises `UserError` as `require_fitting` does."""
        if self._source is not None:
            self._transfer = self._take(model, self._source)
            self._source = None

    def _take(self, model: keras.Model, source: keras.Model) -> Transfer:
        transfer = take_weights(model, source)
        if self._parent and not transfer.is_complete:
            raise UserError(f"{self._path}: does not belong to this run: {transfer.not_taken[0]}")
        if not transfer.taken:
            raise UserError(
                f"{self._path}: no layer fits this network, whose first is {transfer.not_taken[0]}; use the "
                "layers, kernels and kernel sizes of that model"
            )
        return transfer

    def describe(self) -> tuple[list[str], dict[str, Any]]:
        """Return sentences for the user, and what the record says of the weights."""
        if self._transfer is None:
            return [], {}
        if parent := self._parent:
            folder, epochs = self._hp.continues, parent.epochs
            text = (
                f"Continuing {folder} after its {epochs:,} epochs, from its best weights. A finished run "
                f"does not keep the state of its optimizer: {self._hp.optimizer} and the schedule "
                f"{self._hp.schedule} start again."
            )
            return [text], {PARENT: {"folder": str(folder), "epochs": epochs}}
        transfer = self._transfer
        taken = {"file": self._path, "taken": list(transfer.taken), "not_taken": list(transfer.not_taken)}
        return transfer.describe(self._path), {"begins_with": taken}
