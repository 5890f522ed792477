"""A search: runs trials, shows their results, and trains the winner on all training images."""

from __future__ import annotations

import hashlib
import json
import socket
import time
from dataclasses import dataclass
from pathlib import Path

import optuna
from optuna.trial import FrozenTrial

from lib.cli.display import Display
from lib.cli.jobs import draw_comparison
from lib.cli.output import ACCENT, QUIET
from lib.cli.terminal_graphics import ARROW
from lib.common.errors import Interrupted, RunFailed, UserError
from lib.common.terminal_state import muted_keyboard
from lib.config.hyperparameters import Hyperparameters
from lib.config.program_settings import restore_former_keys
from lib.data import dataset_names
from lib.runs import records, run_folder
from lib.search.estimate import describe_estimate
from lib.search.options import SearchOptions
from lib.search.progress import SearchProgress
from lib.search.retention import remove_models
from lib.search.space import format_param
from lib.search.state import COMPLETE, FAIL, PRUNED, StudyDefinition, StudyState, study_state
from lib.search.storage import default_url
from lib.search.study import importances, open_study, requeue_trial, run_trials
from lib.search.trials import TrialRunner, final_hyperparameters
from lib.tasks.metrics import trial_score
from lib.worker.run_sequence import RunSequence, StoppedByUser

# Beginnings of the names of files and folders that a search writes into its folder.
SEARCH_FILES = ("study.db", "comparison.", "trial-", "winner-")
MAX_POINTS = 1000  # points of a grid that are tried to find one that can be built


class Search:
    """One worker of a search. Workers communicate only through the study that they share."""

    def __init__(self, options: SearchOptions, display: Display):
        point = first_buildable(options)
        if options.folds == 1 and not point.validates:
            raise UserError(
                f"{point.settings()['split'].describe(point.split)} leaves no validation set; use --folds or "
                f"another"
            )
        self.options = options
        self.display = display
        self.metric = trial_score(point.program, point)
        self.definition = StudyDefinition(
            base=_base(point, options),
            space=options.space,
            sampler=options.sampler,
            folds=options.folds,
            prune=options.prune,
            maximize=self.metric.higher_is_better,
            seed=point.seed,
        )
        name = options.study or _default_name(point, self.definition)
        self.folder = Path(options.output) if options.output else records.MODELS_FOLDER / f"search-{name}"
        if not options.storage:
            run_folder.make_output_folder(self.folder)
        require_search_folder(self.folder)
        self.url = options.storage or default_url(self.folder)
        self.study = open_study(name, self.definition, self.url)
        run_folder.make_output_folder(self.folder)
        self.command = options.command(point)
        self.progress = SearchProgress(display, self.metric, options.budget)
        self.runner = TrialRunner(options, self.folder, self.progress)

    def run(self) -> int:
        """Run trials, show the results and train the winner; return the exit status."""
        self.display.note(f"{self.options.summary}  {ARROW}  {self.folder}", ACCENT)
        self.display.note(describe_estimate(self.options), QUIET)
        if self.options.answers.interactive:
            self.display.command(self.command, "to repeat it without prompts:", QUIET, is_note=True)
        with self.runner.run_sequence:
            return self._run()

    def _run(self) -> int:
        interrupted = self._run_trials()
        state = study_state(self.study)
        if state.ranked and not self.options.as_json:
            self._show_results(state)
        if interrupted:
            raise Interrupted(f"interrupted; to continue: {self.command}")
        if not state.ranked:
            errors = [trial.user_attrs["error"] for trial in state.ended if "error" in trial.user_attrs]
            raise RunFailed(f"none of {len(state.ended):,} trials has finished: {errors[0]}")
        if self.options.retrain:
            _, winner = state.ranked[0]
            self._train_winner(winner)
        if self.options.as_json:
            print(json.dumps(self._describe_results()))
        return 0

    def _describe_results(self) -> dict:
        """The trials, best first, and the folder of the retrained winner, as JSON values."""
        state = study_state(self.study)
        ranked = [trial for _, trial in state.ranked]
        winners = study_state(self.study, state.index_of(ranked[0])).ended
        return {
            "folder": str(self.folder),
            "score": f"validation {self.metric.key}",
            "trials": [
                {
                    "trial": state.index_of(trial),
                    "state": trial.state.name.lower(),
                    "values": trial.params,
                    "score": trial.value if trial.state == COMPLETE else None,
                    "error": trial.user_attrs.get("error"),
                }
                for trial in [*ranked, *state.in_state(PRUNED, FAIL)]
            ],
            "winner": winners[-1].user_attrs.get("folder") if winners else None,
        }

    def _run_trials(self) -> bool:
        """Run trials; return whether they were interrupted."""
        minutes = self.options.minutes
        deadline = None if minutes is None else time.monotonic() + 60 * minutes
        self.progress.start(study_state(self.study))
        try:
            with muted_keyboard():
                run_trials(self.study, self.runner, self.options.budget, deadline, self)
        except (StoppedByUser, Interrupted, KeyboardInterrupt):
            requeue_trial(self.study, self.runner.trial_number)
            return True
        except UserError:  # data that one trial cannot use, none can
            requeue_trial(self.study, self.runner.trial_number)
            raise
        finally:
            self.progress.close()
        self._remove_models(study_state(self.study))
        return False

    # Callbacks of `run_trials`

    def on_trial_end(self, state: StudyState) -> None:
        self._remove_models(state)
        self.progress.on_trial_end(state)

    def on_wait(self, state: StudyState) -> None:
        self.progress.on_wait(state)

    def _remove_models(self, state: StudyState) -> None:
        if self.options.keep:
            remove_models(self.folder, state, self.options.keep)

    def _show_results(self, state: StudyState) -> None:
        self.progress.show_trials(state)
        self.progress.show_importances(importances(self.study, self.definition.seed))
        points = {name: _metric_points(state, name) for name in self.options.space}
        draw_comparison(self.display, points, self.progress.title, str(self.folder / "comparison.png"))

    def _train_winner(self, winner: FrozenTrial) -> None:
        """Train the winner on all training images and show its score; only this uses the test set.

        Only one of several workers trains it (see `WINNER_ATTRIBUTE`).
        """
        index = study_state(self.study).index_of(winner)
        hp = final_hyperparameters(self.options.hyperparameters(winner.params), winner.user_attrs["epochs"])
        state = study_state(self.study, index)
        if not state.in_state(PRUNED):
            self.display.note(f"trial {index} is the best: training it on the full training set", "bold")
        metric = self.metric.test_key
        training = WinnerTraining(
            hp, self.folder / f"winner-{index:04}", metric, self.runner.run_sequence, self.display
        )
        budget = 1 + len(state.in_state(FAIL))
        if state.in_state(PRUNED):
            budget = len(state.trials)
        try:
            with muted_keyboard():
                run_trials(self.study, training, budget, None, training, index)
        except (StoppedByUser, Interrupted, KeyboardInterrupt):
            requeue_trial(self.study, training.trial_number)
            raise Interrupted(f"interrupted; to continue: {self.command}") from None
        finally:
            self.display.close()
        self._show_winner(study_state(self.study, index).ended[-1])

    def _show_winner(self, trial: FrozenTrial) -> None:
        if trial.state == FAIL:
            raise RunFailed(f"the best trial could not be retrained: {trial.user_attrs['error']}")
        if self.options.as_json:
            return
        folder = Path(trial.user_attrs["folder"])
        if not (folder / records.RECORD_FILE).exists():
            score = self.progress.format_score(trial.user_attrs["score"])
            self.display.result(f"Trained by another worker, {score}: {folder} on {trial.user_attrs['host']}")
            return
        self.display.show_result(folder, records.load_record(folder))


@dataclass
class WinnerTraining:
    """The objective function of the trial that trains the winner, and the observer of `run_trials`.

    The trial's attribute `score` is the test score. It ends as pruned, since its score does not compare with
    those of the search.
    """

    hp: Hyperparameters
    folder: Path
    metric: str
    run_sequence: RunSequence
    display: Display
    trial_number: int | None = None  # of the trial that runs
    is_announced: bool = False  # that another worker trains the winner

    def __call__(self, trial: optuna.Trial) -> float:
        self.trial_number = trial.number
        trial.set_user_attr("folder", str(self.folder))
        trial.set_user_attr("host", socket.gethostname())
        try:
            folder, record = self.run_sequence.train(self.hp, self.folder, self.display)
        except RunFailed as error:
            trial.set_user_attr("error", str(error))
            raise
        trial.set_user_attr("folder", str(folder))
        trial.set_user_attr("score", record["metrics"][self.metric])
        self.trial_number = None
        raise optuna.TrialPruned

    def on_trial_end(self, state: StudyState) -> None:
        self.display.close()

    def on_wait(self, state: StudyState) -> None:
        if not self.is_announced:
            host = state.running[0].user_attrs.get("host", "another worker")
            self.display.note(f"{host} is training it; waiting")
            self.is_announced = True


def require_search_folder(folder: Path) -> None:
    """Raise `UserError` if a folder holds anything but the files of a search."""
    others = (
        [path.name for path in folder.iterdir() if not path.name.startswith(SEARCH_FILES)]
        if folder.is_dir()
        else []
    )
    if others:
        raise UserError(
            f"--output {folder}: contains {others[0]}, which is not part of a search; use a new folder or "
            f"that of a search to continue"
        )


def first_buildable(options: SearchOptions) -> Hyperparameters:
    """Return the hyperparameters of the first point of the space that can be built.

    Raises:
        UserError: no point can be built; the reason is that of the first one.
    """
    first_error = None
    for values in options.points(MAX_POINTS):
        try:
            return options.hyperparameters(values)
        except UserError as error:
            first_error = first_error or error
    assert first_error is not None, "a search space has at least one point"
    raise first_error


def _base(point: Hyperparameters, options: SearchOptions) -> dict:
    """Return what is not varied, as JSON, without defaults of settings that older searches do not have."""
    later = {
        name: setting.value_type.to_json(setting.default)
        for name, setting in point.settings().items()
        if setting.is_later
    }
    return {
        name: value
        for name, value in point.to_json().items()
        if name not in options.space and (name not in later or value != later[name])
    }


def _default_name(point: Hyperparameters, definition: StudyDefinition) -> str:
    """Return the data set's name and a digest of the definition."""
    content = definition.to_json()
    content |= {
        "base": restore_former_keys(content["base"])
    }  # the folder of an earlier version is found again
    text = json.dumps(content, sort_keys=True)
    digest = hashlib.sha256(text.encode()).hexdigest()[:6]
    return f"{dataset_names.short_name(point.require('dataset'))}-{digest}"


def _metric_points(state: StudyState, name: str) -> list[tuple[str, float]]:
    """Return the values of a hyperparameter with the scores of their trials, numbers in order, then texts."""
    pairs = [(trial.params[name], score) for score, trial in state.ranked if name in trial.params]
    pairs.sort(key=lambda pair: (isinstance(pair[0], str), pair[0]))
    return [(format_param(name, value), score) for value, score in pairs]
