"""Copies of encoders. python -m pytest tests/models/test_cloning.py"""

import keras
import numpy as np
import pytest
from keras.ops import convert_to_numpy as to_numpy

from lib.models import classifier, cloning, fixed_layers
from tests.harness.networks import build


def test_a_clone_with_weights_is_independent_of_the_original():
    encoder = build((8, 8, 1), layers=2, kernels=3)[0].get_layer("encoder")
    images = np.random.default_rng(0).random((2, 8, 8, 1), np.float32)
    codes = to_numpy(encoder(images))
    clone = cloning.clone_with_weights(encoder)
    np.testing.assert_array_equal(to_numpy(clone(images)), codes)
    clone.set_weights([weights + 1 for weights in clone.get_weights()])
    np.testing.assert_array_equal(to_numpy(encoder(images)), codes)


def test_fixed_layers_stay_when_an_encoder_trains_or_is_reinitialized():
    model, _ = build((6, 8, 1), task="complete", residual=True, layers=1, kernels=2)
    encoder = model.get_layer("encoder")
    clone = cloning.clone_reinitialized(encoder)
    classifier.set_trainable(encoder, True)
    (mirror,) = [layer for layer in encoder.layers if layer.name.startswith(fixed_layers.FIXED_PREFIX)]
    for network in (encoder, clone):
        layer = network.get_layer(mirror.name)
        assert not layer.trainable
        np.testing.assert_array_equal(layer.get_weights()[0], np.eye(4)[::-1])
    kernels = [network.get_layer("conv_encoder_1").get_weights()[0] for network in (encoder, clone)]
    assert not np.array_equal(*kernels)
    assert clone.get_layer("conv_encoder_1").trainable


def is_near_identity(encoder: keras.Model) -> bool:
    return bool(np.trace(encoder.get_layer("conv_encoder_2").get_weights()[0][1, 1]) > 5)


@pytest.mark.parametrize(
    ("near_identity", "values"),
    [
        (True, dict(initializer="identity", task="complete")),
        (True, dict(task="denoise")),
        (False, dict(task="complete")),
        (False, dict(initializer="he_normal")),
        (False, dict(initializer="glorot_uniform")),
    ],
)
def test_a_reinitialized_clone_has_the_initializer_of_its_autoencoder(near_identity, values):
    model, architecture = build((12, 10, 1), layers=2, kernels=8, stride="2,1", batch_norm="none", **values)
    encoder, hp = model.get_layer("encoder"), architecture.hp
    assert is_near_identity(encoder) == near_identity
    assert is_near_identity(cloning.clone_reinitialized(encoder, hp)) == near_identity
    assert not is_near_identity(cloning.clone_reinitialized(encoder))
    expected = "GlorotUniform" if hp.initializer == "glorot_uniform" else "HeNormal"
    assert type(encoder.get_layer("conv_encoder_1").kernel_initializer).__name__ == expected


def test_an_encoder_with_a_dense_code_starts_random():
    model, _ = build((12, 10, 1), layers=2, kernels=8, stride="2,1", latent_dim=3)
    assert not is_near_identity(model.get_layer("encoder"))
