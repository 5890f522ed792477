"""Class `Setting`: one setting of a program with its values, flags and texts; tables of settings.

A table is a frozen dataclass whose fields are entries made by `setting`. An entry is all that a setting
needs: flags, prompts, answers files, records, searches and the documentation read it.
"""

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from lib.common.size_types import KernelSizes
from lib.common.value_types import IntList, OrWord, PerLayer, Text, ValueType

IMAGES, TASK = "the images", "the task"  # what a default can follow
ENTRY = "setting"  # key of the `Setting` in the metadata of a dataclass field

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Setting:
    """A setting of a program.

    Attributes:
        default: canonical value, or `None`.
        value_type: parser, bounds and formatting of the value.
        help: help text of the flag.
        name: key in records and answers files, attribute of hyperparameters; its flag follows from it.
        aliases: further flags.
        question: text of the prompt; `None` for a setting that only the advanced prompts show.
        label: name in messages and tables; by default the name with spaces.
        required: the user must give a value; the default is not used.
        group: heading under which help and advanced prompts list it.
        only_when: names and values of other settings without which it has no effect; a frozenset has several
            values of which each will do.
        follows: what the default depends on, `IMAGES` or `TASK`; empty for a constant one.
        searchable: a search can vary it.
        former_name: key in records of earlier versions; empty if it is the same.
        former_values: the value of this version for each of a setting with a former name, where they differ.
        value_help: what each value is, for menus, by the text of the value.
        switches: flags without a value, and the values that they stand for.
        is_later: earlier versions stored searches without it, which its default must not tell apart.
        own_flag: its flag where that does not follow from the name.
        single_run: commands that train several networks do not have it.
        in_menu: the menus of all settings offer it; by default if it is no path.
        for_pictures: it applies to folders of pictures; menus do not offer it for other data sets.
    """

    default: Any
    value_type: ValueType
    help: str
    name: str = ""
    aliases: tuple[str, ...] = ()
    question: str | None = None
    label: str = ""
    required: bool = False
    group: str = "network"
    only_when: Mapping[str, Any] = field(default_factory=dict)
    follows: str = ""
    searchable: bool = True
    former_name: str = ""
    former_values: Mapping[Any, Any] = field(default_factory=dict)
    value_help: Mapping[str, str] = field(default_factory=dict)
    switches: Mapping[str, Any] = field(default_factory=dict)
    is_later: bool = False
    own_flag: str = ""
    single_run: bool = False
    in_menu: bool | None = None
    for_pictures: bool = False

    @property
    def flag(self) -> str:
        """The flag that documents and messages name."""
        return self.own_flag or flag_of(self.name)

    @property
    def flags(self) -> tuple[str, ...]:
        """All flags, short ones first."""
        short = [alias for alias in self.aliases if not alias.startswith("--")]
        return (*short, self.flag, *(alias for alias in self.aliases if alias not in short))

    @property
    def is_path(self) -> bool:
        """Whether values name files, folders or parts of them."""
        return isinstance(getattr(self.value_type, "inner", self.value_type), Text)

    @property
    def is_in_menu(self) -> bool:
        """Whether the menus of all settings offer it."""
        return not self.is_path if self.in_menu is None else self.in_menu

    @property
    def is_asked(self) -> bool:
        """Whether the basic prompts always ask for it, after the data and in the order of the table."""
        return self.question is not None and self.group != "data"

    @property
    def is_per_layer(self) -> bool:
        """Whether values have one element per layer."""
        inner = self.value_type.inner if isinstance(self.value_type, OrWord) else self.value_type
        return isinstance(inner, PerLayer | KernelSizes) and not isinstance(inner, IntList)

    @property
    def described_default(self) -> str:
        """The default in documents and help texts; empty where there is none."""
        return f"follows {self.follows}" if self.follows else self.format(self.default)

    def parse(self, value) -> Any:
        """Return the canonical value of the text of a flag or prompt, or of a JSON value.

        Raises:
            UserError: the value is out of bounds; the message names the setting and what is allowed.
        """
        return self.value_type.parse_as(self.label, value)

    def format(self, value) -> str:
        """Return a canonical value as a flag takes it; empty for a setting without a value."""
        if value is None and not isinstance(self.value_type, OrWord):
            return ""
        return self.value_type.format(value)

    def format_json(self, value) -> str:
        """Return a JSON value as a flag takes it. Raises `UserError` when it is out of bounds."""
        return self.format(value if value is None else self.parse(value))

    def describe(self, value) -> str:
        """Return the label and a canonical value, such as `kernel size 3`."""
        return f"{self.label} {self.format(value)}"

    def inapplicable_reason(self, values) -> str:
        """Return why the setting has no effect, for a message; empty when it has.

        Args:
            values: hyperparameters, or a dict of canonical values by name.
        """
        for name, value in self.only_when.items():
            actual = values.get(name) if isinstance(values, dict) else getattr(values, name)
            if actual in value if isinstance(value, frozenset) else actual == value:
                continue
            verb = "have" if self.label.endswith("s") else "has"
            if value is None:
                return f"{self.label} {verb} no effect with {flag_of(name)}"
            condition = "" if value is True or isinstance(value, frozenset) else f" {value}"
            return f"{self.label} {verb} no effect without {flag_of(name)}{condition}"
        return ""


def setting(default, value_type: ValueType, *aliases: str, **attributes: Any) -> Any:
    """Return an entry of a table: a dataclass field with a `Setting`.

    Args:
        default: default value, as `value_type.parse` takes it, or `None`.
        value_type: parser, bounds and formatting of the value.
        *aliases: flags besides the one that follows from the name.
        **attributes: those of `Setting`; `help` is required.
    """
    return _entry(Setting(default=default, value_type=value_type, aliases=aliases, **attributes))


def task_option(default, value_type: ValueType, *aliases: str, **attributes: Any) -> Any:
    """Return the entry of a setting that has an effect with one task only, for `Task.options`.

    The arguments are those of `setting`.
    """
    return setting(default, value_type, *aliases, **{"group": "task", "searchable": False} | attributes)


def vary(table: type, name: str, **attributes: Any) -> Any:
    """Return an entry like the one of this name in a table, with other values of some attributes."""
    return change(table.__dict__["__dataclass_fields__"][name], **attributes)


def change(entry: Any, **attributes: Any) -> Any:
    """Return an entry like another one, with other values of some attributes of its `Setting`."""
    return _entry(dataclasses.replace(entry.metadata[ENTRY], **attributes))


def add_entries(entries: Mapping[str, Any], before: str = "") -> Callable[[type[T]], type[T]]:
    """Return a decorator that adds entries by name to a table, before one of its own or at the end."""

    def decorate(table: type[T]) -> type[T]:
        own = list(table.__annotations__)
        position = own.index(before) if before else len(own)
        order = [*own[:position], *entries, *own[position:]]
        table.__annotations__ = {name: table.__annotations__.get(name, Any) for name in order}
        for name, entry in entries.items():
            setattr(table, name, entry)
        return table

    return decorate


def table_settings(table: type) -> dict[str, Setting]:
    """Return the settings of a table by name, in its order."""
    return {
        entry.name: _with_name(entry.name, entry.metadata[ENTRY])
        for entry in dataclasses.fields(table)
        if entry.metadata
    }


def flag_of(name: str) -> str:
    """Return the flag of a setting's name."""
    return f"--{name.replace('_', '-')}"


def _entry(entry: Setting) -> Any:
    default = entry.default if entry.default is None else entry.value_type.parse(entry.default)
    return field(default=default, metadata={ENTRY: dataclasses.replace(entry, default=default)})


def _with_name(name: str, entry: Setting) -> Setting:
    return dataclasses.replace(entry, name=name, label=entry.label or name.replace("_", " "))
