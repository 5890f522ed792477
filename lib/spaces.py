"""What a search varies: hyperparameters by name, each with the values or the range that its trials take one from."""

import difflib
from dataclasses import dataclass

from lib.errors import UserError
from lib.fields import find, long_flag, read, settings, show, words
from lib.kinds import Kind, Or, Real, Several, Sizes, Text, Whole, shortened

WATCHED = ("split", "fold", "tensorboard", "scratch")  # they say how a trial is judged or watched, not what it is
COMPARED = ("task", "noise", "colour_space", "missing", "variational")  # what is predicted: errors of different things
LOG = "log"


@dataclass(frozen=True)
class Choice:
    """One of these: numbers, or texts as they are typed."""

    values: tuple[int | float | str, ...]

    def __str__(self) -> str:
        return (SLASH if any(COMMA in str(value) for value in self.values) else COMMA).join(map(str, self.values))

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
        return f"{self.low}..{self.high}" + (f":{LOG}" if self.log else f":{self.step}" if self.step > 1 else "")

    @property
    def plain(self) -> str:
        """As JSON holds it."""
        return str(self)


Space = dict[str, Choice | Range]
COMMA, SLASH = ",", "/"  # between values; the second where values have commas of their own


def space(program: str, grids: list[str], ranges: list[str]) -> Space:
    """The space of some `NAME=VALUES` and `NAME=LOW..HIGH`. Raises `UserError` for what cannot be varied so."""
    found: Space = {}
    for flag, texts, reading in (("--grid", grids, values), ("--range", ranges, numbers)):
        for text in texts:
            name, separator, rest = text.partition("=")
            if not separator:
                raise UserError(f"{flag} {text}: must be NAME=…, such as {EXAMPLES[flag]}")
            name = variable(program, name.strip())
            if name in found:
                raise UserError(f"{flag} {text}: {words(name)} is varied twice")
            try:
                found[name] = reading(name, rest)
            except UserError as error:
                raise UserError(f"{flag} {text}: {error}") from None
    return found


EXAMPLES = {"--grid": "--grid kernels=16,32,64", "--range": "--range learning-rate=0.0001..0.01:log"}


def variables(program: str) -> list[str]:
    """The hyperparameters that a search can vary."""
    named = [s for s in settings(program) if s.name not in (*WATCHED, *COMPARED)]
    return [s.name for s in named if s.name == "model" or not isinstance(s.metadata["kind"], Text)]


def variable(program: str, name: str) -> str:
    """The hyperparameter that somebody means. Raises `UserError` where it is none that can be varied."""
    key = name.removeprefix("--").replace("-", "_")
    if key in COMPARED:
        raise UserError(f"{words(key)} cannot be varied: errors of different tasks do not compare; give one search to each")
    if key not in variables(program):
        named = [long_flag(known).removeprefix("--") for known in variables(program)]
        close = difflib.get_close_matches(key.replace("_", "-"), named, n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"there are {', '.join(named)}"
        raise UserError(f"{shortened(name)} cannot be varied; {hint}")
    return key


def example(name: str, usual) -> str:
    """How some values of it, and a range, would be typed by one who begins at the usual one."""
    kind, one = find(name).metadata["kind"], _numeric(find(name).metadata["kind"])
    if one is None:
        return f"with {COMMA} between them, or {SLASH}"
    while isinstance(usual, tuple):
        usual = usual[0] if usual else None
    if isinstance(one, Whole):
        low, middle, high = (min(max(part, one.low), one.high) for part in ((usual or 8) // 2, usual or 8, (usual or 8) * 2))
        several = f", 8{COMMA}16{SLASH}16{COMMA}32 by layers" if isinstance(kind, Several) else ""
        return f"{low},{middle},{high}{several}, or a range {low}..{high}"
    if one.high <= 1:
        return "0.1,0.3,0.5, or a range 0.1..0.5"
    start = usual or 0.001
    return f"{start / 2:g},{start:g},{start * 2:g}, or a range {start / 10:g}..{start * 10:g}:{LOG}"


def values(name: str, text: str) -> Choice:
    """Some values, with commas between them, or with slashes where they have commas of their own (8,16/16,32)."""
    separator = SLASH if SLASH in text and not isinstance(find(name).metadata["kind"], Text) else COMMA
    typed = [show(name, read(name, part.strip())) for part in text.split(separator)]
    distinct = tuple(dict.fromkeys(map(_number_or_text, typed)))
    if len(distinct) < 2:
        raise UserError("there is nothing to choose from; give two values or more")
    return Choice(distinct)


def numbers(name: str, text: str) -> Range:
    """A range of numbers: `0.0001..0.01`, `0.0001..0.01:log`, `8..64:8`."""
    kind = _numeric(find(name).metadata["kind"])
    if kind is None:
        raise UserError(f"{words(name)} has no range; give its values with --grid")
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
    if how and isinstance(kind, Real):
        raise UserError(f"only whole numbers have a step; give LOW..HIGH or LOW..HIGH:{LOG}")
    return Range(low, high, step=Whole(1, int(high - low)).read(how) if how else 1)


def _numeric(kind: Kind) -> Whole | Real | None:
    """The kind of a single number that a field takes, for all layers where it has one per layer."""
    if isinstance(kind, Or):
        return _numeric(kind.kind)
    if isinstance(kind, Several | Sizes):
        return kind.one
    return kind if isinstance(kind, Whole | Real) else None


def _number_or_text(typed: str) -> int | float | str:
    """A value as Optuna keeps it: numbers as numbers, so that its figures have axes."""
    for kind in (int, float):
        try:
            return kind(typed)
        except ValueError:
            continue
    return typed


def size(space: Space) -> int | None:
    """How many points a grid has; `None` where a range makes them countless."""
    count = 1
    for dimension in space.values():
        if isinstance(dimension, Range):
            return None
        count *= len(dimension.values)
    return count


def read_all(params: dict) -> dict:
    """The values of a trial as hyperparameters."""
    return {name: read(name, value) for name, value in params.items()}


def typed(name: str, value) -> str:
    """One of them as a person would type it."""
    return show(name, read(name, value))


def named(params: dict) -> str:
    """All of them in words: `kernels 32, kernel size 3`."""
    return ", ".join(f"{words(name)} {typed(name, value)}" for name, value in params.items())
