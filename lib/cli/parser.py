"""The command line: the flags of a verb, and those of `train`, one for every hyperparameter."""

import argparse

from lib.common.errors import UserError
from lib.config.fields import PROGRAMS, default_values, display_name, format_value, settings
from lib.config.value_types import ALL, NONE, LayerNumbers, Switch

DASHES = "\u2010\u2011\u2012\u2013\u2014\u2212"  # what word processors make of the hyphen in a copied command
PRESET_HELP = "a named network with its training; flags given beside it win (the README lists them)"


class CommandParser(argparse.ArgumentParser):
    """The flags of a verb; wrong ones raise `UserError`."""

    def __init__(self, prog: str, description: str | None):
        super().__init__(prog=prog, description=description, allow_abbrev=False)

    def parse(self, line: list[str]) -> argparse.Namespace:
        """The flags of a command line."""
        line = [_restore_hyphens(word) for word in line]
        self._require_own(line)
        return self.parse_args(line)

    def _require_own(self, line: list[str]) -> None:
        """Refuse the other program's flags by name: for argparse -dl FILE would be the data set l, and a word
        too many.
        """
        mine = self.prog.partition(".")[0]
        for flag in (word.partition("=")[0] for word in line if word.startswith("-")):
            if flag in self._option_string_actions:
                continue
            takers = {program: TrainParser(program, "")._option_string_actions for program in PROGRAMS}
            others = [program for program in PROGRAMS if flag in takers[program]]
            if others and mine not in others:
                self.error(
                    f"{flag} ({display_name(takers[others[0]][flag].dest)}) is for {others[0]}.py, not for "
                    f"{mine}.py"
                )

    def error(self, message: str):
        raise UserError(f"{message}; see python {self.prog} --help")


class TrainParser(CommandParser):
    """Flags of the verb `train`: one for every hyperparameter of a program."""

    def __init__(self, program: str, description: str | None):
        super().__init__(f"{program}.py", description)
        usual = default_values(program)
        for setting in settings(program):
            kind, default = setting.metadata["kind"], usual[setting.name]
            text = f"{setting.metadata['help']}: {kind.range}" + (
                ""
                if format_value(setting.name, default) == ""
                else f" (default {format_value(setting.name, default)})"
            )
            self._add(setting, format_value(setting.name, default) or "TEXT", text.replace("%", "%%"))
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

    def describe(self, flag: str, text: str) -> None:
        """Say something else of a flag in the help."""
        self._option_string_actions[flag].help = text

    def _add(self, setting, metavar: str, text: str) -> None:
        """`--name VALUE`; for a switch `--name` alone, for layers that too; and `--no-name` for both."""
        name, flags, kind = setting.name, setting.metadata["flags"], setting.metadata["kind"]
        if not isinstance(kind, Switch | LayerNumbers):
            self.add_argument(*flags, dest=name, metavar=metavar, help=text)
            return
        if isinstance(kind, Switch):
            self.add_argument(*flags, dest=name, action="store_const", const="yes", help=text)
        else:
            self.add_argument(*flags, dest=name, nargs="?", const=ALL, metavar=metavar, help=text)
        off = "no" if isinstance(kind, Switch) else NONE
        opposites = [flag.replace("--", "--no-", 1) for flag in flags]
        self.add_argument(*opposites, dest=name, action="store_const", const=off, help=argparse.SUPPRESS)

    def parse(self, line: list[str]) -> argparse.Namespace:
        """The flags of a command line, whose first word may be the verb `train`."""
        return super().parse(line[1:] if line[:1] == ["train"] else line)


def _restore_hyphens(word: str) -> str:
    """A flag with the hyphens that it had before somebody's word processor saw it: –d is -d, —epochs is
    --epochs.
    """
    bare = word.lstrip(DASHES)
    return (
        word
        if bare == word or not bare
        else ("-" if len(word) - len(bare) == 1 and word[0] != "—" else "--") + bare
    )
