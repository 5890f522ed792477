"""python -m pytest tests/common/test_locks.py"""

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from lib.common import filesystem
from tests.harness.terminal_session import PROJECT

HOLDER = (
    "import sys; from pathlib import Path; from lib import locks; locks.take(Path('lock')); "
    "print('held', flush=True); input()"
)


@pytest.fixture
def holder():
    environment = {**os.environ, "PYTHONPATH": str(PROJECT)}
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment,
        text=True,
    ) as process:
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_a_lock_ends_with_its_process(holder):
    path = Path("lock")
    assert filesystem.is_locked(path)
    with pytest.raises(BlockingIOError):
        filesystem.acquire_lock(path)
    holder.kill()
    holder.wait()
    assert not filesystem.is_locked(path)
    os.close(filesystem.acquire_lock(path))
    assert not filesystem.is_locked(path)


def test_who_looks_keeps_nobody_out():
    path = Path("lock")
    assert not filesystem.is_locked(path)
    held = filesystem.acquire_lock(path)
    assert filesystem.is_locked(path)
    os.close(held)


def test_who_takes_a_lock_waits_for_those_who_look():
    """However long they are at it: where many list the runs, one of them may be stopped while it looks."""
    path = Path("lock")
    path.touch()
    with path.open("rb") as file:
        filesystem.fcntl.flock(file, filesystem.fcntl.LOCK_SH)
        look = threading.Timer(1.5, lambda: filesystem.fcntl.flock(file, filesystem.fcntl.LOCK_UN))
        look.start()
        began = time.monotonic()
        held = filesystem.acquire_lock(path)
        assert time.monotonic() - began > 1
        look.join()
    os.close(held)


def test_for_one_who_has_it_nobody_waits_long(holder):
    began = time.monotonic()
    with pytest.raises(BlockingIOError):
        filesystem.acquire_lock(Path("lock"))
    assert time.monotonic() - began < filesystem.SHARED_TIMEOUT / 4
    threading.Timer(filesystem.HOLDER_TIMEOUT / 4, holder.kill).start()  # it may be about to end
    os.close(filesystem.acquire_lock(Path("lock")))


def test_a_file_system_without_locks_keeps_nobody_out(monkeypatch):
    def unsupported(*args):
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(filesystem.fcntl, "flock", unsupported)
    for file in (filesystem.acquire_lock(Path("lock")), filesystem.acquire_lock(Path("lock"))):
        os.close(file)
    monkeypatch.setattr(sys, "platform", "win32")
    assert not filesystem.is_locked(Path("lock"))
