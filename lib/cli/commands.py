"""Registry of commands: which module carries out each, beside `train`.

Modules are imported when they are needed, so that the first question appears at once.
"""

import importlib
import importlib.util
from collections.abc import Callable
from types import ModuleType

from lib.common.errors import UserError

# A module of a command has `COMMANDS` (command to function of (program, words), which returns the exit
# status) and `make_parser(program, command)`; one that a menu offers as well has `run_from_menu(session)`.
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


def command_names(program: str) -> list[str]:
    """Return the commands of a program whose packages are there."""
    return [name for name, module in MODULES[program].items() if _is_installed(module)]


def command_parser(program: str, command: str):
    """Return the parser of a command's flags."""
    return command_module(program, command).make_parser(program, command)


def run_named_command(program: str, words: list[str]) -> int | None:
    """Carry out the command that a command line begins with.

    Args:
        program: `autoencoder` or `classification`.
        words: the command line without the program.

    Returns:
        The exit status; `None` where the line begins with no command, and so means `train`.

    Raises:
        UserError: the first word is a command that the program does not have.
    """
    command = words[0] if words else ""
    if command in command_names(program):
        return command_module(program, command).COMMANDS[command](program, words[1:])
    if command and command != "train" and command.isalpha():
        raise UserError(
            f"{command!r} is no command; there are {', '.join(['train', *command_names(program)])}"
        )
    return None


def menu_action(name: str, session) -> Callable[[], None]:
    """Return the function of `lib.cli.menu` of that name, to be called for this session."""
    return lambda: getattr(importlib.import_module("lib.cli.menu"), name)(session)


def program_description(program: str, text: str) -> str:
    """Return what `--help` says of a program, and where its commands explain themselves."""
    commands = ", ".join(command_names(program))
    return (
        f"{text} Commands beside train: {commands}; python {program}.py COMMAND --help says what each does."
    )


def command_module(program: str, command: str) -> ModuleType:
    """Return the module that carries out a command."""
    return importlib.import_module(MODULES[program][command])


def _is_installed(module: str) -> bool:
    """Whether the package of a module is there: those of `search` and `reproduce` can be deleted."""
    package, _, _ = module.rpartition(".")
    return importlib.util.find_spec(package) is not None
