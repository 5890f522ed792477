"""Rules of `--group`: files of one folder, or with the same part of their names, are a group."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from lib.common.value_types import IntRange, ValueType

FOLDER = "folder"
LEVELS, LENGTH = IntRange(1, 20), IntRange(1, 255)  # of folders; of a part of a name in characters
MAX_TEXT_LENGTH = 20

# The part of a name beside a text, by the word before the colon.
_BESIDE_TEXT: dict[str, Callable[[str, str], str]] = {
    "before": lambda name, text: name.partition(text)[0],
    "before-last": lambda name, text: name.rpartition(text)[0],
    "after": lambda name, text: name.partition(text)[2],
    "after-last": lambda name, text: name.rpartition(text)[2],
}
# The part of a name with a number of characters.
_OF_LENGTH: dict[str, Callable[[str, int], str]] = {
    "first": lambda name, length: name[:length],
    "last": lambda name, length: name[-length:],
}


@dataclass(frozen=True)
class GroupRule(ValueType):
    """A rule that groups files, as canonical text: `folder`, `folder:2`, `before:_` or `first:8`."""

    description = (
        "folder, or a part of the file name: before:TEXT, after:TEXT, before-last:TEXT or after-last:TEXT "
        "(before:_), first:NUMBER or last:NUMBER (first:8)"
    )

    def read(self, value) -> str:
        if not isinstance(value, str):
            raise ValueError
        kind, colon, argument = value.partition(":")
        if kind == FOLDER:
            levels = LEVELS.parse(argument) if colon else 1
            return FOLDER if levels == 1 else f"{FOLDER}:{levels}"
        if kind in _OF_LENGTH:
            return f"{kind}:{LENGTH.parse(argument)}"
        is_text = argument.isprintable() and 0 < len(argument) <= MAX_TEXT_LENGTH
        if kind not in _BESIDE_TEXT or not is_text:
            raise ValueError
        return value


def group_of(file: Path, rule: str) -> str | None:
    """Return the group of a file.

    Args:
        file: its path.
        rule: canonical text of `GroupRule`. `folder` is the folder of the file, `folder:2` the one above;
            other rules take a part of the file name without suffix.

    Returns:
        The name of the group; None where the file name does not contain the text of the rule.
    """
    kind, _, argument = rule.partition(":")
    if kind == FOLDER:
        parents = file.parents
        return str(parents[min(int(argument or 1), len(parents)) - 1])
    if kind in _OF_LENGTH:
        return _OF_LENGTH[kind](file.stem, int(argument))
    return _BESIDE_TEXT[kind](file.stem, argument) if argument in file.stem else None
