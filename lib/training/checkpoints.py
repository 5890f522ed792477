"""What an interrupted training goes on from: all its numbers at the end of its last whole epoch, in one file
per phase.
"""

import json
from pathlib import Path

import keras
import numpy as np

from lib.common.errors import UserError, reason
from lib.common.filesystem import atomic_write, make_folder
from lib.runs.records import CHECKPOINT


class Checkpoint:
    """The file of one phase of a run; without a folder nothing is kept.

    `history` is that of the epochs which it holds (a list per quantity), and `over` whether training had come
    to its end with them. A training that goes on from here computes the same numbers, bit for bit, as one
    that was never interrupted: weights, the optimizer's and the random generators' states are kept as they
    are, batches are drawn from the epoch's number, and the callbacks live through the past epochs again.

    Raises `UserError` for a file that cannot be read.
    """

    def __init__(self, folder: Path | None, phase: str):
        self.path = folder and folder / CHECKPOINT / f"{phase}.npz"
        self.history: dict[str, list[float]] = {}
        self.over = False
        self._variables: list[np.ndarray] = []
        self._best: list[np.ndarray] = []
        if self.path and self.path.is_file():
            self._read(self.path)

    def _read(self, path: Path) -> None:
        try:
            # Opened here, since numpy leaves a file open that is none of its own.
            with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
                state = json.loads(str(file["state"]))
                self.history, self.over = state["history"], state["over"]
                self._variables = [file[f"variable_{n}"] for n in range(state["variables"])]
                self._best = [file[f"best_{n}"] for n in range(state["best"])]
        except (
            Exception
        ) as error:  # a damaged file can fail in any way that zipfile, numpy and Python's own tokenizer know
            raise UserError(
                f"{path}: cannot be read ({reason(error)}); delete it, and its phase begins anew"
            ) from None

    @property
    def epochs(self) -> int:
        """How many epochs it holds."""
        return len(self.history.get("loss", ()))

    def write(
        self, model: keras.Model, best: keras.callbacks.EarlyStopping, history: dict[str, list[float]]
    ) -> None:
        """Keep the state at the end of an epoch in place of the one before. Raises `RunFailed` when it cannot
        be written.
        """
        if not self.path:
            return
        variables, weights = _variables(model), best.best_weights or []
        state = {
            "history": history,
            "over": best.stopped_epoch > 0,
            "variables": len(variables),
            "best": len(weights),
        }
        content = {
            f"variable_{n}": keras.ops.convert_to_numpy(variable) for n, variable in enumerate(variables)
        }
        content |= {f"best_{n}": weight for n, weight in enumerate(weights)}
        make_folder(self.path.parent)
        with atomic_write(self.path) as partial:
            np.savez(partial, state=json.dumps(state), **content)

    def restore(
        self, model: keras.Model, callbacks: list[keras.callbacks.Callback]
    ) -> dict[str, list[float]]:
        """Bring a compiled model and callbacks that have just begun to this state; returns the history so
        far.

        Raises `UserError` when the file is of another network.
        """
        for epoch in range(self.epochs):
            for callback in callbacks:
                callback.on_epoch_end(epoch, {name: values[epoch] for name, values in self.history.items()})
        if self.epochs:
            model.optimizer.build(model.trainable_variables)
            variables = _variables(model)
            if [variable.shape for variable in variables] != [array.shape for array in self._variables]:
                raise UserError(f"{self.path}: is of another network; delete it, and its phase begins anew")
            for variable, array in zip(variables, self._variables, strict=True):
                variable.assign(array)
            # What they kept on the way were the weights of a beginner.
            for callback in callbacks:
                if isinstance(callback, keras.callbacks.EarlyStopping):
                    callback.best_weights = self._best or None
        return {name: list(values) for name, values in self.history.items()}


def _variables(model: keras.Model) -> list:
    """Everything that a step changes: weights, averages, states of random generators, and the optimizer's."""
    return [*model.variables, *model.optimizer.variables]
