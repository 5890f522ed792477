"""Optuna studies: their storage, sampler and pruner, the state of their trials, and a loop that runs trials.

Every process that opens a study shares it. A process that dies is detected by its missing heartbeat, and its
trial is run again.
"""

from __future__ import annotations

import copy
import random
import re
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import optuna
import sqlalchemy
from optuna.distributions import BaseDistribution, FloatDistribution
from optuna.exceptions import DuplicatedStudyError, ExperimentalWarning, StorageInternalError
from optuna.importance import FanovaImportanceEvaluator
from optuna.samplers import BaseSampler, GridSampler, RandomSampler, TPESampler
from optuna.storages import RDBStorage, RetryHeartbeatStaleTrialCallback, fail_stale_trials
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy.exc import SQLAlchemyError

from lib.common.errors import RunFailed, UserError, reason
from lib.config.fields import rename_former_keys
from lib.search.space import Choices, Space

optuna.logging.set_verbosity(optuna.logging.ERROR)
warnings.simplefilter("ignore", ExperimentalWarning)  # Optuna's heartbeat has long been experimental

HEARTBEAT_SECONDS = 10  # between two heartbeats of a worker
GRACE_SECONDS = 60  # without a heartbeat after which a worker counts as dead
OPEN_ATTEMPTS = 5  # to open a storage that several workers find empty and create at the same time
# Parts of the errors of SQLite and PostgreSQL if another worker creates the tables at the same time.
CREATION_CONFLICTS = ("already exists", "duplicate key", "UNIQUE constraint failed")
BUSY_TIMEOUT = 60  # seconds that a worker waits for an SQLite file while others write to it
SEED_STEP = 1_000_003  # between the seeds of two consecutive trials
MAX_IMPORTANCE_TRIALS = 200  # trials that importances are computed from; of ten thousand it takes minutes
SIGNIFICANT_DIGITS = 4  # of a number that is drawn from a range
POLL_SECONDS = 1.0  # between two looks at the trials of other workers
MIN_TRIALS = 5  # complete trials before any trial is pruned
MIN_REPORTS = 3  # values that a trial reports before it is pruned
DEFINITION_ATTRIBUTE = "purpose"  # user attribute of a study: its definition
SURPLUS_ATTRIBUTE = "surplus"  # user attribute of a trial beyond the budget
# User attribute of a trial that trains the winner: the number of the winner. Such a trial is one of the same
# study, so that other programs show one study, and ends as pruned, so that it is no result of the search.
WINNER_ATTRIBUTE = "winner"
COMPLETE, PRUNED, FAIL = TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL
RUNNING, WAITING = TrialState.RUNNING, TrialState.WAITING
ENDED_STATES = (COMPLETE, PRUNED, FAIL)
STORAGE_ERRORS = (SQLAlchemyError, StorageInternalError, OSError)  # of a storage that cannot be reached


@dataclass(frozen=True)
class StudyDefinition:
    """Identity of a search: workers share a study only if their definitions are equal.

    Attributes:
        base: the hyperparameters that are not varied, as JSON.
        space: the dimension of each hyperparameter that is varied.
        sampler: `grid`, `random` or `tpe`.
        folds: number of folds of the cross-validation; 1 for a single validation set.
        prune: whether trials worse than the median are stopped early.
        maximize: whether a larger score is better.
        seed: seed of the sampler; `base` contains it, if it is not varied.
    """

    base: dict
    space: Space
    sampler: str
    folds: int
    prune: bool
    maximize: bool
    seed: int = 0

    def to_json(self) -> dict:
        """Return the definition as it is stored in the study and hashed for its name."""
        space = {name: dimension.to_json() for name, dimension in self.space.items()}
        return {
            "base": self.base,
            "space": space,
            "sampler": self.sampler,
            "folds": self.folds,
            "prune": self.prune,
        }


@dataclass(frozen=True)
class StudyState:
    """The trials of a study that count, in the order in which they were first started.

    Of a trial that was started again, only the last attempt counts; trials beyond the budget do not count.
    The index of a trial in this order is the number that is displayed.
    """

    trials: list[FrozenTrial] = field(default_factory=list)
    maximize: bool = False

    def index_of(self, trial: FrozenTrial | optuna.Trial) -> int:
        """Return the number of a trial as it is displayed, from 0."""
        return next(index for index, other in enumerate(self.trials) if other.number == trial.number)

    def in_state(self, *states: TrialState) -> list[FrozenTrial]:
        return [trial for trial in self.trials if trial.state in states]

    @property
    def waiting(self) -> list[FrozenTrial]:
        return self.in_state(WAITING)

    @property
    def running(self) -> list[FrozenTrial]:
        return self.in_state(RUNNING)

    @property
    def complete(self) -> list[FrozenTrial]:
        return self.in_state(COMPLETE)

    @property
    def ended(self) -> list[FrozenTrial]:
        """The trials that are complete, pruned or failed."""
        return self.in_state(*ENDED_STATES)

    @property
    def ranked(self) -> list[tuple[float, FrozenTrial]]:
        """The complete trials with their scores, the best first; of equal ones the earlier first."""
        scored = [(trial.value, trial) for trial in self.complete if trial.value is not None]
        return sorted(scored, key=lambda pair: -pair[0] if self.maximize else pair[0])


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


def default_url(folder: Path) -> str:
    """Return the URL of the SQLite storage in the folder of a search. Raises `UserError` if it has none."""
    try:
        return sqlalchemy.URL.create("sqlite", database=str(folder / "study.db")).render_as_string()
    except UnicodeEncodeError:
        raise UserError(
            f"{folder}: its name is not UTF-8, which SQLite requires; choose another --output"
        ) from None


def open_study(name: str, definition: StudyDefinition, url: str) -> optuna.Study:
    """Return the study of that name, created if the storage has none.

    Args:
        name: name of the study.
        definition: the definition that the study must have, or gets.
        url: SQLAlchemy URL of the storage.

    Raises:
        UserError: the storage cannot be opened or is in memory, or the study has another definition.
    """
    if _is_in_memory(url):
        raise UserError(
            f"--storage {without_password(url)}: is in memory and would be lost with this process; use a "
            f"file, such as sqlite:///search.db"
        )
    for attempt in range(1, OPEN_ATTEMPTS + 1):
        try:
            study = _create_or_load(name, definition, url)
            break
        except (*STORAGE_ERRORS, ImportError, ValueError, LookupError) as error:
            conflict = isinstance(error, STORAGE_ERRORS) and any(
                text in str(error) for text in CREATION_CONFLICTS
            )
            if attempt == OPEN_ATTEMPTS or not conflict:
                raise UserError(
                    f"--storage {without_password(url)}: cannot be opened ({_root_cause(error)})"
                ) from None
            time.sleep(POLL_SECONDS)
    _check_definition(study, definition)
    return study


def _create_or_load(name: str, definition: StudyDefinition, url: str) -> optuna.Study:
    storage, sampler, pruner = _make_storage(url), _make_sampler(definition), _make_pruner(definition)
    try:
        direction = StudyDirection.MAXIMIZE if definition.maximize else StudyDirection.MINIMIZE
        study = optuna.create_study(
            study_name=name, storage=storage, sampler=sampler, pruner=pruner, direction=direction
        )
        study.set_user_attr(DEFINITION_ATTRIBUTE, definition.to_json())
    except DuplicatedStudyError:
        study = optuna.load_study(study_name=name, storage=storage, sampler=sampler, pruner=pruner)
    return study


def _make_storage(url: str) -> RDBStorage:
    engine_options = (
        {"connect_args": {"timeout": BUSY_TIMEOUT}} if url.startswith("sqlite") else {"pool_pre_ping": True}
    )
    return RDBStorage(
        url.replace("{", "{{").replace("}", "}}"),  # Optuna takes it for a template
        engine_options,
        heartbeat_interval=HEARTBEAT_SECONDS,
        grace_period=GRACE_SECONDS,
        heartbeat_stale_trial_callback=RetryHeartbeatStaleTrialCallback(),
    )


def without_password(url: str) -> str:
    """Return a URL for the screen, with *** in place of passwords; whatever stands before an @ may be one."""
    try:
        parsed = sqlalchemy.make_url(url)
    except (sqlalchemy.exc.ArgumentError, ValueError):
        return re.sub(r"^((?:[^/@]*//)?).*@", r"\1***@", url, flags=re.DOTALL)
    secret = {key: "***" for key in parsed.query if "pass" in key.lower()}
    if not secret and parsed.password is None:
        return url
    return parsed.update_query_dict(secret).render_as_string().replace("%2A%2A%2A", "***")


def _is_in_memory(url: str) -> bool:
    """Return whether a URL names an SQLite database that no other process could open."""
    try:
        parsed = sqlalchemy.make_url(url)
    except (sqlalchemy.exc.ArgumentError, ValueError):
        return False
    database = parsed.database or ""
    return parsed.get_backend_name() == "sqlite" and (
        database.removeprefix("file:").strip() in ("", ":memory:")
        or parsed.query.get("mode") == "memory"
        or parsed.query.get("vfs") == "memdb"
    )


def _root_cause(error: BaseException) -> str:
    """Return the message of the innermost of chained errors of Optuna, SQLAlchemy and the driver."""
    while (inner := error.__cause__ or error.__context__) is not None:
        error = inner
    if isinstance(error, ModuleNotFoundError):
        return f"its driver, the Python package {error.name}, is not installed"
    if isinstance(error, sqlalchemy.exc.ArgumentError):
        return "it is not a database URL, such as sqlite:///search.db or postgresql://user@host/name"
    return reason(error)


class SeededSampler(BaseSampler):
    """A sampler that is created again for each trial, with a seed derived from its index.

    The values drawn therefore depend on the trials before, but neither on which worker draws nor on how often
    the search was interrupted. Numbers from a range are rounded to four significant digits.
    """

    def __init__(self, sampler: type[RandomSampler] | type[TPESampler], seed: int):
        self._sampler_class = sampler
        self._seed = seed

    def before_trial(self, study: optuna.Study, trial: FrozenTrial) -> None:
        index = study_state(study, trial.user_attrs.get(WINNER_ATTRIBUTE)).index_of(trial)
        self._sampler = self._sampler_class(seed=(self._seed + SEED_STEP * index) % 2**32)
        self._sampler.before_trial(study, trial)

    def infer_relative_search_space(self, study: optuna.Study, trial: FrozenTrial) -> dict:
        return self._sampler.infer_relative_search_space(study, trial)

    def sample_relative(self, study: optuna.Study, trial: FrozenTrial, search_space: dict) -> dict:
        values = self._sampler.sample_relative(study, trial, search_space)
        return {name: _round_digits(value, search_space[name]) for name, value in values.items()}

    def sample_independent(
        self, study: optuna.Study, trial: FrozenTrial, param_name: str, param_distribution
    ) -> Any:
        return _round_digits(
            self._sampler.sample_independent(study, trial, param_name, param_distribution), param_distribution
        )

    def after_trial(
        self, study: optuna.Study, trial: FrozenTrial, state: TrialState, values: Sequence[float] | None
    ) -> None:
        self._sampler.after_trial(study, trial, state, values)


def _round_digits(value, distribution: BaseDistribution):
    """Return a value with at most `SIGNIFICANT_DIGITS`, within its range, if the range is one of floats."""
    if not isinstance(distribution, FloatDistribution):
        return value
    return min(max(float(f"{value:.{SIGNIFICANT_DIGITS}g}"), distribution.low), distribution.high)


def _first_attempt(trial: FrozenTrial) -> int:
    """Return the number of the first attempt at a trial that was started again; else its own."""
    return trial.system_attrs.get("failed_trial", trial.number)


def _make_sampler(definition: StudyDefinition) -> BaseSampler:
    if definition.sampler == "grid":
        grid = {
            name: list(dimension.values)
            for name, dimension in definition.space.items()
            if isinstance(dimension, Choices)
        }
        return GridSampler(grid, definition.seed)
    return SeededSampler(RandomSampler if definition.sampler == "random" else TPESampler, definition.seed)


def _make_pruner(definition: StudyDefinition) -> optuna.pruners.BasePruner:
    if not definition.prune:
        return optuna.pruners.NopPruner()
    return optuna.pruners.MedianPruner(
        n_startup_trials=MIN_TRIALS, n_warmup_steps=1 if definition.folds > 1 else MIN_REPORTS
    )


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
    deadline = time.monotonic() + BUSY_TIMEOUT
    # The worker that creates a study stores the definition a moment later.
    while DEFINITION_ATTRIBUTE not in study.user_attrs and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS / 10)
    stored = study.user_attrs.get(DEFINITION_ATTRIBUTE, {})
    if isinstance(base := stored.get("base"), dict):
        return stored | {"base": rename_former_keys(base)}
    return stored


def suggest_params(trial: optuna.Trial, space: Space) -> dict:
    """Return the values that a trial is to try, drawn by the study's sampler."""
    params = {}
    for name, dimension in space.items():
        if isinstance(dimension, Choices):
            params[name] = trial.suggest_categorical(name, list(dimension.values))
        elif isinstance(dimension.low, int) and isinstance(dimension.high, int):
            params[name] = trial.suggest_int(
                name, dimension.low, dimension.high, log=dimension.log, step=dimension.step
            )
        else:
            params[name] = trial.suggest_float(name, dimension.low, dimension.high, log=dimension.log)
    return params


def study_state(study: optuna.Study, winner: int | None = None) -> StudyState:
    """Return the trials of a study that count, of all workers.

    Args:
        study: the study.
        winner: number of a trial; then the trials that train it as the winner are returned, and no others.
    """
    trials = study.get_trials(deepcopy=False)
    retried = {number for trial in trials for number in trial.system_attrs.get("retry_history", ())}
    counted = [
        trial
        for trial in trials
        if trial.number not in retried
        and SURPLUS_ATTRIBUTE not in trial.user_attrs
        and trial.user_attrs.get(WINNER_ATTRIBUTE) == winner
    ]
    return StudyState(sorted(counted, key=_first_attempt), study.direction == StudyDirection.MAXIMIZE)


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
    except (*STORAGE_ERRORS, UnboundLocalError) as error:
        raise RunFailed(
            f"the storage of this search is no longer reachable ({_root_cause(error)}); repeat the "
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
    if in_time and (state.waiting or within_budget):
        if winner is not None and not state.waiting:
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
