"""Convolutional models on whole pictures and tiles. python -m pytest tests/models/test_tiling.py"""

import math

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lib.config.architecture_planner import plan_architecture
from lib.config.hyperparameters import AutoencoderHyperparameters
from lib.models import tiling
from lib.models.any_size import receptive_field
from lib.models.autoencoder import autoencoder_for_inference, build_autoencoder
from lib.models.tiling import picture_model
from lib.tasks.pixels import to_float

NETWORKS = {
    "strides": {"layers": 2},
    "pools": {"layers": 2, "pool": "all", "upsampling": "nearest"},
    "skip": {"task": "denoise", "layers": 3},
    "no skip": {"task": "denoise", "layers": 2, "skip": False, "residual": False},
}


def build(side: int = 32, channels: int = 3, **values) -> keras.Model:
    """An untrained autoencoder, whose statistics and biases are no longer those of the beginning."""
    hp = AutoencoderHyperparameters(**{"kernels": (4,), "initializer": "he_normal"} | values)
    architecture = plan_architecture(hp, (side, side, channels))
    keras.utils.set_random_seed(1)
    model = autoencoder_for_inference(build_autoencoder(architecture), architecture)
    rng = np.random.default_rng(0)
    for weight in model.weights:
        if len(weight.shape) == 1 and "seed" not in weight.path:
            weight.assign(rng.uniform(0.5, 1.5, weight.shape))
        elif len(weight.shape) == 4:
            weight.assign(rng.normal(0, 0.15, weight.shape))
    return model


def picture(height: int, width: int, channels: int = 3) -> np.ndarray:
    return np.random.default_rng(height).integers(0, 256, (height, width, channels), np.uint8)


@pytest.mark.parametrize("values", NETWORKS.values(), ids=NETWORKS)
def test_tiles_give_the_same_as_the_whole_picture(values):
    model = picture_model(build(**values))
    pixels = picture(331, 270)
    whole = model.output(pixels, to_float)
    tiled = model.output(pixels, to_float, max_values=1)  # the smallest tiles
    assert whole.shape == pixels.shape
    assert whole.std() > 0.01
    assert math.prod(model._tile_for(331, 270, 1)) < 331 * 270
    assert np.abs(whole - tiled).max() < 1e-3


@pytest.mark.parametrize("values", NETWORKS.values(), ids=NETWORKS)
def test_the_field_covers_all_pixels_that_an_output_depends_on(values):
    network = build(**values)
    field, model = receptive_field(network), picture_model(network).model
    changed = np.random.default_rng(0).random((1, 192, 192, 3), np.float32)
    before = model.predict_on_batch(changed)
    changed[0, 96, 96] = 1 - changed[0, 96, 96]
    places = np.argwhere(np.abs(model.predict_on_batch(changed) - before)[0].max(axis=-1) > 0)
    assert 96 - field.reach <= places.min()
    assert places.max() <= 96 + field.reach
    assert field.reach < 3 * np.ptp(places)


def test_a_picture_of_the_models_size_gives_the_models_output():
    network, pixels = build(), picture(32, 32)
    expected = network.predict_on_batch(to_float(pixels[None]))[0]
    assert np.abs(picture_model(network).output(pixels, to_float) - expected).max() < 1e-6


def test_networks_bound_to_their_size_take_tiles_of_it_and_dense_ones_none():
    for values in (
        {"side": 30, "layers": 3},
        {"padding": "valid", "layers": 2},
        {"tta": True, "flip": True, "task": "denoise"},
    ):
        model = picture_model(build(**values))
        assert model.tile == (values.get("side", 32),) * 2
        assert model.output(picture(70, 45), to_float).shape == (70, 45, 3)
    assert picture_model(build(latent_dim=4)) is None


def test_a_copy_of_the_picture_comes_back_from_tiles_that_copy():
    inputs = keras.Input((16, 16, 1))
    network = keras.Model(inputs, keras.layers.Cropping2D(0)(inputs))
    model, pixels = picture_model(network), picture(67, 41, 1)
    assert model.tile == (16, 16)
    assert np.abs(model.output(pixels, to_float) - to_float(pixels)).max() < 1e-6


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 300), st.integers(1, 12), st.integers(0, 20), st.integers(1, 4))
def test_the_weights_of_tiles_add_up_to_one(side, units, margin, unit):
    tile = units * unit + 2 * margin + unit
    tile += -tile % unit
    overlap = min(2 * margin + 1, tile - 1)
    starts = tiling._positions(side, tile, overlap, unit)
    weights = tiling._weights(side, starts, tile, margin)
    total = np.zeros(max(side, starts[-1] + tile))
    for start, row in zip(starts, weights, strict=True):
        assert start % unit == 0
        total[start : start + tile] += row
    assert np.allclose(total[:side], 1, atol=1e-5)
