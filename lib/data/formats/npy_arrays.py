"""Arrays in NumPy's files, read without trusting their headers, and written in batches.

The headers are parsed here and not by `numpy.lib.format`: it reads as many bytes as a header declares before
it refuses the length (1 GB of memory for a zip of 0.5 MB), evaluates the text as a Python literal, raises
five kinds of errors, warns, and accepts negative sizes. tests/data/test_hostile_files.py compares both.
"""

import re
import sys
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal

import numpy as np

from lib.common.errors import UserError
from lib.common.filesystem import atomic_write, make_folder
from lib.common.formatting import format_shape
from lib.common.reading import open_file
from lib.data.formats.base import (
    MAX_DEFLATE_RATIO,
    NPY_MAGIC,
    allocate,
    element_count,
    explain_read_errors,
    read_into,
)

WRITTEN_HEADER_BYTES = 192  # with the magic number; a multiple of 64
MAX_HEADER_BYTES = 10_000  # as in NumPy itself
HEADER_PATTERNS = {
    "descr": r"'([<>|=]?[biufcOSU]\d*)'",
    "fortran_order": "(True|False)",
    "shape": r"\(([\d, L]*)\)",
}


@dataclass(frozen=True)
class NpyHeader:
    """The header of an .npy file: NumPy's shape, type and order, and the offset of the first element."""

    shape: tuple[int, ...]
    dtype: np.dtype
    order: Literal["C", "F"]
    offset: int

    @property
    def nbytes(self) -> int:
        return element_count(self.shape) * self.dtype.itemsize


def parse_header(path: Path, name: str, file: IO[bytes]) -> NpyHeader:
    """Parse a header with patterns instead of as Python: nothing is evaluated, warns, or nests deeply."""
    start = file.read(8)
    length_bytes = 2 if start[6:7] == b"\1" else 4
    length = int.from_bytes(file.read(length_bytes), "little")
    if not start.startswith(NPY_MAGIC) or len(start) < 8 or length > MAX_HEADER_BYTES:
        raise UserError(f"{path}: {name} does not begin with a NumPy header")
    text = file.read(length).decode("latin-1")
    fields = {
        key: match[1]
        for key, pattern in HEADER_PATTERNS.items()
        if (match := re.search(rf"'{key}': {pattern}", text))
    }
    if len(fields) < len(HEADER_PATTERNS):
        raise UserError(f"{path}: {name} is not a plain array of numbers; its header is {text.strip()[:120]}")
    try:
        dtype = np.dtype(fields["descr"])
        if not dtype.itemsize:  # texts without characters, of which a file holds any number
            raise TypeError
    except TypeError:
        raise UserError(f"{path}: {name} is {fields['descr']}, which is not a numeric type") from None
    shape = tuple(map(int, re.findall(r"\d+", fields["shape"])))
    order: Literal["C", "F"] = "F" if fields["fortran_order"] == "True" else "C"
    return NpyHeader(shape, dtype, order, 8 + length_bytes + length)


@contextmanager
def open_member(path: Path, archive: zipfile.ZipFile, name: str) -> Iterator[tuple[IO[bytes], NpyHeader]]:
    """Open an array of an .npz at its first element, and return its header too."""
    with archive.open(f"{name}.npy") as file:
        header = parse_header(path, name, file)
        if header.nbytes > path.stat().st_size * MAX_DEFLATE_RATIO:
            raise UserError(f"{path}: {name} declares {header.nbytes:,} bytes, more than the file can hold")
        yield file, header


def read_content(path: Path, name: str, file: IO[bytes], header: NpyHeader) -> np.ndarray:
    """Return the array that `open_member` has opened.

    Args:
        path: of the file.
        name: of the array in the file, for messages.
        file: at the first byte after the header.
        header: of the array.

    Raises:
        UserError: it is longer or shorter than its header announces, or no memory is free for it.
    """
    content = allocate(path, (header.nbytes,))
    if read_into(file, content) < header.nbytes or file.read(1):  # reading the end compares the checksum
        raise UserError(
            f"{path}: {name} is truncated or too long: its header declares {format_shape(header.shape)} "
            f"of {header.dtype}"
        )
    array = content.view(header.dtype).reshape(header.shape, order=header.order)
    require_valid_text(path, name, array)
    return array


def require_valid_text(path: Path, name: str, array: np.ndarray) -> None:
    """Raise `UserError` for an array of texts with numbers that are no characters, which crash Python."""
    if array.dtype.kind == "U" and array.size:
        codes = np.ascontiguousarray(array).view(np.dtype(np.uint32).newbyteorder(array.dtype.byteorder))
        if codes.max() > sys.maxunicode:
            raise UserError(f"{path}: {name} is not text: it contains invalid characters")


@contextmanager
def npy_writer(path: Path, shape: tuple[int, ...], dtype: np.dtype) -> Iterator[Callable[[np.ndarray], None]]:
    """Open an .npy file for arrays that come in batches; it appears at `path` when the block ends.

    Args:
        path: the file; its folder is created.
        shape: of one item.
        dtype: of all items.

    Yields:
        A function that appends items (n, …).

    Raises:
        RunFailed: the file cannot be written.
    """
    make_folder(path.parent)
    count = 0
    with atomic_write(path) as partial, partial.open("wb") as file:
        file.write(_header_bytes(0, shape, dtype))

        def append(items: np.ndarray) -> None:
            nonlocal count
            count += len(items)
            file.write(np.ascontiguousarray(items, dtype).data)

        yield append
        file.seek(0)
        file.write(_header_bytes(count, shape, dtype))


def _header_bytes(count: int, shape: tuple[int, ...], dtype: np.dtype) -> bytes:
    """Return a header of one length for any count."""
    content = {"descr": dtype.str, "fortran_order": False, "shape": (count, *shape)}
    text = repr(content).ljust(WRITTEN_HEADER_BYTES - len(NPY_MAGIC) - 5) + "\n"
    return NPY_MAGIC + b"\1\0" + len(text).to_bytes(2, "little") + text.encode()


def read_stored_arrays(path: Path) -> dict[str, np.ndarray]:
    """Return the arrays of an .npz of numbers and texts that is not compressed, by their names.

    They take no more memory than the file has bytes.

    Raises:
        UserError: the file is invalid, or its arrays are compressed, overlap, or are of another type.
    """
    with explain_read_errors(path), open_file(path) as stream, zipfile.ZipFile(stream) as archive:
        if sum(member.file_size for member in archive.infolist()) > path.stat().st_size:
            raise ValueError("its arrays declare more bytes than it contains")
        arrays = {}
        for name in {member.removesuffix(".npy") for member in archive.namelist()}:
            with open_member(path, archive, name) as (file, header):
                if header.dtype.kind not in "biufU":
                    raise ValueError(f"{name} is not an array of numbers or text")
                if header.nbytes > archive.getinfo(f"{name}.npy").file_size:
                    raise ValueError(f"{name} declares more bytes than it contains")
                arrays[name] = read_content(path, name, file, header)
    return arrays
