"""Value types of settings with several words: some of a few, or any names."""

from dataclasses import dataclass

from lib.common.value_types import NONE, OneOf, ValueType, elements, is_path

MAX_NAME_LENGTH = 255  # characters, as of a folder


@dataclass(frozen=True)
class SeveralOf(ValueType):
    """A tuple of some of the strings `words`, in their order: `noise,blank`; `none` where `or_none`."""

    words: tuple[str, ...]
    or_none: bool = True

    @property
    def description(self) -> str:
        some = f"some of {', '.join(self.words)}, separated by commas"
        return f"{NONE}, or {some}" if self.or_none else some

    def read(self, value) -> tuple[str, ...]:
        if self.or_none and (value == NONE or (isinstance(value, list | tuple) and not value)):
            return ()
        parts = [OneOf(self.words).read(_word(part)) for part in elements(value, ",")]
        if not parts:
            raise ValueError
        return tuple(word for word in self.words if word in parts)

    def format(self, value: tuple[str, ...]) -> str:
        return ",".join(value) or NONE


@dataclass(frozen=True)
class Names(ValueType):
    """A tuple of one or more names, separated by commas in text: `3` or `good,fine`."""

    description = "one or more names separated by commas (good,fine)"

    def read(self, value) -> tuple[str, ...]:
        names = tuple(_word(part) for part in elements(value, ","))
        if not names or not all(0 < len(name) <= MAX_NAME_LENGTH and is_path(name) for name in names):
            raise ValueError
        return tuple(dict.fromkeys(names))

    def format(self, value: tuple[str, ...]) -> str:
        return ",".join(value)


def _word(part) -> str:
    """A part of a list of words as text: a string, or a number in JSON."""
    if not isinstance(part, str | int) or isinstance(part, bool):
        raise ValueError
    return str(part).strip()
