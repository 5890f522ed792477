"""The README cannot lie. python -m pytest tests/test_readme.py"""

import argparse
import re

import pytest

from lib.cli import commands
from lib.cli.parser import TrainParser
from lib.cli.prompts import Answers
from lib.config.fields import PROGRAMS, describe_default, settings
from lib.config.presets import PRESETS
from lib.config.value_types import LayerNumbers, Switch
from tests.harness.terminal_session import PROJECT

README = (PROJECT / "README.md").read_text(encoding="utf-8")


ELSEWHERE = {"--logdir"}  # of TensorBoard


def flags_table() -> str:
    """The table of flags as the programs know them: what the README must hold between its two marks."""
    rows = ["| flag | in | default | meaning |", "|---|---|---|---|"]
    for setting in settings():
        metadata, programs = setting.metadata, setting.metadata["programs"]
        flags = list(metadata["flags"])
        if isinstance(metadata["value_type"], Switch | LayerNumbers):
            flags += [flag.replace("--", "--no-", 1) for flag in flags]
        texts = {program: describe_default(setting, program) for program in programs}
        default = "; ".join(dict.fromkeys(texts.values())) if len(texts) > 1 else next(iter(texts.values()))
        rows.append(f"| {_named(flags)} | {_where(programs)} | {default} | {metadata['help']} |")
    known = {flag for setting in settings() for flag in setting.metadata["flags"]}
    options = {program: TrainParser(program, "").options for program in PROGRAMS}
    for action in dict.fromkeys(options["autoencoder"].values()):
        if not known & set(action.option_strings) and action.help != argparse.SUPPRESS:
            is_shared = set(action.option_strings) <= options["classification"].keys()
            where = _where(PROGRAMS if is_shared else PROGRAMS[:1])
            rows.append(f"| {_named(action.option_strings)} | {where} |  | {action.help} |")
    return "\n".join(rows)


def _named(flags) -> str:
    return ", ".join(f"`{flag}`" for flag in flags)


def _where(programs) -> str:
    return "both" if len(programs) == len(PROGRAMS) else f"`{programs[0]}.py`"


def test_the_table_of_flags_is_the_programs():
    written = re.search(r"<!-- flags: begin -->\n(.*)\n<!-- flags: end -->", README, re.DOTALL)
    assert written.group(1) == flags_table(), f"put this between the marks:\n{flags_table()}"


def presets_table() -> str:
    """The table of presets, as it must stand in the README."""
    rows = ["| preset | what it is | made for | program |", "|---|---|---|---|"]
    return "\n".join(
        rows
        + [
            f"| `{name}` | {preset.description} | `{preset.dataset}` | `{preset.program}.py` |"
            for name, preset in PRESETS.items()
        ]
    )


def test_the_table_of_presets_is_the_programs():
    written = re.search(r"<!-- presets: begin -->\n(.*)\n<!-- presets: end -->", README, re.DOTALL)
    assert written.group(1) == presets_table(), f"put this between the marks:\n{presets_table()}"


@pytest.mark.parametrize(
    "line", re.findall(r"^    python (.*?)(?:  #.*)?$", README.replace("\\\n", " "), re.MULTILINE)
)
def test_every_command_parses(line):
    program, *words = re.split(r" [<>&]", line)[0].split()  # what follows is for the shell
    program = program.removesuffix(".py")
    if words and words[0] in commands.MODULES[program]:
        commands.command_parser(program, words[0]).parse(words[1:])
        return
    args = TrainParser(program, "").parse(words)
    if args.dataset and not args.answers:  # what it says can be built
        Answers(program, args).hyperparameters({})


def test_no_flag_is_invented():
    parsers = [TrainParser(program, "") for program in PROGRAMS]
    parsers += [
        commands.command_parser(program, name) for program in PROGRAMS for name in commands.MODULES[program]
    ]
    known = {flag for parser in parsers for flag in parser.options} | ELSEWHERE
    prose = re.sub(r"```.*?```", "", README, flags=re.DOTALL)
    assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", prose)) <= known


@pytest.mark.parametrize(
    ("program", "command"), [(program, name) for program in PROGRAMS for name in commands.MODULES[program]]
)
def test_every_command_and_each_of_its_own_flags_is_in_the_readme(program, command):
    assert f"python {program}.py {command}" in README
    training = {flag for known in PROGRAMS for flag in TrainParser(known, "").options}
    own = commands.command_parser(program, command).options.keys() - training
    assert {flag for flag in own if f"`{flag}" not in README and f"{flag} " not in README} == set()


def test_quick_start_is_two_commands():
    section = README.split("## Quick start")[1].split("\n## ")[0]
    blocks = re.findall(r"```sh\n(.*?)\n```", section, re.DOTALL)
    assert len(blocks) == 2
    assert all("\n" not in block for block in blocks)
    assert "requirements.txt" in blocks[0]
    assert "python -m pytest" in blocks[1]
    assert (PROJECT / ".ci" / "run").read_text(encoding="utf-8").splitlines()[-1] == blocks[1]
