"""The values of black and white in images of more than 8 bits, which are uint16 in memory."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from lib.tasks.pixels import white_of

BYTES_KIND, INTEGER, FLOAT, ANY = "uint8", "integer", "float", "any"
KINDS = (BYTES_KIND, INTEGER, FLOAT)
TABLE_TYPES = ("u1", "i1", "u2", "i2")  # of so few values that a table has them all
MAX_INT32 = 2**31 - 1
MAX_LIMIT = 1e300  # of a range, so that its width is finite


@dataclass(frozen=True)
class ValueRange:
    """The range of stored values that images in memory stand for.

    Attributes:
        low: the value of black, 0 in memory.
        high: the value of white: 255 in memory, or 65,535 unless the kind is `uint8`.
        kind: `uint8` for images of 8 bits, `integer` or `float` for deeper ones by the type of their values;
            `any` is a range that is given for all types.
    """

    low: float = 0
    high: float = 255
    kind: str = BYTES_KIND

    @property
    def is_deep(self) -> bool:
        """Whether images are uint16 in memory, not uint8."""
        return self.kind != BYTES_KIND

    @property
    def dtype(self) -> np.dtype:
        """The type of the images in memory."""
        return np.dtype(np.uint16 if self.is_deep else np.uint8)

    def __str__(self) -> str:
        return f"{_number(self.low)} to {_number(self.high)}"

    def keeps(self, array: np.ndarray) -> bool:
        """Return whether an array holds images of this range as they are in memory."""
        return array.dtype == self.dtype and (self.low, self.high) == (0, white_of(self.dtype))

    def normalize(self, values: np.ndarray, out: np.ndarray) -> None:
        """Write stored values as images, rounded; what lies beyond the range becomes black or white.

        Args:
            values: of any numeric type, without NaN.
            out: uint8 or uint16 of the same shape; it may be `values` itself.
        """
        if values.dtype.str[1:] in TABLE_TYPES:
            table = np.arange(1 << 8 * values.dtype.itemsize, dtype=f"u{values.dtype.itemsize}")
            native = values.astype(values.dtype.newbyteorder("="), copy=False)
            scaled = self._scale(table.view(native.dtype))
            np.take(scaled, native.view(table.dtype), out=out, mode="wrap")
        else:
            out[...] = self._scale(values)

    def _scale(self, values: np.ndarray) -> np.ndarray:
        scaled = np.clip(values.astype(np.float64), self.low, self.high) - self.low
        return np.rint(scaled * (white_of(self.dtype) / (self.high - self.low))).astype(self.dtype)

    def restore(self, images: np.ndarray) -> np.ndarray:
        """Return images as values of this range, in their own type.

        Args:
            images: uint16, or uint8 for the kind `uint8`.

        Returns:
            Of the same shape: uint8 as they are; integers as uint16 or, beyond its values, int32; others
            float32. Integers whose range has at most 65,536 values come back exactly.
        """
        if not self.is_deep:
            return images
        values = self.low + images * ((self.high - self.low) / white_of(self.dtype))
        if self.kind != INTEGER or max(abs(self.low), abs(self.high)) > MAX_INT32:
            with np.errstate(over="ignore"):
                return values.astype(np.float32)
        fits = self.low >= 0 and self.high <= white_of(np.dtype(np.uint16))
        return np.rint(values).astype(np.uint16 if fits else np.int32)

    def to_json(self) -> dict[str, Any]:
        """Return the range as JSON can hold it."""
        return {"low": self.low, "high": self.high, "kind": self.kind}

    @classmethod
    def from_json(cls, record: object) -> "ValueRange":
        """Return the inverse of `to_json`, and the range of bytes for anything else."""
        if not isinstance(record, dict):
            return BYTES
        low, high, kind = record.get("low"), record.get("high"), record.get("kind")
        if not (_is_number(low) and _is_number(high) and kind in KINDS):
            return BYTES
        assert low is not None
        assert high is not None
        return cls(low, high, kind) if math.isfinite(high - low) and low < high else BYTES


BYTES = ValueRange()


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < MAX_LIMIT


def _number(value: float) -> str:
    return f"{value:,.0f}" if float(value).is_integer() and abs(value) < 1e9 else f"{value:g}"
