"""Definition of a study, and the state of its trials."""

from __future__ import annotations

from dataclasses import dataclass, field

import optuna
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from lib.search.space import Space

SURPLUS_ATTRIBUTE = "surplus"  # user attribute of a trial beyond the budget
# User attribute of a trial that trains the winner: the number of the winner. Such a trial is one of the same
# study, so that other programs show one study, and ends as pruned, so that it is no result of the search.
WINNER_ATTRIBUTE = "winner"
COMPLETE, PRUNED, FAIL = TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL
RUNNING, WAITING = TrialState.RUNNING, TrialState.WAITING
ENDED_STATES = (COMPLETE, PRUNED, FAIL)


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
    # A trial that was started again stands where its first attempt did.
    counted.sort(key=lambda trial: trial.system_attrs.get("failed_trial", trial.number))
    return StudyState(counted, study.direction == StudyDirection.MAXIMIZE)
