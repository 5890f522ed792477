"""A copy of the project that additions are made to, each of one file or one entry, to run its programs."""

import os
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

from tests.harness.terminal_session import PROJECT

MAX_LINES = 25  # of an addition, blank ones not counted


class ExtendedProject:
    """A copy of the programs, `lib`, the generated pages and what writes them.

    Args:
        folder: an empty folder for the copy; the programs run in it.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        for name in ("lib", "docs", "tests/harness"):
            shutil.copytree(PROJECT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        for name in ("autoencoder.py", "classification.py", "tests/__init__.py", "tests/docs.py"):
            shutil.copy(PROJECT / name, folder / name)

    def add_file(self, path: str, code: str) -> None:
        """Add a module of at most 25 lines."""
        assert not (self.folder / path).exists(), f"{path} is there already"
        (self.folder / path).write_text(_checked(code), encoding="utf-8")

    def add_entry(self, path: str, before: str, code: str) -> None:
        """Insert at most 25 lines into a module, before the only line that begins with `before`."""
        file = self.folder / path
        lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
        places = [number for number, line in enumerate(lines) if line.startswith(before)]
        assert len(places) == 1, f"{path}: {len(places)} lines begin with {before!r}"
        indentation = before[: len(before) - len(before.lstrip())]
        lines.insert(places[0], textwrap.indent(_checked(code), indentation))
        file.write_text("".join(lines), encoding="utf-8")

    def replace(self, path: str, text: str, by: str) -> None:
        """Replace the only occurrence of a text in a module, such as a list that an entry is added to."""
        file = self.folder / path
        content = file.read_text(encoding="utf-8")
        assert content.count(text) == 1
        file.write_text(content.replace(text, by), encoding="utf-8")

    def run(self, *words: str, answers: str = "") -> str:
        """Run Python in the copy, and return what it prints; its exit status must be 0."""
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        process = subprocess.run(
            [sys.executable, *words],
            cwd=self.folder,
            env=environment | {"COLUMNS": "200", "MPLCONFIGDIR": str(self.folder)},
            input=answers,
            capture_output=True,
            text=True,
            check=False,
        )
        assert process.returncode == 0, process.stdout + process.stderr
        return process.stdout + process.stderr


def _checked(code: str) -> str:
    code = textwrap.dedent(code).lstrip("\n")
    lines = [line for line in code.splitlines() if line]
    assert len(lines) <= MAX_LINES
    return code
