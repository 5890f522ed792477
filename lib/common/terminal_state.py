"""The terminal between two questions: deaf to keys while somebody waits, and sane again whatever happens."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

if sys.platform != "win32":  # Windows has none
    import termios

TERMINAL_VARIABLE = "LATENT_LAB_TERMINAL"  # the environment of a worker says where the person sits
SHOW_CURSOR = b"\r\x1b[?25h"  # the cursor that live displays hide


@contextmanager
def muted_keyboard() -> Iterator[None]:
    """Keys pressed while nothing is asked are not shown, nor kept for the next question; Ctrl-C works as
    ever.

    Nor does it drop what is on its way to the screen, as terminals do otherwise: the rest of a picture would
    come without its beginning, and on Linux a thread that was waiting for room to write more would never be
    woken.
    """
    terminal = _own_terminal()
    if terminal is None:
        yield
        return
    before = termios.tcgetattr(terminal)
    deaf = before[3] & ~termios.ECHO | termios.NOFLSH
    termios.tcsetattr(terminal, termios.TCSANOW, [*before[:3], deaf, *before[4:]])
    try:
        yield
    finally:
        if _own_terminal() == terminal:  # a shell has put it right when it sent us into the background
            termios.tcsetattr(terminal, termios.TCSANOW, before)
            termios.tcflush(terminal, termios.TCIFLUSH)


def _own_terminal() -> int | None:
    """The terminal that is ours to change, if any: standard input's or, where that is a file, standard
    error's.
    """
    if sys.platform == "win32":
        return None
    for file in (sys.stdin, sys.stderr):
        with suppress(
            OSError, ValueError, AttributeError
        ):  # none, a closed one, or what a test puts in its place
            if file.isatty() and not _in_background(file.fileno()):
                return file.fileno()
    return None


def _in_background(terminal: int) -> bool:
    """Whether the terminal belongs to another job of the shell's: who changes it then is stopped."""
    with suppress(OSError):  # not the one that this session is governed from, so that nobody is
        return os.tcgetpgrp(terminal) != os.getpgrp()
    return False


def terminal_environment() -> dict[str, str]:
    """What the environment of a worker says of this process's terminal."""
    terminal = _own_terminal()
    if terminal is not None:
        with suppress(OSError):  # in some containers it has no name
            return {TERMINAL_VARIABLE: os.ttyname(terminal)}
    return {}


def restore_terminal() -> None:
    """Give the person a terminal back that a killed program has left deaf; one that has been put right
    meanwhile stays.
    """
    if sys.platform == "win32" or TERMINAL_VARIABLE not in os.environ:
        return
    with (
        suppress(OSError, termios.error),
        open(os.environ[TERMINAL_VARIABLE], "r+b", buffering=0, opener=_open_without_control) as terminal,
    ):
        mode = termios.tcgetattr(terminal)
        # Without ICANON somebody else reads keys one by one and echoes them: a shell, which puts things right
        # by itself.
        if mode[3] & termios.ICANON and not mode[3] & termios.ECHO:
            termios.tcsetattr(
                terminal, termios.TCSANOW, [*mode[:3], mode[3] & ~termios.NOFLSH | termios.ECHO, *mode[4:]]
            )
            terminal.write(SHOW_CURSOR)


def _open_without_control(path: str, flags: int) -> int:
    """Opens a terminal that does not become this process's own."""
    return os.open(path, flags | os.O_NOCTTY)
