"""Pruning of a trial, and the winner's settings. python -m pytest tests/search/test_trials.py"""

from lib.config.hyperparameters import AutoencoderHyperparameters, ClassifierHyperparameters
from lib.runs.events import EpochEnded, PhaseStarted
from lib.search.trials import PRUNED, PruningCallback, best_epoch
from lib.tasks.metrics import trial_score


class RecordingTrial:
    """Keeps what is reported; pruned from a step on."""

    def __init__(self, pruned_at: int):
        self.reports, self.pruned_at = {}, pruned_at

    def report(self, value: float, step: int) -> None:
        self.reports[step] = value

    def should_prune(self) -> bool:
        return max(self.reports) >= self.pruned_at


def test_epochs_of_all_phases_are_reported_until_the_trial_is_pruned():
    trial = RecordingTrial(pruned_at=3)
    callback = PruningCallback(trial, "val_accuracy")
    results = []
    for phase in (1, 2):
        results.append(callback(PhaseStarted(phase, 2, "", epochs=2, images=8)))
        for epoch in (1, 2):
            results.append(callback(EpochEnded(epoch, 1.0, {"val_accuracy": phase + epoch / 10})))
    assert trial.reports == {1: 1.1, 2: 1.2, 3: 2.1}
    assert results == [None, None, None, None, PRUNED, PRUNED]


def test_epochs_without_the_monitored_value_are_not_reported():
    trial = RecordingTrial(pruned_at=1)
    assert PruningCallback(trial, "val_loss")(EpochEnded(1, 1.0, {"loss": 0.5})) is None
    assert trial.reports == {}


def test_the_objective_follows_from_the_model():
    settings = {
        "mse": AutoencoderHyperparameters(dataset="digits"),
        "negative_elbo": AutoencoderHyperparameters(dataset="digits", regularization="kl"),
        "accuracy": ClassifierHyperparameters(dataset="digits", model="m.h5", fc_units=4),
    }
    for key, hp in settings.items():
        assert trial_score(hp.program, hp).key == key


def test_the_best_epoch_of_a_classifier_is_that_of_its_second_phase():
    phases = {"head": {"val_loss": [0.1, 0.2]}, "everything": {"val_loss": [0.5, 0.3, 0.4]}}
    assert best_epoch({"history": phases}) == 2
    assert best_epoch({"history": {"": {"loss": [1, 1], "val_loss": [0.2, 0.1]}}}) == 2
