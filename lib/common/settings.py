"""Entries of tables of settings: dataclass fields whose metadata is all that a setting needs."""

from dataclasses import field
from typing import Any

from lib.common.value_types import ValueType

BOTH_PROGRAMS = ("autoencoder", "classification")


def setting(
    default,
    value_type: ValueType,
    *flags: str,
    help: str,
    question: str | None = None,
    programs: tuple[str, ...] = BOTH_PROGRAMS,
    required: bool = False,
    group: str = "network",
    only_when: dict | None = None,
    is_later: bool = False,
    **defaults,
) -> Any:
    """Return a dataclass field; all arguments but `default` become its metadata.

    Args:
        default: default value, as `value_type.parse` takes it.
        value_type: parser, bounds and formatting of the value.
        *flags: names on the command line; the first one with two hyphens stands in messages and documents.
        help: help text of the flag.
        question: text of the prompt; `None` for a field that only the advanced prompts show.
        programs: programs that have the field.
        required: the user must give a value; the default is not used.
        group: heading under which the advanced prompts list the field.
        only_when: name and value of another field without which this one has no effect.
        is_later: earlier versions stored searches without the field, which its default must not tell apart.
        **defaults: defaults of single programs, by program.
    """
    metadata = dict(
        value_type=value_type,
        flags=flags,
        help=help,
        question=question,
        programs=programs,
        required=required,
        group=group,
        only_when=only_when,
        is_later=is_later,
        defaults=defaults,
    )
    return field(default=default, metadata=metadata)


def task_option(default, value_type: ValueType, *flags: str, help: str) -> Any:
    """Return the entry of a setting that has an effect with one task only, for `Task.options`.

    Args:
        default: default value, as `value_type.parse` takes it.
        value_type: parser, bounds and formatting of the value.
        *flags: names on the command line besides the one that follows from the setting's name.
        help: help text of the flag.
    """
    return setting(default, value_type, *flags, help=help, programs=BOTH_PROGRAMS[:1], group="task")
