"""Command-line parsers: one for the options of any command, one for `train` with a flag per setting."""

import argparse
from typing import Any

from lib.common.errors import UserError
from lib.config.fields import PROGRAMS, default_values, display_name, format_value, settings
from lib.config.value_types import ALL, NONE, LayerNumbers, Switch

DASHES = "\u2010\u2011\u2012\u2013\u2014\u2212"  # by which word processors replace hyphens in a command
PRESET_HELP = "a named network with its training; flags given beside it win (the README lists them)"


class CommandParser(argparse.ArgumentParser):
    """Parser of a command's flags that raises `UserError` instead of ending the program.

    Args:
        prog: program and command, such as `autoencoder.py runs`.
        description: first paragraph of the help.

    Attributes:
        options: the argparse action of each flag.
    """

    def __init__(self, prog: str, description: str | None):
        self.options: dict[str, argparse.Action] = {}  # before argparse adds --help
        super().__init__(prog=prog, description=description, allow_abbrev=False)

    def add_argument(self, *flags: str, **options: Any) -> argparse.Action:
        return self._record_flags(super().add_argument(*flags, **options))

    def add_exclusive_group(self, *flags: tuple[str, dict[str, Any]]) -> None:
        """Add flags of which at most one may be given, each with its options of `add_argument`."""
        group = self.add_mutually_exclusive_group()
        for flag, options in flags:
            self._record_flags(group.add_argument(flag, **options))

    def _record_flags(self, action: argparse.Action) -> argparse.Action:
        self.options |= dict.fromkeys(action.option_strings, action)
        return action

    def parse(self, arguments: list[str]) -> argparse.Namespace:
        """Return the values of a command line.

        Args:
            arguments: the words after the program and the command.

        Raises:
            UserError: a flag is unknown, belongs to the other program, or has a wrong value.
        """
        arguments = [_restore_hyphens(word) for word in arguments]
        self._refuse_flags_of_other_program(arguments)
        return self.parse_args(arguments)

    def _refuse_flags_of_other_program(self, arguments: list[str]) -> None:
        """Name the program that has a flag: argparse would take -dl FILE for the data set l and a file."""
        program = self.prog.partition(".")[0]
        for flag in (word.partition("=")[0] for word in arguments if word.startswith("-")):
            if flag in self.options:
                continue
            actions = {name: TrainParser(name, "").options.get(flag) for name in PROGRAMS}
            owners = {name: action for name, action in actions.items() if action is not None}
            if owners and program not in owners:
                owner, action = next(iter(owners.items()))
                self.error(f"{flag} ({display_name(action.dest)}) is for {owner}.py, not for {program}.py")

    def error(self, message: str):
        raise UserError(f"{message}; see python {self.prog} --help")


class TrainParser(CommandParser):
    """Parser of the command `train`, with a flag for every setting of a program.

    Args:
        program: `autoencoder` or `classification`.
        description: first paragraph of the help.
    """

    def __init__(self, program: str, description: str | None):
        super().__init__(f"{program}.py", description)
        defaults = default_values(program)
        for setting in settings(program):
            default = format_value(setting.name, defaults[setting.name])
            help_text = f"{setting.metadata['help']}: {setting.metadata['value_type'].description}"
            help_text += f" (default {default})" if default else ""
            self._add_setting(setting, default or "TEXT", help_text.replace("%", "%%"))
        self.add_argument("--preset", metavar="NAME", help=PRESET_HELP)
        self.add_argument(
            "--output",
            metavar="DIR",
            help="the run folder (default models/<time>-<dataset>-<task>); never overwritten",
        )
        self.add_argument(
            "--resume", metavar="DIR", help="go on with a run that was interrupted, from its last whole epoch"
        )
        self.add_argument(
            "--distributed",
            nargs="?",
            const="",
            metavar="HOST:PORT,N/OF",
            help="train on all devices of this machine, or as process N of those that meet at HOST:PORT of "
            "the first (JAX)",
        )
        self.add_argument(
            "--answers", metavar="FILE", help="answers from a file, such as the answers.json of a run"
        )
        self.add_argument(
            "--yes", action="store_true", help="ask nothing: take the default for whatever is not given"
        )
        self.add_argument(
            "--no-input",
            action="store_true",
            help="ask nothing, and fail at once when something without a default is missing",
        )

    def set_help(self, flag: str, text: str) -> None:
        """Replace the help text of a flag; `argparse.SUPPRESS` hides it."""
        self.options[flag].help = text

    def _add_setting(self, setting, metavar: str, help_text: str) -> None:
        """Add `--name VALUE`; for a switch `--name` alone, for layer numbers either; `--no-name` for both."""
        name, flags = setting.name, setting.metadata["flags"]
        value_type = setting.metadata["value_type"]
        if not isinstance(value_type, Switch | LayerNumbers):
            self.add_argument(*flags, dest=name, metavar=metavar, help=help_text)
            return
        if isinstance(value_type, Switch):
            self.add_argument(*flags, dest=name, action="store_const", const="yes", help=help_text)
        else:
            self.add_argument(*flags, dest=name, nargs="?", const=ALL, metavar=metavar, help=help_text)
        off = "no" if isinstance(value_type, Switch) else NONE
        opposites = [flag.replace("--", "--no-", 1) for flag in flags]
        self.add_argument(*opposites, dest=name, action="store_const", const=off, help=argparse.SUPPRESS)

    def parse(self, arguments: list[str]) -> argparse.Namespace:
        """Return the values of a command line, which may begin with the command `train`."""
        return super().parse(arguments[1:] if arguments[:1] == ["train"] else arguments)


def _restore_hyphens(word: str) -> str:
    """A flag with hyphens instead of dashes: –d becomes -d, —epochs becomes --epochs."""
    name = word.lstrip(DASHES)
    if name == word or not name:
        return word
    single = len(word) - len(name) == 1 and word[0] != "—"
    return ("-" if single else "--") + name
