"""Checkpoints: everything that an interrupted training needs to go on, in one file per phase."""

from __future__ import annotations

import json
import math
from pathlib import Path

import keras
import numpy as np

from lib.common.errors import UserError, reason
from lib.common.filesystem import atomic_write, make_folder
from lib.data.formats.npy_arrays import read_stored_arrays
from lib.runs.records import CHECKPOINT_FOLDER
from lib.training.callbacks import History


class Checkpoint:
    """The state of one phase at the end of its last complete epoch.

    A training that goes on from it computes the same numbers, bit for bit, as one that was never interrupted:
    it holds the weights and the states of the optimizer and of random generators; batches are drawn from the
    epoch's number; and callbacks are run over the past epochs again.

    Args:
        folder: the run folder; without one nothing is written.
        phase: name of the phase, `<folder>/checkpoint/<phase>.npz`.
        earlier: history of the run that this one continues, from whose best weights it begins.

    Attributes:
        history: of the epochs before; without a file those of the continued run.
        earlier_epochs: number of epochs of the continued run.
        finished: the phase had ended after these epochs.

    Raises:
        UserError: the file cannot be read.
    """

    def __init__(self, folder: Path | None, phase: str, earlier: History | None = None):
        self.path = folder and folder / CHECKPOINT_FOLDER / f"{phase}.npz"
        self.history: History = {name: list(values) for name, values in (earlier or {}).items()}
        self.earlier_epochs = self.epochs
        self.finished = False
        self._variables: list[np.ndarray] = []
        self._best_weights: list[np.ndarray] = []
        if self.path and self.path.is_file():
            self._read(self.path)

    def _read(self, path: Path) -> None:
        try:
            arrays = read_stored_arrays(path)
            state = json.loads(str(arrays["state"]))
            if not _is_history(state["history"]):
                raise ValueError("the history does not contain one number per epoch")
            self.history = state["history"]
            self.finished = state["over"] is True
            self._variables = [arrays[f"variable_{n}"] for n in range(state["variables"])]
            self._best_weights = [arrays[f"best_{n}"] for n in range(state["best"])]
        except UserError as error:
            raise UserError(f"{error}; delete it to restart the phase") from None
        except (LookupError, TypeError, ValueError, RecursionError) as error:
            raise UserError(
                f"{path}: cannot be read ({reason(error)}); delete it to restart the phase"
            ) from None

    @property
    def epochs(self) -> int:
        """Number of epochs before."""
        return len(self.history.get("loss", ()))

    def write(
        self, model: keras.Model, early_stopping: keras.callbacks.EarlyStopping, history: History
    ) -> None:
        """Replace the file by the state at the end of an epoch.

        Raises:
            RunFailed: the file cannot be written.
        """
        if not self.path:
            return
        variables = _variables(model)
        best_weights = early_stopping.best_weights or []
        state = {
            "history": history,
            "over": early_stopping.stopped_epoch > 0,
            "variables": len(variables),
            "best": len(best_weights),
        }
        arrays = {
            f"variable_{n}": keras.ops.convert_to_numpy(variable) for n, variable in enumerate(variables)
        }
        arrays |= {f"best_{n}": weight for n, weight in enumerate(best_weights)}
        make_folder(self.path.parent)
        with atomic_write(self.path) as partial:
            np.savez(partial, state=json.dumps(state), **arrays)

    def restore(self, model: keras.Model, callbacks: list[keras.callbacks.Callback]) -> History:
        """Give a compiled model and callbacks, whose training has just begun, this state.

        Args:
            model: receives the weights and the optimizer's state.
            callbacks: those that remember past epochs.

        Returns:
            A copy of the history.

        Raises:
            UserError: the file belongs to another network.
        """
        early_stopping = [each for each in callbacks if isinstance(each, keras.callbacks.EarlyStopping)]
        for callback in early_stopping:
            self._replay_best_earlier_epoch(callback)
        for epoch in range(self.earlier_epochs, self.epochs):
            for callback in callbacks:
                callback.on_epoch_end(epoch, self._numbers(epoch))
        if self._variables:
            model.optimizer.build(model.trainable_variables)
            variables = _variables(model)
            if not (
                _are_alike(variables, self._variables)
                and (not self._best_weights or _are_alike(model.get_weights(), self._best_weights))
            ):
                raise UserError(f"{self.path}: belongs to another network; delete it to restart the phase")
            for variable, array in zip(variables, self._variables, strict=True):
                variable.assign(array)
            # While the epochs above were replayed, early stopping kept the weights of the untrained model.
            for callback in early_stopping:
                callback.best_weights = self._best_weights or None
        return {name: list(values) for name, values in self.history.items()}

    def _numbers(self, epoch: int) -> dict[str, float]:
        return {name: values[epoch] for name, values in self.history.items()}

    def _replay_best_earlier_epoch(self, early_stopping: keras.callbacks.EarlyStopping) -> None:
        """Let early stopping know the best epoch of the continued run, whose weights the model has.

        The continuing epochs must be better than that one, or its weights are kept.
        """
        losses = self.history.get(early_stopping.monitor, [])[: self.earlier_epochs]
        if losses:
            best_epoch = losses.index(min(losses))
            early_stopping.on_epoch_end(best_epoch, self._numbers(best_epoch))


def _is_history(history: object) -> bool:
    """Return whether a value of JSON is a history: as many numbers for each quantity, and times above 0."""
    if not isinstance(history, dict) or not {"loss", "seconds"} <= history.keys():
        return False
    curves = history.values()
    return (
        all(isinstance(curve, list) and len(curve) == len(history["loss"]) > 0 for curve in curves)
        and all(type(value) is float for curve in curves for value in curve)
        and all(map(math.isfinite, history["loss"] + history["seconds"]))
        and min(history["seconds"]) > 0
    )


def _are_alike(values: list, arrays: list[np.ndarray]) -> bool:
    """Return whether arrays have the shapes of these variables or weights, and are numbers."""
    are_numbers = all(array.dtype.kind in "biuf" for array in arrays)
    return are_numbers and [tuple(value.shape) for value in values] == [array.shape for array in arrays]


def _variables(model: keras.Model) -> list[keras.Variable]:
    """All variables that a step changes: weights, moving averages, random states, and the optimizer's."""
    return [*model.variables, *model.optimizer.variables]
