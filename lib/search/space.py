"""Search spaces: the hyperparameters that a search varies, each with its values or its range."""

from dataclasses import dataclass

from lib.common.errors import UserError
from lib.common.formatting import abbreviate
from lib.common.settings import flag_of
from lib.common.size_types import KernelSizes
from lib.common.suggestions import closest_name
from lib.common.value_types import FloatRange, IntRange, OrWord, PerLayer, ValueType
from lib.config.program_settings import display_name, find_setting, former_names, settings

EXAMPLES = {"--grid": "--grid kernels=16,32,64", "--range": "--range learning-rate=0.0001..0.01:log"}
COMMA, SLASH = ",", "/"  # between values; the slash if values contain commas
LOG = "log"


@dataclass(frozen=True)
class Choices:
    """A discrete dimension: numbers, or texts in the form that the flag takes."""

    values: tuple[int | float | str, ...]

    def __str__(self) -> str:
        separator = SLASH if any(COMMA in str(value) for value in self.values) else COMMA
        return separator.join(map(str, self.values))

    def to_json(self) -> list:
        return list(self.values)


@dataclass(frozen=True)
class Range:
    """A numeric dimension, from `low` to `high` inclusive.

    Attributes:
        low: the lower bound. If it and `high` are integers, so are the values drawn.
        high: the upper bound.
        log: draw uniformly on a logarithmic scale.
        step: distance between the integers that can be drawn.
    """

    low: int | float
    high: int | float
    log: bool = False
    step: int = 1

    def __str__(self) -> str:
        suffix = f":{LOG}" if self.log else f":{self.step}" if self.step > 1 else ""
        return f"{self.low}..{self.high}{suffix}"

    def to_json(self) -> str:
        return str(self)


Space = dict[str, Choices | Range]


def parse_space(program: str, grids: list[str], ranges: list[str]) -> Space:
    """Return the search space that the flags `--grid` and `--range` describe.

    Args:
        program: `autoencoder` or `classification`.
        grids: texts `NAME=VALUES`, such as `kernels=16,32,64`.
        ranges: texts `NAME=LOW..HIGH`, optionally with `:log` or `:STEP` at the end.

    Returns:
        The dimension of each hyperparameter, in the order of the texts, grids first.

    Raises:
        UserError: a name cannot be varied or occurs twice, or a value is invalid.
    """
    space: Space = {}
    for flag, texts, parse in (("--grid", grids, parse_values), ("--range", ranges, parse_range)):
        for text in texts:
            name, separator, values = text.partition("=")
            if not separator:
                raise UserError(f"{flag} {text}: must be NAME=…, such as {EXAMPLES[flag]}")
            name = find_variable(program, name.strip())
            if name in space:
                raise UserError(f"{flag} {text}: {display_name(name)} is given twice")
            try:
                space[name] = parse(name, values)
            except UserError as error:
                raise UserError(f"{flag} {text}: {error}") from None
    return space


def list_variables(program: str) -> list[str]:
    """Return the names of the hyperparameters that a search can vary."""
    return [name for name, setting in settings(program).items() if setting.searchable]


def find_variable(program: str, name: str) -> str:
    """Return the hyperparameter that a flag's name stands for, such as `learning_rate` for `learning-rate`.

    Raises:
        UserError: the hyperparameter does not exist or cannot be varied.
    """
    key = name.removeprefix("--").replace("-", "_")
    key = former_names().get(key, key)
    known = settings(program).get(key)
    if known and known.group == "task" and not known.searchable:
        raise UserError(
            f"{display_name(key)} cannot be varied: errors of different tasks are not comparable; run one "
            f"search per task"
        )
    if known is None or not known.searchable:
        flags = [flag_of(variable).removeprefix("--") for variable in list_variables(program)]
        close = closest_name(key, flags)
        hint = f"did you mean {close!r}?" if close else f"there are {', '.join(flags)}"
        raise UserError(f"{abbreviate(name)} cannot be varied; {hint}")
    return key


def describe_example(name: str, default) -> str:
    """Return example values around the default, and an example range, as a prompt shows them."""
    value_type = find_setting(name).value_type
    number_type = _number_type(value_type)
    if number_type is None:
        return f"with {COMMA} between them, or {SLASH}"
    while isinstance(default, tuple):
        default = default[0] if default else None
    if isinstance(number_type, IntRange):
        center = default or 8
        low, middle, high = (
            min(max(value, number_type.low), number_type.high) for value in (center // 2, center, center * 2)
        )
        per_layer = f", 8{COMMA}16{SLASH}16{COMMA}32 by layers" if isinstance(value_type, PerLayer) else ""
        return f"{low},{middle},{high}{per_layer}, or a range {low}..{high}"
    if number_type.high <= 1:
        return "0.1,0.3,0.5, or a range 0.1..0.5"
    start = default or 0.001
    if start / 10 < number_type.low:
        low, high = number_type.low, number_type.high
        return f"{low:g},{(low + high) / 2:g},{high:g}, or a range {low:g}..{high:g}"
    return f"{start / 2:g},{start:g},{start * 2:g}, or a range {start / 10:g}..{start * 10:g}:{LOG}"


def parse_values(name: str, text: str) -> Choices:
    """Return the values of a text with commas between them, or slashes if they contain commas (8,16/16,32).

    Raises:
        UserError: a value is invalid, or fewer than two values differ.
    """
    separator = SLASH if SLASH in text and not find_setting(name).is_path else COMMA
    texts = [format_param(name, value.strip()) for value in text.split(separator)]
    distinct = tuple(dict.fromkeys(map(_number_or_text, texts)))
    if len(distinct) < 2:
        raise UserError("requires at least two values")
    return Choices(distinct)


def parse_range(name: str, text: str) -> Range:
    """Return the range of a text such as `0.0001..0.01`, `0.0001..0.01:log` or `8..64:8`.

    Raises:
        UserError: the hyperparameter is not numeric, or the text is not a range of its values.
    """
    number_type = _number_type(find_setting(name).value_type)
    if number_type is None:
        raise UserError(f"{display_name(name)} cannot have a range; list its values with --grid")
    bounds, _, scale = text.partition(":")
    parts = bounds.split("..")
    if len(parts) != 2:
        raise UserError(f"must be LOW..HIGH, LOW..HIGH:{LOG} or LOW..HIGH:STEP")
    low, high = (number_type.parse(part.strip()) for part in parts)
    if not low < high:
        raise UserError("the end must be greater than the start")
    if scale == LOG:
        if not low > 0:
            raise UserError("a logarithmic range must start above 0")
        return Range(low, high, log=True)
    if scale and isinstance(number_type, FloatRange):
        raise UserError(f"only whole numbers can have a step; use LOW..HIGH or LOW..HIGH:{LOG}")
    return Range(low, high, step=IntRange(1, int(high - low)).parse(scale) if scale else 1)


def _number_type(value_type: ValueType) -> IntRange | FloatRange | None:
    """Return the type of a single number of a field (for all layers, if it has one per layer), if any."""
    if isinstance(value_type, OrWord):
        return _number_type(value_type.inner)
    if isinstance(value_type, PerLayer | KernelSizes):
        return value_type.element
    return value_type if isinstance(value_type, IntRange | FloatRange) else None


def _number_or_text(text: str) -> int | float | str:
    """Return a value as Optuna stores it: numbers as numbers, so that its figures have numeric axes."""
    for number in (int, float):
        try:
            return number(text)
        except ValueError:
            continue
    return text


def grid_size(space: Space) -> int | None:
    """Return the number of points of a grid; `None` if a dimension is a range."""
    size = 1
    for dimension in space.values():
        if isinstance(dimension, Range):
            return None
        size *= len(dimension.values)
    return size


def parse_params(params: dict) -> dict:
    """Return the values of a trial, as Optuna stores them, as values of hyperparameters."""
    return {name: find_setting(name).parse(value) for name, value in params.items()}


def format_param(name: str, value) -> str:
    """Return a value of a trial in the form that the flag takes."""
    setting = find_setting(name)
    return setting.format(setting.parse(value))


def format_params(params: dict) -> str:
    """Return the values of a trial in words, such as `kernels 32, kernel size 3`."""
    return ", ".join(f"{display_name(name)} {format_param(name, value)}" for name, value in params.items())
