"""Output of a program: lines that fit the terminal, and the look of everything."""

import os
import re
import sys

from rich.console import Console
from rich.text import Text

from lib.common.errors import printable, shorten
from lib.common.text_layout import as_written, cell_width, wrap_words

# The look, in one place.
ACCENT, GOOD, BAD, QUIET = "cyan", "green", "red", "dim"
MAX_LINE = 10_000  # characters; commands that replay a run have up to some thousand
CONTINUATION = " \\"  # at the end of a line of a command that goes on
COMMAND_INDENT = "    "
SHELL_WORD = r"(?:'[^']*'|\"[^\"]*\"|[^ '\"])+"  # as shlex.join writes it


def safe_lines(text: str) -> str:
    """The lines of a text, in which names of files may stand, without control characters and not too long."""
    return "\n".join(shorten(printable(line), MAX_LINE) for line in text.split("\n"))


class CountedOutput:
    """Standard output that counts the lines written to it.

    Attributes:
        lines: the number of lines; may be set.
    """

    def __init__(self) -> None:
        self.lines = 0

    def write(self, text: str) -> int:
        self.lines += text.count("\n")
        return sys.stdout.write(text)

    def __getattr__(self, name: str):
        return getattr(sys.stdout, name)


class Output:
    """Output of a program: results to standard output, progress and notes to standard error.

    Attributes:
        out: console of standard output.
        err: console of standard error.
    """

    def __init__(self) -> None:
        self._counted = CountedOutput()
        self.out = Console(file=self._counted, highlight=False)  # type: ignore[arg-type]
        self.err = Console(stderr=True, highlight=False)

    @property
    def kept_lines(self) -> int:
        """Lines printed since `begin_view`, which a menu below them leaves on the screen."""
        return self._counted.lines

    def begin_view(self) -> None:
        """Begin what a menu that follows leaves on the screen."""
        self._counted.lines = 0

    def note(self, text: str, style: str = "") -> None:
        """Print a line to standard error."""
        _print_lines(self.err, safe_lines(text), style)

    def result(self, text: str, style: str = "") -> None:
        """Print a line to standard output."""
        _print_lines(self.out, safe_lines(text), style)

    def command(self, text: str, label: str, style: str = "", is_note: bool = False) -> None:
        """Print a command that can be copied: with a backslash before each line break on a terminal.

        Args:
            text: the command, for a shell.
            label: text before it.
            style: a rich style.
            is_note: whether it goes to standard error.
        """
        line, console = f"{label} {safe_lines(text)}", self.err if is_note else self.out
        if console.is_terminal and os.name != "nt":
            line = f"{CONTINUATION}\n".join(_command_lines(line, console.width - len(CONTINUATION)))
        console.print(line, style=style, markup=False, soft_wrap=True)


def fit_text(console: Console, text: str) -> str:
    """Return a text with line breaks between words on a terminal, unchanged in a file or a pipe."""
    if not console.is_terminal:
        return text
    return "\n".join(wrap_words(as_written(text, console.file), console.width))


def _command_lines(command: str, width: int) -> list[str]:
    """The lines of a command; none is broken within a word of the shell, or between a flag and its value.

    A word that is wider than a line stays whole.
    """
    parts = re.findall(rf"-{SHELL_WORD} (?!-){SHELL_WORD}|{SHELL_WORD}", command)
    lines = [parts[0]]
    for part in parts[1:]:
        if cell_width(f"{lines[-1]} {part}") <= width:
            lines[-1] += f" {part}"
        else:
            lines.append(f"{COMMAND_INDENT}{part}")
    return lines


def _print_lines(console: Console, text: str, style: str) -> None:
    console.print(Text(fit_text(console, text), style=style), soft_wrap=True)
