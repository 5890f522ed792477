"""Reconstruction of images with pixels of two values. python -m pytest tests/tasks/test_reconstruction.py"""

from types import SimpleNamespace

import numpy as np
import pytest

from lib.tasks import make_fixed_pair, make_inference_pair, make_pair

IMAGES = np.tile(np.linspace(0, 255, 16).astype(np.uint8).reshape(1, 4, 4, 1), (2000, 1, 1, 1))
RNG = np.random.default_rng


def settings(binarize):
    return SimpleNamespace(task="reconstruct", seed=3, skip=False, residual=False, binarize=binarize)


def test_dynamic_pixels_are_white_with_their_probability():
    inputs, targets = make_pair(settings("dynamic"), IMAGES, RNG(0))
    assert inputs is targets
    assert set(np.unique(inputs)) == {0, 1}
    np.testing.assert_allclose(inputs.mean(axis=0), IMAGES[0] / 255, atol=0.05)
    assert (inputs != make_pair(settings("dynamic"), IMAGES, RNG(1))[0]).any()


def test_static_pixels_are_white_from_one_half_up():
    inputs, _ = make_pair(settings("static"), np.array([127, 128], np.uint8).reshape(1, 1, 2, 1), RNG(0))
    assert inputs.ravel().tolist() == [0, 1]


def test_a_test_image_has_the_same_pixels_in_every_batch():
    indices = np.arange(10)
    whole, _ = make_fixed_pair(settings("dynamic"), IMAGES[:10], RNG(0), indices)
    part, _ = make_fixed_pair(settings("dynamic"), IMAGES[:3], RNG(5), indices[7:])
    np.testing.assert_array_equal(whole[7:], part)
    assert (whole[0] != whole[1]).any()


@pytest.mark.parametrize(("binarize", "values"), [("dynamic", 16), ("static", 2), (None, 16)])
def test_pictures_of_a_user_keep_gray_values_as_probabilities(binarize, values):
    inputs, _ = make_inference_pair(settings(binarize), IMAGES[:1])
    assert len(np.unique(inputs)) == values
