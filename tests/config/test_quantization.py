"""Levels of quantized codes. python -m pytest tests/config/test_quantization.py"""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.config.quantization import Quantization

LEVELS = st.lists(st.integers(2, 64), min_size=1, max_size=4).map(tuple)


@given(LEVELS, st.integers(1, 3), st.integers(0, 1000))
def test_integers_and_codes_are_inverse(levels, repeats, seed):
    quantization = Quantization.of(levels, repeats * len(levels))
    integers = np.random.default_rng(seed).integers(0, quantization.levels, (5, repeats * len(levels)))
    codes = quantization.to_codes(integers)
    assert codes.min() >= -1
    assert codes.max() <= 1
    np.testing.assert_array_equal(quantization.to_integers(codes), integers)
    np.testing.assert_array_equal(quantization.nearest(codes + 0.2 / 64), codes)


def test_other_numbers_go_to_the_nearest_level_or_the_last():
    quantization = Quantization.of((3,), 1)
    assert quantization.to_integers(np.array([[-9.0], [-0.6], [-0.4], [0.6], [9.0]])).ravel().tolist() == [
        0, 0, 1, 2, 2
    ]  # fmt: skip


@pytest.mark.parametrize("levels", [2, 3, 4, 5, 8])
def test_codes_of_a_normal_distribution_have_all_levels(levels):
    quantization = Quantization.of((levels,), 1)
    numbers = np.random.default_rng(0).standard_normal((10_000, 1))
    bounded = np.tanh(numbers + quantization.shift) * quantization.half_range - quantization.offset
    integers = np.rint(bounded) + quantization.half_width
    shares = np.bincount(integers.astype(int).ravel(), minlength=levels) / len(numbers)
    assert len(shares) == levels
    assert shares.min() > 0.2 / levels
