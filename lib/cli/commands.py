"""Registry of the commands of both programs, except `train`: the module that runs each.

Modules are imported when their command is used, so that the first prompt of `train` appears at once. A module
of commands has `COMMANDS`, which maps a command to a function of (program, arguments) that returns the exit
status, and `make_parser(program, command)`. `lib.search.command` also has `run_from_menu(session)`.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable
from types import ModuleType
from typing import TYPE_CHECKING

from lib.common.errors import UserError
from lib.common.suggestions import closest_name

if TYPE_CHECKING:
    from lib.cli.parser import CommandParser

# The module of each command, by program. Those of packages that have been deleted are skipped.
MODULES = {
    "autoencoder": {
        "apply": "lib.cli.model_commands",
        "generate": "lib.cli.model_commands",
        "encode": "lib.cli.model_commands",
        "search": "lib.search.command",
        "runs": "lib.cli.runs_command",
        "reproduce": "lib.reproduction.command",
    },
    "classification": {
        "predict": "lib.cli.model_commands",
        "probe": "lib.cli.model_commands",
        "search": "lib.search.command",
        "runs": "lib.cli.runs_command",
    },
}

Menu = dict[str, tuple[str, Callable[[], None]]]  # text and action of each key


def command_names(program: str) -> list[str]:
    """Return the commands of a program, except `train` and those whose package has been deleted."""
    return [name for name, module in MODULES[program].items() if _is_installed(module)]


def command_parser(program: str, command: str) -> CommandParser:
    """Return the parser of a command's flags."""
    return command_module(program, command).make_parser(program, command)


def run_named_command(program: str, arguments: list[str]) -> int | None:
    """Run the command that a command line begins with.

    Args:
        program: `autoencoder` or `classification`.
        arguments: the command line after the program.

    Returns:
        The exit status; None if the command is `train` or left out, which means the same.

    Raises:
        UserError: the first word is no command of the program, or the command raises it.
    """
    command = arguments[0] if arguments else ""
    if command in command_names(program):
        return command_module(program, command).COMMANDS[command](program, arguments[1:])
    if command and command != "train" and command.isalpha():
        names = ["train", *command_names(program)]
        close = closest_name(command, names)
        hint = f"did you mean {close}?" if close else f"the commands are {', '.join(names)}"
        raise UserError(f"unknown command {command!r}; {hint}")
    return None


def menu_action(name: str, session) -> Callable[[], None]:
    """Return a function that calls the function `name` of `lib.cli.menu` with the session."""
    return lambda: getattr(importlib.import_module("lib.cli.menu"), name)(session)


def available_menu(program: str, menu: Menu) -> Menu:
    """Return a menu without the commands whose package has been deleted."""
    missing = MODULES[program].keys() - command_names(program)
    return {key: entry for key, entry in menu.items() if key not in missing}


def command_module(program: str, command: str) -> ModuleType:
    """Return the module of a command."""
    return importlib.import_module(MODULES[program][command])


def _is_installed(module: str) -> bool:
    package, _, _ = module.rpartition(".")
    return importlib.util.find_spec(package) is not None
