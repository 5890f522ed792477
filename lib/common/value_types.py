"""Value types of hyperparameters: parsing, bounds, the text form and the JSON form of a value.

`parse` takes the text of a flag or prompt, or a JSON value; `format` returns a text that `parse` takes.
"""

import math
import os
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from lib.common.errors import UserError
from lib.common.formatting import abbreviate

ALL, NONE = "all", "none"
MAX_FOLDS = 1000
YES_NO = {"yes": True, "y": True, "true": True, "no": False, "n": False, "false": False}


class ValueType(ABC):
    """Base class of the value types: `description` and `read`, and `format` where it is not `str`."""

    @property
    @abstractmethod
    def description(self) -> str:
        """The values that are allowed, as the end of "must be ..."."""

    def parse(self, value) -> Any:
        """The canonical value of a text or a JSON value. Raises `UserError` when it is out of bounds."""
        try:
            return self.read(value)
        except (UserError, TypeError, ValueError, OverflowError):
            raise self.error(value) from None

    @abstractmethod
    def read(self, value) -> Any:
        """As `parse`; any of those errors says that the value is out of bounds."""

    def parse_as(self, name: str, value) -> Any:
        """As `parse`; the message begins with a name, such as that of a flag or a setting."""
        try:
            return self.parse(value)
        except UserError as error:
            raise UserError(f"{name} {error}") from None

    def format(self, value) -> str:
        """The inverse of `parse`: a canonical value as text."""
        return str(value)

    def to_json(self, value):
        """A canonical value, or `None`, as JSON holds it (tuples become lists)."""
        return list(value) if isinstance(value, tuple) else value

    def error(self, value) -> UserError:
        return UserError(f"must be {self.description}, not {abbreviate(value)}")


UNLIMITED = 2**63 - 1  # upper bound of a whole number that has no other


@dataclass(frozen=True)
class IntRange(ValueType):
    """An integer from `low` to `high`, both included."""

    low: int
    high: int

    @property
    def description(self) -> str:
        if self.high >= UNLIMITED:
            return f"a whole number of at least {self.low}"
        return f"a whole number from {self.low} to {self.high}"

    def read(self, value) -> int:
        number = int(value) if isinstance(value, str) else value
        if not isinstance(number, int) or isinstance(number, bool) or not self.low <= number <= self.high:
            raise ValueError
        return number


@dataclass(frozen=True)
class FloatRange(ValueType):
    """A number from `low` to `high`; `open_low` and `open_high` exclude the ends."""

    low: float
    high: float
    open_low: bool = False
    open_high: bool = False

    @property
    def description(self) -> str:
        low = f"above {self.low:g}" if self.open_low else f"from {self.low:g}"
        high = f"below {self.high:g}" if self.open_high else f"to {self.high:g}"
        return f"a number {low} {high}"

    def read(self, value) -> float:
        number = math.nan if isinstance(value, bool) else float(value)
        above = self.low < number if self.open_low else self.low <= number
        below = number < self.high if self.open_high else number <= self.high
        if not (above and below):
            raise ValueError
        return number

    def error(self, value) -> UserError:
        hint = " (use a decimal point)" if isinstance(value, str) and "," in value else ""
        return UserError(f"must be {self.description}, not {abbreviate(value)}{hint}")

    def format(self, value: float) -> str:
        return repr(value)  # all its digits: the command that repeats a run must repeat it exactly


@dataclass(frozen=True)
class PerLayer(ValueType):
    """A tuple of one or more integers, separated by commas in text: `32` or `8,12,16`.

    A value whose elements are all equal is formatted as that element alone.
    """

    element: IntRange

    @property
    def description(self) -> str:
        return f"{self.element.description}, or several separated by commas (8,12,16)"

    def read(self, value) -> tuple[int, ...]:
        numbers = tuple(self.element.parse(part) for part in elements(value, ","))
        if not numbers:
            raise ValueError
        return numbers

    def format(self, value: tuple[int, ...]) -> str:
        return str(value[0]) if len(set(value)) == 1 and len(value) > 1 else ",".join(map(str, value))


@dataclass(frozen=True)
class IntList(PerLayer):
    """A tuple of zero or more integers; all elements are formatted: `64,64`, or `none`."""

    @property
    def description(self) -> str:
        return f"{self.element.description}, or several separated by commas (128,64), or {NONE}"

    def read(self, value) -> tuple[int, ...]:
        if value == NONE or (isinstance(value, list | tuple) and not value):
            return ()
        return super().read(value)

    def format(self, value: tuple[int, ...]) -> str:
        return ",".join(map(str, value)) or NONE


@dataclass(frozen=True)
class LayerNumbers(ValueType):
    """A sorted tuple of layer numbers counted from 1, or the string `all`: `1,2`, `all` or `none`."""

    description = f"layer numbers separated by commas (1,2), {ALL} or {NONE}"

    def read(self, value) -> tuple[int, ...] | str:
        if value == ALL or value is True:  # not == True: 1 is the first layer
            return ALL
        if value == NONE or value is False:
            return ()
        return tuple(sorted(set(IntList(IntRange(1, 64)).parse(value))))

    def format(self, value: tuple[int, ...] | str) -> str:
        return value if value == ALL else ",".join(map(str, value)) or NONE


@dataclass(frozen=True)
class Switch(ValueType):
    """A boolean: `--name` and `--no-name` on the command line, yes or no elsewhere."""

    description = "yes or no"

    def read(self, value) -> bool:
        switch = YES_NO.get(value.strip().lower()) if isinstance(value, str) else value
        if not isinstance(switch, bool):
            raise ValueError
        return switch

    def format(self, value: bool) -> str:
        return "yes" if value else "no"


@dataclass(frozen=True)
class FloatInterval(ValueType):
    """A tuple (low, high) with low <= high: `0.4` for two equal ends, or `0.1-0.9`."""

    element: FloatRange

    @property
    def description(self) -> str:
        return f"{self.element.description}, or a range (0.1-0.9)"

    def read(self, value) -> tuple[float, float]:
        ends = elements(value, "-")
        low, high = map(self.element.parse, ends if len(ends) > 1 else (*ends, *ends))
        if low > high:
            raise ValueError
        return low, high

    def format(self, value: tuple[float, float]) -> str:
        ends = value[:1] if value[0] == value[1] else value
        return "-".join(map(self.element.format, ends))


@dataclass(frozen=True)
class _WordOrInner(ValueType):
    """A value of the type `inner`, or what `word` stands for."""

    word: str
    inner: ValueType

    @property
    def meaning(self) -> str | None:
        """The value that the word stands for."""
        raise NotImplementedError

    @property
    def description(self) -> str:
        return f"{self.inner.description}, or {self.word}"

    def read(self, value):
        return self.meaning if value in (self.meaning, self.word) else self.inner.parse(value)

    def format(self, value) -> str:
        return self.word if value == self.meaning else self.inner.format(value)


class OrWord(_WordOrInner):
    """A value of the type `inner`, or `None`, which is written as `word` (`auto`, `off`)."""

    meaning = None


class WithWord(_WordOrInner):
    """A value of the type `inner`, or the string `word` itself."""

    @property
    def meaning(self) -> str:
        return self.word


@dataclass(frozen=True)
class OneOf(ValueType):
    """One of the strings `choices`; a synonym is replaced by the string that it stands for."""

    choices: tuple[str, ...]
    synonyms: Mapping[str, str] = field(default_factory=dict)

    @property
    def description(self) -> str:
        *others, last = self.choices
        return f"{', '.join(others)} or {last}" if others else last

    def read(self, value) -> str:
        if isinstance(value, str):
            value = self.synonyms.get(value, value)
        if value not in self.choices:
            raise ValueError
        return value


@dataclass(frozen=True)
class Text(ValueType):
    """A path or a name, with `~` expanded."""

    description: str = "a file, a folder or a name"

    def read(self, value) -> str:
        if not isinstance(value, str) or not value.strip() or not is_path(value):
            raise ValueError
        return os.path.expanduser(value.strip())


@dataclass(frozen=True)
class SplitPercentages(ValueType):
    """Percentages (training, validation, test) that sum to 100: `80/10/10`."""

    description = (
        "three whole percentages that sum to 100, such as 80/10/10 (training, validation, test; "
        "the last two may be 0)"
    )

    def read(self, value) -> tuple[int, int, int]:
        train, validation, test = (IntRange(0, 100).parse(part) for part in elements(value, "/"))
        if train + validation + test != 100 or not train:
            raise ValueError
        return train, validation, test

    def format(self, value: tuple[int, int, int]) -> str:
        return "/".join(map(str, value))


@dataclass(frozen=True)
class Fold(ValueType):
    """A tuple (number, count), number counted from 1: `2/5` is the second of five equal parts."""

    description = "NUMBER/COUNT with 2 to 1000 parts, such as 2/5 for the second of five"

    def read(self, value) -> tuple[int, int]:
        number, count = (IntRange(1, MAX_FOLDS).parse(part) for part in elements(value, "/"))
        if number > count or count < 2:
            raise ValueError
        return number, count

    def format(self, value: tuple[int, int]) -> str:
        return "/".join(map(str, value))


def choices(value_type: ValueType) -> list[str]:
    """The texts that a value type with a few words takes; an empty list for all other types."""
    if isinstance(value_type, OrWord):
        inner = choices(value_type.inner)
        return [value_type.word, *inner] if inner else []
    if isinstance(value_type, Switch):
        return ["yes", "no"]
    return list(getattr(value_type, "choices", ()))


def elements(value, separator: str) -> Sequence:
    """The parts of a text, the elements of a list or tuple, or a single other value."""
    if isinstance(value, str):
        return value.split(separator)
    return value if isinstance(value, list | tuple) else (value,)


def is_path(text: str) -> bool:
    """Return whether the file system can hold a file of this name: no null byte, no lone surrogate."""
    try:
        return b"\0" not in os.fsencode(text)
    except ValueError:
        return False
