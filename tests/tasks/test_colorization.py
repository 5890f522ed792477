"""Conversion between RGB and YUV. python -m pytest tests/tasks/test_colorization.py"""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from lib.tasks import colorization, pixels

EVERY_17TH = np.stack(np.meshgrid(*[np.arange(0, 256, 17)] * 3), axis=-1).reshape(-1, 1, 3).astype(np.uint8)


def test_rgb_round_trip_is_exact_in_bytes():
    rgb = np.stack(np.meshgrid(*[np.arange(0, 256, 5)] * 3), axis=-1).reshape(-1, 3).astype(np.uint8)
    back = colorization.yuv_to_rgb(colorization.rgb_to_yuv(rgb.astype(np.float32) / 255))
    np.testing.assert_array_equal(np.round(255 * back), rgb)
    assert np.abs(back - rgb / 255).max() < 1e-6


@given(st.tuples(*[st.floats(0, 1, width=32)] * 3))
def test_yuv_follows_the_equations_of_the_standards(rgb):
    red, green, blue = rgb
    y, u, v = colorization.rgb_to_yuv(np.array(rgb, np.float32))
    luma = 0.299 * red + 0.587 * green + 0.114 * blue
    np.testing.assert_allclose((y, u, v), (luma, 0.492 * (blue - luma), 0.877 * (red - luma)), atol=1e-6)
    np.testing.assert_allclose(pixels.rgb_to_luma(np.array(rgb, np.float32)), [luma], atol=1e-6)
    assert abs(u) <= 0.437
    assert abs(v) <= 0.616


def test_yuv_agrees_with_pillow_within_its_rounding():
    """Pillow's YCbCr (JPEG) has the same Y, and B − Y and R − Y by other factors: 0.564 and 0.713, in bytes
    around 128.
    """
    y, cb, cr = np.moveaxis(np.asarray(Image.fromarray(EVERY_17TH).convert("YCbCr")).astype(float), -1, 0)
    ours = colorization.rgb_to_yuv(EVERY_17TH.astype(np.float32) / 255)
    np.testing.assert_allclose(255 * ours[..., 0], y, atol=1.01)
    np.testing.assert_allclose(255 * ours[..., 1], (cb - 128) * 0.492 / 0.564, atol=1.5)
    np.testing.assert_allclose(255 * ours[..., 2], (cr - 128) * 0.877 / 0.713, atol=1.5)


def test_uv_of_gray_is_zero():
    gray = np.repeat(np.linspace(0, 1, 11, dtype=np.float32)[:, None], 3, axis=1)
    np.testing.assert_allclose(colorization.rgb_to_yuv(gray)[:, 1:], 0, atol=1e-6)
