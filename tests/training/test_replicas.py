"""Mixed precision, and replicas of models. python -m pytest tests/training/test_replicas.py"""

import re
import threading

import keras
import numpy as np
import pytest
from keras.ops import convert_to_numpy as to_numpy

from lib.config import architecture_planner
from lib.config.hyperparameters import AutoencoderHyperparameters
from lib.data import datasets
from lib.models import autoencoder, fixed_layers
from lib.models.training_model import build_training_model
from lib.training import phases, replicas, trainer
from lib.training.callbacks import TrainingHooks
from tests.harness.networks import FEEDBACK, build
from tests.training.test_trainer import labeled_images


def train(tiny, folder=None, stop_after=None, **values):
    """Train a tiny autoencoder; the history, the model, and its weights at the end of each epoch."""
    hp = AutoencoderHyperparameters(
        dataset=labeled_images() if "label_weight" in values else tiny["-d"],
        layers=2,
        kernels="4,6",
        batch_size=8,
        **({"epochs": 6} | values),
    )
    keras.utils.set_random_seed(hp.seed)
    dataset = datasets.load_dataset(hp)
    architecture = architecture_planner.plan_architecture(hp, dataset.shape)
    model = autoencoder.build_autoencoder(architecture)
    model = build_training_model(model, architecture, len(dataset.classes))
    stop_event, weights = threading.Event(), []

    def on_epoch_end(history):
        weights.append([to_numpy(weight) for weight in model.trainable_variables])
        if len(history["loss"]) == stop_after:
            stop_event.set()

    hooks = TrainingHooks(lambda event: None, stop_event, on_epoch_end)
    result = trainer.fit(model, dataset, hp, phases.autoencoder_phase(hp), hooks, folder)
    return result.history, model, weights


@pytest.mark.parametrize(
    "values",
    [
        pytest.param({}, marks=pytest.mark.slow),
        pytest.param({"regularization": "kl", "latent_dim": 2, "dropout": 0.1}, marks=pytest.mark.slow),
        {"label_weight": 0.01, "optimizer": "muon", "latent_dim": 16},
    ],
    ids=["plain", "variational", "labels"],
)
def test_training_in_bfloat16_is_close_to_float32_and_leaves_a_float32_model(tiny, values):
    expected, _, _ = train(tiny, **values)
    history, model, weights = train(tiny, precision="bfloat16", **values)
    assert history["loss"] != expected["loss"]
    assert history["loss"] == pytest.approx(expected["loss"], rel=0.05)
    assert history["val_loss"] == pytest.approx(expected["val_loss"], rel=0.1)
    assert all(layer.compute_dtype == "float32" for layer in model.get_layer("encoder").layers)
    assert len(weights) == 6
    for before, after in zip(weights[0], weights[-1], strict=True):
        assert not np.array_equal(before, after)  # the model has the weights of each epoch at its end


def test_training_in_bfloat16_resumes_with_the_same_numbers(tiny, tmp_path):
    uninterrupted, expected, _ = train(tiny, tmp_path / "uninterrupted", precision="bfloat16", dropout=0.1)
    train(tiny, tmp_path / "interrupted", stop_after=2, precision="bfloat16", dropout=0.1)
    history, model, _ = train(tiny, tmp_path / "interrupted", precision="bfloat16", dropout=0.1)
    assert history["loss"] == uninterrupted["loss"]
    for weight, other in zip(model.get_weights(), expected.get_weights(), strict=True):
        np.testing.assert_array_equal(weight, other)


NETWORKS = {
    "plain": dict(layers=2, kernels="3,4", batch_norm="all"),
    "dense": dict(layers=1, kernels=3, fc_units="9", latent_dim=4),
    "variational": dict(layers=1, kernels=3, regularization="kl", latent_dim=2),
    "unet": dict(task="complete", layers=2, kernels="3,4", skip=True, residual=True),
    "linear": dict(layers=2, kernels="4,4", stride=2, linear_path=4),
    "feedback": dict(layers=1, kernels=3, fc_units="9", latent_dim=4, batch_norm="none", feedback="6,5"),
}


@pytest.mark.parametrize("values", NETWORKS.values(), ids=NETWORKS)
def test_a_bfloat16_replica_rounds_only_hidden_layers(values):
    model, architecture = build((8, 8, 1), **values)
    model = build_training_model(model, architecture)
    replica = replicas.make_replica(model, "bfloat16")
    assert {variable.dtype for variable in replica.trainable_variables} == {"float32"}
    for name in ("encoder", "decoder"):
        network = replica.get_layer(name)
        rounded = {layer.name for layer in network.layers if layer.compute_dtype == "bfloat16"}
        assert f"activation_{name}_1" in rounded
        assert network.outputs[0].dtype == "float32"  # the code, the image
        assert not {layer for layer in rounded if layer.startswith((fixed_layers.FIXED_PREFIX, "linear_"))}
        originals = model.get_layer(name).layers
        assert {layer.compute_dtype for layer in originals} == {"float32"}
    images = np.random.default_rng(0).random((3, *architecture.input_shape), np.float32)
    code, replica_code = (
        to_numpy(autoencoder.code_only(network.get_layer("encoder"))(images)) for network in (model, replica)
    )
    difference = abs(code - replica_code).max()
    assert difference < 0.05 * abs(code).max()
    # The layers parallel to a linear path start with zeros.
    assert (difference > 0) == (not architecture.linear_path)


@pytest.mark.parametrize("precision", [pytest.param("float32", marks=pytest.mark.slow), "bfloat16"])
def test_a_replica_with_feedback_shares_one_decoder(precision):
    model, architecture = build((8, 8, 1), **FEEDBACK)
    replica = replicas.make_replica(model, precision)
    assert replica.get_layer("decoder") in replica.get_layer("encoder").layers
    assert len(replica.trainable_variables) == len(model.trainable_variables)
    images = np.random.default_rng(0).random((40, *architecture.input_shape), np.float32)
    replica.compile("adam", "mse")
    replica.fit(images, images, epochs=2, verbose=0)
    replicas.copy_state(replica, model)
    np.testing.assert_allclose(
        replica.predict(images, verbose=0),
        model.predict(images, verbose=0),
        atol=1e-6 if precision == "float32" else 0.02,
    )


@pytest.mark.parametrize("values", NETWORKS.values(), ids=NETWORKS)
def test_a_replica_lists_its_variables_in_the_order_of_the_model(values):
    """`copy_state` relies on the order in which Keras clones layers."""
    model, architecture = build((8, 8, 1), **values)
    model = build_training_model(model, architecture)
    replica = replicas.make_replica(model)
    paths = [[variable.path for variable in network.variables] for network in (model, replica)]
    # Anonymous variables, such as random states, have other numbers in their names.
    numbers = re.compile(r"_\d+(?=/|$)")
    assert [numbers.sub("", path) for path in paths[0]] == [numbers.sub("", path) for path in paths[1]]
