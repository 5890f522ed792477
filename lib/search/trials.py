"""One trial of a search: the runs that it is made of, and the score on validation images that comes of them."""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import optuna

from lib.common.errors import RunFailed, UserError
from lib.config.architecture_planner import plan_architecture
from lib.config.hyperparameters import Hyperparameters
from lib.runs import records, run_folder
from lib.search import study
from lib.search.space import Space, parse_params
from lib.worker.run_sequence import RunSequence

LOSS_SETTINGS = ("loss", "l2", "beta")  # where these vary, the losses of two trials do not compare
PRUNED = "pruned: others were better at this point"


@dataclass(frozen=True)
class Objective:
    """What the trials of a search are compared by: a metric, its name in words, and what of an epoch
    foretells it.
    """

    metric: str
    words: str
    foretelling: str
    maximize: bool = False


MSE, ELBO = Objective("mse", "MSE", "val_loss"), Objective("negative_elbo", "negative ELBO", "val_loss")
ACCURACY = Objective("accuracy", "accuracy", "val_accuracy", maximize=True)


def objective_for(hp: Hyperparameters) -> Objective:
    """The measure for what these train."""
    return ACCURACY if hp.program == "classification" else ELBO if hp.variational else MSE


class TrialRunner:
    """The objective of a study: called with a trial, it trains what that says and returns its score.

    `make` gives the hyperparameters of some values; `image` is the shape of the images. Everything that
    happens goes to `watch`, as events. The user attributes of a trial hold its `folder`, the `scores` of its
    folds, their best `epochs`, and what it was too much for (`error`).
    """

    def __init__(
        self,
        make: Callable[[dict], Hyperparameters],
        space: Space,
        image: tuple[int, int, int],
        folds: int,
        folder: Path,
        watch: Callable[[dict], None],
    ):
        self.make, self.space, self.image, self.folds, self.folder, self.watch = (
            make,
            space,
            image,
            folds,
            folder,
            watch,
        )
        self.comparable = not set(space) & set(LOSS_SETTINGS)
        self.number: int | None = None  # of the trial under way, in the study
        self.place = 0  # of that trial, as people count
        self.series = RunSequence()

    def __call__(self, trial: optuna.Trial) -> float:
        """Raises `TrialPruned`, `RunFailed` or `studies.Unfit` where there is no score, `Stopped` where a
        person stopped it.
        """
        self.number = trial.number
        params = study.suggest_params(trial, self.space)
        self.place = study.study_state(trial.study).place(trial)
        self.watch(
            {"event": "trial", "number": self.place, "params": params, "again": "folder" in trial.user_attrs}
        )
        try:
            score = self._scored(trial, self._fitting(params))
        except (RunFailed, study.InvalidTrial) as error:
            trial.set_user_attr("error", str(error))
            self.number = None
            raise
        except optuna.TrialPruned:
            self.number = None
            raise
        self.number = None
        return score

    def _fitting(self, params: dict) -> Hyperparameters:
        try:
            return self.hyperparameters(params)
        except UserError as error:
            raise study.InvalidTrial(str(error)) from None

    def hyperparameters(self, params: dict) -> Hyperparameters:
        """What a trial trains. Raises `UserError` where that cannot be built."""
        hp = self.make(parse_params(params))
        if hp.program == "autoencoder":
            plan_architecture(hp, self.image)
        return hp

    def _scored(self, trial: optuna.Trial, hp: Hyperparameters) -> float:
        by = objective_for(hp)
        folder = self._folder(trial)
        scores, epochs = [], []
        for number in range(1, self.folds + 1):
            if self.folds > 1:
                hp, place = dataclasses.replace(hp, fold=(number, self.folds)), folder / f"fold-{number}"
                self.watch({"event": "fold", "number": number, "of": self.folds})
            else:
                place = folder
            record = self._run(
                trial, hp, place, by.foretelling if self.folds == 1 and self.comparable else ""
            )
            scores.append(record["metrics"][f"validation_{by.metric}"])
            epochs.append(best_epoch(record))
            trial.set_user_attr("scores", scores)
            trial.set_user_attr("epochs", epochs)
            if 1 < self.folds > number:
                trial.report(statistics.mean(scores), number)
                if trial.should_prune():
                    raise optuna.TrialPruned
        return statistics.mean(scores)

    def _folder(self, trial: optuna.Trial) -> Path:
        """The folder that the trial had when it was interrupted, if it lies here, or a new one."""
        begun = trial.user_attrs.get("folder")
        folder = (
            Path(begun)
            if begun and Path(begun).parent == self.folder
            else self.folder / f"trial-{self.place:04}"
        )
        if str(folder) != begun and folder.exists():
            folder = run_folder.new_output_folder(None, folder)
        trial.set_user_attr("folder", str(folder))
        return folder

    def _run(self, trial: optuna.Trial, hp: Hyperparameters, folder: Path, foretelling: str) -> dict:
        """The record of the trial's run, or of one of its folds."""
        past, pruned = 0, False  # epochs of the phases before

        def follow(event: dict) -> str | None:
            nonlocal past, pruned
            self.watch(event)
            if event["event"] == "run" and self.folds == 1:  # else the folder of the trial is that above it
                trial.set_user_attr("folder", event["folder"])
            if event["event"] == "phase":
                past = (event["number"] - 1) * event["epochs"]
            if foretelling in event and event["event"] == "epoch" and not pruned:
                trial.report(event[foretelling], past + event["epoch"])
                pruned = trial.should_prune()
            return PRUNED if pruned else None

        _, record = self.series.train(hp, folder, follow, trial=True)
        if record["status"] != records.FINISHED:
            raise optuna.TrialPruned
        return record


def best_epoch(record: dict) -> int:
    """The epoch whose weights a run has kept, counted from 1; of a classifier that of its second phase."""
    history = record["history"]
    losses = (history if "loss" in history else history["everything"])["val_loss"]
    return losses.index(min(losses)) + 1


def final_hyperparameters(hp: Hyperparameters, epochs: list[int]) -> Hyperparameters:
    """The winner's hyperparameters with all training images to learn from, for as many epochs as were best in
    its runs.

    A schedule that watches validation images keeps them, and its epochs.
    """
    if hp.schedule == "plateau":
        return dataclasses.replace(hp, fold=None)
    train, validation, test = hp.split
    whole = (train + validation, 0, test)
    return dataclasses.replace(
        hp, fold=None, split=whole, patience=None, epochs=round(statistics.median(epochs))
    )
