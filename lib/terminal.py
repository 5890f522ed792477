"""The terminal between two questions: deaf to keys while somebody waits, and sane again whatever happens."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

if sys.platform != "win32":  # Windows has none
    import termios

NAME = "LATENT_LAB_TERMINAL"  # the environment of a worker says where the person sits
SANE = b"\r\x1b[?25h"  # the cursor that live displays hide


@contextmanager
def deaf_keyboard() -> Iterator[None]:
    """Keys pressed while nothing is asked are not shown, nor kept for the next question; Ctrl-C works as ever."""
    if sys.platform == "win32" or sys.stdin is None or not sys.stdin.isatty():
        yield
        return
    before = termios.tcgetattr(sys.stdin)
    silent = [*before[:3], before[3] & ~termios.ECHO, *before[4:]]
    termios.tcsetattr(sys.stdin, termios.TCSANOW, silent)
    try:
        yield
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSANOW, before)
        termios.tcflush(sys.stdin, termios.TCIFLUSH)


def named() -> dict[str, str]:
    """What the environment of a worker says of this process's terminal."""
    with suppress(OSError, ValueError, AttributeError):  # no terminal, no standard input, no such thing on Windows
        return {NAME: os.ttyname(sys.stdin.fileno())}
    return {}


def give_back() -> None:
    """Give the person a terminal back that a killed program has left deaf; one that has been put right meanwhile stays."""
    with suppress(OSError, KeyError):
        terminal = os.open(os.environ[NAME], os.O_RDWR | os.O_NOCTTY)
        mode = termios.tcgetattr(terminal)
        # Without ICANON somebody else reads keys one by one and echoes them: a shell, which puts things right by itself.
        if mode[3] & termios.ICANON and not mode[3] & termios.ECHO:
            termios.tcsetattr(terminal, termios.TCSANOW, [*mode[:3], mode[3] | termios.ECHO, *mode[4:]])
            os.write(terminal, SANE)
        os.close(terminal)
