"""MNIST's format, IDX: a magic number, big-endian sizes, then unsigned bytes; plain (memory mapped) or
gzipped.
"""

import gzip
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from lib.common.errors import UserError
from lib.common.filesystem import atomic_write, make_folder
from lib.common.formatting import format_shape
from lib.data.formats.base import (
    GZIP,
    GZIP_RATIO,
    Header,
    Images,
    Source,
    allocate,
    explain_read_errors,
    image_shape,
    open_decompressed,
    product,
    read_into,
    starts_with,
)


class IdxFormat:
    """MNIST's format: magic number, big-endian sizes, then bytes; plain or gzipped."""

    @staticmethod
    def recognizes(path: Path) -> bool:
        if not path.is_file() or path.name.endswith((".tar.gz", ".tgz")):
            return False
        with explain_read_errors(path), open_decompressed(path) as file:
            start = file.read(3)
        return start[:2] == b"\0\0" and len(start) == 3

    @staticmethod
    def peek(path: Path) -> Header:
        sizes, _ = read_header(path)
        return Header(image_shape(sizes), sizes[0])

    @staticmethod
    def read(path: Path) -> Source:
        sizes, offset = read_header(path)
        return Source(Images(read_body(path, sizes, offset).reshape(sizes[0], *image_shape(sizes))))


def read_header(path: Path, labels: bool = False) -> tuple[tuple[int, ...], int]:
    """The sizes that an IDX file announces and where its bytes begin, checked against the size of the file."""
    with explain_read_errors(path), open_decompressed(path) as file:
        start = file.read(4)
        (magic,) = struct.unpack(">I", start) if len(start) == 4 else (None,)
        if magic is None:
            raise UserError(f"{path}: is truncated: {len(start)} bytes hold no IDX header")
        wanted = (0x801,) if labels else (0x803, 0x804)
        if magic not in wanted:
            what = {0x801: "labels (give it with -dl or -tl)", 0x803: "images", 0x804: "images"}.get(magic)
            holds = f"it holds {what}" if what else "it is no IDX file of unsigned bytes"
            kind = "labels (2049)" if labels else "images (2051)"
            raise UserError(f"{path}: magic number {magic} is not that of an IDX file of {kind}: {holds}")
        raw = file.read(4 * (magic & 0xFF))
        if len(raw) < 4 * (magic & 0xFF):
            raise UserError(f"{path}: is truncated: its header ends after {4 + len(raw)} bytes")
    sizes = struct.unpack(f">{magic & 0xFF}I", raw)
    if 0 in sizes:
        raise UserError(f"{path}: its header announces no images at all: sizes {format_shape(sizes)}")
    if len(sizes) == 4 and sizes[3] not in (1, 3):
        raise UserError(
            f"{path}: its header announces {format_shape(sizes)}; images have 1 channel (gray) or 3 "
            f"(color), not {sizes[3]:,}"
        )
    expected, found = 4 + len(raw) + product(sizes), path.stat().st_size
    if starts_with(path, GZIP):
        if expected > found * GZIP_RATIO:
            raise UserError(
                f"{path}: is truncated: its header announces {format_shape(sizes)} bytes, more than a gzip "
                f"file of {found:,} bytes can hold"
            )
    elif found != expected:
        raise _wrong_length(path, sizes, expected, found)
    return sizes, 4 + len(raw)


def read_body(path: Path, sizes: tuple[int, ...], offset: int) -> np.ndarray:
    if not starts_with(path, GZIP):
        with explain_read_errors(path):
            return np.memmap(path, np.uint8, "r", offset, sizes)
    body = allocate(path, (product(sizes),))
    with explain_read_errors(path), gzip.open(path) as file:
        file.read(offset)
        filled = read_into(file, body)
        if filled < len(body) or file.read(1):
            found = offset + filled + (1 if filled == len(body) else 0)
            raise _wrong_length(path, sizes, offset + len(body), found)
    return body.reshape(sizes)


def write_idx(path: Path, array: np.ndarray) -> list[str]:
    """Write uint8 or big-endian float32 values as an IDX file, whole or not at all; returns its name in a
    list.
    """
    with atomic_write(path) as partial, partial.open("wb") as file:
        file.write(_header_bytes(array.shape, array.dtype.str))
        file.write(np.ascontiguousarray(array).tobytes())
    return [str(path)]


@contextmanager
def idx_writer(path: Path, shape: tuple[int, int, int]) -> Iterator[Callable[[np.ndarray], None]]:
    """A function that adds uint8 images (n, *shape) to an IDX file, which is there when the block is done:
    gray ones without their channel. Raises `RunFailed` as `replacing` does.
    """
    make_folder(path.parent)
    each, count = shape if shape[-1] > 1 else shape[:-1], 0
    with atomic_write(path) as partial, partial.open("wb") as file:
        file.write(_header_bytes((0, *each)))

        def add(images: np.ndarray) -> None:
            nonlocal count
            count += len(images)
            file.write(images.tobytes())

        yield add
        file.seek(0)
        file.write(_header_bytes((count, *each)))


def _header_bytes(sizes: tuple[int, ...], kind: str = "|u1") -> bytes:
    """Magic number and sizes of an IDX file."""
    return struct.pack(f">HBB{len(sizes)}I", 0, {"|u1": 0x08, ">f4": 0x0D}[kind], len(sizes), *sizes)


def _wrong_length(path: Path, sizes, expected: int, found: int) -> UserError:
    wrong = f"is truncated: {found:,} bytes" if found < expected else "is too long: more bytes"
    return UserError(
        f"{path}: {wrong}, where its header announces {format_shape(sizes)} ({expected:,} bytes with the "
        f"header)"
    )


class IdxFolderFormat:
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
        tested = _find_file(path, "t10k-images-idx3-ubyte").is_file()
        return Source(
            IdxFolderFormat._part(path, "train"), IdxFolderFormat._part(path, "t10k") if tested else None
        )

    @staticmethod
    def _part(path: Path, name: str) -> Images:
        images, labels = (_find_file(path, f"{name}-{kind}-ubyte") for kind in ("images-idx3", "labels-idx1"))
        found = IdxFormat.read(images).train.images
        if not labels.is_file():
            return Images(found)
        sizes, offset = read_header(labels, labels=True)
        if sizes[0] != len(found):
            raise UserError(f"{labels}: {sizes[0]:,} labels for the {len(found):,} images of {images.name}")
        return Images(found, read_body(labels, sizes, offset).astype(np.int64))


def _find_file(folder: Path, name: str) -> Path:
    """The file of that name, or its gzip; the name as it is where there is neither, for a reader to say so."""
    return next((file for file in (folder / name, folder / f"{name}.gz") if file.is_file()), folder / name)
