"""Error maps. python -m pytest tests/tasks/test_error_maps.py"""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from lib.tasks.error_maps import ERROR_MAPS, error_maps

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("kind", ["squared", "structure", "scales"])
@pytest.mark.parametrize("shape", [(3, 28, 28, 1), (2, 17, 40, 3), (2, 1, 1, 1), (2, 5, 64, 4)])
def test_maps_are_zero_for_equal_pictures_and_greatest_at_the_difference(kind, shape):
    pictures = RNG.random(shape, np.float32)
    (equal,) = error_maps([kind], pictures, pictures.copy()).values()
    assert equal.shape == shape[:3]
    assert equal.dtype == np.float32
    assert (equal == 0).all()
    changed = pictures.copy()
    changed[0, shape[1] // 2, shape[2] // 2] = 1 - np.round(changed[0, shape[1] // 2, shape[2] // 2])
    (maps,) = error_maps([kind], pictures, changed).values()
    row, column = np.unravel_index(maps[0].argmax(), maps[0].shape)
    assert abs(row - shape[1] // 2) <= 4
    assert abs(column - shape[2] // 2) <= 4
    assert maps[0].max() > 0
    assert (maps[1:] == 0).all()


def test_structure_is_one_minus_ssim():
    first, second = RNG.random((2, 1, 16, 16, 1), np.float32)
    (maps,) = error_maps(["structure"], first, second).values()
    one, other = first[0, ..., 0].astype(float), second[0, ..., 0].astype(float)

    def blur(values):
        return gaussian_filter(values, 1.5)

    mean1, mean2 = blur(one), blur(other)
    covariance = blur(one * other) - mean1 * mean2
    variances = blur(one**2) - mean1**2 + blur(other**2) - mean2**2
    c1, c2 = 0.01**2, 0.03**2
    ssim = (2 * mean1 * mean2 + c1) * (2 * covariance + c2) / ((mean1**2 + mean2**2 + c1) * (variances + c2))
    np.testing.assert_allclose(maps[0], 1 - ssim, atol=2e-4)


def test_the_correlation_does_not_depend_on_contrast_and_brightness():
    pictures = RNG.random((2, 20, 24, 3), np.float32)
    (maps,) = error_maps(["correlation"], pictures, 0.2 + 0.5 * pictures).values()
    assert np.abs(maps).max() < 1e-3
    (maps,) = error_maps(["correlation"], pictures, 1 - pictures).values()
    assert np.abs(maps - 2).max() < 1e-3
    (maps,) = error_maps(["correlation"], pictures, np.full_like(pictures, 0.5)).values()
    assert np.abs(maps - 1).max() < 1e-2


@pytest.mark.parametrize("sides", [(20, 30), (1, 33), (64, 3), (100, 129)])
def test_squared_errors_are_smoothed_means_of_the_channels(sides):
    first, second = RNG.random((2, 2, *sides, 3), np.float32)
    (maps,) = error_maps(["squared"], first, second).values()
    expected = gaussian_filter(np.square(first - second).mean(axis=-1), (0, 1, 1))
    np.testing.assert_allclose(maps, expected, atol=1e-5)


def test_outputs_beyond_the_range_count_as_clipped():
    pictures = np.ones((1, 12, 12, 1), np.float32)
    for maps in error_maps(["squared", "structure"], pictures, pictures * 1.5).values():
        assert (maps == 0).all()


def test_maps_do_not_depend_on_the_batch():
    first, second = RNG.random((2, 40, 64, 64, 3), np.float32)  # several chunks
    together = error_maps(ERROR_MAPS, first, second)
    for kind, maps in error_maps(ERROR_MAPS, first[33:34], second[33:34]).items():
        np.testing.assert_allclose(together[kind][33:34], maps, atol=1e-5)
