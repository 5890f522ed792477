"""Maximum mean discrepancy of codes. python -m pytest tests/models/regularizers/test_mmd.py"""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from keras.ops import convert_to_numpy as to_numpy

from lib.models.regularizers.mmd import SCALES, MeanDiscrepancy


def discrepancy(first, second):
    return float(to_numpy(MeanDiscrepancy()(first, second)).mean())


def unbiased_discrepancy(first, second):
    """The estimate by its definition, pair by pair."""
    size = first[0].size

    def kernel(a, b):
        square = ((a - b) ** 2).sum()
        return sum(2 * size * scale / (2 * size * scale + square) for scale in SCALES)

    count = len(first)
    others = [(i, j) for i in range(count) for j in range(count) if i != j]
    within = sum(kernel(codes[i], codes[j]) for codes in (first, second) for i, j in others)
    between = sum(kernel(a, b) for a in first for b in second)
    return within / (count * (count - 1)) - 2 * between / count**2


@given(st.integers(2, 6), st.sampled_from([(1,), (3,), (2, 2, 1)]), st.integers(0, 100))
def test_it_is_the_sum_over_all_pairs(count, shape, seed):
    first, second = np.random.default_rng(seed).normal(size=(2, count, *shape)).astype(np.float32)
    expected = unbiased_discrepancy(first.astype(np.float64), second.astype(np.float64))
    assert discrepancy(first, second) == pytest.approx(expected, abs=1e-4)


def test_a_batch_of_one_tells_nothing():
    one = np.ones((1, 3), np.float32)
    assert discrepancy(one, -one) == 0


def test_it_is_near_zero_for_equal_distributions_and_grows_with_their_distance():
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=(2, 1000, 4)).astype(np.float32)
    values = [discrepancy(first, second + shift) for shift in (0, 0.5, 1, 2)]
    assert abs(values[0]) < 0.01
    assert values == sorted(values)
    assert values[1] > 0.05
    assert discrepancy(first, 2 * second) > 0.05


def test_a_batch_of_one_image_has_a_value():
    code = np.ones((1, 2), np.float32)
    assert np.isfinite(discrepancy(code, code))
