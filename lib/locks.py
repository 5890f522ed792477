"""A lock on a file that ends with the process which took it, however that process ends."""

import errno
import os
import sys
import time
from pathlib import Path

if sys.platform != "win32":
    import fcntl

ENDING = 1.0  # seconds to wait for one who has a lock: it may be about to end
LOOKING = 60.0  # and for those who only look: a moment each, but they may be many, and stopped while they look


def take(path: Path) -> int:
    """Lock a file, made where there is none, until the process ends, or `os.close` closes the descriptor that is returned.

    Raises `BlockingIOError` when it is taken.
    """
    file = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    began = time.monotonic()
    while not _locked(file, exclusive=True):
        patience = LOOKING if _shared(file) else ENDING
        if time.monotonic() - began > patience:
            os.close(file)
            raise BlockingIOError(errno.EWOULDBLOCK, "somebody else holds the lock", str(path))
        time.sleep(0.02)
    return file


def taken(path: Path) -> bool:
    """Whether another process, or another part of this one, holds the lock."""
    try:
        with path.open("rb") as file:
            return not _locked(file.fileno(), exclusive=False)
    except OSError:
        return False


def _shared(file: int) -> bool:
    """Whether it can be shared, as with those who look; with one who has it, it cannot."""
    shared = _locked(file, exclusive=False)
    if shared and sys.platform != "win32":  # given back, or of two who want it each would keep it from the other
        fcntl.flock(file, fcntl.LOCK_UN)
    return shared


def _locked(file: int, exclusive: bool) -> bool:
    if sys.platform == "win32":  # there nobody is ever seen at work
        return True
    try:
        fcntl.flock(file, (fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks: as on Windows
        pass
    return True
