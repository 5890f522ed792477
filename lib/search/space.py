"""What a search varies: hyperparameters by name, each with the values or the range that its trials take one
from.
"""

import difflib
from dataclasses import dataclass

from lib.common.errors import UserError
from lib.common.formatting import abbreviate
from lib.config.fields import display_name, format_value, get_field, long_flag, parse_value, settings
from lib.config.value_types import FloatRange, IntRange, KernelSizes, OrWord, PerLayer, Text, ValueType

JUDGING_SETTINGS = (
    "split",
    "fold",
    "tensorboard",
    "scratch",
)  # they say how a trial is judged or watched, not what it is
TASK_SETTINGS = (
    "task",
    "noise",
    "color_space",
    "missing",
    "variational",
)  # what is predicted: errors of different things
LOG = "log"


@dataclass(frozen=True)
class Choices:
    """One of these: numbers, or texts as they are typed."""

    values: tuple[int | float | str, ...]

    def __str__(self) -> str:
        return (SLASH if any(COMMA in str(value) for value in self.values) else COMMA).join(
            map(str, self.values)
        )

    @property
    def plain(self) -> list:
        """As JSON holds it."""
        return list(self.values)


@dataclass(frozen=True)
class Range:
    """A number from `low` to `high`, both included: whole ones by `step`, or evenly on a logarithmic scale."""

    low: int | float
    high: int | float
    log: bool = False
    step: int = 1

    def __str__(self) -> str:
        return f"{self.low}..{self.high}" + (
            f":{LOG}" if self.log else f":{self.step}" if self.step > 1 else ""
        )

    @property
    def plain(self) -> str:
        """As JSON holds it."""
        return str(self)


Space = dict[str, Choices | Range]
COMMA, SLASH = ",", "/"  # between values; the second where values have commas of their own


def parse_space(program: str, grids: list[str], ranges: list[str]) -> Space:
    """The space of some `NAME=VALUES` and `NAME=LOW..HIGH`. Raises `UserError` for what cannot be varied so."""
    found: Space = {}
    for flag, texts, reading in (("--grid", grids, parse_values), ("--range", ranges, parse_range)):
        for text in texts:
            name, separator, rest = text.partition("=")
            if not separator:
                raise UserError(f"{flag} {text}: must be NAME=…, such as {EXAMPLES[flag]}")
            name = find_variable(program, name.strip())
            if name in found:
                raise UserError(f"{flag} {text}: {display_name(name)} is varied twice")
            try:
                found[name] = reading(name, rest)
            except UserError as error:
                raise UserError(f"{flag} {text}: {error}") from None
    return found


EXAMPLES = {"--grid": "--grid kernels=16,32,64", "--range": "--range learning-rate=0.0001..0.01:log"}


def list_variables(program: str) -> list[str]:
    """The hyperparameters that a search can vary."""
    named = [s for s in settings(program) if s.name not in (*JUDGING_SETTINGS, *TASK_SETTINGS)]
    return [s.name for s in named if s.name == "model" or not isinstance(s.metadata["kind"], Text)]


def find_variable(program: str, name: str) -> str:
    """The hyperparameter that somebody means. Raises `UserError` where it is none that can be varied."""
    key = name.removeprefix("--").replace("-", "_")
    if key in TASK_SETTINGS:
        raise UserError(
            f"{display_name(key)} cannot be varied: errors of different tasks do not compare; give one "
            f"search to each"
        )
    if key not in list_variables(program):
        named = [long_flag(known).removeprefix("--") for known in list_variables(program)]
        close = difflib.get_close_matches(key.replace("_", "-"), named, n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"there are {', '.join(named)}"
        raise UserError(f"{abbreviate(name)} cannot be varied; {hint}")
    return key


def describe_example(name: str, usual) -> str:
    """How some values of it, and a range, would be typed by one who begins at the usual one."""
    kind, one = get_field(name).metadata["kind"], _number_type(get_field(name).metadata["kind"])
    if one is None:
        return f"with {COMMA} between them, or {SLASH}"
    while isinstance(usual, tuple):
        usual = usual[0] if usual else None
    if isinstance(one, IntRange):
        low, middle, high = (
            min(max(part, one.low), one.high) for part in ((usual or 8) // 2, usual or 8, (usual or 8) * 2)
        )
        several = f", 8{COMMA}16{SLASH}16{COMMA}32 by layers" if isinstance(kind, PerLayer) else ""
        return f"{low},{middle},{high}{several}, or a range {low}..{high}"
    if one.high <= 1:
        return "0.1,0.3,0.5, or a range 0.1..0.5"
    start = usual or 0.001
    return f"{start / 2:g},{start:g},{start * 2:g}, or a range {start / 10:g}..{start * 10:g}:{LOG}"


def parse_values(name: str, text: str) -> Choices:
    """Some values, with commas between them, or with slashes where they have commas of their own
    (8,16/16,32).
    """
    separator = SLASH if SLASH in text and not isinstance(get_field(name).metadata["kind"], Text) else COMMA
    typed = [format_value(name, parse_value(name, part.strip())) for part in text.split(separator)]
    distinct = tuple(dict.fromkeys(map(_number_or_text, typed)))
    if len(distinct) < 2:
        raise UserError("there is nothing to choose from; give two values or more")
    return Choices(distinct)


def parse_range(name: str, text: str) -> Range:
    """A range of numbers: `0.0001..0.01`, `0.0001..0.01:log`, `8..64:8`."""
    kind = _number_type(get_field(name).metadata["kind"])
    if kind is None:
        raise UserError(f"{display_name(name)} has no range; give its values with --grid")
    ends, _, how = text.partition(":")
    parts = ends.split("..")
    if len(parts) != 2:
        raise UserError(f"must be LOW..HIGH, LOW..HIGH:{LOG} or LOW..HIGH:STEP")
    low, high = (kind.read(part.strip()) for part in parts)
    if not low < high:
        raise UserError("its end must lie above its beginning")
    if how == LOG:
        if not low > 0:
            raise UserError("a logarithmic range begins above 0")
        return Range(low, high, log=True)
    if how and isinstance(kind, FloatRange):
        raise UserError(f"only whole numbers have a step; give LOW..HIGH or LOW..HIGH:{LOG}")
    return Range(low, high, step=IntRange(1, int(high - low)).read(how) if how else 1)


def _number_type(kind: ValueType) -> IntRange | FloatRange | None:
    """The kind of a single number that a field takes, for all layers where it has one per layer."""
    if isinstance(kind, OrWord):
        return _number_type(kind.kind)
    if isinstance(kind, PerLayer | KernelSizes):
        return kind.one
    return kind if isinstance(kind, IntRange | FloatRange) else None


def _number_or_text(typed: str) -> int | float | str:
    """A value as Optuna keeps it: numbers as numbers, so that its figures have axes."""
    for kind in (int, float):
        try:
            return kind(typed)
        except ValueError:
            continue
    return typed


def grid_size(space: Space) -> int | None:
    """How many points a grid has; `None` where a range makes them countless."""
    count = 1
    for dimension in space.values():
        if isinstance(dimension, Range):
            return None
        count *= len(dimension.values)
    return count


def parse_params(params: dict) -> dict:
    """The values of a trial as hyperparameters."""
    return {name: parse_value(name, value) for name, value in params.items()}


def format_param(name: str, value) -> str:
    """One of them as a person would type it."""
    return format_value(name, parse_value(name, value))


def format_params(params: dict) -> str:
    """All of them in words: `kernels 32, kernel size 3`."""
    return ", ".join(f"{display_name(name)} {format_param(name, value)}" for name, value in params.items())
