"""Images of any depth and channels in figures: python -m pytest tests/tasks/test_display.py"""

import numpy as np
import pytest

from lib.tasks.augmentation import change_gamma, flip, shift, warp
from lib.tasks.display import Display, select_channels
from lib.tasks.pixels import to_float

FIVE = np.arange(5, dtype=np.uint8).reshape(1, 1, 1, 5) * np.ones((2, 3, 4, 1), np.uint8)


@pytest.mark.parametrize(
    ("shown", "expected"),
    [((), (0, 1, 2)), ((4, 3, 2), (3, 2, 1)), ((5,), (4,)), ((2, 5), (1, 4, 0)), ((6,), (0, 1, 2))],
)
def test_one_to_three_channels_are_shown(shown, expected):
    assert tuple(select_channels(FIVE, shown)[0, 0, 0]) == expected


def test_images_of_8_bits_are_shown_as_they_are():
    images = np.random.default_rng(0).integers(0, 20, (4, 5, 6, 3), dtype=np.uint8)
    display = Display.of(None, images)
    np.testing.assert_array_equal(display.show(images), images)
    np.testing.assert_array_equal(display.show_pixels(to_float(images)), images)


def test_dark_deep_images_are_made_brighter():
    rng = np.random.default_rng(0)
    images = rng.integers(400, 3000, (4, 20, 20, 2), dtype=np.uint16)
    images[..., 1] *= 20
    images[0, 0, 0] = 65_535  # a hot pixel
    shown = Display.of((1, 2), images).show(images)
    assert shown.shape == (4, 20, 20, 3)
    assert shown[..., 0].mean() > 100
    np.testing.assert_allclose(shown[1:, ..., 1], images[1:, ..., 1] / 257, atol=1)  # bright enough
    offset = rng.integers(20_000, 22_000, (4, 20, 20, 1), dtype=np.uint16)
    shown = Display.of(None, offset).show(offset)
    assert (shown.min(), shown.max()) == (0, 255)


def test_augmentation_of_16_bits_is_that_of_8():
    images = np.random.default_rng(1).integers(0, 256, (6, 12, 12, 1), dtype=np.uint8)
    for augment in (flip, shift, change_gamma, warp):
        shallow, deep = (
            augment(array, np.random.default_rng(2)) for array in (images, images * np.uint16(257))
        )
        assert deep.dtype == np.uint16
        np.testing.assert_allclose(to_float(deep), to_float(shallow), atol=1 / 255)
