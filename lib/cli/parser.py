"""Command-line parsers: one for the options of any command, one for `train` with a flag per setting."""

import argparse
import sys
import textwrap
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from typing import Any

from lib.common.errors import UserError, printable
from lib.common.settings import Setting
from lib.common.suggestions import SYNONYMS, closest_name
from lib.common.value_types import ALL, NONE, LayerNumbers, Switch, ValueType
from lib.config.program_settings import PROGRAMS, display_name, settings
from lib.tasks import TASKS

DASHES = "\u2010\u2011\u2012\u2013\u2014\u2212"  # by which word processors replace hyphens in a command
GROUPS = ("data", "task", "code", "network", "training")  # of the settings
# The short help of each program, which fits a terminal of 80×24.
_TRAINING_HELP = {
    "--epochs": "passes over the training images",
    "--batch-size": "images per training step",
    "--preset": "a named network with its training settings",
    "--output": "run folder (default models/<time>-<dataset>-<task>)",
    "--resume": "continue an interrupted run",
    "--yes": "no prompts: use the defaults",
    "--no-input": "no prompts: fail if a setting without a default is missing",
    "--help-all": "show every flag of train, in groups",
}
SHORT_HELP = {
    "autoencoder": {
        "--dataset": "training images: a file, a folder, or a name such as digits",
        "--task": ", ".join(TASKS),
        "--layers": "convolutional layers in the encoder",
        "--kernel-size": "in pixels: 3, 4x2, or one per layer: 5,3,3",
        "--kernels": "kernels per layer: 32, or one per layer: 8,12,16",
        "--latent-dim": "latent size, or convolutional",
        **_TRAINING_HELP,
    },
    "classification": {
        "--dataset": "training images: a file, a folder, or a name such as digits",
        "--labels": "labels of the training images, if they are in another file",
        "--model": "run folder or .h5 file of an autoencoder or encoder",
        "--fc-units": "units of each fully connected layer: 64, or 128,64",
        "--dropout": "dropout rate after each fully connected layer",
        "--scratch": "also train the network from random weights",
        **_TRAINING_HELP,
    },
}
HELP_WIDTH, FLAG_WIDTH = 79, 18
JSON_HELP = "print the result as JSON"
GPU_WORDS = ("gpu", "cuda")  # flags of other programs that need none here
PRESET_HELP = "a named network with its training settings; other flags override it (see docs/presets.md)"


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
        self._group: argparse._ArgumentGroup | None = None
        super().__init__(prog=prog, description=description, allow_abbrev=False)

    def add_argument(self, *flags: str, **options: Any) -> argparse.Action:
        add = self._group.add_argument if self._group else super().add_argument
        return self._record_flags(add(*flags, **options))

    def add_switch(self, flag: str, help_text: str) -> None:
        """Add a flag without a value, which is off by default."""
        self.add_argument(flag, action="store_true", help=help_text)

    def add_value(
        self, flag: str, metavar: str, help_text: str, value_type: ValueType | None = None, **options: Any
    ) -> None:
        """Add a flag with a value.

        Args:
            flag: such as `--limit`.
            metavar: the value in the help.
            help_text: help of the flag.
            value_type: parses the value; without it, it stays text.
            **options: further ones of `add_argument`.
        """
        if value_type:
            options["type"] = partial(value_type.parse_as, flag)
        self.add_argument(flag, metavar=metavar, help=help_text, **options)

    @contextmanager
    def group(self, title: str) -> Iterator[None]:
        """Flags that are added meanwhile stand below a heading of the help."""
        self._group = self.add_argument_group(title)
        yield
        self._group = None

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """At most one of the flags that are added meanwhile may be given."""
        outer = self._group
        self._group = (outer or self).add_mutually_exclusive_group()
        yield
        self._group = outer

    def add_prompt_flags(self) -> None:
        """Add the flags of all commands that turn prompts off."""
        self.add_switch("--yes", "no prompts: use the default of each setting that is not set")
        self.add_switch("--no-input", "no prompts: fail if a setting without a default is missing")

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
        self._refuse_unknown_flags(arguments)
        return self.parse_args(arguments)

    def _refuse_unknown_flags(self, arguments: list[str]) -> None:
        """Name the program that has a flag, or the flag that is probably meant.

        argparse would take -dl FILE for the data set l and a file, and -dataset FILE for the data set ataset.
        """
        program = self.prog.partition(".")[0]
        flags = arguments[: arguments.index("--")] if "--" in arguments else arguments
        for flag in (word.partition("=")[0] for word in flags if word.startswith("-")):
            if flag in self.options:
                continue
            actions = {name: TrainParser(name, "").options.get(flag) for name in PROGRAMS}
            owners = {name: action for name, action in actions.items() if action is not None}
            if owners and program not in owners:
                owner, action = next(iter(owners.items()))
                self.error(f"{flag} ({display_name(action.dest)}) belongs to {owner}.py, not {program}.py")
            self._refuse_unknown_flag(flag)

    def _refuse_unknown_flag(self, flag: str) -> None:
        if flag.lstrip("-") in GPU_WORDS:
            raise UserError(
                f"unknown flag {flag}; a GPU is used if Keras finds one, and --distributed uses several"
            )
        shown = [flag for flag, action in self.options.items() if action.help != argparse.SUPPRESS]
        names = {option.lstrip("-"): option for option in shown}
        close = names.get(closest_name(flag, names))
        is_flag = flag.startswith("--") or f"-{flag}" in self.options or flag.lstrip("-") in SYNONYMS
        if is_flag and " " not in flag:
            if close:
                raise UserError(f"unknown flag {flag}; did you mean {close}?")
            self.error(f"unknown flag {printable(flag)}")

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
        for group in GROUPS:
            with self.group(group):
                for setting in settings(program).values():
                    if setting.group == group and self._has(setting):
                        with self.exclusive() if setting.switches else nullcontext():
                            self._add_setting(setting)
        with self.group("run"):
            self._add_run_flags()

    def _add_run_flags(self) -> None:
        self.add_value("--preset", "NAME", PRESET_HELP)
        output_help = "the run folder (default models/<time>-<dataset>-<task>); never overwritten"
        self.add_value("--output", "DIR", output_help)
        self.add_value("--resume", "DIR", "continue an interrupted run after its last complete epoch")
        distributed_help = (
            "train on all devices of this machine, or as process N of OF that connect to HOST:PORT of "
            "the first (JAX)"
        )
        self.add_value("--distributed", "HOST:PORT,N/OF", distributed_help, nargs="?", const="")
        answers_help = "read settings from a file, such as the answers.json of a run"
        self.add_value("--answers", "FILE", answers_help)
        self.add_prompt_flags()
        self.add_switch("--json", JSON_HELP)

    def _has(self, setting: Setting) -> bool:
        return True

    def _add_setting(self, setting: Setting) -> None:
        """Add `--name VALUE`; for a switch `--name` alone, for layer numbers either; `--no-name` for both."""
        name, flags, value_type = setting.name, setting.flags, setting.value_type
        default = f" (default {setting.described_default})" if setting.described_default else ""
        help_text = f"{setting.help}: {value_type.description}{default}".replace("%", "%%")
        metavar = setting.format(setting.default) or "TEXT"
        for flag, value in setting.switches.items():
            add_constant = partial(self.add_argument, dest=name, action="store_const")
            add_constant(flag, const=value, help=f"the same as {setting.flag} {value}")
            opposite, off = flag.replace("--", "--no-", 1), setting.format(setting.default)
            add_constant(opposite, const=off, help=f"the same as {setting.flag} {off}")
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


class TrainingCommandParser(TrainParser):
    """Parser of a command that trains: the flags of `train`, without those of a single run in the help.

    Args:
        program: `autoencoder` or `classification`.
        command: its name.
        description: first paragraph of the help.
        output_help: help of --output.
    """

    def __init__(self, program: str, command: str, description: str, output_help: str):
        super().__init__(program, description)
        self.prog = f"{program}.py {command}"
        self.options["--output"].help = output_help
        for flag in ("--resume", "--distributed"):
            self.options[flag].help = argparse.SUPPRESS

    def _has(self, setting: Setting) -> bool:
        return not setting.single_run


class ProgramParser(TrainParser):
    """Parser of a program without a command: `--help` is short, `--help-all` has every flag of `train`.

    Args:
        program: `autoencoder` or `classification`.
        description: first sentence of the help.
        list_commands: returns the names of the program's other commands.
    """

    def __init__(self, program: str, description: str, list_commands: Callable[[], Iterable[str]]):
        super().__init__(program, description)
        self.usage = f"python {self.prog} [train] [FLAGS]"
        self._program, self._list_commands = program, list_commands
        self.add_switch("--help-all", _TRAINING_HELP["--help-all"])

    def parse(self, arguments: list[str]) -> argparse.Namespace:
        """Return the values of a command line; print the help and leave where it asks for that."""
        if "--help-all" in arguments or (arguments[:1] == ["train"] and {"-h", "--help"} & {*arguments}):
            sys.stdout.write(super().format_help())
            self.exit()
        return super().parse(arguments)

    def format_help(self) -> str:
        """Return the short help: commands, and the flags that most runs need."""
        texts = SHORT_HELP[self._program].items()
        flags = {flag: ", ".join(self.options[flag].option_strings) for flag, _ in texts}
        return "\n".join(
            [
                f"usage: python {self.prog} [COMMAND] [FLAGS]",
                "",
                *textwrap.wrap(f"{self.description} Settings without a flag are asked for.", HELP_WIDTH),
                "",
                *textwrap.wrap(
                    f"commands: train (the default), {', '.join(self._list_commands())}",
                    HELP_WIDTH,
                    subsequent_indent=" " * 10,
                ),
                f"          python {self.prog} COMMAND --help shows the flags of one",
                "",
                *(f"  {flags[flag]:<{FLAG_WIDTH}}{text}" for flag, text in texts),
                "",
            ]
        )


def _restore_hyphens(word: str) -> str:
    """A flag with hyphens instead of dashes: –d becomes -d, —epochs becomes --epochs."""
    name = word.lstrip(DASHES)
    if name == word or not name:
        return word
    single = len(word) - len(name) == 1 and word[0] != "—"
    return ("-" if single else "--") + name
