"""The importance-weighted bound. python -m pytest tests/models/test_importance_sampling.py"""

import keras
import numpy as np
import pytest
from keras.ops import convert_to_numpy as to_numpy

from lib.models.importance_sampling import (
    JoinedSamples,
    SampledCodes,
    build_importance_model,
    importance_weighted_loss,
)
from lib.models.regularizers.kl import KLDivergence

RNG = np.random.default_rng(0)


def test_the_mean_ratio_is_the_divergence():
    means, log_variances = RNG.normal(size=(2, 1, 3)).astype(np.float32)
    codes, ratios = SampledCodes(200_000, 0)(means, log_variances)
    expected = to_numpy(KLDivergence()(means, log_variances))[0, 0]
    assert to_numpy(ratios).mean() == pytest.approx(expected, rel=0.02)
    assert to_numpy(codes).shape == (200_000, 3)


def test_samples_of_an_image_stay_together():
    images = np.arange(2 * 3 * 4, dtype=np.float32).reshape(6, 2, 2, 1)
    joined = to_numpy(JoinedSamples(3)(images, np.array([[1, 2, 3], [4, 5, 6]], np.float32)))
    assert joined.shape == (2, 3, 5, 1)
    np.testing.assert_array_equal(joined[1, 0, :, 0], [12, 13, 14, 15, 4])


def bound_by_definition(targets, outputs, log_ratios):
    """Minus the logarithm of the mean weight, image by image."""
    bounds = []
    for target, images, ratios in zip(targets, outputs, log_ratios, strict=True):
        likelihoods = [np.prod(np.where(target == 1, image, 1 - image)) for image in images]
        weights = [likelihood / np.exp(ratio) for likelihood, ratio in zip(likelihoods, ratios, strict=True)]
        bounds.append(-np.log(np.mean(weights)))
    return bounds


@pytest.mark.parametrize("channels", [1, 3])
def test_the_loss_is_the_bound(channels):
    targets = RNG.integers(0, 2, (2, 3, 3, channels)).astype(np.float32)
    outputs = RNG.uniform(0.1, 0.9, (2, 4, 3, 3, channels)).astype(np.float32)
    ratios = RNG.normal(size=(2, 4)).astype(np.float32)
    joined = np.concatenate([outputs.reshape(2, 4, -1), ratios[..., None]], axis=2)[..., None]
    loss = importance_weighted_loss(keras.losses.get("binary_crossentropy"))(targets, joined)
    np.testing.assert_allclose(to_numpy(loss), bound_by_definition(targets, outputs, ratios), rtol=1e-4)


def test_more_samples_give_a_closer_bound():
    inputs = keras.Input((2, 2, 1))
    flat = keras.layers.Flatten()(inputs)
    parts = [keras.layers.Dense(2, kernel_initializer="zeros")(flat) for _ in range(2)]
    code = keras.Input((2,))
    pixels = keras.layers.Dense(
        4, "sigmoid", kernel_initializer=keras.initializers.RandomNormal(0, 2, seed=0)
    )
    decoder = keras.Model(code, keras.layers.Reshape((2, 2, 1))(pixels(code)))
    images = RNG.integers(0, 2, (2000, 2, 2, 1)).astype(np.float32)
    loss = importance_weighted_loss(keras.losses.get("binary_crossentropy"))
    bounds = []
    for samples in (1, 8, 64):
        model = build_importance_model(inputs, *parts, decoder, samples, 0)
        bounds.append(to_numpy(loss(images, model.predict_on_batch(images)["bound"])).mean())
    assert bounds[0] > bounds[1] + 0.05
    assert bounds[1] > bounds[2]
