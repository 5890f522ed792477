"""Training on all devices of a team, or in rougher numbers: a copy of the model learns so, and the model is kept at its side."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from threading import Event

import keras

from lib import backend, copies, training
from lib.datasets import Dataset
from lib.hyperparameters import Hyperparameters
from lib.teams import Team
from lib.training import Phase, Trained


def fit(
    model: keras.Model,
    dataset: Dataset,
    hp: Hyperparameters,
    phase: Phase,
    tell: Callable[..., None],
    stopped: Event,
    at_epoch: Callable[[dict], None],
    folder: Path | None,
    team: Team | None,
) -> Trained:
    """`training.fit` with the same outcome, on the devices of a team, in `hp.precision`; with neither it is just that.

    Each process of the team calls it with the same model, data and hyperparameters; what they compute is the same in all.
    """
    with backend.distributed(team) as share:
        if share is None and hp.precision == "float32":
            return training.fit(model, dataset, hp, phase, tell, stopped, at_epoch, folder)
        learner = copies.twin(model, hp.precision)
        agreed = backend.Agreed(stopped, team)

        def beside(history: dict) -> None:
            agreed.agree()
            copies.hand_over(learner, model)
            backend.apart(lambda: at_epoch(history))

        trained = training.fit(learner, dataset, hp, phase, tell, agreed, beside, folder, share)
        agreed.agree()
    if agreed.is_set():
        stopped.set()  # whoever has asked for it
    copies.hand_over(learner, model)
    model.compile(loss=phase.loss, loss_weights=phase.weights, metrics=phase.metrics)
    return trained
