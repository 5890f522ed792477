"""Layers of variational autoencoders. python -m pytest tests/models/regularizers/test_kl.py"""

import keras
import numpy as np
import pytest
from keras.ops import convert_to_numpy as to_numpy

from lib.models.regularizers.kl import KLDivergence, Sampling


@pytest.mark.parametrize(
    ("layer", "name"), [(Sampling, "latent_lab>Sampling"), (KLDivergence, "latent_lab>Divergence")]
)
def test_registered_names_stay(layer, name):
    assert keras.saving.get_registered_name(layer) == name
    assert keras.saving.get_registered_object(name) is layer


def test_samples_have_the_mean_and_variance_of_the_code():
    z_mean, z_log_var = np.full((20_000, 1), 3, np.float32), np.full((20_000, 1), np.log(4), np.float32)
    z = to_numpy(Sampling(0)(z_mean, z_log_var))
    assert z.mean() == pytest.approx(3, abs=0.1)
    assert z.std() == pytest.approx(2, abs=0.1)


def test_the_divergence_is_that_of_gaussians():
    z_mean = np.array([[[0, 0]], [[1, -2]]], np.float32)
    z_log_var = np.array([[[0, 0]], [[0, 1]]], np.float32)
    expected = [[0], [(1 + 4 + np.e - 1 - 1) / 2]]
    np.testing.assert_allclose(to_numpy(KLDivergence()(z_mean, z_log_var)), expected, rtol=1e-6)


def test_the_divergence_agrees_with_samples():
    """The mean of log q(z) - log p(z) over samples z from q."""
    rng = np.random.default_rng(0)
    z_mean, z_log_var = rng.normal(size=(2, 1, 3)).astype(np.float32)
    z = to_numpy(Sampling(0)(*(np.repeat(array, 200_000, axis=0) for array in (z_mean, z_log_var))))
    log_ratio = (-0.5 * ((z - z_mean) ** 2 / np.exp(z_log_var) + z_log_var) + 0.5 * z**2).sum(axis=1)
    assert log_ratio.mean() == pytest.approx(to_numpy(KLDivergence()(z_mean, z_log_var))[0, 0], rel=0.02)


def test_the_sampling_layer_keeps_its_seed_when_serialized():
    restored = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(Sampling(7)))
    assert restored.seed == 7
