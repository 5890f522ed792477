"""MNIST's format, IDX: a magic number, big-endian sizes, then an array; plain or gzipped.

Plain files are memory mapped. Described on the page of the MNIST database (LeCun, Cortes and Burges).
"""

import gzip
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lib.common.errors import UserError
from lib.common.filesystem import atomic_write, make_folder
from lib.common.formatting import format_shape
from lib.data.formats.array_layouts import arrange, find_layout
from lib.data.formats.base import (
    GZIP_MAGIC,
    MAX_DEFLATE_RATIO,
    Format,
    Header,
    Images,
    Source,
    allocate,
    element_count,
    explain_read_errors,
    open_decompressed,
    read_into,
    starts_with,
)
from lib.data.formats.labels import Labels, labels_of_array

# NumPy's names of the types of elements, by the third byte of an IDX file.
TYPES = {0x08: "|u1", 0x09: "|i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
TYPE_CODES = {name: code for code, name in TYPES.items()}
MAX_DIMENSIONS = 4
# EMNIST's images are stored transposed, which its authors ask to undo (Cohen et al., 2017, the read-me file).
TRANSPOSED_PREFIX = "emnist-"


class IdxFormat(Format):
    """One IDX file of images."""

    order = 80

    @staticmethod
    def recognizes(path: Path) -> bool:
        if not path.is_file() or path.name.endswith((".tar.gz", ".tgz")):
            return False
        with explain_read_errors(path), open_decompressed(path) as file:
            start = file.read(4)
        return len(start) >= 3 and start[:2] == b"\0\0" and start[2] in TYPES

    @staticmethod
    def peek(path: Path) -> Header:
        shape = read_idx_header(path).shape
        height, width, channels = find_layout(path, "it", shape).shape
        is_transposed = _is_transposed(path)
        return Header((width, height, channels) if is_transposed else (height, width, channels), shape[0])

    @staticmethod
    def read(path: Path) -> Source:
        converted, notes = arrange(path, {"it": _read_body(path, read_idx_header(path))})
        images = converted["it"]
        if _is_transposed(path):
            images = images.transpose(0, 2, 1, 3)
            notes.append("EMNIST stores images transposed; they were transposed back")
        return Source(Images(images), notes=tuple(notes))


def _is_transposed(path: Path) -> bool:
    return path.name.lower().startswith(TRANSPOSED_PREFIX)


@dataclass(frozen=True)
class IdxHeader:
    """The header of an IDX file: shape and type of its array, and the offset of the first element."""

    shape: tuple[int, ...]
    dtype: np.dtype
    offset: int

    @property
    def nbytes(self) -> int:
        return element_count(self.shape) * self.dtype.itemsize


def read_idx_header(path: Path, labels: bool = False) -> IdxHeader:
    """Return the header of an IDX file of images, or of `labels`, compared with the size of the file.

    Raises:
        UserError: the file is truncated, too long, or holds something else.
    """
    with explain_read_errors(path), open_decompressed(path) as file:
        start = file.read(4)
        if len(start) < 4:
            raise UserError(f"{path}: is truncated: {len(start)} bytes are too short for an IDX header")
        if start[:2] != b"\0\0" or start[2] not in TYPES or not 0 < start[3] <= MAX_DIMENSIONS:
            raise UserError(
                f"{path}: is not an IDX file of {'labels' if labels else 'images'}: it begins with the "
                f"bytes {start.hex(' ')}"
            )
        sizes = file.read(4 * start[3])
        if len(sizes) < 4 * start[3]:
            raise UserError(f"{path}: is truncated: its header ends after {4 + len(sizes)} bytes")
    header = IdxHeader(struct.unpack(f">{start[3]}I", sizes), np.dtype(TYPES[start[2]]), 4 + len(sizes))
    _check_shape(path, header.shape, labels)
    _check_file_size(path, header)
    return header


def _check_shape(path: Path, shape: tuple[int, ...], labels: bool) -> None:
    if labels and len(shape) > 2:
        raise UserError(f"{path}: contains images, {format_shape(shape)}, not labels")
    if not labels and len(shape) == 1:
        raise UserError(f"{path}: contains {shape[0]:,} numbers, not images; pass labels with -dl or -tl")
    if 0 in shape:
        content = "labels" if labels else "images"
        raise UserError(f"{path}: its header declares no {content}: sizes {format_shape(shape)}")


def _check_file_size(path: Path, header: IdxHeader) -> None:
    expected, actual = header.offset + header.nbytes, path.stat().st_size
    if not starts_with(path, GZIP_MAGIC):
        if actual != expected:
            raise _wrong_length(path, header, actual)
    elif expected > actual * MAX_DEFLATE_RATIO:
        raise UserError(
            f"{path}: is truncated: its header declares {format_shape(header.shape)} of {header.dtype}, "
            f"more than a gzip file of {actual:,} bytes can contain"
        )


def read_idx_labels(path: Path) -> Labels:
    """Return the labels of an IDX file.

    Of QMNIST's labels, (n, 8), the first number of each row is the class, and the others tell the writer.
    """
    stored = _read_body(path, read_idx_header(path, labels=True))
    is_qmnist = stored.ndim == 2 and stored.shape[1] == 8 and stored.dtype == np.dtype(">i4")
    return labels_of_array(path, "it", stored[:, 0] if is_qmnist else stored)


def _read_body(path: Path, header: IdxHeader) -> np.ndarray:
    if not starts_with(path, GZIP_MAGIC):
        with explain_read_errors(path):
            return np.memmap(path, header.dtype, "r", header.offset, header.shape)
    body = allocate(path, (header.nbytes,))
    with explain_read_errors(path), gzip.open(path) as file:
        file.read(header.offset)
        filled = read_into(file, body)
        excess = 1 if filled == len(body) and file.read(1) else 0  # this read also compares the checksum
        if filled < len(body) or excess:
            raise _wrong_length(path, header, header.offset + filled + excess)
    return body.view(header.dtype).reshape(header.shape)


def _wrong_length(path: Path, header: IdxHeader, actual: int) -> UserError:
    expected = header.offset + header.nbytes
    wrong = f"is truncated: {actual:,} bytes" if actual < expected else "is too long: there are more bytes"
    return UserError(
        f"{path}: {wrong}, but its header declares {format_shape(header.shape)} "
        f"({expected:,} bytes with the header)"
    )


def write_idx(path: Path, array: np.ndarray) -> list[str]:
    """Write an array as an IDX file, atomically.

    Args:
        path: the file.
        array: uint8 or big-endian float32, of any shape.

    Returns:
        The path, in a list.

    Raises:
        RunFailed: the file cannot be written.
    """
    with atomic_write(path) as partial, partial.open("wb") as file:
        file.write(_header_bytes(array.shape, array.dtype.str))
        file.write(np.ascontiguousarray(array).tobytes())
    return [str(path)]


@contextmanager
def idx_writer(path: Path, shape: tuple[int, int, int]) -> Iterator[Callable[[np.ndarray], None]]:
    """Open an IDX file for images that come in batches; it appears at `path` when the block ends.

    Args:
        path: the file; its folder is created.
        shape: (height, width, channels) of the images. A single channel is left out of the file's shape.

    Yields:
        A function that appends uint8 images (n, height, width, channels).

    Raises:
        RunFailed: the file cannot be written.
    """
    make_folder(path.parent)
    stored_shape, count = shape if shape[-1] > 1 else shape[:-1], 0
    with atomic_write(path) as partial, partial.open("wb") as file:
        file.write(_header_bytes((0, *stored_shape)))

        def append(images: np.ndarray) -> None:
            nonlocal count
            count += len(images)
            file.write(images.tobytes())

        yield append
        file.seek(0)
        file.write(_header_bytes((count, *stored_shape)))


def _header_bytes(shape: tuple[int, ...], dtype: str = "|u1") -> bytes:
    return struct.pack(f">HBB{len(shape)}I", 0, TYPE_CODES[dtype], len(shape), *shape)
