"""Bits of latent codes, and of JPEG and PNG. python -m pytest tests/evaluation/test_code_rates.py"""

import zlib

import numpy as np
import pytest

from lib.config.quantization import Quantization
from lib.evaluation.code_rates import TOLERANCE, Rounding, choose_rounding, code_bits
from lib.evaluation.image_codecs import compress_as_jpeg, compress_as_png

RNG = np.random.default_rng(0)


def test_bits_of_codes_are_their_entropy():
    quantization = Quantization.of((4, 2), 2)
    often = np.array([0.5, 0.25, 0.125, 0.125])  # 1.75 bits
    integers = np.stack([RNG.choice(4, 50_000, p=often), RNG.choice(2, 50_000)], axis=1)
    codes = quantization.to_codes(integers)
    assert code_bits(quantization, codes[:40_000], codes[40_000:]) == pytest.approx(2.75, abs=0.02)


def test_channels_of_maps_share_frequencies_over_places():
    codes = RNG.choice([0.0, 1.0], (100, 4, 4, 3)).astype(np.float32)
    rounding = Rounding(np.zeros(3), np.ones(3))
    assert code_bits(rounding, codes[:50], codes[50:]) == pytest.approx(4 * 4 * 3, rel=0.01)


def test_values_that_training_does_not_have_cost_more():
    known = np.zeros((100, 1), np.float32)
    rounding = Rounding(np.zeros(1), np.ones(1))
    assert code_bits(rounding, known, known) < 0.1
    assert code_bits(rounding, known, known + 9) > 16


def test_a_constant_code_takes_no_bits():
    codes = np.full((1000, 3), 7, np.float32)
    rounding = choose_rounding(codes, codes, np.zeros((1000, 3)), lambda codes: codes)
    assert code_bits(rounding, codes, codes) < 0.1


def test_the_coarsest_rounding_within_the_tolerance_is_chosen():
    codes = RNG.normal(size=(2000, 4)).astype(np.float32)
    pixels = codes + RNG.normal(scale=0.5, size=codes.shape).astype(
        np.float32
    )  # an error of 0.25 without rounding
    rounding = choose_rounding(codes, codes, pixels, lambda codes: codes)
    coarser = Rounding(rounding.center, rounding.step * 2**0.5)
    errors = [np.mean((each.nearest(codes) - pixels) ** 2) for each in (rounding, coarser)]
    assert errors[0] <= 1.05 * 0.25 * (1 + TOLERANCE) < errors[1] * 1.05
    assert errors[1] > (1 + TOLERANCE) * np.mean((codes - pixels) ** 2)


@pytest.fixture
def pictures():
    """Smooth gray pictures, uint8 (8, 32, 32, 1)."""
    rows = np.linspace(0, 3, 32)
    phases = RNG.uniform(0, 6, (8, 2))
    waves = [127 + 120 * np.sin(rows[:, None] + a) * np.cos(rows[None, :] + b) for a, b in phases]
    return np.stack(waves).astype(np.uint8)[..., None]


def test_jpeg_takes_fewer_bits_for_a_larger_error(pictures):
    results = [compress_as_jpeg(pictures, error) for error in (1e-4, 1e-3, 1e-2)]
    bits = [result.bits_per_pixel for result in results]
    assert bits == sorted(bits, reverse=True)
    assert all(result.error <= error for result, error in zip(results, (1e-4, 1e-3, 1e-2), strict=True))
    assert 0 < bits[-1] < bits[0] < 8


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_png_takes_the_bits_of_its_compressed_rows(channels):
    noise = RNG.integers(0, 256, (2, 16, 16, channels), np.uint8)
    result = compress_as_png(noise)
    rows = 16 * (16 * channels + 1)  # with the byte of a filter
    assert result.error == 0
    assert (
        8 * 2 * rows
        <= result.bits_per_pixel * 2 * 256
        <= 8 * 2 * (len(zlib.compress(bytes(rows))) + rows + 30)
    )
