"""Kinds of answers: each reads what a person typed or a JSON file holds, bounds it, and shows it as it would be typed."""

import math
import os
from dataclasses import dataclass

from lib.errors import UserError


@dataclass(frozen=True)
class Whole:
    """A whole number from `low` to `high`, both included."""

    low: int
    high: int

    def read(self, value) -> int:
        try:
            number = int(value) if isinstance(value, str) else value
        except ValueError:
            number = None
        if not isinstance(number, int) or isinstance(number, bool) or not self.low <= number <= self.high:
            raise UserError(f"must be {self.range}, not {value!r}")
        return number

    def show(self, value: int) -> str:
        return str(value)

    @property
    def range(self) -> str:
        return f"a whole number from {self.low} to {self.high}"


@dataclass(frozen=True)
class Real:
    """A number in the interval from `low` to `high`; `open_low` and `open_high` leave the ends out."""

    low: float
    high: float
    open_low: bool = False
    open_high: bool = False

    def read(self, value) -> float:
        try:
            number = math.nan if isinstance(value, bool) else float(value)
        except (TypeError, ValueError):
            number = math.nan
        above = self.low < number if self.open_low else self.low <= number
        below = number < self.high if self.open_high else number <= self.high
        if not (above and below):
            point = " (write a decimal point)" if isinstance(value, str) and "," in value else ""
            raise UserError(f"must be {self.range}, not {value!r}{point}")
        return number

    def show(self, value: float) -> str:
        return repr(value)  # all its digits: the command that repeats a run repeats it exactly

    @property
    def range(self) -> str:
        low = f"above {self.low:g}" if self.open_low else f"from {self.low:g}"
        high = f"below {self.high:g}" if self.open_high else f"to {self.high:g}"
        return f"a number {low} {high}"


@dataclass(frozen=True)
class Several:
    """One or more whole numbers, typed with commas: `32` or `8,12,16`; a tuple from then on."""

    one: Whole

    def read(self, value) -> tuple[int, ...]:
        parts = value.split(",") if isinstance(value, str) else value
        parts = parts if isinstance(parts, list | tuple) else (parts,)
        try:
            numbers = tuple(self.one.read(part.strip() if isinstance(part, str) else part) for part in parts)
        except UserError:
            numbers = ()
        if not numbers:
            raise UserError(f"must be {self.range}, not {value!r}")
        return numbers

    def show(self, value: tuple[int, ...]) -> str:
        return str(value[0]) if len(set(value)) == 1 and len(value) > 1 else ",".join(map(str, value))

    @property
    def range(self) -> str:
        return f"{self.one.range}, or several with commas (8,12,16)"


@dataclass(frozen=True)
class List(Several):
    """As `Several`, where `64,64` is two things and not the same one said twice."""

    @property
    def range(self) -> str:
        return f"{self.one.range}, or several with commas (128,64)"

    def show(self, value: tuple[int, ...]) -> str:
        return ",".join(map(str, value))


@dataclass(frozen=True)
class OneOf:
    """One of a few words."""

    choices: tuple[str, ...]

    def read(self, value) -> str:
        if value not in self.choices:
            raise UserError(f"must be {self.range}, not {value!r}")
        return value

    def show(self, value: str) -> str:
        return value

    @property
    def range(self) -> str:
        return " or ".join(self.choices)


@dataclass(frozen=True)
class Text:
    """A path or a name."""

    range: str = "a file, a folder or a name"

    def read(self, value) -> str:
        if not isinstance(value, str) or not value.strip():
            raise UserError(f"must be {self.range}, not {value!r}")
        return os.path.expanduser(value.strip())

    def show(self, value: str) -> str:
        return value


@dataclass(frozen=True)
class Shares:
    """Percentages for training, validation and test, typed `80/10/10`; they sum to 100."""

    range: str = "three whole percentages that sum to 100, such as 80/10/10 (training, validation, test; test may be 0)"

    def read(self, value) -> tuple[int, int, int]:
        parts = value.split("/") if isinstance(value, str) else value
        try:
            train, validation, test = (Whole(0, 100).read(part) for part in parts)
        except (UserError, TypeError, ValueError):
            raise UserError(f"must be {self.range}, not {value!r}") from None
        if train + validation + test != 100 or not train or not validation:
            raise UserError(f"must be {self.range}, not {value!r}")
        return train, validation, test

    def show(self, value: tuple[int, int, int]) -> str:
        return "/".join(map(str, value))
