"""python -m pytest tests/worker/test_probe_job.py"""

import json
from pathlib import Path

import keras
import numpy as np
import pytest

from lib.cli import model_commands
from lib.config import architecture_planner
from lib.config.hyperparameters import Hyperparameters
from lib.data import datasets
from lib.evaluation import probes
from lib.models import autoencoder, classifier
from lib.models.saving import model_files
from lib.worker import probe_job, training_jobs
from tests.harness import sample_files
from tests.worker.test_model_jobs import Listener


def probed(listener: Listener, **values) -> dict:
    """The record of an untrained encoder, probed."""
    images, labels = sample_files.shapes(200)
    np.savez("all.npz", images=images, labels=labels)
    plain = Hyperparameters(layers=1, kernels=2)
    model_files.save_model(
        autoencoder.build_autoencoder(architecture_planner.plan_architecture(plain, (12, 10, 1))),
        Path("autoencoder.h5"),
        plain,
    )
    shared = dict(fc_units=4, epochs=2, batch_size=16, shift=False)
    hp = Hyperparameters(
        program="classification", dataset="all.npz", model="autoencoder.h5", **shared | values
    )
    probe_job.run_probe(
        listener, {"shares": [0.05, 1.0], "output": "out"}, hp, training_jobs.open_dataset(hp)
    )
    return json.loads(Path("out/probe.json").read_text())


def test_every_probe_at_every_share_beside_random_weights():
    record = probed(listener := Listener())
    assert listener.events[-1]["missing"] == ""
    assert {row["labels"] for row in record["accuracy"]} == {9, 160}
    assert len(record["accuracy"]) == len(probes.METHODS) * len(probes.WEIGHTS) * 2
    known = {
        (row["method"], row["weights"], row["labels"]): row["test_accuracy"] for row in record["accuracy"]
    }
    for weights in probes.WEIGHTS:  # bands in different places: a code of any kind tells them apart
        assert known["linear probe", weights, 160] > 0.9
        assert known["nearest neighbors", weights, 160] > 0.9
    assert set(record["silhouette"]) == {"pixels", *probes.WEIGHTS}
    assert Path("out/probe.png").is_file()
    phases = [event for event in listener.events if event["event"] == "phase"]
    assert [phase["images"] for phase in phases] == [9, 9, 9, 160, 160, 160]


def test_what_is_fine_tuned_is_scored_as_it_would_be_saved(monkeypatch):
    """With `--tta` that is another model: here one that always says 1."""

    def constant(classifier, hp):
        assert hp.tta
        always = keras.layers.Dense(3, kernel_initializer="zeros")
        model = keras.Model(classifier.input, always(classifier.output))
        always.bias.assign([0, 1, 0])
        return model

    monkeypatch.setattr(classifier, "classifier_for_inference", constant)
    rows = probed(Listener(), flip=True, tta=True)["accuracy"]
    share = np.mean(np.load("all.npz")["labels"] == 1)
    tuned = [row["test_accuracy"] for row in rows if row["method"] == probes.METHODS[2]]
    assert tuned == pytest.approx([share] * 4, abs=0.05)


class Impatient(Listener):
    """Stops when a classifier of that number begins."""

    def tell(self, event: str, **content) -> None:
        super().tell(event, **content)
        if event == "phase" and content["number"] == self.until:
            self.stopped.set()


@pytest.mark.parametrize("number", [1, 3])
def test_ctrl_c_leaves_out_a_classifier_that_has_not_learned_all(number):
    record = probed(listener := Impatient(until=number))
    trained = [row for row in record["accuracy"] if row["method"] == probes.METHODS[2]]
    assert len(trained) == number - 1
    assert listener.events[-1]["missing"] == f"{number - 1} of 4 classifiers are trained"
    model_commands._show_probed(model_commands.Display(), listener.events[-1])


def test_a_share_of_the_labels_has_every_class():
    images, labels = sample_files.shapes(200)
    np.savez("all.npz", images=images, labels=labels)
    hp = Hyperparameters(program="classification", dataset="all.npz", model="m.h5")
    dataset = datasets.load_dataset(hp)
    places = probes.labeled_sample(dataset, 0.01, hp)
    assert sorted(dataset.train.labels[places]) == [0, 1, 2]
    assert len(probes.labeled_sample(dataset, 1.0, hp)) == len(dataset.train)
