"""Kinds of answers: each reads what a person typed or a JSON file holds, bounds it, and shows it as it would
be typed.
"""

import math
import os
from dataclasses import dataclass
from typing import Any, Protocol

from lib.common.errors import UserError
from lib.common.formatting import abbreviate

ALL, NONE = "all", "none"
MAX_FOLDS = 1000


class ValueType(Protocol):
    """What every kind can do: read a value, say which ones it takes, and show one as it would be typed."""

    @property
    def range(self) -> str: ...

    def read(self, value) -> Any: ...

    def show(self, value) -> str: ...


@dataclass(frozen=True)
class IntRange:
    """A whole number from `low` to `high`, both included."""

    low: int
    high: int

    def read(self, value) -> int:
        try:
            number = int(value) if isinstance(value, str) else value
        except ValueError:
            number = None
        if not isinstance(number, int) or isinstance(number, bool) or not self.low <= number <= self.high:
            raise UserError(f"must be {self.range}, not {abbreviate(value)}")
        return number

    def show(self, value: int) -> str:
        return str(value)

    @property
    def range(self) -> str:
        return f"a whole number from {self.low} to {self.high}"


@dataclass(frozen=True)
class FloatRange:
    """A number in the interval from `low` to `high`; `open_low` and `open_high` leave the ends out."""

    low: float
    high: float
    open_low: bool = False
    open_high: bool = False

    def read(self, value) -> float:
        try:
            number = math.nan if isinstance(value, bool) else float(value)
        except (TypeError, ValueError, OverflowError):
            number = math.nan
        above = self.low < number if self.open_low else self.low <= number
        below = number < self.high if self.open_high else number <= self.high
        if not (above and below):
            point = " (write a decimal point)" if isinstance(value, str) and "," in value else ""
            raise UserError(f"must be {self.range}, not {abbreviate(value)}{point}")
        return number

    def show(self, value: float) -> str:
        return repr(value)  # all its digits: the command that repeats a run repeats it exactly

    @property
    def range(self) -> str:
        low = f"above {self.low:g}" if self.open_low else f"from {self.low:g}"
        high = f"below {self.high:g}" if self.open_high else f"to {self.high:g}"
        return f"a number {low} {high}"


@dataclass(frozen=True)
class PerLayer:
    """One or more whole numbers, typed with commas: `32` or `8,12,16`; a tuple from then on."""

    one: IntRange

    def read(self, value) -> tuple[int, ...]:
        parts = value.split(",") if isinstance(value, str) else value
        parts = parts if isinstance(parts, list | tuple) else (parts,)
        try:
            numbers = tuple(self.one.read(part.strip() if isinstance(part, str) else part) for part in parts)
        except UserError:
            numbers = ()
        if not numbers:
            raise UserError(f"must be {self.range}, not {abbreviate(value)}")
        return numbers

    def show(self, value: tuple[int, ...]) -> str:
        return str(value[0]) if len(set(value)) == 1 and len(value) > 1 else ",".join(map(str, value))

    @property
    def range(self) -> str:
        return f"{self.one.range}, or several with commas (8,12,16)"


@dataclass(frozen=True)
class IntList(PerLayer):
    """As `Several`, where `64,64` is two things and not the same one said twice; `none` is an empty one."""

    def read(self, value) -> tuple[int, ...]:
        if value == NONE or (isinstance(value, list | tuple) and not value):
            return ()
        return super().read(value)

    @property
    def range(self) -> str:
        return f"{self.one.range}, or several with commas (128,64), or {NONE}"

    def show(self, value: tuple[int, ...]) -> str:
        return ",".join(map(str, value)) or NONE


@dataclass(frozen=True)
class KernelSizes:
    """Kernel sizes: `3` is 3×3, `4x2` is 4 high and 2 wide; one for all layers or one per layer, a tuple of
    pairs then.
    """

    one: IntRange
    range: str = (
        "a whole number from 1 to 64, or height x width (4x2); one, or one per layer with commas (5,3,3)"
    )

    def read(self, value) -> tuple[tuple[int, int], ...]:
        parts = value.split(",") if isinstance(value, str) else value
        parts = parts if isinstance(parts, list | tuple) else (parts,)
        try:
            sizes = tuple(self._pair(part) for part in parts)
        except (UserError, ValueError):
            sizes = ()
        if not sizes:
            raise UserError(f"must be {self.range}, not {abbreviate(value)}")
        return sizes

    def _pair(self, part) -> tuple[int, int]:
        sides = part.replace("×", "x").split("x") if isinstance(part, str) else part
        sides = sides if isinstance(sides, list | tuple) else (sides,)
        height, width = sides if len(sides) == 2 else (*sides, *sides)
        return self.one.read(_strip(height)), self.one.read(_strip(width))

    def show(self, value: tuple[tuple[int, int], ...]) -> str:
        shown = [str(height) if height == width else f"{height}x{width}" for height, width in value]
        return shown[0] if len(set(shown)) == 1 else ",".join(shown)

    def plain(self, value: tuple[tuple[int, int], ...]) -> int | str:
        """As JSON holds it: 3, or what would be typed."""
        shown = self.show(value)
        return int(shown) if shown.isdigit() else shown


def _strip(part):
    return part.strip() if isinstance(part, str) else part


@dataclass(frozen=True)
class LayerNumbers:
    """Some of the layers, by number from 1: `1,2`, `all` or `none`; a tuple of numbers, or `"all"`."""

    range: str = f"numbers of layers with commas (1,2), {ALL} or {NONE}"

    def read(self, value) -> tuple[int, ...] | str:
        if value == ALL or value is True:  # 1 is the first layer
            return ALL
        if value == NONE or value is False:
            return ()
        try:
            return tuple(sorted(set(IntList(IntRange(1, 64)).read(value))))
        except UserError:
            raise UserError(f"must be {self.range}, not {abbreviate(value)}") from None

    def show(self, value: tuple[int, ...] | str) -> str:
        return value if value == ALL else ",".join(map(str, value)) or NONE


@dataclass(frozen=True)
class Switch:
    """Yes or no: `--name` and `--no-name` on the command line."""

    range: str = "yes or no"

    def read(self, value) -> bool:
        words = {"yes": True, "y": True, "true": True, "no": False, "n": False, "false": False}
        known = words.get(value.strip().lower()) if isinstance(value, str) else value
        if not isinstance(known, bool):
            raise UserError(f"must be {self.range}, not {abbreviate(value)}")
        return known

    def show(self, value: bool) -> str:
        return "yes" if value else "no"


@dataclass(frozen=True)
class FloatInterval:
    """A number, or a range from which one is drawn each time: `0.4` or `0.1-0.9`; a tuple of both ends."""

    one: FloatRange

    def read(self, value) -> tuple[float, float]:
        parts = value.split("-") if isinstance(value, str) else value
        parts = parts if isinstance(parts, list | tuple) else (parts,)
        try:
            low, high = (self.one.read(part) for part in (parts * 2 if len(parts) == 1 else parts))
        except (UserError, ValueError):
            low, high = 1.0, 0.0
        if low > high:
            raise UserError(f"must be {self.range}, not {abbreviate(value)}")
        return low, high

    def show(self, value: tuple[float, float]) -> str:
        return self.one.show(value[0]) if value[0] == value[1] else "-".join(map(self.one.show, value))

    @property
    def range(self) -> str:
        return f"{self.one.range}, or a range of them (0.1-0.9)"


@dataclass(frozen=True)
class OrWord:
    """Another kind, or a word of its own that stands for `None`: `auto`, `off`."""

    word: str
    kind: ValueType

    def read(self, value):
        if value is None or value == self.word:
            return None
        try:
            return self.kind.read(value)
        except UserError:
            raise UserError(f"must be {self.range}, not {abbreviate(value)}") from None

    def show(self, value) -> str:
        return self.word if value is None else self.kind.show(value)

    @property
    def range(self) -> str:
        return f"{self.kind.range}, or {self.word}"


@dataclass(frozen=True)
class OneOf:
    """One of a few words."""

    choices: tuple[str, ...]

    def read(self, value) -> str:
        if value not in self.choices:
            raise UserError(f"must be {self.range}, not {abbreviate(value)}")
        return value

    def show(self, value: str) -> str:
        return value

    @property
    def range(self) -> str:
        return (
            ", ".join(self.choices[:-1]) + " or " + self.choices[-1]
            if len(self.choices) > 1
            else self.choices[0]
        )


@dataclass(frozen=True)
class Text:
    """A path or a name."""

    range: str = "a file, a folder or a name"

    def read(self, value) -> str:
        if not isinstance(value, str) or not value.strip() or not _is_path(value):
            raise UserError(f"must be {self.range}, not {abbreviate(value)}")
        return os.path.expanduser(value.strip())

    def show(self, value: str) -> str:
        return value


def _is_path(text: str) -> bool:
    """Whether a file could be called so."""
    try:
        return b"\0" not in os.fsencode(text)
    except ValueError:
        return False


@dataclass(frozen=True)
class SplitPercentages:
    """Percentages for training, validation and test, typed `80/10/10`; they sum to 100."""

    range: str = (
        "three whole percentages that sum to 100, such as 80/10/10 (training, validation, test; "
        "the last two may be 0)"
    )

    def read(self, value) -> tuple[int, int, int]:
        parts = value.split("/") if isinstance(value, str) else value
        try:
            train, validation, test = (IntRange(0, 100).read(part) for part in parts)
        except (UserError, TypeError, ValueError):
            raise UserError(f"must be {self.range}, not {abbreviate(value)}") from None
        if train + validation + test != 100 or not train:
            raise UserError(f"must be {self.range}, not {abbreviate(value)}")
        return train, validation, test

    def show(self, value: tuple[int, int, int]) -> str:
        return "/".join(map(str, value))


@dataclass(frozen=True)
class Fold:
    """One of several equal parts, typed `2/5`: the second of five; a tuple of both numbers."""

    range: str = "one of two to a thousand equal parts, such as 2/5 for the second of five"

    def read(self, value) -> tuple[int, int]:
        parts = value.split("/") if isinstance(value, str) else value
        try:
            number, of = (IntRange(1, MAX_FOLDS).read(part) for part in parts)
        except (UserError, TypeError, ValueError):
            number, of = 1, 0
        if number > of or of < 2:
            raise UserError(f"must be {self.range}, not {abbreviate(value)}")
        return number, of

    def show(self, value: tuple[int, int]) -> str:
        return "/".join(map(str, value))


def choices(kind: ValueType) -> list[str]:
    """All answers of a kind that takes a few words; else none."""
    inner = kind.kind if isinstance(kind, OrWord) else kind
    if isinstance(inner, Switch):
        return ["yes", "no"]
    return (
        ([kind.word] if isinstance(kind, OrWord) else []) + list(inner.choices)
        if isinstance(inner, OneOf)
        else []
    )
