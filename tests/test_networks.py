"""python -m pytest tests/test_networks.py"""

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras.ops import convert_to_numpy as to_numpy

from lib import networks, shapes
from lib.errors import UserError
from lib.hyperparameters import Hyperparameters


@settings(max_examples=25, deadline=None)
@given(
    st.tuples(st.integers(1, 40), st.integers(1, 40), st.sampled_from([1, 3])),
    st.lists(st.integers(1, 5), min_size=1, max_size=4),
    st.integers(1, 5),
)
def test_what_the_planner_accepts_the_builder_builds(image, kernels, kernel_size):
    try:
        plan = shapes.plan(Hyperparameters(layers=len(kernels), kernels=kernels, kernel_size=kernel_size), image)
    except UserError:
        return
    model = networks.build_autoencoder(plan)
    assert model.count_params() == plan.parameters
    assert model.get_layer("encoder").output_shape[1:] == plan.latent
    batch = np.random.default_rng(0).random((2, *image), np.float32)
    outputs = to_numpy(model(batch))
    assert outputs.shape == batch.shape
    assert outputs.min() >= 0
    assert outputs.max() <= 1
    keras.backend.clear_session()


def test_no_two_layers_share_a_name():
    hp = Hyperparameters(layers=3, kernels=4, program="classification", fc_units="8,6")
    model = networks.build_autoencoder(shapes.plan(hp, (13, 17, 3)))
    halves = [model.get_layer("encoder"), model.get_layer("decoder")]
    names = [layer.name for half in halves for layer in half.layers]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("units", ["7", "7,5"])
def test_the_classifier_gives_probabilities(units):
    hp = Hyperparameters(layers=1, kernels=2, fc_units=units, dropout=0.9)
    encoder = networks.build_autoencoder(shapes.plan(hp, (8, 8, 1))).get_layer("encoder")
    model = networks.build_classifier(encoder, 3, hp)
    outputs = to_numpy(model(np.zeros((4, 8, 8, 1), np.float32)))
    np.testing.assert_allclose(outputs.sum(axis=1), 1, rtol=1e-5)
    assert [layer.units for layer in model.get_layer("head").layers if isinstance(layer, keras.layers.Dense)] == [*hp.fc_units, 3]


def test_the_encoders_averages_stay_while_everything_trains():
    hp = Hyperparameters(layers=1, kernels=2)
    encoder = networks.build_autoencoder(shapes.plan(hp, (8, 8, 1))).get_layer("encoder")
    model = networks.build_classifier(encoder, 2, hp)
    networks.set_trainable(encoder, True)
    model.compile("sgd", "sparse_categorical_crossentropy")
    means = [to_numpy(weight) for weight in encoder.non_trainable_weights]
    kernel = to_numpy(encoder.trainable_weights[0])
    assert len(means) == 4
    model.fit(np.random.default_rng(0).random((8, 8, 8, 1)), np.arange(8) % 2, verbose=0)
    for before, after in zip(means, encoder.non_trainable_weights, strict=True):
        np.testing.assert_array_equal(before, to_numpy(after))
    assert not np.array_equal(kernel, to_numpy(encoder.trainable_weights[0]))
