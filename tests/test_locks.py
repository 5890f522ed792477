"""python -m pytest tests/test_locks.py"""

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from lib import locks
from tests.keys import PROJECT

HOLDER = (
    "import sys; from pathlib import Path; from lib import locks; locks.take(Path('lock')); print('held', flush=True); input()"
)


@pytest.fixture
def holder():
    environment = {**os.environ, "PYTHONPATH": str(PROJECT)}
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, text=True
    ) as process:
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_a_lock_ends_with_its_process(holder):
    path = Path("lock")
    assert locks.taken(path)
    with pytest.raises(BlockingIOError):
        locks.take(path)
    holder.kill()
    holder.wait()
    assert not locks.taken(path)
    os.close(locks.take(path))
    assert not locks.taken(path)


def test_who_looks_keeps_nobody_out():
    path = Path("lock")
    assert not locks.taken(path)
    held = locks.take(path)
    assert locks.taken(path)
    os.close(held)


def test_who_takes_a_lock_waits_for_those_who_look():
    """However long they are at it: where many list the runs, one of them may be stopped while it looks."""
    path = Path("lock")
    path.touch()
    with path.open("rb") as file:
        locks.fcntl.flock(file, locks.fcntl.LOCK_SH)
        look = threading.Timer(1.5, lambda: locks.fcntl.flock(file, locks.fcntl.LOCK_UN))
        look.start()
        began = time.monotonic()
        held = locks.take(path)
        assert time.monotonic() - began > 1
        look.join()
    os.close(held)


def test_for_one_who_has_it_nobody_waits_long(holder):
    began = time.monotonic()
    with pytest.raises(BlockingIOError):
        locks.take(Path("lock"))
    assert time.monotonic() - began < locks.LOOKING / 4
    threading.Timer(locks.ENDING / 4, holder.kill).start()  # it may be about to end
    os.close(locks.take(Path("lock")))


def test_a_file_system_without_locks_keeps_nobody_out(monkeypatch):
    def unsupported(*args):
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(locks.fcntl, "flock", unsupported)
    for file in (locks.take(Path("lock")), locks.take(Path("lock"))):
        os.close(file)
    monkeypatch.setattr(sys, "platform", "win32")
    assert not locks.taken(Path("lock"))
