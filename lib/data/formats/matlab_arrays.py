"""Arrays of numbers in MATLAB's files of version 5 to 7, read without trusting their headers.

Described in MathWorks' "MAT-File Format". Cells, structures, functions and objects are left out, so nothing
in a file is ever built or run. `scipy.io.loadmat` reads those too, and takes the memory that a header asks
for: 512 MB for a cell array of 184 bytes. tests/data/test_hostile_files.py compares both.
"""

import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

import numpy as np

from lib.common.errors import UserError
from lib.data.formats.base import (
    CHUNK_BYTES,
    MAX_DEFLATE_RATIO,
    allocate,
    element_count,
    explain_read_errors,
    read_into,
)

HEADER_BYTES = 128
BYTE_ORDERS = {b"\x00\x01IM": "<", b"\x01\x00MI": ">"}  # version 1.0 and the mark of the order
HDF5_VERSION = b"\x00\x02IM"  # of version 7.3, an HDF5 file
MARKS, MARK_PLACE = (*BYTE_ORDERS, HDF5_VERSION), 124
MATRIX, COMPRESSED = 14, 15  # types of elements
# Types of the stored numbers; they may be smaller than those of the array.
STORED_TYPES = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
# Types of the arrays; "class" is MATLAB's word.
CLASSES = {6: "f8", 7: "f4", 8: "i1", 9: "u1", 10: "i2", 11: "u2", 12: "i4", 13: "u4", 14: "i8", 15: "u8"}
COMPLEX, LOGICAL = 0x08, 0x02  # flags of an array
MAX_NAME_BYTES, MAX_DIMENSIONS, MAX_ELEMENTS = 64, 8, 1000


class Stream(Protocol):
    """A file, or an element that is decompressed."""

    def read(self, size: int, /) -> bytes: ...


@dataclass(frozen=True)
class MatlabArray:
    """An array of numbers in a file, not read yet.

    Attributes:
        offset: position of its element in the file.
    """

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype
    offset: int


class _Inflated:
    """The content of a zlib stream of so many bytes in a file, decompressed as it is read."""

    def __init__(self, file: BinaryIO, size: int):
        self._file, self._left = file, size
        self._decompressor = zlib.decompressobj()

    def read(self, size: int, /) -> bytes:
        parts: list[bytes] = []
        while size > 0:
            compressed = self._decompressor.unconsumed_tail
            if not compressed:
                compressed = self._file.read(min(self._left, CHUNK_BYTES))
                self._left -= len(compressed)
            part = self._decompressor.decompress(compressed, size)
            if not part and (self._decompressor.eof or not compressed):
                break
            parts.append(part)
            size -= len(part)
        return b"".join(parts)

    def readinto(self, buffer) -> int:
        part = self.read(len(buffer))
        buffer[: len(part)] = part
        return len(part)


def list_arrays(path: Path) -> list[MatlabArray]:
    """Return the arrays of numbers in a file, without reading them.

    Raises:
        UserError: the file is invalid.
    """
    arrays: list[MatlabArray] = []
    with explain_read_errors(path), path.open("rb") as file:
        order = _byte_order(path, file)
        offset = HEADER_BYTES
        for _ in range(MAX_ELEMENTS):
            if len(tag := _read_tag_at(file, offset)) < 8:
                break
            kind, size = struct.unpack(f"{order}II", tag)
            if kind in (MATRIX, COMPRESSED):
                stream = _element(file, kind, size)
                if (array := _read_array_header(stream, order)) is not None:
                    arrays.append(MatlabArray(*array, offset))
            offset += 8 + size
    return arrays


def read_array(path: Path, array: MatlabArray) -> np.ndarray:
    """Return an array that `list_arrays` has found, in MATLAB's order of its elements.

    Raises:
        UserError: the file is invalid, or there is no memory for it.
    """
    with explain_read_errors(path), path.open("rb") as file:
        order = _byte_order(path, file)
        kind, size = struct.unpack(f"{order}II", _read_tag_at(file, array.offset))
        stream = _element(file, kind, size)
        _read_array_header(stream, order)
        stored_type, stored_size, start = _read_tag(stream, order)
        count = element_count(array.shape)
        dtype = np.dtype(f"{order}{STORED_TYPES.get(stored_type, 'V0')}")
        is_possible = stored_size <= path.stat().st_size * MAX_DEFLATE_RATIO
        if not dtype.itemsize or stored_size != count * dtype.itemsize or not is_possible:
            raise UserError(f"{path}: the size of {array.name} is not the one its header declares")
        content = allocate(path, (stored_size,))
        content[: len(start)] = np.frombuffer(start, np.uint8)
        if len(start) + read_into(stream, content[len(start) :]) < stored_size:
            raise EOFError
    values = content.view(dtype).reshape(array.shape, order="F")
    # Whole numbers are stored as bytes where they fit, whatever the type of the array. They stay so, if they
    # cannot be fractions of white.
    is_compact = array.dtype.kind == "f" and dtype.kind in "ui" and values.max(initial=0) > 1
    return values if is_compact else values.astype(array.dtype, copy=False)


def _byte_order(path: Path, file: BinaryIO) -> str:
    mark = file.read(HEADER_BYTES)[MARK_PLACE:]
    if mark == HDF5_VERSION:
        raise UserError(
            f"{path}: is a MATLAB 7.3 file, which is not supported; save it with the option -v7, or save "
            "its images as .npz"
        )
    if mark not in BYTE_ORDERS:
        raise UserError(f"{path}: is not a MATLAB file of version 5 to 7")
    return BYTE_ORDERS[mark]


def _read_tag_at(file: BinaryIO, offset: int) -> bytes:
    """Return the tag of the element at an offset, and leave the file at its content."""
    file.seek(offset)
    return file.read(8)


def _element(file: BinaryIO, kind: int, size: int) -> "BinaryIO | _Inflated":
    """Return the content of an array's element, at the file's position, decompressed where it has to be."""
    if kind != COMPRESSED:
        return file
    stream = _Inflated(file, size)
    _read_exactly(stream, 8)  # the tag of the array itself
    return stream


def _read_array_header(stream: Stream, order: str) -> tuple[str, tuple[int, ...], np.dtype] | None:
    """Return name, shape and type of an array, and leave the stream at its numbers; None for others."""
    _, size, start = _read_tag(stream, order)
    flags_and_class = struct.unpack(f"{order}I", _read_content(stream, size, start, 8)[:4])[0]
    _, size, start = _read_tag(stream, order)
    dimensions = _read_content(stream, size, start, 4 * MAX_DIMENSIONS)
    shape = struct.unpack(f"{order}{len(dimensions) // 4}i", dimensions[: len(dimensions) // 4 * 4])
    _, size, start = _read_tag(stream, order)
    name = _read_content(stream, size, start, MAX_NAME_BYTES).decode("latin-1")
    flags, array_class = flags_and_class >> 8 & 0xFF, flags_and_class & 0xFF
    if array_class not in CLASSES or flags & COMPLEX or min(shape, default=0) < 0:
        return None
    return name, shape, np.dtype(bool if flags & LOGICAL else f"{order}{CLASSES[array_class]}")


def _read_tag(stream: Stream, order: str) -> tuple[int, int, bytes]:
    """Return type and size of an element, and its content where it is a small one, which the tag holds."""
    tag = _read_exactly(stream, 8)
    kind, size = struct.unpack(f"{order}II", tag)
    if kind >> 16:
        kind, size = kind & 0xFFFF, kind >> 16
        return kind, min(size, 4), tag[4 : 4 + min(size, 4)]
    return kind, size, b""


def _read_content(stream: Stream, size: int, start: bytes, limit: int) -> bytes:
    """Return the content of a short element, and skip the bytes that fill up its last eight."""
    if start:
        return start
    if size > limit:
        raise ValueError(f"an element has {size:,} bytes")
    return _read_exactly(stream, size + -size % 8)[:size]


def _read_exactly(stream: Stream, size: int) -> bytes:
    content = stream.read(size)
    if len(content) < size:
        raise EOFError
    return content
