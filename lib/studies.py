"""Optuna's studies: where one lies, how it searches, which of its trials are left, and who does them.

A study is shared by every process that opens it: one that dies is noticed by its heartbeat, and its trial is run again.
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

from lib.errors import RunFailed, UserError, reason
from lib.spaces import Choice, Space

optuna.logging.set_verbosity(optuna.logging.ERROR)
warnings.simplefilter("ignore", ExperimentalWarning)  # the heartbeat has been one for years

HEARTBEAT, GRACE = 10, 60  # seconds: how often a worker says that it lives, and after what silence it is taken for dead
ATTEMPTS = 5  # to open a storage that several workers find empty
MADE_BY_ANOTHER = ("already exists", "duplicate key", "UNIQUE constraint failed")  # as SQLite and PostgreSQL say it
BUSY = 60  # seconds that a worker waits for an SQLite file while others write to it
SEEDS = 1_000_003  # from the seed of one trial to that of the next
ENOUGH = 200  # trials that importances are computed from: of ten thousand it would take minutes
DIGITS = 4  # of a number that is drawn from a range
IDLE = 1.0  # seconds between two looks at what others are doing
UNDECIDED, LEAST = 5, 3  # trials, and reports of one, before any is given up
PURPOSE, SURPLUS = "purpose", "surplus"  # attributes: what the study is for; a trial beyond the budget
COMPLETE, PRUNED, FAIL = TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL
RUNNING, WAITING = TrialState.RUNNING, TrialState.WAITING
LOST = (SQLAlchemyError, StorageInternalError, OSError)  # what a storage raises that cannot be reached
DONE = (COMPLETE, PRUNED, FAIL)


@dataclass(frozen=True)
class Purpose:
    """What a search is for: workers share a study only when all of it is the same."""

    base: dict  # hyperparameters as typed, those that are varied aside
    space: Space
    sampler: str
    folds: int
    prune: bool
    maximise: bool
    seed: int = 0

    def to_json(self) -> dict:
        space = {name: dimension.plain for name, dimension in self.space.items()}
        return {"base": self.base, "space": space, "sampler": self.sampler, "folds": self.folds, "prune": self.prune}


@dataclass(frozen=True)
class Standing:
    """The trials of a study that count, in the order in which they were first begun: of one that was begun anew the last
    attempt; none that were surplus. Their places in it are the numbers that a person sees.
    """

    trials: list[Trial] = field(default_factory=list)
    maximise: bool = False

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
        return sorted(scored, key=lambda pair: -pair[0] if self.maximise else pair[0])

    @property
    def done(self) -> list[Trial]:
        return self.of(*DONE)


class Watch(Protocol):
    """Who wants to know how far it is."""

    def ended(self, now: Standing) -> None:
        """A trial of this process is over."""

    def waits(self, now: Standing) -> None:
        """There is nothing left to begin, but others are still at work."""


class Unfit(Exception):
    """The values of a trial do not go together."""


class Surplus(Exception):
    """A trial that was begun when others had begun enough already."""


def default_url(folder: Path) -> str:
    """The SQLite file of a search in its own folder."""
    return f"sqlite:///{folder / 'study.db'}"


def opened(name: str, purpose: Purpose, url: str) -> optuna.Study:
    """The study of that name in a storage, made where there is none. Raises `UserError` for one that is for something else."""
    for attempt in range(1, ATTEMPTS + 1):
        try:
            study = _opened(name, purpose, url)
            break
        except LOST as error:
            if attempt == ATTEMPTS or not any(words in str(error) for words in MADE_BY_ANOTHER):
                raise UserError(f"--storage {_public(url)}: cannot be opened ({_why(error)})") from None
            time.sleep(IDLE)  # another worker is making the tables at this very moment
        except (ImportError, ValueError) as error:
            raise UserError(f"--storage {_public(url)}: cannot be opened ({_why(error)})") from None
    _require_same(study, purpose)
    return study


def _opened(name: str, purpose: Purpose, url: str) -> optuna.Study:
    storage, sampler, pruner = _storage(url), _sampler(purpose), _pruner(purpose)
    try:
        direction = StudyDirection.MAXIMIZE if purpose.maximise else StudyDirection.MINIMIZE
        study = optuna.create_study(study_name=name, storage=storage, sampler=sampler, pruner=pruner, direction=direction)
        study.set_user_attr(PURPOSE, purpose.to_json())
    except DuplicatedStudyError:
        study = optuna.load_study(study_name=name, storage=storage, sampler=sampler, pruner=pruner)
    return study


def _storage(url: str) -> RDBStorage:
    engine = {"connect_args": {"timeout": BUSY}} if url.startswith("sqlite") else {"pool_pre_ping": True}
    again = RetryHeartbeatStaleTrialCallback()
    return RDBStorage(url, engine, heartbeat_interval=HEARTBEAT, grace_period=GRACE, heartbeat_stale_trial_callback=again)


def _public(url: str) -> str:
    """A URL without its password."""
    try:
        return sqlalchemy.make_url(url).render_as_string(hide_password=True)
    except sqlalchemy.exc.ArgumentError:
        return url


def _why(error: BaseException) -> str:
    """What lies at the bottom of an error of Optuna's, of SQLAlchemy's, or of the driver's."""
    while (inner := error.__cause__ or error.__context__) is not None:
        error = inner
    if isinstance(error, ModuleNotFoundError):
        return f"its driver, the Python package {error.name}, is not installed"
    if isinstance(error, sqlalchemy.exc.ArgumentError):
        return "it is no address of a database, such as sqlite:///search.db or postgresql://user@host/name"
    return reason(error)


class Numbered(BaseSampler):
    """Another sampler, begun anew for each trial with a seed from the trial's place among them; it draws no needless digits.

    What is drawn then depends on the trials before, and neither on which worker draws nor on how often it was interrupted.
    """

    def __init__(self, sampler: type[RandomSampler] | type[TPESampler], seed: int):
        self._make, self._seed = sampler, seed

    def before_trial(self, study: optuna.Study, trial: Trial) -> None:
        self._sampler = self._make(seed=(self._seed + SEEDS * standing(study).place(trial)) % 2**32)
        self._sampler.before_trial(study, trial)

    def infer_relative_search_space(self, study: optuna.Study, trial: Trial) -> dict:
        return self._sampler.infer_relative_search_space(study, trial)

    def sample_relative(self, study: optuna.Study, trial: Trial, search_space: dict) -> dict:
        drawn = self._sampler.sample_relative(study, trial, search_space)
        return {name: _plain(value, search_space[name]) for name, value in drawn.items()}

    def sample_independent(self, study: optuna.Study, trial: Trial, param_name: str, param_distribution) -> Any:
        return _plain(self._sampler.sample_independent(study, trial, param_name, param_distribution), param_distribution)

    def after_trial(self, study: optuna.Study, trial: Trial, state: TrialState, values: Sequence[float] | None) -> None:
        self._sampler.after_trial(study, trial, state, values)


def _plain(value, distribution: BaseDistribution):
    """A number from a range with as many digits as a person would give it."""
    if not isinstance(distribution, FloatDistribution):
        return value
    return min(max(float(f"{value:.{DIGITS}g}"), distribution.low), distribution.high)


def _begun(trial: Trial) -> int:
    """The number of the first attempt."""
    return trial.system_attrs.get("failed_trial", trial.number)


def _sampler(purpose: Purpose) -> BaseSampler:
    if purpose.sampler == "grid":
        grid = {name: list(one.values) for name, one in purpose.space.items() if isinstance(one, Choice)}
        return GridSampler(grid, purpose.seed)
    return Numbered(RandomSampler if purpose.sampler == "random" else TPESampler, purpose.seed)


def _pruner(purpose: Purpose) -> optuna.pruners.BasePruner:
    if not purpose.prune:
        return optuna.pruners.NopPruner()
    return optuna.pruners.MedianPruner(n_startup_trials=UNDECIDED, n_warmup_steps=1 if purpose.folds > 1 else LEAST)


def _require_same(study: optuna.Study, purpose: Purpose) -> None:
    until = time.monotonic() + BUSY
    while PURPOSE not in study.user_attrs and time.monotonic() < until:  # whoever made it says so a moment later
        time.sleep(IDLE / 10)
    known, mine = study.user_attrs.get(PURPOSE, {}), purpose.to_json()
    differing = [key for key in mine if known.get(key) != mine[key]]
    if differing == ["base"]:
        base, other = mine["base"], known["base"]
        differing = [name.replace("_", " ") for name in {**base, **other} if base.get(name) != other.get(name)]
    if differing:
        what = ", another ".join(differing)
        raise UserError(f"the study {study.study_name} was begun with another {what}; give this one another name with --study")


def suggested(trial: optuna.Trial, space: Space) -> dict:
    """The values that a trial is to try."""
    found = {}
    for name, one in space.items():
        if isinstance(one, Choice):
            found[name] = trial.suggest_categorical(name, list(one.values))
        elif isinstance(one.low, int) and isinstance(one.high, int):
            found[name] = trial.suggest_int(name, one.low, one.high, log=one.log, step=one.step)
        else:
            found[name] = trial.suggest_float(name, one.low, one.high, log=one.log)
    return found


def standing(study: optuna.Study) -> Standing:
    """Which trials there are, whoever did them."""
    trials = study.get_trials(deepcopy=False)
    anew = {number for trial in trials for number in trial.system_attrs.get("retry_history", ())}
    counted = [trial for trial in trials if trial.number not in anew and SURPLUS not in trial.user_attrs]
    return Standing(sorted(counted, key=_begun), study.direction == StudyDirection.MAXIMIZE)


def again(study: optuna.Study, number: int | None) -> None:
    """Put the trial of that number, which was interrupted, if one was, back among those that wait."""
    if number is None:
        return
    interrupted = next(trial for trial in study.get_trials(deepcopy=False) if trial.number == number)
    if interrupted.state == FAIL:
        RetryHeartbeatStaleTrialCallback()(study, copy.deepcopy(interrupted))


def work(
    study: optuna.Study,
    objective: Callable[[optuna.Trial], float],
    budget: int | None,
    deadline: float | None,
    watch: Watch,
) -> None:
    """Do trials until as many as `budget` count or, by `time.monotonic`, the deadline has come; then wait for other workers.

    A trial that raises `RunFailed` or `Unfit` has failed, and counts; whatever else it raises ends the work.
    """

    def within_budget(trial: optuna.Trial) -> float:
        if budget is not None and standing(study).place(trial) >= budget:  # two workers saw room for one
            trial.set_user_attr(SURPLUS, True)
            raise Surplus
        return objective(trial)

    try:
        while _worked(study, within_budget, budget, deadline, watch):
            pass
    except (*LOST, UnboundLocalError) as error:  # the last is what Optuna 5.0 makes of it when a trial cannot be closed
        where = "the storage of this search cannot be reached any more"
        raise RunFailed(f"{where} ({_why(error)}); give the same command when it can") from None


def _worked(study: optuna.Study, objective: Callable, budget: int | None, deadline: float | None, watch: Watch) -> bool:
    """Do a trial, or wait a moment for those of others; whether there may be more to do."""
    fail_stale_trials(study)
    now = standing(study)
    in_time = deadline is None or time.monotonic() < deadline
    room = budget is None or len(now.trials) < budget
    if in_time and (now.waiting or room):
        study.optimize(objective, n_trials=1, catch=(RunFailed, Unfit, Surplus))
        watch.ended(standing(study))
    elif now.running:
        watch.waits(now)
        time.sleep(IDLE)
    else:
        return False
    return True


def importances(study: optuna.Study, seed: int) -> dict[str, float]:
    """How much of the differences between the finished trials each hyperparameter explains, the largest first; summing to 1.

    By functional analysis of variance (Hutter et al. 2014), of a sample where there are many trials. Nothing, while there are
    fewer than two for each hyperparameter: those could differ as they do for any reason.
    """
    complete = standing(study).complete
    if not complete or len(complete) < 2 * len(complete[0].params):
        return {}
    if len(complete) > ENOUGH:
        study = optuna.create_study(direction=study.direction)
        study.add_trials(random.Random(seed).sample(complete, ENOUGH))
    try:
        return optuna.importance.get_param_importances(study, evaluator=FanovaImportanceEvaluator(seed=seed))
    except (ValueError, RuntimeError):  # too few trials, or all alike
        return {}
