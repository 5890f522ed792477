"""Optuna studies: opening them, and a loop that runs trials.

Every process that opens a study shares it. A process that dies is detected by its missing heartbeat, and its
trial is run again.
"""

from __future__ import annotations

import copy
import random
import time
import warnings
from collections.abc import Callable
from typing import Protocol

import optuna
from optuna.exceptions import DuplicatedStudyError, ExperimentalWarning
from optuna.importance import FanovaImportanceEvaluator
from optuna.storages import RetryHeartbeatStaleTrialCallback, fail_stale_trials
from optuna.study import StudyDirection

from lib.common.errors import RunFailed, UserError
from lib.config.program_settings import rename_former_keys
from lib.search import storage
from lib.search.sampling import make_pruner, make_sampler
from lib.search.state import (
    FAIL,
    SURPLUS_ATTRIBUTE,
    WAITING,
    WINNER_ATTRIBUTE,
    StudyDefinition,
    StudyState,
    study_state,
)

optuna.logging.set_verbosity(optuna.logging.ERROR)
warnings.simplefilter("ignore", ExperimentalWarning)  # Optuna's heartbeat has long been experimental

OPEN_ATTEMPTS = 5  # to open a storage that several workers find empty and create at the same time
# Parts of the errors of SQLite and PostgreSQL if another worker creates the tables at the same time.
CREATION_CONFLICTS = ("already exists", "duplicate key", "UNIQUE constraint failed")
MAX_IMPORTANCE_TRIALS = 200  # trials that importances are computed from; of ten thousand it takes minutes
POLL_SECONDS = 1.0  # between two looks at the trials of other workers
DEFINITION_ATTRIBUTE = "purpose"  # user attribute of a study: its definition


class StudyObserver(Protocol):
    """Callbacks of `run_trials`."""

    def on_trial_end(self, state: StudyState) -> None:
        """Called after each trial of this process."""

    def on_wait(self, state: StudyState) -> None:
        """Called repeatedly while no trial is left to start and other workers still run theirs."""


class InvalidTrial(Exception):
    """The values of a trial do not go together."""


class SurplusTrial(Exception):
    """A trial that was started although other workers had already started enough."""


class QueuedTrial(Exception):
    """A trial of the search that was taken from the queue while the winner is trained."""


def open_study(name: str, definition: StudyDefinition, url: str) -> optuna.Study:
    """Return the study of that name, created if the storage has none.

    Args:
        name: name of the study.
        definition: the definition that the study must have, or gets.
        url: SQLAlchemy URL of the storage.

    Raises:
        UserError: the storage cannot be opened or is in memory, or the study has another definition.
    """
    shown = storage.without_password(url)
    if storage.is_in_memory(url):
        raise UserError(
            f"--storage {shown}: is in memory and would be lost with this process; use a "
            f"file, such as sqlite:///search.db"
        )
    for attempt in range(1, OPEN_ATTEMPTS + 1):
        try:
            study = _create_or_load(name, definition, url)
            break
        except (*storage.STORAGE_ERRORS, ImportError, ValueError, LookupError) as error:
            conflict = isinstance(error, storage.STORAGE_ERRORS) and any(
                text in str(error) for text in CREATION_CONFLICTS
            )
            if attempt == OPEN_ATTEMPTS or not conflict:
                cause = storage.root_cause(error)
                raise UserError(f"--storage {shown}: cannot be opened ({cause})") from None
            time.sleep(POLL_SECONDS)
    _check_definition(study, definition)
    return study


def _create_or_load(name: str, definition: StudyDefinition, url: str) -> optuna.Study:
    sampler, pruner = make_sampler(definition), make_pruner(definition)
    database = storage.make_storage(url)
    try:
        direction = StudyDirection.MAXIMIZE if definition.maximize else StudyDirection.MINIMIZE
        study = optuna.create_study(
            study_name=name, storage=database, sampler=sampler, pruner=pruner, direction=direction
        )
        study.set_user_attr(DEFINITION_ATTRIBUTE, definition.to_json())
    except DuplicatedStudyError:
        study = optuna.load_study(study_name=name, storage=database, sampler=sampler, pruner=pruner)
    return study


def _check_definition(study: optuna.Study, definition: StudyDefinition) -> None:
    """Raise `UserError` if the study was started with another definition, naming what differs."""
    stored, expected = _stored_definition(study), definition.to_json()
    differing = [key for key in expected if stored.get(key) != expected[key]]
    if differing == ["base"]:
        names = {**expected["base"], **stored["base"]}
        differing = [
            name.replace("_", " ") for name in names if expected["base"].get(name) != stored["base"].get(name)
        ]
    if differing:
        raise UserError(
            f"the study {study.study_name} was started with another {', another '.join(differing)}; choose "
            f"another name with --study"
        )


def _stored_definition(study: optuna.Study) -> dict:
    """Return the definition in a study's attributes, its hyperparameters under their present names."""
    deadline = time.monotonic() + storage.BUSY_TIMEOUT
    # The worker that creates a study stores the definition a moment later.
    while DEFINITION_ATTRIBUTE not in study.user_attrs and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS / 10)
    stored = study.user_attrs.get(DEFINITION_ATTRIBUTE, {})
    if isinstance(base := stored.get("base"), dict):
        return stored | {"base": rename_former_keys(base)}
    return stored


def requeue_trial(study: optuna.Study, number: int | None) -> None:
    """Queue an interrupted trial again.

    Args:
        study: the study of the trial.
        number: Optuna's number of the trial; `None` if no trial was interrupted.
    """
    if number is None:
        return
    interrupted = next(trial for trial in study.get_trials(deepcopy=False) if trial.number == number)
    if interrupted.state == FAIL:
        RetryHeartbeatStaleTrialCallback()(study, copy.deepcopy(interrupted))


def run_trials(
    study: optuna.Study,
    objective: Callable[[optuna.Trial], float],
    budget: int | None,
    deadline: float | None,
    observer: StudyObserver,
    winner: int | None = None,
) -> None:
    """Run trials until the budget is used up or the deadline has passed, then wait for other workers.

    Args:
        study: the study.
        objective: returns the score of a trial. A trial for which it raises `RunFailed` or `InvalidTrial`
            has failed, and counts; any other exception ends the search.
        budget: number of trials that count, of all workers; `None` for no limit.
        deadline: value of `time.monotonic()` after which no trial is started; `None` for no limit.
        observer: receives the state of the study after each trial and while waiting.
        winner: number of the trial that the trials train as the winner; `None` for those of the search.

    Raises:
        RunFailed: the storage cannot be reached any more.
    """

    queued: list[int] = []

    def within_budget(trial: optuna.Trial) -> float:
        trial_winner = trial.user_attrs.get(WINNER_ATTRIBUTE)
        if winner is not None and trial_winner is None:
            queued.append(trial.number)
            raise QueuedTrial
        # Two workers may both have started the last trial.
        if trial_winner != winner or (
            budget is not None and study_state(study, winner).index_of(trial) >= budget
        ):
            trial.set_user_attr(SURPLUS_ATTRIBUTE, True)
            raise SurplusTrial
        return objective(trial)

    try:
        while _run_or_wait(study, within_budget, budget, deadline, observer, winner):
            while queued:
                requeue_trial(study, queued.pop())
    # Optuna 5.0 raises UnboundLocalError if the storage fails while it records the end of a trial.
    except (*storage.STORAGE_ERRORS, UnboundLocalError) as error:
        raise RunFailed(
            f"the storage of this search is no longer reachable ({storage.root_cause(error)}); repeat the "
            f"command when it is"
        ) from None


def _run_or_wait(
    study: optuna.Study,
    objective: Callable,
    budget: int | None,
    deadline: float | None,
    observer: StudyObserver,
    winner: int | None,
) -> bool:
    """Run one trial, or wait a moment for those of other workers; return whether there may be more to do."""
    fail_stale_trials(study)
    state = study_state(study, winner)
    in_time = deadline is None or time.monotonic() < deadline
    within_budget = budget is None or len(state.trials) < budget
    waiting = state.in_state(WAITING)
    if in_time and (waiting or within_budget):
        if winner is not None and not waiting:
            study.enqueue_trial({}, user_attrs={WINNER_ATTRIBUTE: winner})
        study.optimize(objective, n_trials=1, catch=(RunFailed, InvalidTrial, SurplusTrial, QueuedTrial))
        observer.on_trial_end(study_state(study, winner))
    elif state.running:
        observer.on_wait(state)
        time.sleep(POLL_SECONDS)
    else:
        return False
    return True


def importances(study: optuna.Study, seed: int) -> dict[str, float]:
    """Return the fraction of the variance of the scores that each hyperparameter explains (fANOVA).

    Computed by functional analysis of variance (Hutter, Hoos and Leyton-Brown, 2014), on a random sample of
    the trials if there are more than `MAX_IMPORTANCE_TRIALS`.

    Args:
        study: the study.
        seed: seed of the sample and of the random forest.

    Returns:
        Fractions that sum to 1, the largest first. Empty with fewer than two complete trials for each
        hyperparameter, whose scores could differ for any reason.
    """
    complete = study_state(study).complete
    if not complete or len(complete) < 2 * len(complete[0].params):
        return {}
    if len(complete) > MAX_IMPORTANCE_TRIALS:
        study = optuna.create_study(direction=study.direction)
        study.add_trials(random.Random(seed).sample(complete, MAX_IMPORTANCE_TRIALS))
    try:
        return optuna.importance.get_param_importances(study, evaluator=FanovaImportanceEvaluator(seed=seed))
    except (ValueError, RuntimeError):  # too few trials, or equal scores
        return {}
