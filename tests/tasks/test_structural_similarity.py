"""SSIM and MS-SSIM against others. python -m pytest tests/tasks/test_structural_similarity.py"""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lib.tasks.structural_similarity import ms_ssim, ms_ssim_scales, ssim, ssim_window


def pair(count: int, height: int, width: int, channels: int) -> tuple[np.ndarray, np.ndarray]:
    """Smooth images, and the same with noise."""
    rng = np.random.default_rng(height)
    images = rng.random((count, height, width, channels), np.float32)
    images = (images + np.roll(images, 1, axis=1) + np.roll(images, 1, axis=2)) / 3
    noise = 0.1 * rng.standard_normal(images.shape, np.float32)
    return np.clip(images + noise, 0, 1), images


@pytest.mark.parametrize("size", [(28, 28), (33, 150)])
@pytest.mark.parametrize("channels", [1, 3])
def test_ssim_is_that_of_scikit_image(size, channels):
    metrics = pytest.importorskip("skimage.metrics")
    outputs, targets = pair(3, *size, channels)
    expected = [
        metrics.structural_similarity(
            output,
            target,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
            data_range=1.0,
            channel_axis=-1,
        )
        for output, target in zip(outputs, targets, strict=True)
    ]
    np.testing.assert_allclose(ssim(outputs, targets), expected, atol=2e-6)


def test_ms_ssim_is_that_of_tensorflow():
    image = pytest.importorskip("tensorflow").image
    outputs, targets = pair(2, 192, 176, 3)
    expected = image.ssim_multiscale(outputs, targets, 1.0).numpy()
    np.testing.assert_allclose(ms_ssim(outputs, targets), expected, atol=2e-5)


def test_fewer_scales_have_renormalized_weights():
    image = pytest.importorskip("tensorflow").image
    outputs, targets = pair(2, 48, 44, 1)
    weights = np.array([0.0448, 0.2856, 0.3001])
    expected = image.ssim_multiscale(outputs, targets, 1.0, power_factors=weights / weights.sum()).numpy()
    np.testing.assert_allclose(ms_ssim(outputs, targets), expected, atol=2e-5)


def test_window_and_scales_follow_the_size():
    assert [ssim_window(side, 300) for side in (1, 2, 3, 8, 11, 12, 64)] == [0, 0, 3, 7, 11, 11, 11]
    assert [ms_ssim_scales(300, side) for side in (21, 22, 43, 44, 88, 175, 176, 352)] == [
        0, 2, 2, 3, 4, 4, 5, 5,
    ]  # fmt: skip
    tiny = np.zeros((2, 2, 9, 1), np.float32)
    assert ssim(tiny, tiny) is None
    assert ms_ssim(tiny, tiny) is None


@given(
    sides=st.tuples(st.integers(3, 90), st.integers(3, 90)),
    channels=st.integers(1, 4),
    count=st.integers(1, 3),
)
@settings(max_examples=25)
def test_equal_images_have_the_highest_similarity(sides, channels, count):
    outputs, targets = pair(count, *sides, channels)
    for metric in (ssim, ms_ssim):
        equal, different = metric(targets, targets), metric(outputs, targets)
        if equal is not None:
            np.testing.assert_array_equal(equal, np.ones(count))
            assert np.all((different < 1) & (different > -1))


def test_pixels_out_of_range_are_clipped():
    outputs, targets = pair(2, 20, 20, 1)
    wide = outputs * 3 - 1
    np.testing.assert_array_equal(ssim(wide, targets), ssim(np.clip(wide, 0, 1), targets))
