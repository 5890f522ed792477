"""MNIST's format, IDX: a magic number, big-endian sizes, then unsigned bytes; plain or gzipped.

Plain files are memory mapped. Described on the page of the MNIST database (LeCun, Cortes and Burges).
"""

import gzip
import struct
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lib.common.errors import UserError
from lib.common.filesystem import atomic_write, make_folder
from lib.common.formatting import format_shape
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
    require_matching_labels,
    shape_of_images,
    starts_with,
)

LABELS_MAGIC, IMAGES_MAGIC, COLOR_IMAGES_MAGIC = 0x801, 0x803, 0x804  # bytes of 1, 3 and 4 dimensions
TYPE_CODES = {"|u1": 0x08, ">f4": 0x0D}  # the third byte of an IDX file, by NumPy's name of the type


class IdxFormat(Format):
    """One IDX file of images."""

    @staticmethod
    def recognizes(path: Path) -> bool:
        if not path.is_file() or path.name.endswith((".tar.gz", ".tgz")):
            return False
        with explain_read_errors(path), open_decompressed(path) as file:
            start = file.read(3)
        return start[:2] == b"\0\0" and len(start) == 3

    @staticmethod
    def peek(path: Path) -> Header:
        shape = read_idx_header(path).shape
        return Header(shape_of_images(shape), shape[0])

    @staticmethod
    def read(path: Path) -> Source:
        header = read_idx_header(path)
        images = _read_body(path, header)
        return Source(Images(images.reshape(len(images), *shape_of_images(header.shape))))


class IdxFolderFormat(Format):
    """A folder with MNIST's four files under their published names, plain or gzipped."""

    @staticmethod
    def recognizes(path: Path) -> bool:
        return path.is_dir() and _find_file(path, "train-images-idx3-ubyte").is_file()

    @staticmethod
    def peek(path: Path) -> Header:
        train = IdxFormat.peek(_find_file(path, "train-images-idx3-ubyte"))
        test = _find_file(path, "t10k-images-idx3-ubyte")
        labeled = _find_file(path, "train-labels-idx1-ubyte").is_file()
        return Header(train.shape, train.count, IdxFormat.peek(test).count if test.is_file() else 0, labeled)

    @staticmethod
    def read(path: Path) -> Source:
        has_test = _find_file(path, "t10k-images-idx3-ubyte").is_file()
        return Source(
            _read_labeled_images(path, "train"), _read_labeled_images(path, "t10k") if has_test else None
        )


def _find_file(folder: Path, name: str) -> Path:
    """Return the file of a name, plain or gzipped; where there is neither, the path of the plain one."""
    return next((file for file in (folder / name, folder / f"{name}.gz") if file.is_file()), folder / name)


def _read_labeled_images(folder: Path, prefix: str) -> Images:
    images_path = _find_file(folder, f"{prefix}-images-idx3-ubyte")
    labels_path = _find_file(folder, f"{prefix}-labels-idx1-ubyte")
    images = IdxFormat.read(images_path).train.images
    if not labels_path.is_file():
        return Images(images)
    header = read_idx_header(labels_path, labels=True)
    require_matching_labels(labels_path, header.shape[0], len(images), images_path.name)
    return Images(images, _read_body(labels_path, header).astype(np.int64))


@dataclass(frozen=True)
class IdxHeader:
    """The header of an IDX file: the shape of its array of bytes, and the offset of the first one."""

    shape: tuple[int, ...]
    offset: int


def read_idx_header(path: Path, labels: bool = False) -> IdxHeader:
    """Return the header of an IDX file of images, or of `labels`, compared with the size of the file.

    Raises:
        UserError: the file is truncated, too long, or of another type.
    """
    with explain_read_errors(path), open_decompressed(path) as file:
        start = file.read(4)
        if len(start) < 4:
            raise UserError(f"{path}: is truncated: {len(start)} bytes hold no IDX header")
        magic = int.from_bytes(start, "big")
        _check_magic(path, magic, labels)
        n_dimensions = magic & 0xFF
        sizes = file.read(4 * n_dimensions)
        if len(sizes) < 4 * n_dimensions:
            raise UserError(f"{path}: is truncated: its header ends after {4 + len(sizes)} bytes")
    header = IdxHeader(struct.unpack(f">{n_dimensions}I", sizes), 4 + len(sizes))
    _check_shape(path, header.shape)
    _check_file_size(path, header)
    return header


def _check_magic(path: Path, magic: int, labels: bool) -> None:
    if magic in ((LABELS_MAGIC,) if labels else (IMAGES_MAGIC, COLOR_IMAGES_MAGIC)):
        return
    content = {
        LABELS_MAGIC: "labels (give it with -dl or -tl)",
        IMAGES_MAGIC: "images",
        COLOR_IMAGES_MAGIC: "images",
    }.get(magic)
    actual = f"it holds {content}" if content else "it is no IDX file of unsigned bytes"
    expected = "labels (2049)" if labels else "images (2051)"
    raise UserError(f"{path}: magic number {magic} is not that of an IDX file of {expected}: {actual}")


def _check_shape(path: Path, shape: tuple[int, ...]) -> None:
    if 0 in shape:
        raise UserError(f"{path}: its header announces no images at all: sizes {format_shape(shape)}")
    if len(shape) == 4 and shape[3] not in (1, 3):
        raise UserError(
            f"{path}: its header announces {format_shape(shape)}; images have 1 channel (gray) or 3 (color), "
            f"not {shape[3]:,}"
        )


def _check_file_size(path: Path, header: IdxHeader) -> None:
    expected, actual = header.offset + element_count(header.shape), path.stat().st_size
    if not starts_with(path, GZIP_MAGIC):
        if actual != expected:
            raise _wrong_length(path, header.shape, expected, actual)
    elif expected > actual * MAX_DEFLATE_RATIO:
        raise UserError(
            f"{path}: is truncated: its header announces {format_shape(header.shape)} bytes, "
            f"more than a gzip file of {actual:,} bytes can hold"
        )


def read_idx_labels(path: Path) -> np.ndarray:
    """Return the labels of an IDX file, uint8 (n,); memory mapped where it is not gzipped."""
    return _read_body(path, read_idx_header(path, labels=True))


def _read_body(path: Path, header: IdxHeader) -> np.ndarray:
    if not starts_with(path, GZIP_MAGIC):
        with explain_read_errors(path):
            return np.memmap(path, np.uint8, "r", header.offset, header.shape)
    body = allocate(path, (element_count(header.shape),))
    with explain_read_errors(path), gzip.open(path) as file:
        file.read(header.offset)
        filled = read_into(file, body)
        excess = 1 if filled == len(body) and file.read(1) else 0  # this read also compares the checksum
        if filled < len(body) or excess:
            actual = header.offset + filled + excess
            raise _wrong_length(path, header.shape, header.offset + len(body), actual)
    return body.reshape(header.shape)


def _wrong_length(path: Path, shape: Sequence[int], expected: int, actual: int) -> UserError:
    wrong = f"is truncated: {actual:,} bytes" if actual < expected else "is too long: more bytes"
    return UserError(
        f"{path}: {wrong}, where its header announces {format_shape(shape)} "
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
