"""Pictures of the documentation: a session in a terminal, and the reconstructions of the same run.

A default run on `digits` in a pseudo-terminal of 80 columns; the screen at its menu becomes an SVG.

pip install pyte && python -m tests.docs_images
"""

import io
import os
import shutil
import tempfile
import time
from pathlib import Path

import pexpect
import pyte
from rich.console import Console
from rich.text import Text

from tests.harness.terminal_session import CTRL_D, CURSOR_REPORT, ENTER, PROJECT, Terminal

IMAGES = PROJECT / "docs" / "images"
ROWS, COLUMNS = 44, 80
FONT = "font-family: monospace"
# Rich's own format names a font on another server.
SVG = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}">
<style>.{unique_id}-matrix {{ {font}; font-size: {char_height}px; line-height: {line_height}px; }}
{styles}</style>
<defs><clipPath id="{unique_id}-clip-terminal"><rect width="{terminal_width}" height="{terminal_height}"/>
</clipPath>{lines}</defs>
<rect fill="#1b1b1b" width="{width}" height="{height}" rx="8"/>
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}<g class="{unique_id}-matrix">{matrix}</g></g></svg>
"""


class RecordedTerminal(Terminal):
    """A terminal whose screen can be read, cell by cell."""

    def __init__(self, program: str, *words: str):
        self.screen = pyte.Screen(COLUMNS, ROWS)
        stream = pyte.Stream(self.screen)
        super().__init__(program, *words)
        self.setwinsize(ROWS, COLUMNS)
        self.logfile_read = type("Feed", (), {"write": stream.feed, "flush": lambda: None})

    def cursor_report(self) -> str:
        return f"\x1b[{self.screen.cursor.y + 1};{self.screen.cursor.x + 1}R"

    def settle(self, seconds: float = 2) -> None:
        """Read what the program still writes."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if self.expect([CURSOR_REPORT, pexpect.TIMEOUT], timeout=0.2) == 0:
                self.send(self.cursor_report())


def screen_text(screen: pyte.Screen) -> Text:
    """The cells of a screen with their styles, without the empty rows at the end."""
    text = Text()
    for row in range(screen.lines):
        for column in range(screen.columns):
            cell = screen.buffer[row][column]
            text.append(cell.data, _style(cell))
        text.append("\n")
    text.rstrip()
    return text


def _style(cell) -> str:
    colors = [_color(cell.fg), _color(cell.bg)]
    words = ["bold"] if cell.bold else []
    words += ["reverse"] if cell.reverse else []
    words += [colors[0]] if colors[0] else []
    return " ".join([*words, *([f"on {colors[1]}"] if colors[1] else [])])


def _color(name: str) -> str:
    if name == "default":
        return ""
    names = {"brown": "yellow"}
    is_number = len(name) == 6 and all(sign in "0123456789abcdef" for sign in name)
    name = f"#{name}" if is_number else names.get(name, name)
    return name.replace("bright", "bright_") if name.startswith("bright") else name


def main() -> None:
    """Record the session, and write both pictures."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        terminal = RecordedTerminal("autoencoder.py", "-d", "digits", "--seed", "0", "--output", "run")
        for _ in range(5):  # the five questions
            terminal.settle(1)
            terminal.press(ENTER)
        terminal.see("dvanced")
        terminal.press(ENTER)
        terminal.see("What next?")
        terminal.settle()
        console = Console(width=COLUMNS, record=True, file=io.StringIO(), force_terminal=True)
        console.print(screen_text(terminal.screen))
        console.save_svg(str(IMAGES / "session.svg"), title="", code_format=SVG.replace("{font}", FONT))
        terminal.press(CTRL_D)
        terminal.leaves()
        shutil.copy(Path("run/figures/reconstructions.png"), IMAGES / "reconstructions.png")
        os.chdir(PROJECT)


if __name__ == "__main__":
    main()
