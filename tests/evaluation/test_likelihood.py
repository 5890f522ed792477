"""Likelihoods by importance sampling. python -m pytest tests/evaluation/test_likelihood.py"""

import keras
import numpy as np
import pytest

from lib.config.hyperparameters import AutoencoderHyperparameters
from lib.data.formats.base import Images
from lib.data.splits import Subset
from lib.evaluation import likelihood
from lib.evaluation.likelihood import independent_pixels_nll, negative_log_likelihoods


def settings(samples):
    return AutoencoderHyperparameters(
        regularization="kl", latent_dim=1, binarize="static", nll_samples=samples, layers=0
    )


def networks(weight: float):
    """An encoder that knows nothing, and a decoder whose pixels have the logit weight · code."""
    image = keras.Input((1, 2, 1))
    zero = keras.layers.Dense(1, kernel_initializer="zeros")
    flat = keras.layers.Flatten()(image)
    encoder = keras.Model(image, [zero(flat), zero(flat)])
    code = keras.Input((1,))
    pixels = keras.layers.Dense(2, "sigmoid", kernel_initializer=keras.initializers.Constant(weight))(code)
    return encoder, keras.Model(code, keras.layers.Reshape((1, 2, 1))(pixels))


@pytest.mark.parametrize("weight", [0.0, 1.5])
def test_it_is_the_integral_over_all_codes(weight, monkeypatch):
    monkeypatch.setattr(likelihood, "CODES_AT_ONCE", 1000)  # several parts of each image's codes
    images = np.array([[0, 0], [0, 255], [255, 255]], np.uint8).reshape(3, 1, 2, 1)
    done = []
    values = negative_log_likelihoods(
        *networks(weight), Subset(Images(images), np.arange(len(images))), settings(40_000), done.append
    )
    codes = np.linspace(-9, 9, 20_001)
    density = np.exp(-(codes**2) / 2) / np.sqrt(2 * np.pi)
    white = 1 / (1 + np.exp(-weight * codes))
    pairs = [(1 - white) ** 2, white * (1 - white), white**2]
    expected = [-np.log(np.trapezoid(density * pair, codes)) for pair in pairs]
    np.testing.assert_allclose(values, expected, rtol=0.01)
    assert done[-1] == 3


def test_independent_pixels_have_their_frequencies_in_the_training_images():
    train = np.array([[0, 0], [0, 255], [0, 255], [0, 0]], np.uint8).reshape(4, 1, 2, 1)
    test = np.array([[0, 255], [255, 0]], np.uint8).reshape(2, 1, 2, 1)
    subsets = [Subset(Images(images), np.arange(len(images))) for images in (train, test)]
    # With one black and one white image more: 1 of 6, and 3 of 6.
    expected = -np.mean([np.log(5 / 6) + np.log(1 / 2), np.log(1 / 6) + np.log(1 / 2)])
    assert independent_pixels_nll(*subsets, settings(1)) == pytest.approx(expected)


def test_white_pixels_of_small_probability_are_exact():
    white = np.full((1, 1, 2, 1), 255, np.uint8)
    encoder, decoder = networks(0.0)
    for layer in decoder.layers:
        if layer.weights:
            layer.set_weights([np.zeros((1, 2)), np.full(2, -14.0)])
    (value,) = negative_log_likelihoods(encoder, decoder, Subset(Images(white), np.arange(1)), settings(1))
    assert value == pytest.approx(28, abs=1e-3)


def test_it_does_not_grow_with_the_parts(monkeypatch):
    images = np.zeros((2, 1, 2, 1), np.uint8)
    whole = negative_log_likelihoods(
        *networks(1.0), Subset(Images(images), np.arange(len(images))), settings(10_000)
    )
    monkeypatch.setattr(likelihood, "CODES_AT_ONCE", 64)
    parts = negative_log_likelihoods(
        *networks(1.0), Subset(Images(images), np.arange(len(images))), settings(10_000)
    )
    np.testing.assert_allclose(whole, parts, rtol=0.02)
