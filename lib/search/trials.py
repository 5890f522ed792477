"""Trials of a search: their runs and scores on validation images, and the final settings of the winner."""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna

from lib.common.errors import RunFailed, UserError
from lib.config.hyperparameters import Hyperparameters
from lib.config.training_choices import SCHEDULES
from lib.runs import records, run_folder
from lib.runs.events import EpochEnded, Event, PhaseStarted, RunStarted
from lib.search.options import SearchOptions
from lib.search.sampling import suggest_params
from lib.search.state import study_state
from lib.search.study import InvalidTrial
from lib.tasks.metrics import trial_score
from lib.worker.run_sequence import RunSequence

LOSS_SETTINGS = ("loss", "l2", "beta")  # if these are varied, the losses of two trials do not compare
PRUNED = "pruned: worse than the median of the trials"


@dataclass(frozen=True)
class TrialStarted(Event):
    """A trial with these parameters begins, or begins `again`."""

    number: int
    params: dict[str, Any]
    again: bool


@dataclass(frozen=True)
class FoldStarted(Event):
    """One of several folds of a trial begins."""

    number: int
    of: int


class TrialRunner:
    """The objective function of a study: trains what a trial suggests and returns its score.

    The user attributes of a trial hold its `folder`, the `scores` and the best `epochs` of its folds, and if
    it fails the `error`.

    Args:
        options: the options of the search.
        folder: the folder of the search; each trial gets a folder in it.
        on_event: called with `TrialStarted`, `FoldStarted` and the events of the worker.

    Attributes:
        trial_number: Optuna's number of the trial that runs; `None` between two trials.
        run_sequence: the processes that train.
    """

    def __init__(self, options: SearchOptions, folder: Path, on_event: Callable[[Event], None]):
        self.options = options
        self.folder = folder
        self.on_event = on_event
        self.trial_number: int | None = None
        self.run_sequence = RunSequence()

    def __call__(self, trial: optuna.Trial) -> float:
        """Return the mean score of the trial's folds.

        Raises:
            TrialPruned: other trials were better at the same epoch or fold.
            RunFailed: a run failed.
            InvalidTrial: the suggested values do not go together.
            StoppedByUser: a run was stopped.
        """
        self.trial_number = trial.number
        params = suggest_params(trial, self.options.space)
        index = study_state(trial.study).index_of(trial)
        retried = "folder" in trial.user_attrs
        self.on_event(TrialStarted(index, params, retried))
        try:
            score = self._score(trial, self._hyperparameters(params), self._trial_folder(trial, index))
        except (RunFailed, InvalidTrial) as error:
            trial.set_user_attr("error", str(error))
            self.trial_number = None
            raise
        except optuna.TrialPruned:
            self.trial_number = None
            raise
        self.trial_number = None
        return score

    def _hyperparameters(self, params: dict) -> Hyperparameters:
        try:
            return self.options.hyperparameters(params)
        except UserError as error:
            raise InvalidTrial(str(error)) from None

    def _trial_folder(self, trial: optuna.Trial, index: int) -> Path:
        """Return the folder of an interrupted trial if it is on this machine; else a new one."""
        earlier = trial.user_attrs.get("folder")
        if earlier and Path(earlier).parent == self.folder:
            folder = Path(earlier)
        else:
            folder = self.folder / f"trial-{index:04}"
        if str(folder) != earlier and folder.exists():
            folder = run_folder.new_output_folder(None, folder)
        trial.set_user_attr("folder", str(folder))
        return folder

    def _score(self, trial: optuna.Trial, hp: Hyperparameters, folder: Path) -> float:
        metric, folds = trial_score(hp.program, hp), self.options.folds
        scores: list[float] = []
        epochs: list[int] = []
        for number in range(1, folds + 1):
            record = self._train(trial, hp, folder) if folds == 1 else self._train_fold(hp, folder, number)
            scores.append(record["metrics"][f"validation_{metric.key}"])
            epochs.append(best_epoch(record))
            trial.set_user_attr("scores", scores)
            trial.set_user_attr("epochs", epochs)
            if 1 < folds > number:
                trial.report(statistics.mean(scores), number)
                if trial.should_prune():
                    raise optuna.TrialPruned
        return statistics.mean(scores)

    def _train(self, trial: optuna.Trial, hp: Hyperparameters, folder: Path) -> dict:
        """Train the only run of a trial; return its record."""
        comparable = not set(self.options.space) & set(LOSS_SETTINGS)
        pruning = PruningCallback(trial, trial_score(hp.program, hp).monitor)

        def on_event(event: Event) -> str | None:
            self.on_event(event)
            if isinstance(event, RunStarted):
                trial.set_user_attr("folder", event.folder)
            return pruning(event) if comparable else None

        _, record = self.run_sequence.train(hp, folder, on_event, trial=True)
        return _require_finished(record)

    def _train_fold(self, hp: Hyperparameters, folder: Path, number: int) -> dict:
        """Train one of several folds, numbered from 1; return its record."""
        hp = dataclasses.replace(hp, fold=(number, self.options.folds))
        self.on_event(FoldStarted(number, self.options.folds))
        _, record = self.run_sequence.train(hp, folder / f"fold-{number}", self.on_event, trial=True)
        return _require_finished(record)


@dataclass
class PruningCallback:
    """Reports a value of each epoch to the study; returns the reason to stop once the trial is pruned."""

    trial: optuna.Trial
    monitor: str
    pruned: bool = False
    previous_epochs: int = 0  # of the phases before

    def __call__(self, event: Event) -> str | None:
        if isinstance(event, PhaseStarted):
            self.previous_epochs = (event.number - 1) * event.epochs
        if isinstance(event, EpochEnded) and self.monitor in event.numbers and not self.pruned:
            self.trial.report(event.numbers[self.monitor], self.previous_epochs + event.epoch)
            self.pruned = self.trial.should_prune()
        return PRUNED if self.pruned else None


def _require_finished(record: dict) -> dict:
    if record["status"] != records.FINISHED:
        raise optuna.TrialPruned
    return record


def best_epoch(record: dict) -> int:
    """Return the epoch whose weights a run has kept, from 1; for a classifier, that of its second phase."""
    losses = records.main_curves(record)["val_loss"]
    return losses.index(min(losses)) + 1


def final_hyperparameters(hp: Hyperparameters, epochs: list[int]) -> Hyperparameters:
    """Return the winner's hyperparameters for training on training and validation images together.

    With a schedule such as `plateau`, which monitors validation images, split and epochs stay as they are.

    Args:
        hp: the hyperparameters of the winning trial.
        epochs: the best epoch of each of its runs; their median is the number of epochs.
    """
    if SCHEDULES[hp.schedule].lowers_on_plateau:
        return dataclasses.replace(hp, fold=None)
    train, validation, test = hp.split
    return dataclasses.replace(
        hp,
        fold=None,
        split=(train + validation, 0, test),
        patience=None,
        epochs=round(statistics.median(epochs)),
    )
