"""Terminal modes during a run: echo, Ctrl-C, and jobs in the background.
python -m pytest tests/common/test_terminal_state.py
"""

import errno
import io
import os
import sys
from unittest.mock import Mock

import pexpect
import pytest

from lib.common import terminal_state
from lib.common.terminal_state import (
    TERMINAL_VARIABLE,
    muted_keyboard,
    restore_terminal,
    terminal_environment,
)
from tests.harness.kill_trials import wait_for
from tests.harness.terminal_session import CTRL_C, PROJECT

WRITTEN = 200_000  # bytes, more than a terminal buffers

WRITING = f"""
import os, signal, threading
from pathlib import Path
from lib.common.terminal_state import muted_keyboard

pressed = threading.Event()
signal.signal(signal.SIGINT, lambda *_: pressed.set())
with muted_keyboard():
    writer = threading.Thread(target=lambda: [os.write(2, b"x" * 1000) for _ in range({WRITTEN // 1000})])
    writer.start()
    Path("writing").touch()
    while not pressed.wait(0.01):
        pass
    Path("pressed").touch()
    writer.join()
print("the end")
"""

IN_THE_BACKGROUND = """
import os
from lib.common.terminal_state import muted_keyboard

if not (job := os.fork()):
    os.setpgid(0, 0)  # what a shell does
    with muted_keyboard():
        os._exit(7)
_, status = os.waitpid(job, os.WUNTRACED)
print("stopped" if os.WIFSTOPPED(status) else f"ended with {os.waitstatus_to_exitcode(status)}")
"""

MODES = """
import sys, termios
from lib.common.terminal_state import muted_keyboard

modes = lambda: termios.tcgetattr(2)[3]
before = modes()
with muted_keyboard():
    print("muted", before & termios.ECHO > 0, modes() & termios.ECHO > 0, modes() & termios.ISIG > 0)
print("restored", modes() == before)
"""


def terminal(*command: str) -> pexpect.spawn:
    """A command in a pseudo-terminal."""
    return pexpect.spawn(
        command[0], list(command[1:]), env={"PYTHONPATH": str(PROJECT)}, encoding="utf-8", timeout=60
    )


def test_ctrl_c_does_not_discard_pending_output(tmp_path):
    screen = terminal(sys.executable, "-c", WRITING)
    wait_for("the writer", (tmp_path / "writing").exists)
    screen.send(CTRL_C)
    wait_for("the handler of Ctrl-C", (tmp_path / "pressed").exists)
    screen.expect_exact("the end")  # the blocked writer was woken
    assert screen.before.count("x") == WRITTEN


def test_a_background_job_leaves_the_terminal_modes_alone_and_continues():
    terminal(sys.executable, "-c", IN_THE_BACKGROUND).expect_exact("ended with 7")


def test_echo_is_off_meanwhile_and_restored_afterwards():
    screen = terminal(sys.executable, "-c", MODES)
    screen.expect_exact("muted True False True")
    screen.expect_exact("restored True")


def test_echo_is_off_with_a_terminal_on_standard_error_alone(tmp_path):
    """As in `python autoencoder.py < answers.txt`."""
    (tmp_path / "script.py").write_text(MODES)
    screen = terminal("/bin/sh", "-c", f"{sys.executable} script.py < script.py")
    screen.expect_exact("muted True False True")
    screen.expect_exact("restored True")


def test_without_a_terminal_nothing_is_changed(monkeypatch):
    monkeypatch.setattr(sys, "stdin", None)
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    with muted_keyboard():
        assert terminal_environment() == {}


def test_a_terminal_without_a_name_is_not_in_the_environment(monkeypatch):
    monkeypatch.setattr(terminal_state, "_controllable_terminal", lambda: 99)
    monkeypatch.setattr(os, "ttyname", Mock(side_effect=OSError(errno.ENODEV, "No such device")))
    assert terminal_environment() == {}


@pytest.mark.parametrize("path", ["/dev/null", "/nowhere", None])
def test_restoring_a_terminal_that_is_gone_does_nothing(monkeypatch, path):
    monkeypatch.delenv(TERMINAL_VARIABLE, raising=False)
    if path:
        monkeypatch.setenv(TERMINAL_VARIABLE, path)
    restore_terminal()
