"""The README cannot lie. python -m pytest tests/test_readme.py"""

import re

import pytest

from lib.fields import PROGRAMS, settings
from lib.questions import Parser
from tests.keys import PROJECT

README = (PROJECT / "README.md").read_text(encoding="utf-8")


def flags_table() -> str:
    """The table of flags as the programs know them: what the README must hold between its two marks."""
    rows = ["| flag | in | meaning |", "|---|---|---|"]
    parsers = {program: Parser(program, "") for program in PROGRAMS}
    for setting in settings():
        metadata, names = setting.metadata, " ".join(f"`{program}.py`" for program in setting.metadata["programs"])
        where = "both" if len(metadata["programs"]) == len(PROGRAMS) else names
        rows.append(f"| {', '.join(f'`{flag}`' for flag in metadata['flags'])} | {where} | {metadata['help']} |")
    known = {flag for setting in settings() for flag in setting.metadata["flags"]}
    for action in parsers["autoencoder"]._actions:
        if not known & set(action.option_strings):
            rows.append(f"| {', '.join(f'`{flag}`' for flag in action.option_strings)} | both | {action.help} |")
    return "\n".join(rows)


def test_the_table_of_flags_is_the_programs():
    written = re.search(r"<!-- flags: begin -->\n(.*)\n<!-- flags: end -->", README, re.DOTALL)
    assert written.group(1) == flags_table(), f"put this between the marks:\n{flags_table()}"


@pytest.mark.parametrize("line", re.findall(r"^    python (.*?)(?:  #.*)?$", README.replace("\\\n", " "), re.MULTILINE))
def test_every_command_parses(line):
    program, *words = line.split(" < ")[0].split()
    args = Parser(program.removesuffix(".py"), "").parse(words)
    assert args is not None


def test_no_flag_is_invented():
    known = {flag for program in PROGRAMS for action in Parser(program, "")._actions for flag in action.option_strings}
    prose = re.sub(r"```.*?```", "", README, flags=re.DOTALL)
    assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", prose)) <= known


def test_quick_start_is_two_commands():
    section = README.split("## Quick start")[1].split("\n## ")[0]
    blocks = re.findall(r"```sh\n(.*?)\n```", section, re.DOTALL)
    assert len(blocks) == 2
    assert all("\n" not in block for block in blocks)
    assert "requirements.txt" in blocks[0]
    assert blocks[1].endswith("python -m pytest")
