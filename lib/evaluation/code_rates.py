"""Bits of latent codes: what an arithmetic coder with a table of frequencies takes to store them.

Codes of any numbers are rounded before, as in transform coding, so coarsely that the error of reconstructions
grows by a small part. The frequencies are those of training images, of each number of a dense code, or of
each channel of feature maps (the factorized prior of Ballé et al., "Variational image compression with a
scale hyperprior", 2018); the bits are those of other images.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from lib.config.quantization import Quantization

TOLERANCE = 0.05  # by which rounding may raise the mean squared error
STEPS = tuple(
    2.0 ** (-power / 2) for power in range(-2, 13)
)  # of rounding, in standard deviations, coarsest first
ESCAPE_BITS = 16  # of a value that does not occur in the training images, beside those of its symbol
SMOOTHING = 0.5  # occurrences that each value gets besides those counted

Decode = Callable[[np.ndarray], np.ndarray]  # from codes to pixels


@dataclass(frozen=True)
class Rounding:
    """Codes as integers: (code - center) / step, rounded.

    Attributes:
        center: float32 (width,), of each number of a dense code or each channel.
        step: likewise.
    """

    center: np.ndarray
    step: np.ndarray

    def to_integers(self, codes: np.ndarray) -> np.ndarray:
        """Return int64 like the codes, (n, …, width)."""
        return np.rint((codes - self.center) / self.step).astype(np.int64)

    def nearest(self, codes: np.ndarray) -> np.ndarray:
        """Return the codes after rounding, float32 (n, …, width)."""
        return (self.to_integers(codes) * self.step + self.center).astype(np.float32)


def choose_rounding(
    train_codes: np.ndarray, codes: np.ndarray, pixels: np.ndarray, decode: Decode
) -> Rounding:
    """Return the coarsest rounding that raises the error by at most `TOLERANCE`, or the finest.

    Args:
        train_codes: float32 (n, …, width), whose mean and deviation it follows.
        codes: of validation images.
        pixels: these images, float32 (m, height, width, channels) in 0..1.
        decode: the decoder.
    """
    axes = tuple(range(train_codes.ndim - 1))
    center, deviation = train_codes.mean(axis=axes), train_codes.std(axis=axes)
    deviation = np.maximum(deviation, 1e-6)
    allowed = (1 + TOLERANCE) * _error(decode(codes), pixels)
    for step in STEPS:
        rounding = Rounding(center, step * deviation)
        if _error(decode(rounding.nearest(codes)), pixels) <= allowed:
            break
    return rounding


def code_bits(rounding: Rounding | Quantization, train_codes: np.ndarray, codes: np.ndarray) -> float:
    """Return the mean bits of a code.

    Args:
        rounding: turns codes into integers.
        train_codes: float32 (n, …, width), whose frequencies the coder knows.
        codes: float32 (m, …, width), which it stores.
    """
    width = codes.shape[-1]
    known = rounding.to_integers(train_codes).astype(np.int64).reshape(-1, width)
    stored = rounding.to_integers(codes).astype(np.int64).reshape(-1, width)
    total = sum(symbol_bits(known[:, number], stored[:, number]) for number in range(width))
    return total / len(codes)


def symbol_bits(known: np.ndarray, stored: np.ndarray) -> float:
    """Return the bits of all stored integers (n,), with the frequencies of the known ones (m,)."""
    low, high = known.min(), known.max()
    escape = high - low + 1
    counts = np.bincount(known - low, minlength=escape + 1) + SMOOTHING
    bits = -np.log2(counts / counts.sum())
    is_new = (stored < low) | (stored > high)
    symbols = np.where(is_new, escape, np.clip(stored - low, 0, escape))
    return float(bits[symbols].sum() + ESCAPE_BITS * is_new.sum())


def _error(outputs: np.ndarray, pixels: np.ndarray) -> float:
    return float(np.mean(np.square(outputs - pixels), dtype=np.float64))
