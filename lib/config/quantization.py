"""Finite scalar quantization of latent codes: the values that each number of a code can have.

Source: Mentzer et al., "Finite scalar quantization: VQ-VAE made simple", 2023. `lib.models.quantizer` has the
layers that round in the same way.
"""

from dataclasses import dataclass

import numpy as np

EDGE = 1e-3  # by which bounded numbers go beyond the outermost levels, so that rounding reaches these


@dataclass(frozen=True)
class Quantization:
    """The levels of the numbers of a code.

    Attributes:
        levels: number of values of each number of a code, (size,); of feature maps those of each channel.
    """

    levels: np.ndarray

    @classmethod
    def of(cls, levels: tuple[int, ...], size: int) -> "Quantization":
        """Return the quantization of codes whose last axis has a size, over which levels repeat.

        Args:
            levels: at least 2 each; their number divides the size.
            size: numbers of a dense code, or channels of feature maps.
        """
        return cls(np.tile(np.array(levels, np.int64), size // len(levels)))

    @property
    def half_range(self) -> np.ndarray:
        """Half the distance of the bounds, float32 (size,)."""
        return ((self.levels - 1) * (1 + EDGE) / 2).astype(np.float32)

    @property
    def offset(self) -> np.ndarray:
        """A half for even numbers of levels, which is subtracted before rounding, float32 (size,)."""
        return np.where(self.levels % 2 == 0, 0.5, 0).astype(np.float32)

    @property
    def shift(self) -> np.ndarray:
        """The shift of a number of the code by which 0 stays 0, float32 (size,).

        Of two levels neither is 0: without a shift, numbers below 0 are at the lower one.
        """
        offset = np.where(self.levels > 2, self.offset, 0)
        return np.arctanh(offset / self.half_range).astype(np.float32)

    @property
    def half_width(self) -> np.ndarray:
        """The divisor of rounded numbers, which are then in -1..1, (size,)."""
        return self.levels // 2

    def to_integers(self, codes: np.ndarray) -> np.ndarray:
        """Return the level of each number of codes, the nearest one, counted from 0.

        Args:
            codes: (…, size).

        Returns:
            uint8 (…, size).
        """
        numbers = np.rint(codes * self.half_width) + self.half_width
        return np.clip(numbers, 0, self.levels - 1).astype(np.uint8)

    def to_codes(self, integers: np.ndarray) -> np.ndarray:
        """Return the codes of levels, the inverse of `to_integers`, float32 (…, size) in -1..1."""
        return ((integers - self.half_width) / self.half_width).astype(np.float32)

    def nearest(self, codes: np.ndarray) -> np.ndarray:
        """Return codes with each number at its nearest level, float32 (…, size)."""
        return self.to_codes(self.to_integers(codes))
