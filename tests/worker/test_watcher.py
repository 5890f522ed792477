"""The child process ends with its program, whatever it does. python -m pytest tests/worker/test_watcher.py"""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from tests.harness import kill_trials
from tests.harness.terminal_session import PROJECT

PROMPTLY = 10  # seconds, on a busy machine; the call below takes a minute

# A child that keeps the interpreter lock for a minute, as native code may.
BUSY = """
import ctypes
from lib.worker.watcher import start_watcher

start_watcher()
print('{"event": "lib.runs.events.Note", "text": "busy"}', flush=True)
ctypes.PyDLL(None).sleep(60)
"""

# A program with that child, which closes another one before.
PROGRAM = """
import sys
from pathlib import Path
from lib.common.terminal_state import muted_keyboard
from lib.worker.process import Worker

sys.executable = sys.argv[1]
with muted_keyboard():
    for state in ("closed", "busy"):
        worker = Worker()
        worker.start()
        assert worker._events.get().text == "busy"
        if state == "closed":
            worker.close()
        Path(state).touch()
    sys.stdin.read()
"""


@pytest.fixture
def program(tmp_path):
    """The program in a terminal that shows no keys, when its child has begun; and that terminal."""
    python, terminal = tmp_path / "python", kill_trials.opened_terminal()
    python.write_text(f'#!/bin/sh\nexec {sys.executable} -c "$BUSY"\n', encoding="utf-8")
    python.chmod(0o755)
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(python)],
        stdin=terminal,
        stderr=terminal,
        env={**os.environ, "BUSY": BUSY, "PYTHONPATH": str(PROJECT)},
        start_new_session=True,
    )
    yield process, terminal
    process.kill()
    process.wait(60)
    os.close(terminal)


def lives(process: psutil.Process) -> bool:
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP])
def test_native_code_that_keeps_the_lock_ends_with_the_program(program, number):
    process, terminal = program
    kill_trials.wait_for("the first child's end", Path("closed").exists)
    kill_trials.wait_for("the child", Path("busy").exists)
    children = psutil.Process(process.pid).children(recursive=True)
    assert len(children) == 2, "the child and its watcher; nothing of the one that was closed"
    assert not kill_trials.shows_keys(terminal), "the terminal was restored where a child was closed"
    process.send_signal(number)
    killed = time.monotonic()
    process.wait(60)
    kill_trials.wait_for("the last child", lambda: not any(map(lives, children)))
    kill_trials.wait_for("the terminal", lambda: kill_trials.shows_keys(terminal))
    assert time.monotonic() - killed < PROMPTLY


def test_a_child_without_a_group_of_its_own_has_no_watcher():
    """It would end the processes of whoever has started it."""
    script = "import os; from lib.worker.watcher import start_watcher; start_watcher(); print(os.getpid())"
    environment = {**os.environ, "PYTHONPATH": str(PROJECT)}
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.count("\n") == 1
