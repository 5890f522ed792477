"""Tests of the job that probes an encoder. python -m pytest tests/worker/test_probe_job.py"""

import json
from pathlib import Path

import keras
import numpy as np
import pytest

from lib.cli.command_probe import ProbeCommand
from lib.cli.display import Display
from lib.config import architecture_planner
from lib.config.hyperparameters import AutoencoderHyperparameters, ClassifierHyperparameters
from lib.data import datasets
from lib.evaluation import probes
from lib.models import autoencoder
from lib.models.saving import model_files
from lib.runs.events import Event, PhaseStarted
from lib.worker import probe_job
from lib.worker.messages import Probe
from tests.harness import sample_files
from tests.harness.in_process_worker import RecordingChannel

pytestmark = pytest.mark.usefixtures("unrendered", "eager")
WEIGHTS = (probes.TRAINED_WEIGHTS, probes.RANDOM_WEIGHTS, probes.PRINCIPAL_COMPONENTS)


def run_probe(channel: RecordingChannel, **values) -> dict:
    """The record of a probe of an untrained encoder."""
    images, labels = sample_files.shapes(200)
    np.savez("all.npz", images=images, labels=labels)
    plain = AutoencoderHyperparameters(layers=1, kernels=2)
    model_files.save_model(
        autoencoder.build_autoencoder(architecture_planner.plan_architecture(plain, (12, 10, 1))),
        Path("autoencoder.h5"),
        plain,
    )
    shared = dict(fc_units=4, epochs=2, batch_size=16, shift=False)
    hp = ClassifierHyperparameters(dataset="all.npz", model="autoencoder.h5", **shared | values)
    probe_job.probe(channel, Probe(hp, (0.05, 1.0), "out"))
    return json.loads(Path("out/probe.json").read_text())


def test_every_probe_with_every_fraction_and_random_weights():
    record = run_probe(channel := RecordingChannel())
    assert channel.events[-1].missing == ""
    assert {row["labels"] for row in record["accuracy"]} == {9, 160}
    assert len(record["accuracy"]) == (2 * len(WEIGHTS) + 2) * 2
    accuracies = {
        (row["method"], row["weights"], row["labels"]): row["test_accuracy"] for row in record["accuracy"]
    }
    for weights in WEIGHTS:  # bands at different positions, which any code separates
        assert accuracies[probes.LINEAR_PROBE, weights, 160] > 0.9
        assert accuracies[probes.NEAREST_NEIGHBORS, weights, 160] > 0.9
    assert set(record["silhouette"]) == {"pixels", probes.TRAINED_WEIGHTS, probes.RANDOM_WEIGHTS}
    assert Path("out/probe.png").is_file()
    phases = [event for event in channel.events if isinstance(event, PhaseStarted)]
    assert [phase.images for phase in phases] == [9, 9, 9, 160, 160, 160]


def test_fine_tuned_classifiers_are_scored_as_they_would_be_saved(monkeypatch):
    """With `--tta` that is another model: here one that always says 1."""

    def constant(classifier, hp):
        assert hp.tta
        always = keras.layers.Dense(3, kernel_initializer="zeros")
        model = keras.Model(classifier.input, always(classifier.output))
        always.bias.assign([0, 1, 0])
        return model

    monkeypatch.setattr(probe_job, "classifier_for_inference", constant)
    rows = run_probe(RecordingChannel(), flip=True, tta=True)["accuracy"]
    frequency = np.mean(np.load("all.npz")["labels"] == 1)
    accuracies = [row["test_accuracy"] for row in rows if row["method"] == probes.FINE_TUNED]
    assert accuracies == pytest.approx([frequency] * 4, abs=0.05)


class StoppingChannel(RecordingChannel):
    """Stops the job when the classifier with a number begins."""

    def __init__(self, number: int):
        super().__init__()
        self.number = number

    def emit(self, event: Event) -> None:
        super().emit(event)
        if isinstance(event, PhaseStarted) and event.number == self.number:
            self.stop_event.set()


@pytest.mark.parametrize("number", [1, 3])
def test_ctrl_c_leaves_out_the_incomplete_classifier(number):
    record = run_probe(channel := StoppingChannel(number))
    trained = [row for row in record["accuracy"] if row["method"] == probes.FINE_TUNED]
    assert len(trained) == number - 1
    assert channel.events[-1].missing == f"{number - 1} of 4 classifiers were trained"
    ProbeCommand().show(channel.events[-1], Display())


def test_a_labeled_sample_has_every_class():
    images, labels = sample_files.shapes(200)
    np.savez("all.npz", images=images, labels=labels)
    hp = ClassifierHyperparameters(dataset="all.npz", model="m.h5")
    dataset = datasets.load_dataset(hp)
    sample = probes.labeled_sample(dataset, 0.01, hp)
    assert sorted(dataset.train.labels[sample]) == [0, 1, 2]
    assert len(probes.labeled_sample(dataset, 1.0, hp)) == len(dataset.train)
