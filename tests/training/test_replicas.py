"""python -m pytest tests/training/test_replicas.py"""

import threading

import keras
import numpy as np
import pytest
from keras.ops import convert_to_numpy as to_numpy

from lib.config import architecture_planner
from lib.config.hyperparameters import Hyperparameters
from lib.data import datasets
from lib.models import autoencoder
from lib.training import phases, trainer


def trained(tiny, folder=None, stop_after=None, **values):
    """The history of a tiny autoencoder, the model, and its weights as they were seen after each epoch."""
    hp = Hyperparameters(
        dataset=tiny["-d"], layers=2, kernels="4,6", batch_size=8, **({"epochs": 6} | values)
    )
    keras.utils.set_random_seed(hp.seed)
    dataset = datasets.load_dataset(hp)
    plan = architecture_planner.plan_architecture(hp, dataset.shape)
    model = autoencoder.build_training_model(autoencoder.build_autoencoder(plan), plan, len(dataset.classes))
    stopped, seen = threading.Event(), []

    def at_epoch(history):
        seen.append([to_numpy(weight) for weight in model.trainable_variables])
        if len(history["loss"]) == stop_after:
            stopped.set()

    def tell(event, **content):
        pass

    phase = phases.autoencoder_phase(hp)
    outcome = trainer.fit_replica(model, dataset, hp, phase, tell, stopped, at_epoch, folder, None)
    return outcome.history, model, seen


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"variational": True, "latent_dim": 2, "dropout": 0.1},
        {"label_weight": 0.01, "labels": "train-labels.idx", "optimizer": "muon", "latent_dim": 16},
    ],
    ids=["plain", "variational", "labels"],
)
def test_bfloat16_learns_as_float32_does_and_leaves_a_model_of_float32(tiny, values):
    expected, _, _ = trained(tiny, **values)
    history, model, seen = trained(tiny, precision="bfloat16", **values)
    assert history["loss"] != expected["loss"]  # it is another computation
    assert history["loss"] == pytest.approx(expected["loss"], rel=0.05)
    assert history["val_loss"] == pytest.approx(expected["val_loss"], rel=0.1)
    assert all(layer.compute_dtype == "float32" for layer in model.get_layer("encoder").layers)
    assert len(seen) == 6
    for before, after in zip(seen[0], seen[-1], strict=True):
        assert not np.array_equal(before, after)  # the model itself is shown after each epoch, as it is then


def test_bfloat16_goes_on_from_a_checkpoint_with_the_same_numbers(tiny, tmp_path):
    whole, expected, _ = trained(tiny, tmp_path / "whole", precision="bfloat16", dropout=0.1)
    trained(tiny, tmp_path / "cut", stop_after=2, precision="bfloat16", dropout=0.1)
    history, model, _ = trained(tiny, tmp_path / "cut", precision="bfloat16", dropout=0.1)
    assert history["loss"] == whole["loss"]
    for mine, other in zip(model.get_weights(), expected.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, other)
