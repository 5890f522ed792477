"""Dataclasses as JSON objects: unknown keys, missing keys and values of other types are refused."""

import functools
import json
import types
from collections.abc import Hashable
from contextlib import suppress
from dataclasses import fields, is_dataclass
from typing import Any, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from lib.common.errors import RunFailed
from lib.common.formatting import abbreviate

T = TypeVar("T")
PLAIN = (bool, int, float, str, type(None))  # types of values that JSON has itself


def dump_fields(value: Any, **first: str) -> str:
    """Return the fields of a dataclass as a JSON object in one line.

    Args:
        value: its fields hold what JSON can carry, tuples, dataclasses, or objects with the method
            `to_json`.
        **first: further keys, which come first.
    """
    return json.dumps(first | _values(value), default=_values)


def _values(value: Any) -> dict[str, Any]:
    if hasattr(value, "to_json"):
        return value.to_json()
    return {field.name: getattr(value, field.name) for field in fields(value)}


def read_fields(cls: type[T], content: dict[str, Any], source: str) -> T:
    """Return the dataclass whose fields are the keys of a JSON object: all of them, and no others.

    Args:
        cls: the dataclass.
        content: the object.
        source: beginning of an error message.

    Raises:
        RunFailed: a key is unknown or missing, or a value has another type.
        UserError: from the method `from_json` of a value's type.
    """
    hints = _field_types(cast(Hashable, cls))
    if unknown := content.keys() - hints.keys():
        raise RunFailed(f"{source}: the key {min(unknown)!r} is unknown")
    if missing := hints.keys() - content.keys():
        raise RunFailed(f"{source}: the key {min(missing)!r} is missing")
    return cls(**{name: _read(hint, content[name], f"{source}, {name}") for name, hint in hints.items()})


@functools.cache
def _field_types(cls: Any) -> dict[str, Any]:
    hints = get_type_hints(cls)
    return {field.name: hints[field.name] for field in fields(cls)}


def _read(hint: Any, value: Any, source: str) -> Any:
    """The value of a type that JSON carries as `value`."""
    origin, arguments = get_origin(hint), get_args(hint)
    if hint is Any or (origin is Literal and value in arguments) or (hint in PLAIN and type(value) is hint):
        return value
    if hint is float and type(value) is int:
        with suppress(OverflowError):
            return float(value)
    if origin in (Union, types.UnionType):
        return _read_union(arguments, value, source)
    if origin is dict and type(value) is dict:
        return {key: _read(arguments[1], item, source) for key, item in value.items()}
    if origin in (list, tuple) and type(value) is list:
        hints = arguments if origin is tuple and Ellipsis not in arguments else arguments[:1] * len(value)
        if len(hints) == len(value):
            return origin(_read(part, item, source) for part, item in zip(hints, value, strict=True))
    if hasattr(hint, "from_json") and type(value) is dict:
        return hint.from_json(value, source)
    if is_dataclass(hint) and type(value) is dict:
        return read_fields(cast(type, hint), value, source)
    name = hint.__name__ if hint in PLAIN else hint
    raise RunFailed(f"{source}: must be of the type {name}, not {abbreviate(value)}")


def _read_union(hints: tuple[Any, ...], value: Any, source: str) -> Any:
    """The value of the first type that it has."""
    for hint in hints[:-1]:
        with suppress(RunFailed):
            return _read(hint, value, source)
    return _read(hints[-1], value, source)
