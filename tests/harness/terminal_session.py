"""A program in a real pseudo-terminal, with keys by name."""

import os
import re
import sys
import time
from pathlib import Path

import pexpect

PROJECT = Path(__file__).resolve().parents[2]
ENTER, ESC, DOWN, UP, BACKSPACE = "\r", "\x1b", "\x1b[B", "\x1b[A", "\x7f"
CTRL_C, CTRL_D = "\x03", "\x04"
CURSOR_REPORT, CURSOR = (
    re.escape("\x1b[6n"),
    "\x1b[1;1R",
)  # a prompt asks where the cursor is, as any terminal can say
SECONDS = 90  # for a training process on a busy machine


class Terminal(pexpect.spawn):
    """`see` waits for words (or what a compiled pattern matches) on the screen; `press` sends keys, `answer`
    a text and Enter.
    """

    def __init__(self, program: str, *words: str, **environment: str):
        # pytest-xdist tells its workers another width than that of this terminal.
        inherited = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}
        super().__init__(
            sys.executable,
            [str(PROJECT / program), *words],
            env={**inherited, "TERM": "xterm-256color", "PYTHONUNBUFFERED": "1", **environment},
            dimensions=(60, 140),
            encoding="utf-8",
            # at Ctrl-C the terminal drops what it has not written, in the middle of a letter as well
            codec_errors="replace",
            timeout=SECONDS,
        )
        self.menu_cursor = 0

    def see(self, *texts: str | re.Pattern) -> None:
        for text in texts:
            self._wait_for(re.escape(text) if isinstance(text, str) else text)

    def press(self, *keys: str) -> None:
        for key in keys:
            self.send(key)

    def choose(self, number: int) -> None:
        """Choose an entry of the menu, from 0, in which the cursor stays; `menu_cursor` is 0 after a run."""
        moves = number - self.menu_cursor
        self.press(*[DOWN if moves > 0 else UP] * abs(moves), ENTER)
        self.menu_cursor = number

    def answer(self, text: str = "") -> None:
        self.send(text + ENTER)

    def leaves(self) -> int:
        """Wait for the end of the program; its exit status."""
        self._wait_for(pexpect.EOF)
        self.close()
        return self.exitstatus

    def cursor_report(self) -> str:
        """The answer to a program that asks where the cursor is."""
        return CURSOR

    def _wait_for(self, end) -> None:
        """However often the program asks for the cursor meanwhile."""
        until = time.monotonic() + SECONDS
        while self.expect([CURSOR_REPORT, end], timeout=max(0, until - time.monotonic())) == 0:
            self.send(self.cursor_report())
