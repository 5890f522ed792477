"""Layers that round codes. python -m pytest tests/models/test_quantizer.py"""

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lib.config.architecture_planner import plan_architecture
from lib.config.hyperparameters import AutoencoderHyperparameters
from lib.config.quantization import Quantization
from lib.models.autoencoder import build_autoencoder
from lib.models.quantizer import quantize
from lib.models.training_model import build_training_model


def rounded(codes: np.ndarray, levels: tuple[int, ...]) -> tuple[np.ndarray, Quantization]:
    quantization = Quantization.of(levels, codes.shape[-1])
    inputs = keras.Input(codes.shape[1:])
    return keras.Model(inputs, quantize(inputs, quantization)).predict_on_batch(codes), quantization


@settings(max_examples=10)
@given(st.sampled_from([(2,), (3,), (8, 5, 5, 5), (7, 64)]), st.booleans(), st.integers(0, 99))
def test_codes_are_at_levels_and_all_levels_occur(levels, is_map, seed):
    shape = (2000, 2, 2, 4) if is_map else (8000, 4)
    codes = np.random.default_rng(seed).uniform(-6, 6, shape).astype(np.float32)
    result, quantization = rounded(codes, levels)
    np.testing.assert_allclose(quantization.nearest(result), result, atol=1e-6)
    integers = quantization.to_integers(result).reshape(-1, 4)
    for number, level in enumerate(quantization.levels):
        assert set(integers[:, number]) == set(range(level))


def test_zero_is_a_level():
    result, _ = rounded(np.zeros((1, 4), np.float32), (8, 5, 5, 5))
    np.testing.assert_allclose(result, 0, atol=1e-6)


@pytest.mark.parametrize("latent_dim", [4, None])
def test_training_and_saved_model_agree_and_the_encoder_learns(latent_dim, tmp_path):
    hp = AutoencoderHyperparameters(layers=1, kernels=4, latent_dim=latent_dim, quantize="5,3")
    architecture = plan_architecture(hp, (8, 8, 1))
    model = build_autoencoder(architecture)
    assert model.count_params() == architecture.parameters
    trainer = build_training_model(model, architecture)
    images = np.random.default_rng(0).random((16, 8, 8, 1)).astype(np.float32)
    np.testing.assert_allclose(trainer.predict_on_batch(images), model.predict_on_batch(images), atol=1e-5)
    encoder = model.get_layer("encoder")
    before = [weight.numpy() for weight in encoder.trainable_weights]
    trainer.compile("adam", "mse")
    trainer.fit(images, images, verbose=0)
    assert all(
        (weight.numpy() != old).any() for weight, old in zip(encoder.trainable_weights, before, strict=True)
    )
    encoder.save(tmp_path / "encoder.h5")
    opened = keras.models.load_model(tmp_path / "encoder.h5", compile=False)
    np.testing.assert_array_equal(opened.predict_on_batch(images), encoder.predict_on_batch(images))
