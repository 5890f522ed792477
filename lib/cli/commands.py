"""Registry of the commands of both programs, except `train`: one class per command, found by its module.

A command is a subclass of `Command` in a module of `PACKAGES` whose name begins with `command_`. These
modules are imported when a command, the help or the menu needs them, so that the first prompt of `train`
appears at once.
"""

import functools
import importlib.util
from functools import partial

from lib.cli.menu import MenuEntry
from lib.cli.parser import CommandParser
from lib.cli.session import Session
from lib.common.discovery import import_modules
from lib.common.errors import UserError
from lib.common.suggestions import closest_name

PACKAGES = ("lib.cli", "lib.search", "lib.reproduction")  # the last two may have been deleted
MODULE_PREFIX = "command_"


class Command:
    """A command of one or both programs.

    Attributes:
        name: the first word of the command line, and the key of the menu entry.
        programs: the programs that have it.
        description: the first paragraph of its help.
        order: position of the name in the help.
        menu_text: text of the menu entry; "" for none.
        menu_order: position of the menu entry.
    """

    name: str
    programs: tuple[str, ...]
    description: str
    order = 100
    menu_text = ""
    menu_order = 100

    def make_parser(self, program: str) -> CommandParser:
        """Return the parser of the command's flags."""
        parser = CommandParser(f"{program}.py {self.name}", self.description)
        self.add_flags(parser)
        parser.add_prompt_flags()
        return parser

    def add_flags(self, parser: CommandParser) -> None:
        """Add the flags that only this command has."""

    def run(self, program: str, arguments: list[str]) -> int:
        """Carry out the command.

        Args:
            program: `autoencoder` or `classification`.
            arguments: the command line after the command.

        Returns:
            The exit status.
        """
        raise NotImplementedError

    def is_offered(self, session: Session) -> bool:
        """Return whether the menu after the last run has the entry."""
        return bool(self.menu_text)

    def run_from_menu(self, session: Session) -> None:
        """Carry out the menu entry, which may ask questions; needed where there is a `menu_text`."""
        raise NotImplementedError


@functools.cache
def all_commands() -> tuple[Command, ...]:
    """Return the commands of both programs in the order of the help."""
    commands = [
        value()
        for package in PACKAGES
        if importlib.util.find_spec(package)
        for module in import_modules(package, MODULE_PREFIX)
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, Command) and value.__module__ == module.__name__
    ]
    return tuple(sorted(commands, key=lambda command: command.order))


def commands_of(program: str) -> dict[str, Command]:
    """Return the commands of a program by name, except `train`."""
    return {command.name: command for command in all_commands() if program in command.programs}


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
    name = arguments[0] if arguments else "train"
    if name == "train" or name.startswith("-"):
        return None
    commands = commands_of(program)
    if name in commands:
        return commands[name].run(program, arguments[1:])
    if not name.isalpha():
        return None
    names = ["train", *commands]
    close = closest_name(name, names)
    hint = f"did you mean {close}?" if close else f"the commands are {', '.join(names)}"
    raise UserError(f"unknown command {name!r}; {hint}")


def command_menu(session: Session) -> dict[str, MenuEntry]:
    """Return the menu entries of the commands of a session's program for its last run."""
    return {
        name: MenuEntry(command.menu_text, partial(command.run_from_menu, session), command.menu_order)
        for name, command in commands_of(session.answers.program).items()
        if command.is_offered(session)
    }
