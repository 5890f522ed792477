"""Files that appear only when they are whole: written beside their place, flushed to the disk, then renamed."""

import errno
import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from lib.common.errors import RunFailed, reason

PARTIAL_MARK = ".partial"  # in the name of what is not whole yet


@contextmanager
def atomic_write(path: Path, flushed: bool = True) -> Iterator[Path]:
    """A path to write to, which takes the place of `path` when the block is done: whoever reads sees the old
    file or the new.

    What is one of thousands, and would be made again after a power cut, need not be `flushed` to the disk.
    Raises `RunFailed` with the system's reason when it cannot be written; then nothing is left of it, and
    what stood at `path` stays.
    """
    partial = path.with_name(
        f"{path.stem}.{os.getpid()}{PARTIAL_MARK}{path.suffix}"
    )  # another process may write the same file
    try:
        yield partial
        if flushed:
            with partial.open("rb+") as file:
                os.fsync(file.fileno())
        os.replace(partial, path)
    except OSError as error:
        raise cannot_write(path, error) from None
    finally:
        with suppress(OSError):
            partial.unlink()


def write_json(path: Path, content: dict) -> None:
    """A dictionary as a JSON file. Raises `RunFailed` as `replacing` does."""
    with atomic_write(path) as partial:
        partial.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def make_folder(folder: Path) -> Path:
    """A folder that is there, with those above it. Raises `RunFailed` when it cannot be made."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise cannot_write(folder, error) from None
    return folder


def cannot_write(path: Path | str, error: Exception) -> RunFailed:
    """The sentence for a file or folder that could not be written, with the reason and what to do."""
    return RunFailed(
        f"{path}: cannot be written ({reason(error)}); free some space, or choose another folder with "
        f"--output"
    )


if sys.platform != "win32":
    import fcntl

HOLDER_TIMEOUT = 1.0  # seconds to wait for one who has a lock: it may be about to end
SHARED_TIMEOUT = (
    60.0  # and for those who only look: a moment each, but they may be many, and stopped while they look
)


def acquire_lock(path: Path) -> int:
    """Lock a file, made where there is none, until the process ends, or `os.close` closes the descriptor that
    is returned.

    Raises `BlockingIOError` when it is taken.
    """
    file = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    began = time.monotonic()
    while not _try_lock(file, exclusive=True):
        patience = SHARED_TIMEOUT if _can_share(file) else HOLDER_TIMEOUT
        if time.monotonic() - began > patience:
            os.close(file)
            raise BlockingIOError(errno.EWOULDBLOCK, "somebody else holds the lock", str(path))
        time.sleep(0.02)
    return file


def is_locked(path: Path) -> bool:
    """Whether another process, or another part of this one, holds the lock."""
    try:
        with path.open("rb") as file:
            return not _try_lock(file.fileno(), exclusive=False)
    except OSError:
        return False


def _can_share(file: int) -> bool:
    """Whether it can be shared, as with those who look; with one who has it, it cannot."""
    shared = _try_lock(file, exclusive=False)
    if (
        shared and sys.platform != "win32"
    ):  # given back, or of two who want it each would keep it from the other
        fcntl.flock(file, fcntl.LOCK_UN)
    return shared


def _try_lock(file: int, exclusive: bool) -> bool:
    if sys.platform == "win32":  # there nobody is ever seen at work
        return True
    try:
        fcntl.flock(file, (fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks: as on Windows
        pass
    return True
