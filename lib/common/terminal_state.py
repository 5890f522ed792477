"""Terminal modes: no echo of keys while a run is under way, and restoration after a program was killed."""

import importlib
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

termios: Any = None
with suppress(ImportError):  # Windows has none, and changes no modes
    termios = importlib.import_module("termios")

TERMINAL_VARIABLE = "LATENT_LAB_TERMINAL"  # environment variable of a worker: the terminal of its program
SHOW_CURSOR = b"\r\x1b[?25h"  # live displays hide it


@contextmanager
def muted_keyboard() -> Iterator[None]:
    """Context manager in which keys are not echoed; those pressed meanwhile are discarded at the end.

    Ctrl-C still raises `KeyboardInterrupt`. It does not discard pending output (NOFLSH), as terminals do by
    default: the rest of a picture would come without its beginning, and on Linux a thread that waits for room
    to write more would never be woken. Without a terminal of its own the process changes nothing.
    """
    terminal = _controllable_terminal()
    if terminal is None:
        yield
        return
    before = termios.tcgetattr(terminal)
    muted = before[3] & ~termios.ECHO | termios.NOFLSH
    termios.tcsetattr(terminal, termios.TCSANOW, [*before[:3], muted, *before[4:]])
    try:
        yield
    finally:
        # A shell that has put the process into the background has restored the modes itself.
        if _controllable_terminal() == terminal:
            termios.tcsetattr(terminal, termios.TCSANOW, before)
            termios.tcflush(terminal, termios.TCIFLUSH)


def terminal_environment() -> dict[str, str]:
    """The environment variable that tells a worker the terminal of this process; empty without a terminal."""
    terminal = _controllable_terminal()
    if terminal is not None and hasattr(os, "ttyname"):
        with suppress(OSError):  # in some containers it has no name
            return {TERMINAL_VARIABLE: os.ttyname(terminal)}
    return {}


def restore_terminal() -> None:
    """Turn the echo and the cursor of the program's terminal on again, after the program was killed.

    Called in the worker. A terminal whose echo is on stays as it is.
    """
    if termios is None or TERMINAL_VARIABLE not in os.environ:
        return
    with (
        suppress(OSError, termios.error),
        open(os.environ[TERMINAL_VARIABLE], "r+b", buffering=0, opener=_open_without_control) as terminal,
    ):
        mode = termios.tcgetattr(terminal)
        # Without ICANON another program, such as a shell, reads single keys and echoes them itself.
        if mode[3] & termios.ICANON and not mode[3] & termios.ECHO:
            restored = mode[3] & ~termios.NOFLSH | termios.ECHO
            termios.tcsetattr(terminal, termios.TCSANOW, [*mode[:3], restored, *mode[4:]])
            terminal.write(SHOW_CURSOR)


def _controllable_terminal() -> int | None:
    """The descriptor of a terminal whose modes this process may change: standard input or error."""
    if termios is None:
        return None
    for file in (sys.stdin, sys.stderr):
        with suppress(OSError, ValueError, AttributeError):  # `None`, a closed file, or a test's replacement
            if file.isatty() and not _in_background(file.fileno()):
                return file.fileno()
    return None


def _in_background(terminal: int) -> bool:
    """True if the terminal belongs to another job; changing its modes would suspend this process."""
    if sys.platform != "win32":
        with suppress(OSError):  # not the controlling terminal: it has no foreground job
            return os.tcgetpgrp(terminal) != os.getpgrp()
    return False


def _open_without_control(path: str, flags: int) -> int:
    """An `opener` that does not make the terminal the controlling one of this process."""
    return os.open(path, flags | getattr(os, "O_NOCTTY", 0))
