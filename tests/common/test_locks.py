"""File locks between processes. python -m pytest tests/common/test_locks.py"""

import os
import subprocess
import sys
import threading
from pathlib import Path

import filelock
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


def test_is_locked_in_other_processes_is_no_lock():
    """Where many processes list the runs, each probe holds the lock for an instant."""
    path = Path("lock")
    path.touch()
    stop = threading.Event()

    def probe():
        while not stop.is_set():
            filesystem.is_locked(path)

    probes = [threading.Thread(target=probe) for _ in range(4)]
    for thread in probes:
        thread.start()
    try:
        assert sum(filesystem.is_locked(path) for _ in range(50)) < 25
        os.close(filesystem.acquire_lock(path))
    finally:
        stop.set()
        for thread in probes:
            thread.join()


def test_a_lock_that_may_not_be_written_is_probed(holder, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: mode != os.W_OK)
    assert filesystem.is_locked(Path("lock"))


def test_acquire_lock_waits_briefly_for_a_holder(holder):
    threading.Timer(filesystem.LOCK_TIMEOUT / 4, holder.kill).start()  # it may be about to end
    os.close(filesystem.acquire_lock(Path("lock")))


def test_without_locks_in_the_file_system_every_attempt_succeeds(monkeypatch):
    def unsupported(*args, **options):
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(filelock, "lock_descriptor", unsupported)
    for file in (filesystem.acquire_lock(Path("lock")), filesystem.acquire_lock(Path("lock"))):
        os.close(file)
    assert not filesystem.is_locked(Path("lock"))
