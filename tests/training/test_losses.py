"""Losses by structural similarity. python -m pytest tests/training/test_losses.py"""

import keras
import numpy as np
import pytest
from keras import ops

from lib.training import losses


@pytest.mark.parametrize(
    ("shape", "window"), [((4, 32, 28, 3), 11), ((2, 100, 80, 1), 11), ((3, 8, 9, 1), 7)]
)
def test_dissimilarity_is_that_of_keras(shape, window):
    rng = np.random.default_rng(0)
    targets = rng.random(shape, np.float32)
    outputs = targets + 0.1 * rng.standard_normal(shape, np.float32)
    similarity = ops.image.ssim(targets, np.clip(outputs, 0, 1), filter_size=window)
    expected = 1 - ops.convert_to_numpy(similarity)[:, None, None]
    found = losses.structural_dissimilarity(ops.convert_to_tensor(targets), ops.convert_to_tensor(outputs))
    np.testing.assert_allclose(ops.convert_to_numpy(found), expected, atol=1e-5)


@pytest.mark.parametrize("size", [1, 2, 5])
def test_small_images_have_a_smaller_window(size):
    images = np.random.default_rng(0).random((2, size, size, 1), np.float32)
    found = losses.structural_dissimilarity(ops.convert_to_tensor(images), ops.convert_to_tensor(images))
    np.testing.assert_array_equal(ops.convert_to_numpy(found), np.zeros((2, 1, 1)))


def test_pixels_out_of_range_come_back():
    """A step changes outputs that begin at 1.5: clipping alone would leave no gradient."""
    target = np.random.default_rng(0).random((1, 16, 16, 1), np.float32)
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(256), keras.layers.Reshape((16, 16, 1))])
    model.layers[0].bias.assign(np.full(256, 1.5))
    model.compile(keras.optimizers.SGD(1.0), losses.structural_dissimilarity)
    model.train_on_batch(np.zeros((1, 1)), target)
    assert np.mean(model.layers[0].bias) < 1.5
