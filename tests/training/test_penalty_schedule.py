"""The weight of the penalty of codes in the course of a training."""

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.config.hyperparameters import AutoencoderHyperparameters
from lib.models.regularizers import PENALTY_FACTOR, GradientFactor
from lib.training.penalty_schedule import PenaltySchedule, penalty_factor


def settings(warmup, cycles=1):
    return AutoencoderHyperparameters(regularization="kl", beta_warmup=warmup, beta_cycles=cycles)


def test_it_rises_and_then_stays():
    factors = [penalty_factor(settings(0.5), progress) for progress in (0, 0.25, 0.5, 0.9, 1, 1.5)]
    assert factors == [0, 0.5, 1, 1, 1, 1]


def test_cycles_begin_again_at_zero():
    factors = [penalty_factor(settings(0.5, 4), progress) for progress in (0, 0.03125, 0.2, 0.25, 0.3125, 1)]
    assert factors == pytest.approx([0, 0.25, 1, 0, 0.5, 1])


@given(st.floats(0.001, 1), st.integers(1, 9), st.floats(0, 2))
def test_it_is_a_factor(warmup, cycles, progress):
    assert 0 <= penalty_factor(settings(warmup, cycles), progress) <= 1


@pytest.mark.parametrize(("progress", "expected"), [(None, [0, 0.5, 1, 1]), (lambda: 0.25, [0.5] * 4)])
def test_the_layer_of_the_model_gets_it_before_each_batch(progress, expected):
    inputs = keras.Input((1,))
    layer, other = GradientFactor(0.0, name=PENALTY_FACTOR), GradientFactor(7.0)
    model = keras.Model(inputs, other(layer(inputs)))
    callback = PenaltySchedule(settings(0.5), steps=2, epochs=2, progress=progress)
    callback.set_model(model)
    factors = []
    for epoch in range(2):
        callback.on_epoch_begin(epoch)
        for batch in range(2):
            callback.on_train_batch_begin(batch)
            factors.append(float(np.asarray(keras.ops.convert_to_numpy(layer.factor))))
    assert factors == expected
    assert float(np.asarray(keras.ops.convert_to_numpy(other.factor))) == 7  # as that of a discriminator
