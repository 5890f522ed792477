"""MNIST's format, IDX: a magic number, big-endian sizes, then unsigned bytes; plain (memory mapped) or gzipped."""

import gzip
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from lib.errors import UserError
from lib.files import GZIP, GZIP_RATIO, Header, Images, Source, by, empty, fill, image_shape, opened, product, reading, starts
from lib.written import make_folder, replacing


class Idx:
    """MNIST's format: magic number, big-endian sizes, then bytes; plain or gzipped."""

    @staticmethod
    def recognises(path: Path) -> bool:
        if not path.is_file() or path.name.endswith((".tar.gz", ".tgz")):
            return False
        with reading(path), opened(path) as file:
            start = file.read(3)
        return start[:2] == b"\0\0" and len(start) == 3

    @staticmethod
    def peek(path: Path) -> Header:
        sizes, _ = header(path)
        return Header(image_shape(sizes), sizes[0])

    @staticmethod
    def read(path: Path) -> Source:
        sizes, offset = header(path)
        return Source(Images(body(path, sizes, offset).reshape(sizes[0], *image_shape(sizes))))


def header(path: Path, labels: bool = False) -> tuple[tuple[int, ...], int]:
    """The sizes that an IDX file announces and where its bytes begin, checked against the size of the file."""
    with reading(path), opened(path) as file:
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
        raise UserError(f"{path}: its header announces no images at all: sizes {by(sizes)}")
    if len(sizes) == 4 and sizes[3] not in (1, 3):
        raise UserError(f"{path}: its header announces {by(sizes)}; images have 1 channel (grey) or 3 (colour), not {sizes[3]:,}")
    expected, found = 4 + len(raw) + product(sizes), path.stat().st_size
    if starts(path, GZIP):
        if expected > found * GZIP_RATIO:
            raise UserError(
                f"{path}: is truncated: its header announces {by(sizes)} bytes, more than a gzip file of {found:,} bytes can hold"
            )
    elif found != expected:
        raise _wrong_length(path, sizes, expected, found)
    return sizes, 4 + len(raw)


def body(path: Path, sizes: tuple[int, ...], offset: int) -> np.ndarray:
    if not starts(path, GZIP):
        with reading(path):
            return np.memmap(path, np.uint8, "r", offset, sizes)
    body = empty(path, (product(sizes),))
    with reading(path), gzip.open(path) as file:
        file.read(offset)
        filled = fill(file, body)
        if filled < len(body) or file.read(1):
            found = offset + filled + (1 if filled == len(body) else 0)
            raise _wrong_length(path, sizes, offset + len(body), found)
    return body.reshape(sizes)


def write(path: Path, array: np.ndarray) -> list[str]:
    """Write uint8 or big-endian float32 values as an IDX file, whole or not at all; returns its name in a list."""
    with replacing(path) as partial, partial.open("wb") as file:
        file.write(_start(array.shape, array.dtype.str))
        file.write(np.ascontiguousarray(array).tobytes())
    return [str(path)]


@contextmanager
def growing(path: Path, shape: tuple[int, int, int]) -> Iterator[Callable[[np.ndarray], None]]:
    """A function that adds uint8 images (n, *shape) to an IDX file, which is there when the block is done: grey ones without
    their channel. Raises `RunFailed` as `replacing` does.
    """
    make_folder(path.parent)
    each, count = shape if shape[-1] > 1 else shape[:-1], 0
    with replacing(path) as partial, partial.open("wb") as file:
        file.write(_start((0, *each)))

        def add(images: np.ndarray) -> None:
            nonlocal count
            count += len(images)
            file.write(images.tobytes())

        yield add
        file.seek(0)
        file.write(_start((count, *each)))


def _start(sizes: tuple[int, ...], kind: str = "|u1") -> bytes:
    """Magic number and sizes of an IDX file."""
    return struct.pack(f">HBB{len(sizes)}I", 0, {"|u1": 0x08, ">f4": 0x0D}[kind], len(sizes), *sizes)


def _wrong_length(path: Path, sizes, expected: int, found: int) -> UserError:
    wrong = f"is truncated: {found:,} bytes" if found < expected else "is too long: more bytes"
    return UserError(f"{path}: {wrong}, where its header announces {by(sizes)} ({expected:,} bytes with the header)")


class IdxFolder:
    """A folder with MNIST's four files under their published names, plain or gzipped."""

    @staticmethod
    def recognises(path: Path) -> bool:
        return path.is_dir() and _idx_file(path, "train-images-idx3-ubyte").is_file()

    @staticmethod
    def peek(path: Path) -> Header:
        train = Idx.peek(_idx_file(path, "train-images-idx3-ubyte"))
        test = _idx_file(path, "t10k-images-idx3-ubyte")
        labelled = _idx_file(path, "train-labels-idx1-ubyte").is_file()
        return Header(train.shape, train.count, Idx.peek(test).count if test.is_file() else 0, labelled)

    @staticmethod
    def read(path: Path) -> Source:
        tested = _idx_file(path, "t10k-images-idx3-ubyte").is_file()
        return Source(IdxFolder._part(path, "train"), IdxFolder._part(path, "t10k") if tested else None)

    @staticmethod
    def _part(path: Path, name: str) -> Images:
        images, labels = (_idx_file(path, f"{name}-{kind}-ubyte") for kind in ("images-idx3", "labels-idx1"))
        found = Idx.read(images).train.images
        if not labels.is_file():
            return Images(found)
        sizes, offset = header(labels, labels=True)
        if sizes[0] != len(found):
            raise UserError(f"{labels}: {sizes[0]:,} labels for the {len(found):,} images of {images.name}")
        return Images(found, body(labels, sizes, offset).astype(np.int64))


def _idx_file(folder: Path, name: str) -> Path:
    """The file of that name, or its gzip; the name as it is where there is neither, for a reader to say so."""
    return next((file for file in (folder / name, folder / f"{name}.gz") if file.is_file()), folder / name)
