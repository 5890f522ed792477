"""Atomic writes of files, and file locks between processes."""

import errno
import json
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from lib.common.errors import RunFailed, reason

# --- atomic writes

PARTIAL_MARK = ".partial"  # part of the name of an unfinished file
LONG_NAME_BYTES = 220  # of a file; more than about 255 with the mark no file system takes


@contextmanager
def atomic_write(path: Path, fsync: bool = True) -> Iterator[Path]:
    """Context manager that replaces a file atomically: readers see the old content or the new one.

    Args:
        path: the file.
        fsync: flush the content to the disk before the replacement, so that it survives a power failure;
            unnecessary for one of many files that can be made again.

    Yields:
        The path of a temporary file in the same folder, to be written in the block. It is removed when the
        block raises, and `path` stays as it was.

    Raises:
        RunFailed: an `OSError` occurred in the block or at the replacement; the message gives its reason.
    """
    # The process id in the name: another process may write the same file.
    stem = path.stem if len(os.fsencode(path.name)) < LONG_NAME_BYTES else f"{hash(path.name):x}"
    partial = path.with_name(f"{stem}.{os.getpid()}{PARTIAL_MARK}{path.suffix}")
    try:
        yield partial
        if fsync:
            with partial.open("rb+") as file:
                os.fsync(file.fileno())
        os.replace(partial, path)
    except OSError as error:
        raise cannot_write(path, error) from None
    finally:
        with suppress(OSError):
            partial.unlink()


def write_json(path: Path, content: dict) -> None:
    """Write a JSON file atomically. Raises `RunFailed` as `atomic_write` does."""
    with atomic_write(path) as partial:
        text = json.dumps(content, indent=1, ensure_ascii=False) + "\n"
        # Half a surrogate, as in a file name that is not UTF-8, becomes the escape \\udcff, which is JSON.
        partial.write_bytes(text.encode("utf-8", "backslashreplace"))


def make_folder(folder: Path) -> Path:
    """Create a folder and its parents where they are missing, and return it. Raises `RunFailed`."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise cannot_write(folder, error) from None
    return folder


def require_writable(path: Path) -> None:
    """Check before long work that a file can be created, in a folder that may be missing yet.

    Raises:
        RunFailed: it cannot be written.
    """
    try:
        probe_folder(path.parent)
    except OSError as error:
        raise cannot_write(path, error) from None


def probe_folder(folder: Path) -> None:
    """Create and remove a file in a folder, or in the nearest one above it that exists. Raises `OSError`."""
    existing = next((path for path in (folder, *folder.parents) if path.exists()), Path())
    try:
        with tempfile.TemporaryFile(dir=existing):
            pass
    except OSError as error:
        raise OSError(error.errno, error.strerror) from None  # without the name of that file


_ALLOW = "change its permissions, or choose another place with {flag}"
_FREE_SPACE = "free some space, or choose another place with {flag}"
_REMEDIES = {  # by error number; {flag} is that of the path
    errno.ENOSPC: _FREE_SPACE,
    errno.EDQUOT: _FREE_SPACE,
    errno.EACCES: _ALLOW,
    errno.EPERM: _ALLOW,
    errno.EROFS: "choose a place on another disk with {flag}",
    errno.EFBIG: "choose a place on another disk with {flag}",
    errno.EMFILE: "raise the limit of open files with ulimit -n",
    errno.ENFILE: "close other programs, which have too many files open",
    errno.ENAMETOOLONG: "choose a shorter name with {flag}",
    errno.ENOTDIR: "a part of this path is a file; choose another place with {flag}",
    errno.EEXIST: "a file or a broken link has this name; choose another one with {flag}",
    errno.ELOOP: "its links are circular; choose another place with {flag}",
}


def keras_folder() -> Path:
    """Return the folder of Keras's cache: of data sets in `datasets`, of weights in `models`."""
    folder = Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras")
    is_writable = not folder.exists() or os.access(folder, os.W_OK)
    return folder if is_writable else Path(tempfile.gettempdir(), ".keras")


def cannot_write(path: Path | str, error: Exception) -> RunFailed:
    """Return the error for a file or folder that cannot be written, with the reason and the remedy."""
    return RunFailed(f"{path}: cannot be written ({reason(error)}); {remedy(error)}")


def remedy(error: Exception, flag: str = "--output") -> str:
    """Return the remedy for an error of writing, as the end of a sentence.

    Args:
        error: of the operating system.
        flag: the flag, or environment variable, that another path is given with.
    """
    number = getattr(error, "errno", None) or 0
    return _REMEDIES.get(number, "choose another place with {flag}").format(flag=flag)


# --- locks

LOCK_TIMEOUT = 1.0  # seconds to wait for the holder of a lock, which may be about to end
PROBE_TIMEOUT = 0.02  # seconds in which the probes of other processes end, which hold the lock for an instant
RETRY_INTERVAL = 0.005  # seconds


def acquire_lock(path: Path) -> int:
    """Lock a file exclusively, until the process ends or the descriptor is closed.

    On file systems without locks every attempt succeeds.

    Args:
        path: the lock file, created where it is missing.

    Returns:
        The file descriptor, for `os.close`.

    Raises:
        BlockingIOError: another process holds the lock.
    """
    file = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    if not _try_lock(file, LOCK_TIMEOUT):
        os.close(file)
        raise BlockingIOError(errno.EWOULDBLOCK, "another process holds the lock", str(path))
    return file


def is_locked(path: Path) -> bool:
    """Return whether the lock is held, by this process or another one; False for a missing file."""
    try:
        file = os.open(path, os.O_RDWR if os.access(path, os.W_OK) else os.O_RDONLY)
    except OSError:
        return False
    try:
        return not _try_lock(file, PROBE_TIMEOUT)
    finally:
        os.close(file)


def _try_lock(file: int, timeout: float) -> bool:
    # Not filelock's `FileLock`: that creates the file to probe it and has no lock in a read-only folder.
    from filelock import lock_descriptor

    end = time.monotonic() + timeout
    try:
        while not lock_descriptor(file, blocking=False):
            if time.monotonic() > end:
                return False
            time.sleep(RETRY_INTERVAL)
    except OSError:  # a file system without locks
        pass
    return True
