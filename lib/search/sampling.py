"""Values of trials: samplers and the pruner."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import optuna
from optuna.distributions import BaseDistribution, FloatDistribution
from optuna.samplers import BaseSampler, GridSampler, RandomSampler, TPESampler
from optuna.trial import FrozenTrial, TrialState

from lib.search.space import Choices, Space
from lib.search.state import WINNER_ATTRIBUTE, StudyDefinition, study_state

SEED_STEP = 1_000_003  # between the seeds of two consecutive trials
SIGNIFICANT_DIGITS = 4  # of a number that is drawn from a range
MIN_TRIALS = 5  # complete trials before any trial is pruned
MIN_REPORTS = 3  # values that a trial reports before it is pruned


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


def make_sampler(definition: StudyDefinition) -> BaseSampler:
    """Return the sampler of a study."""
    if definition.sampler == "grid":
        grid = {
            name: list(dimension.values)
            for name, dimension in definition.space.items()
            if isinstance(dimension, Choices)
        }
        return GridSampler(grid, definition.seed)
    return SeededSampler(RandomSampler if definition.sampler == "random" else TPESampler, definition.seed)


def make_pruner(definition: StudyDefinition) -> optuna.pruners.BasePruner:
    """Return the pruner of a study."""
    if not definition.prune:
        return optuna.pruners.NopPruner()
    return optuna.pruners.MedianPruner(
        n_startup_trials=MIN_TRIALS, n_warmup_steps=1 if definition.folds > 1 else MIN_REPORTS
    )


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
