"""Layers that change gradients, and samples of the prior."""

import keras
import numpy as np
import pytest
from keras import ops
from keras.ops import convert_to_numpy as to_numpy

from lib.models.regularizers.base import GradientFactor, PriorSample


def gradient(layer, value=2.0):
    """The gradient of (3 · layer(w))² in a training of one step of gradient descent with rate 1."""
    inputs = keras.Input((1,))
    weight = keras.layers.Dense(1, use_bias=False, name="weight")
    model = keras.Model(inputs, 3 * layer(weight(inputs)))
    weight.set_weights([np.full((1, 1), value, np.float32)])
    model.compile(keras.optimizers.SGD(1.0), lambda targets, outputs: ops.sum(outputs**2, axis=-1))
    one = np.ones((1, 1), np.float32)
    outputs = model.predict_on_batch(one)
    model.train_on_batch(one, one)
    return float(outputs[0, 0]), value - float(weight.get_weights()[0][0, 0])


@pytest.mark.parametrize(("layer", "factor"), [(GradientFactor(0.25), 0.25), (GradientFactor(0.0), 0)])
def test_values_stay_and_gradients_change(layer, factor):
    outputs, step = gradient(layer)
    assert outputs == 6
    assert step == pytest.approx(factor * 2 * 9 * 2)


def test_the_factor_is_no_trained_weight_and_is_stored():
    layer = GradientFactor(0.5)
    layer(np.ones((1, 1), np.float32))
    assert [len(layer.trainable_weights), len(layer.weights)] == [0, 1]
    restored = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    assert float(ops.convert_to_numpy(restored.factor)) == 0.5


def test_samples_of_the_prior_are_normal_and_follow_the_seed():
    codes = np.full((20_000, 2), 7, np.float32)
    sample = to_numpy(PriorSample(3)(codes))
    assert sample.mean(axis=0) == pytest.approx(0, abs=0.05)
    assert np.cov(sample.T) == pytest.approx(np.eye(2), abs=0.05)
    np.testing.assert_array_equal(sample, to_numpy(PriorSample(3)(codes)))
