"""Files in tar archives, plain or gzipped, read in one pass; nothing is unpacked to the disk.

`tarfile.open` would follow hostile headers: endless numbers, millions of members, and in some versions of
Python offsets that lead back to the same member.
"""

import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from lib.common.errors import UserError
from lib.data.formats.base import (
    CHUNK_BYTES,
    MAX_DEFLATE_RATIO,
    allocate,
    explain_read_errors,
    open_decompressed,
    read_into,
)

REGULAR_FILES = (tarfile.REGTYPE, tarfile.AREGTYPE)
SUFFIXES = (".tar.gz", ".tgz", ".tar")
# To list a compressed archive is to decompress it: so much is searched for members that tell what it is.
MAX_SEARCHED_BYTES = 1 << 26
MAX_SEARCHED_MEMBERS = 1000


def is_archive(path: Path) -> bool:
    """Return whether a path is a tar archive, by its name."""
    return path.name.lower().endswith(SUFFIXES) and path.is_file()


def holds(path: Path, is_wanted: Callable[[str], bool]) -> bool:
    """Return whether one of the first members of an archive is wanted, by its name without folders.

    Raises:
        UserError: the archive is invalid.
    """
    searched = 0
    with explain_read_errors(path), open_decompressed(path) as file:
        for number, (name, size, is_file) in enumerate(_members(file)):
            if is_file and is_wanted(Path(name).name):
                return True
            searched += size
            if number >= MAX_SEARCHED_MEMBERS or searched > MAX_SEARCHED_BYTES:
                return False
            _skip(file, size)
    return False


def read_members(path: Path, is_wanted: Callable[[str, int], bool]) -> dict[str, np.ndarray]:
    """Return wanted members of an archive by their names without folders, uint8 (n,) each.

    Args:
        path: the archive.
        is_wanted: called with a member's name without folders, and its size in bytes.

    Raises:
        UserError: the archive is invalid, or announces more than it can hold.
    """
    members = {}
    with explain_read_errors(path), open_decompressed(path) as file:
        for name, size, is_file in _members(file):
            short_name = Path(name).name
            if not is_file or not is_wanted(short_name, size):
                _skip(file, size)
                continue
            if size > path.stat().st_size * MAX_DEFLATE_RATIO:
                raise UserError(f"{path}: {name} declares {size:,} bytes, more than the archive can contain")
            members[short_name] = allocate(path, (size,))
            if read_into(file, members[short_name]) < size:
                raise EOFError
        while file.read(CHUNK_BYTES):  # a gzip file's checksum stands at its end
            pass
    return members


def _members(file) -> Iterator[tuple[str, int, bool]]:
    """Yield name, size and "is a regular file" of each member, whose content is to be read or skipped."""
    while (block := file.read(tarfile.BLOCKSIZE)).strip(b"\0"):
        member = tarfile.TarInfo.frombuf(block, "utf-8", "replace")
        yield member.name, _member_size(member), member.type in REGULAR_FILES
        _skip(file, -member.size % tarfile.BLOCKSIZE)


def _member_size(member: tarfile.TarInfo) -> int:
    """Return the number of bytes that follow a header: none after a link, even if it announces a size."""
    if member.size < 0:
        raise tarfile.ReadError(f"{member.name} declares {member.size:,} bytes")
    return 0 if member.issym() or member.islnk() or member.isdir() or member.isdev() else member.size


def _skip(file, count: int) -> None:
    while count > 0:
        chunk = file.read(min(count, CHUNK_BYTES))
        if not chunk:
            raise EOFError
        count -= len(chunk)
