"""Weights that a network takes from a saved model. python -m pytest tests/models/test_transfer.py"""

import keras
import numpy as np

from lib.config.architecture_planner import plan_architecture
from lib.config.hyperparameters import AutoencoderHyperparameters
from lib.models.autoencoder import build_autoencoder
from lib.models.transfer import take_weights


def build(seed: int = 0, image=(8, 8, 1), **values) -> keras.Model:
    keras.utils.set_random_seed(seed)
    hp = AutoencoderHyperparameters(**dict(layers=2, kernels="4,6", latent_dim=3) | values)
    return build_autoencoder(plan_architecture(hp, image))


def test_the_same_architecture_takes_everything():
    model, source = build(1), build(2)
    transfer = take_weights(model, source)
    assert (transfer.is_complete, transfer.by_name, transfer.values) == (True, True, transfer.of)
    for weight, other in zip(model.get_weights(), source.get_weights(), strict=True):
        np.testing.assert_array_equal(weight, other)
    assert len(transfer.describe("a.h5")) == 1


def test_an_encoder_gives_its_part_and_the_decoder_stays():
    model, source = build(1), build(2)
    before = model.get_layer("decoder").get_weights()
    transfer = take_weights(model, source.get_layer("encoder"))
    assert transfer.taken
    assert all("decoder" in name for name in transfer.not_taken)
    encoders = (each.get_layer("encoder").get_weights() for each in (model, source))
    for weight, other in zip(*encoders, strict=True):
        np.testing.assert_array_equal(weight, other)
    for weight, other in zip(model.get_layer("decoder").get_weights(), before, strict=True):
        np.testing.assert_array_equal(weight, other)


def test_layers_of_another_shape_are_named():
    transfer = take_weights(build(kernels="4,7"), build())
    assert "conv_encoder_1" in transfer.taken
    assert "conv_encoder_2 (3×3×4×7; in the file 3×3×4×6)" in transfer.not_taken
    assert 0 < transfer.values < transfer.of
    assert "in the file" in transfer.describe("a.h5")[1]


def test_models_made_elsewhere_are_matched_by_shapes_in_order():
    convolutions = (keras.layers.Conv2D(count, 3, use_bias=False) for count in (4, 9))
    foreign = keras.Sequential([keras.Input((8, 8, 1)), *convolutions])
    model = build()
    transfer = take_weights(model, foreign)
    assert (transfer.by_name, transfer.taken) == (False, ("conv_encoder_1",))
    kernel = model.get_layer("encoder").get_layer("conv_encoder_1").get_weights()[0]
    np.testing.assert_array_equal(kernel, foreign.layers[0].get_weights()[0])
    assert "matched by their shapes" in transfer.describe("a.h5")[0]


def test_nothing_fits_another_network():
    assert not take_weights(build(), keras.Sequential([keras.Input((5,)), keras.layers.Dense(2)])).taken
