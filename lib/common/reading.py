"""Reading files of a limited size, and walking folders of any depth.

Pipes, sockets and devices are refused, since they may never end.
"""

import errno
import json
import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from lib.common.errors import UserError, reason

MAX_RECORD_BYTES = 1 << 25  # of a run.json: 300,000 epochs with six quantities
MAX_SETTINGS_BYTES = 1 << 20  # of a file that people write


def open_file(path: Path) -> BinaryIO:
    """Return a regular file, opened for reading.

    Raises:
        UserError: the path is a pipe, a socket or a device.
        OSError: it does not exist, is a folder, or must not be read.
    """
    _require_regular(path, os.stat(path).st_mode)  # opening a device may have an effect
    # A pipe that has taken the place of the file since then does not block.
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    try:
        _require_regular(path, os.fstat(descriptor).st_mode)
    except BaseException:
        os.close(descriptor)
        raise
    return os.fdopen(descriptor, "rb")


def _require_regular(path: Path, mode: int) -> None:
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if not stat.S_ISREG(mode):
        raise UserError(f"{path}: is a pipe, a socket or a device; use a regular file")


def walk_folders(top: Path) -> Iterator[tuple[str, list[str], list[str]]]:
    """Yield every folder below `top`, itself first, with the names of its subfolders and of its files.

    As `os.walk`, which takes a level of recursion for each folder: names that are removed from the list of
    subfolders are not visited, links to folders are not followed, and what cannot be read is left out.
    """
    pending = [str(top)]
    while pending:
        folder = pending.pop()
        subfolders: list[str] = []
        files: list[str] = []
        with suppress(OSError), os.scandir(folder) as entries:
            for entry in entries:
                is_folder = entry.is_dir()
                (subfolders if is_folder else files).append(entry.name)
        yield folder, subfolders, files
        paths = (os.path.join(folder, name) for name in subfolders)
        pending += [path for path in paths if not os.path.islink(path)]


def read_bytes(path: Path, limit: int) -> bytes:
    """Return the content of a regular file.

    Raises:
        UserError: it is no regular file, or has more than `limit` bytes.
        OSError: as `open_file`.
    """
    with open_file(path) as file:
        content = file.read(limit + 1)
    if len(content) > limit:
        raise UserError(f"{path}: more than {limit:,} bytes, too large for such a file; use another one")
    return content


def read_json(path: Path, limit: int) -> object:
    """Return the content of a JSON file in UTF-8, UTF-16 or UTF-32, with or without a byte order mark.

    Raises:
        FileNotFoundError: there is no such file.
        UserError: it cannot be read, is no JSON, or has more than `limit` bytes.
    """
    try:
        return json.loads(read_bytes(path, limit))
    except FileNotFoundError:
        raise
    except (OSError, ValueError, RecursionError, MemoryError) as error:
        raise UserError(f"{path}: cannot be read as JSON ({reason(error)})") from None
