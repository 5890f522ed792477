"""The verb `search`: trials until there are enough, what came of them, and the winner, trained again on all
training images.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import socket
import time
from pathlib import Path

import optuna
from optuna.trial import FrozenTrial

from lib.cli.display import ACCENT, QUIET, Display
from lib.cli.session import Session, draw_comparison
from lib.cli.terminal_graphics import ARROW
from lib.common.errors import Interrupted, RunFailed, UserError
from lib.common.terminal_state import muted_keyboard
from lib.config.fields import format_value
from lib.config.hyperparameters import Hyperparameters
from lib.data import datasets
from lib.runs import records, run_folder
from lib.search.options import SearchOptions, make_parser, read_options
from lib.search.progress import SearchProgress
from lib.search.space import Choices, format_param, parse_params
from lib.search.study import (
    FAIL,
    StudyDefinition,
    StudyState,
    default_url,
    importances,
    open_study,
    requeue_trial,
    run_trials,
    study_state,
)
from lib.search.trials import TrialRunner, final_hyperparameters, objective_for
from lib.worker.run_sequence import StoppedByUser

SEARCH_FILES = (
    "study.db",
    "comparison.",
    "trial-",
    "winner-",
)  # how what a search leaves in its folder is called
MAX_POINTS = 1000  # points of a grid that are looked at to find one that can be built


def run_search(program: str, line: list[str]) -> int:
    """Carry out `search` for either program; the exit status."""
    return Search(read_options(program, line), Display()).run()


class Search:
    """One worker of a search. What it needs to know of the others it learns from the study that they share."""

    def __init__(self, plan: SearchOptions, display: Display):
        first = first_buildable(plan)
        if plan.folds == 1 and not first.validates:
            raise UserError(
                f"split {format_value('split', first.split)} leaves no validation images; give --folds, or "
                f"another"
            )
        self.plan, self.display, self.program = plan, display, first.program
        self.measure = objective_for(first)
        self.purpose = StudyDefinition(
            {name: value for name, value in first.to_json().items() if name not in plan.space},
            plan.space,
            plan.sampler,
            plan.folds,
            plan.prune,
            self.measure.maximize,
            first.seed,
        )
        digest = hashlib.sha256(json.dumps(self.purpose.to_json(), sort_keys=True).encode()).hexdigest()[:6]
        name = plan.study or f"{datasets.short_name(first.needed('dataset'))}-{digest}"
        self.folder = Path(plan.output) if plan.output else records.MODELS_FOLDER / f"search-{name}"
        if not plan.storage:
            run_folder.make_output_folder(self.folder)
        require_search_folder(self.folder)
        self.url = plan.storage or default_url(self.folder)
        self.study = open_study(name, self.purpose, self.url)
        run_folder.make_output_folder(self.folder)
        self.again = plan.command(first)
        self.board = SearchProgress(
            display, f"validation {self.measure.words}", self.measure.maximize, plan.budget
        )
        self.trials = TrialRunner(plan.make, plan.space, plan.image, plan.folds, self.folder, self.board)

    def run(self) -> int:
        """Search, show what came of it, and train the winner; the exit status."""
        self.display.note(f"{self.plan.text}  {ARROW}  {self.folder}", ACCENT)
        if self.plan.answers.asks:
            self.display.note(f"the same without questions: {self.again}", QUIET)
        with self.trials.series:
            return self._run()

    def _run(self) -> int:
        interrupted = self._search()
        now = study_state(self.study)
        if now.ranked:
            self._show(now)
        if interrupted:
            raise Interrupted(f"interrupted; to go on: {self.again}")
        if not now.ranked:
            errors = [trial.user_attrs["error"] for trial in now.done if "error" in trial.user_attrs]
            raise RunFailed(f"none of {len(now.done):,} trials came to its end: {errors[0]}")
        if self.plan.retrain:
            self._retrain(now.ranked[0][1])
        return 0

    def _search(self) -> bool:
        """Do trials; whether a person has stopped it."""
        deadline = None if self.plan.minutes is None else time.monotonic() + 60 * self.plan.minutes
        self.board.start(study_state(self.study))
        try:
            with muted_keyboard():
                run_trials(self.study, self.trials, self.plan.budget, deadline, self.board)
        except (StoppedByUser, Interrupted, KeyboardInterrupt):
            requeue_trial(self.study, self.trials.number)
            return True
        except UserError:  # what is wrong with the data is wrong for every trial
            requeue_trial(self.study, self.trials.number)
            raise
        finally:
            self.board.close()
        return False

    def _show(self, now: StudyState) -> None:
        self.board.table(now)
        self.board.importances(importances(self.study, self.purpose.seed))
        points = {
            name: sorted(
                ((trial.params[name], score) for score, trial in now.ranked if name in trial.params),
                key=_sort_key,
            )
            for name in self.plan.space
        }
        shown = {
            name: [(format_param(name, value), score) for value, score in pairs]
            for name, pairs in points.items()
        }
        draw_comparison(
            self.display, shown, f"validation {self.measure.words}", str(self.folder / "comparison.png")
        )

    def _retrain(self, winner: FrozenTrial) -> None:
        """The winner on all training images, once, whichever worker comes first; the one time that the test
        set is opened.
        """
        place = study_state(self.study).place(winner)
        hp = final_hyperparameters(self.plan.make(parse_params(winner.params)), winner.user_attrs["epochs"])
        purpose = StudyDefinition(hp.to_json(), {}, "random", 1, False, self.measure.maximize, hp.seed)
        study = open_study(f"{self.study.study_name}: trial {place} trained on", purpose, self.url)
        folder = self.folder / f"winner-{place:04}"
        under_way: int | None = None
        if not study_state(study).complete:
            self.display.note(f"trial {place} is the best: training it on all training images", "bold")

        def train(trial: optuna.Trial) -> float:
            nonlocal under_way
            under_way = trial.number
            trial.set_user_attr("folder", str(folder))
            trial.set_user_attr("host", socket.gethostname())
            try:
                where, record = self.trials.series.train(hp, folder, self.display)
                trial.set_user_attr("folder", str(where))
            except RunFailed as error:
                trial.set_user_attr("error", str(error))
                raise
            under_way = None
            return record["metrics"][f"test_{self.measure.metric}"]

        budget = 1 + len(study_state(study).of(FAIL))
        try:
            with muted_keyboard():
                run_trials(study, train, budget, None, WinnerObserver(self.display))
        except (StoppedByUser, Interrupted, KeyboardInterrupt):
            requeue_trial(study, under_way)
            raise Interrupted(f"interrupted; to go on: {self.again}") from None
        finally:
            self.display.close()
        self._show_winner(study)

    def _show_winner(self, study: optuna.Study) -> None:
        ended = study_state(study).done[-1]
        if ended.state == FAIL:
            raise RunFailed(f"the winner could not be trained: {ended.user_attrs['error']}")
        folder = Path(ended.user_attrs["folder"])
        if not (folder / records.RECORD).exists():
            where = f"{folder} on {ended.user_attrs['host']}"
            self.display.result(
                f"Trained by another worker, to {self.board.score(ended.value or 0)}: {where}"
            )
            return
        record = records.load_record(folder)
        if self.program == "classification":
            self.display.classifier_result(str(folder), record)
        else:
            self.display.autoencoder_result(str(folder), record)


class WinnerObserver:
    """What is shown while another worker trains the winner."""

    def __init__(self, display: Display):
        self.display, self._said = display, False

    def ended(self, now: StudyState) -> None:
        self.display.close()

    def waits(self, now: StudyState) -> None:
        if not self._said:
            self.display.note(
                f"{now.running[0].user_attrs.get('host', 'another worker')} is training it; waiting for that"
            )
            self._said = True


def require_search_folder(folder: Path) -> None:
    """Refuse a folder with anything but what a search leaves: to scatter trials among it helps nobody. Raises
    `UserError`.
    """
    others = (
        [path.name for path in folder.iterdir() if not path.name.startswith(SEARCH_FILES)]
        if folder.is_dir()
        else []
    )
    if others:
        raise UserError(
            f"--output {folder}: holds {others[0]}, which is not of a search; give a new folder, or that of "
            f"one to go on with"
        )


def first_buildable(plan: SearchOptions) -> Hyperparameters:
    """The first point of the space that can be built. Raises `UserError` where none can."""
    trials = TrialRunner(plan.make, plan.space, plan.image, plan.folds, Path(), lambda event: None)
    ends = [one.values if isinstance(one, Choices) else (one.low, one.high) for one in plan.space.values()]
    wrong = None
    for point in itertools.islice(itertools.product(*ends), MAX_POINTS):
        try:
            return trials.hyperparameters(dict(zip(plan.space, point, strict=True)))
        except UserError as error:
            wrong = wrong or error
    assert wrong is not None, "a space has one point at least"
    raise wrong


def _sort_key(pair: tuple) -> tuple:
    """Numbers in their order, then texts."""
    return isinstance(pair[0], str), pair[0]


def run_from_menu(session: Session) -> None:
    """Search with the settings of the session's last run for whatever is not varied."""
    last = Hyperparameters.from_json(session.last["record"]["hyperparameters"], "the last run")
    Search(read_options(last.program, last.flags()), session.display).run()


COMMANDS = {"search": run_search}
__all__ = ["COMMANDS", "make_parser", "run_from_menu"]
