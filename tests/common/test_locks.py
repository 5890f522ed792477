"""File locks between processes. python -m pytest tests/common/test_locks.py"""

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
    "from pathlib import Path; from lib.common.filesystem import acquire_lock; acquire_lock(Path('lock')); "
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


def test_is_locked_does_not_keep_the_lock():
    path = Path("lock")
    assert not filesystem.is_locked(path)
    descriptor = filesystem.acquire_lock(path)
    assert filesystem.is_locked(path)
    os.close(descriptor)


def test_acquire_lock_waits_for_is_locked_in_other_processes():
    """Where many processes list the runs, one of them may be suspended in `is_locked`."""
    path = Path("lock")
    path.touch()
    with path.open("rb") as file:
        filesystem.fcntl.flock(file, filesystem.fcntl.LOCK_SH)
        release = threading.Timer(1.5, lambda: filesystem.fcntl.flock(file, filesystem.fcntl.LOCK_UN))
        release.start()
        began = time.monotonic()
        descriptor = filesystem.acquire_lock(path)
        assert time.monotonic() - began > 1
        release.join()
    os.close(descriptor)


def test_acquire_lock_waits_only_briefly_for_a_holder(holder):
    began = time.monotonic()
    with pytest.raises(BlockingIOError):
        filesystem.acquire_lock(Path("lock"))
    assert time.monotonic() - began < filesystem.SHARED_TIMEOUT / 4
    threading.Timer(filesystem.HOLDER_TIMEOUT / 4, holder.kill).start()  # it may be about to end
    os.close(filesystem.acquire_lock(Path("lock")))


def test_without_locks_in_the_file_system_every_attempt_succeeds(monkeypatch):
    def unsupported(*args):
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(filesystem.fcntl, "flock", unsupported)
    for file in (filesystem.acquire_lock(Path("lock")), filesystem.acquire_lock(Path("lock"))):
        os.close(file)
    monkeypatch.setattr(sys, "platform", "win32")
    assert not filesystem.is_locked(Path("lock"))
