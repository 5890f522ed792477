"""Optuna's studies: where one lies, how it searches, which of its trials are left, and who does them.

A study is shared by every process that opens it: one that dies is noticed by its heartbeat, and its trial is
run again.
"""

from __future__ import annotations

import copy
import random
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
from optuna.trial import FrozenTrial as Trial
from optuna.trial import TrialState
from sqlalchemy.exc import SQLAlchemyError

from lib.common.errors import RunFailed, UserError, reason
from lib.config.fields import FORMER_NAMES
from lib.search.space import Choices, Space

optuna.logging.set_verbosity(optuna.logging.ERROR)
warnings.simplefilter("ignore", ExperimentalWarning)  # the heartbeat has been one for years

HEARTBEAT_SECONDS, GRACE_SECONDS = (
    10,
    60,
)  # seconds: how often a worker says that it lives, and after what silence it is taken for dead
ATTEMPTS = 5  # to open a storage that several workers find empty
MADE_BY_ANOTHER = (
    "already exists",
    "duplicate key",
    "UNIQUE constraint failed",
)  # as SQLite and PostgreSQL say it
BUSY_TIMEOUT = 60  # seconds that a worker waits for an SQLite file while others write to it
SEED_STEP = 1_000_003  # from the seed of one trial to that of the next
MAX_IMPORTANCE_TRIALS = (
    200  # trials that importances are computed from: of ten thousand it would take minutes
)
SIGNIFICANT_DIGITS = 4  # of a number that is drawn from a range
POLL_SECONDS = 1.0  # seconds between two looks at what others are doing
MIN_TRIALS, MIN_REPORTS = 5, 3  # trials, and reports of one, before any is given up
DEFINITION_ATTRIBUTE, SURPLUS_ATTRIBUTE = (
    "purpose",
    "surplus",
)  # attributes: what the study is for; a trial beyond the budget
COMPLETE, PRUNED, FAIL = TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL
RUNNING, WAITING = TrialState.RUNNING, TrialState.WAITING
STORAGE_ERRORS = (
    SQLAlchemyError,
    StorageInternalError,
    OSError,
)  # what a storage raises that cannot be reached
ENDED_STATES = (COMPLETE, PRUNED, FAIL)


@dataclass(frozen=True)
class StudyDefinition:
    """What a search is for: workers share a study only when all of it is the same."""

    base: dict  # hyperparameters as typed, those that are varied aside
    space: Space
    sampler: str
    folds: int
    prune: bool
    maximize: bool
    seed: int = 0

    def to_json(self) -> dict:
        space = {name: dimension.plain for name, dimension in self.space.items()}
        return {
            "base": self.base,
            "space": space,
            "sampler": self.sampler,
            "folds": self.folds,
            "prune": self.prune,
        }


@dataclass(frozen=True)
class StudyState:
    """The trials of a study that count, in the order in which they were first begun: of one that was begun
    anew the last attempt; none that were surplus. Their places in it are the numbers that a person sees.
    """

    trials: list[Trial] = field(default_factory=list)
    maximize: bool = False

    def place(self, trial: Trial | optuna.Trial) -> int:
        """The number of one of them as people count, from 0."""
        return next(place for place, one in enumerate(self.trials) if one.number == trial.number)

    def of(self, *states: TrialState) -> list[Trial]:
        return [trial for trial in self.trials if trial.state in states]

    @property
    def waiting(self) -> list[Trial]:
        return self.of(WAITING)

    @property
    def running(self) -> list[Trial]:
        return self.of(RUNNING)

    @property
    def complete(self) -> list[Trial]:
        return self.of(COMPLETE)

    @property
    def ranked(self) -> list[tuple[float, Trial]]:
        """The complete trials with their scores, the best first; of equal ones the earlier."""
        scored = [(trial.value, trial) for trial in self.complete if trial.value is not None]
        return sorted(scored, key=lambda pair: -pair[0] if self.maximize else pair[0])

    @property
    def done(self) -> list[Trial]:
        return self.of(*ENDED_STATES)


class StudyObserver(Protocol):
    """Who wants to know how far it is."""

    def ended(self, now: StudyState) -> None:
        """A trial of this process is over."""

    def waits(self, now: StudyState) -> None:
        """There is nothing left to begin, but others are still at work."""


class InvalidTrial(Exception):
    """The values of a trial do not go together."""


class SurplusTrial(Exception):
    """A trial that was begun when others had begun enough already."""


def default_url(folder: Path) -> str:
    """The SQLite file of a search in its own folder."""
    return f"sqlite:///{folder / 'study.db'}"


def open_study(name: str, purpose: StudyDefinition, url: str) -> optuna.Study:
    """The study of that name in a storage, made where there is none. Raises `UserError` for one that is for
    something else.
    """
    for attempt in range(1, ATTEMPTS + 1):
        try:
            study = _create_or_load(name, purpose, url)
            break
        except STORAGE_ERRORS as error:
            if attempt == ATTEMPTS or not any(words in str(error) for words in MADE_BY_ANOTHER):
                raise UserError(
                    f"--storage {_without_password(url)}: cannot be opened ({_root_cause(error)})"
                ) from None
            time.sleep(POLL_SECONDS)  # another worker is making the tables at this very moment
        except (ImportError, ValueError) as error:
            raise UserError(
                f"--storage {_without_password(url)}: cannot be opened ({_root_cause(error)})"
            ) from None
    _check_definition(study, purpose)
    return study


def _create_or_load(name: str, purpose: StudyDefinition, url: str) -> optuna.Study:
    storage, sampler, pruner = _make_storage(url), _make_sampler(purpose), _make_pruner(purpose)
    try:
        direction = StudyDirection.MAXIMIZE if purpose.maximize else StudyDirection.MINIMIZE
        study = optuna.create_study(
            study_name=name, storage=storage, sampler=sampler, pruner=pruner, direction=direction
        )
        study.set_user_attr(DEFINITION_ATTRIBUTE, purpose.to_json())
    except DuplicatedStudyError:
        study = optuna.load_study(study_name=name, storage=storage, sampler=sampler, pruner=pruner)
    return study


def _make_storage(url: str) -> RDBStorage:
    engine = (
        {"connect_args": {"timeout": BUSY_TIMEOUT}} if url.startswith("sqlite") else {"pool_pre_ping": True}
    )
    again = RetryHeartbeatStaleTrialCallback()
    return RDBStorage(
        url,
        engine,
        heartbeat_interval=HEARTBEAT_SECONDS,
        grace_period=GRACE_SECONDS,
        heartbeat_stale_trial_callback=again,
    )


def _without_password(url: str) -> str:
    """A URL without its password."""
    try:
        return sqlalchemy.make_url(url).render_as_string(hide_password=True)
    except sqlalchemy.exc.ArgumentError:
        return url


def _root_cause(error: BaseException) -> str:
    """What lies at the bottom of an error of Optuna's, of SQLAlchemy's, or of the driver's."""
    while (inner := error.__cause__ or error.__context__) is not None:
        error = inner
    if isinstance(error, ModuleNotFoundError):
        return f"its driver, the Python package {error.name}, is not installed"
    if isinstance(error, sqlalchemy.exc.ArgumentError):
        return "it is no address of a database, such as sqlite:///search.db or postgresql://user@host/name"
    return reason(error)


class SeededSampler(BaseSampler):
    """Another sampler, begun anew for each trial with a seed from the trial's place among them; it draws no
    needless digits.

    What is drawn then depends on the trials before, and neither on which worker draws nor on how often it was
    interrupted.
    """

    def __init__(self, sampler: type[RandomSampler] | type[TPESampler], seed: int):
        self._make, self._seed = sampler, seed

    def before_trial(self, study: optuna.Study, trial: Trial) -> None:
        self._sampler = self._make(seed=(self._seed + SEED_STEP * study_state(study).place(trial)) % 2**32)
        self._sampler.before_trial(study, trial)

    def infer_relative_search_space(self, study: optuna.Study, trial: Trial) -> dict:
        return self._sampler.infer_relative_search_space(study, trial)

    def sample_relative(self, study: optuna.Study, trial: Trial, search_space: dict) -> dict:
        drawn = self._sampler.sample_relative(study, trial, search_space)
        return {name: _round_digits(value, search_space[name]) for name, value in drawn.items()}

    def sample_independent(
        self, study: optuna.Study, trial: Trial, param_name: str, param_distribution
    ) -> Any:
        return _round_digits(
            self._sampler.sample_independent(study, trial, param_name, param_distribution), param_distribution
        )

    def after_trial(
        self, study: optuna.Study, trial: Trial, state: TrialState, values: Sequence[float] | None
    ) -> None:
        self._sampler.after_trial(study, trial, state, values)


def _round_digits(value, distribution: BaseDistribution):
    """A number from a range with as many digits as a person would give it."""
    if not isinstance(distribution, FloatDistribution):
        return value
    return min(max(float(f"{value:.{SIGNIFICANT_DIGITS}g}"), distribution.low), distribution.high)


def _first_attempt(trial: Trial) -> int:
    """The number of the first attempt."""
    return trial.system_attrs.get("failed_trial", trial.number)


def _make_sampler(purpose: StudyDefinition) -> BaseSampler:
    if purpose.sampler == "grid":
        grid = {name: list(one.values) for name, one in purpose.space.items() if isinstance(one, Choices)}
        return GridSampler(grid, purpose.seed)
    return SeededSampler(RandomSampler if purpose.sampler == "random" else TPESampler, purpose.seed)


def _make_pruner(purpose: StudyDefinition) -> optuna.pruners.BasePruner:
    if not purpose.prune:
        return optuna.pruners.NopPruner()
    return optuna.pruners.MedianPruner(
        n_startup_trials=MIN_TRIALS, n_warmup_steps=1 if purpose.folds > 1 else MIN_REPORTS
    )


def _check_definition(study: optuna.Study, purpose: StudyDefinition) -> None:
    until = time.monotonic() + BUSY_TIMEOUT
    while (
        DEFINITION_ATTRIBUTE not in study.user_attrs and time.monotonic() < until
    ):  # whoever made it says so a moment later
        time.sleep(POLL_SECONDS / 10)
    known, mine = study.user_attrs.get(DEFINITION_ATTRIBUTE, {}), purpose.to_json()
    if isinstance(base := known.get("base"), dict):
        known = known | {"base": {FORMER_NAMES.get(key, key): value for key, value in base.items()}}
    differing = [key for key in mine if known.get(key) != mine[key]]
    if differing == ["base"]:
        base, other = mine["base"], known["base"]
        differing = [
            name.replace("_", " ") for name in {**base, **other} if base.get(name) != other.get(name)
        ]
    if differing:
        what = ", another ".join(differing)
        raise UserError(
            f"the study {study.study_name} was begun with another {what}; give this one another name with "
            f"--study"
        )


def suggest_params(trial: optuna.Trial, space: Space) -> dict:
    """The values that a trial is to try."""
    found = {}
    for name, one in space.items():
        if isinstance(one, Choices):
            found[name] = trial.suggest_categorical(name, list(one.values))
        elif isinstance(one.low, int) and isinstance(one.high, int):
            found[name] = trial.suggest_int(name, one.low, one.high, log=one.log, step=one.step)
        else:
            found[name] = trial.suggest_float(name, one.low, one.high, log=one.log)
    return found


def study_state(study: optuna.Study) -> StudyState:
    """Which trials there are, whoever did them."""
    trials = study.get_trials(deepcopy=False)
    anew = {number for trial in trials for number in trial.system_attrs.get("retry_history", ())}
    counted = [
        trial for trial in trials if trial.number not in anew and SURPLUS_ATTRIBUTE not in trial.user_attrs
    ]
    return StudyState(sorted(counted, key=_first_attempt), study.direction == StudyDirection.MAXIMIZE)


def requeue_trial(study: optuna.Study, number: int | None) -> None:
    """Put the trial of that number, which was interrupted, if one was, back among those that wait."""
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
    watch: StudyObserver,
) -> None:
    """Do trials until as many as `budget` count or, by `time.monotonic`, the deadline has come; then wait for
    other workers.

    A trial that raises `RunFailed` or `Unfit` has failed, and counts; whatever else it raises ends the work.
    """

    def within_budget(trial: optuna.Trial) -> float:
        if budget is not None and study_state(study).place(trial) >= budget:  # two workers saw room for one
            trial.set_user_attr(SURPLUS_ATTRIBUTE, True)
            raise SurplusTrial
        return objective(trial)

    try:
        while _run_one(study, within_budget, budget, deadline, watch):
            pass
    except (
        *STORAGE_ERRORS,
        UnboundLocalError,
    ) as error:  # the last is what Optuna 5.0 makes of it when a trial cannot be closed
        where = "the storage of this search cannot be reached any more"
        raise RunFailed(f"{where} ({_root_cause(error)}); give the same command when it can") from None


def _run_one(
    study: optuna.Study, objective: Callable, budget: int | None, deadline: float | None, watch: StudyObserver
) -> bool:
    """Do a trial, or wait a moment for those of others; whether there may be more to do."""
    fail_stale_trials(study)
    now = study_state(study)
    in_time = deadline is None or time.monotonic() < deadline
    room = budget is None or len(now.trials) < budget
    if in_time and (now.waiting or room):
        study.optimize(objective, n_trials=1, catch=(RunFailed, InvalidTrial, SurplusTrial))
        watch.ended(study_state(study))
    elif now.running:
        watch.waits(now)
        time.sleep(POLL_SECONDS)
    else:
        return False
    return True


def importances(study: optuna.Study, seed: int) -> dict[str, float]:
    """How much of the differences between the finished trials each hyperparameter explains, the largest
    first; summing to 1.

    By functional analysis of variance (Hutter et al. 2014), of a sample where there are many trials. Nothing,
    while there are fewer than two for each hyperparameter: those could differ as they do for any reason.
    """
    complete = study_state(study).complete
    if not complete or len(complete) < 2 * len(complete[0].params):
        return {}
    if len(complete) > MAX_IMPORTANCE_TRIALS:
        study = optuna.create_study(direction=study.direction)
        study.add_trials(random.Random(seed).sample(complete, MAX_IMPORTANCE_TRIALS))
    try:
        return optuna.importance.get_param_importances(study, evaluator=FanovaImportanceEvaluator(seed=seed))
    except (ValueError, RuntimeError):  # too few trials, or all alike
        return {}
