"""CIFAR-10's binary version: records of a label byte and the red, green and blue planes, row by row.

Krizhevsky, "Learning Multiple Layers of Features from Tiny Images" (2009); 10,000 records in each published
file.
"""

import tarfile
from pathlib import Path

import numpy as np

from lib.common.errors import UserError
from lib.data.formats.base import (
    CHUNK_BYTES,
    MAX_DEFLATE_RATIO,
    Format,
    Header,
    Images,
    Source,
    allocate,
    explain_read_errors,
    open_decompressed,
    read_into,
)

IMAGE_SHAPE = (32, 32, 3)
RECORD_BYTES = 1 + 32 * 32 * 3
CIFAR10_FOLDER, CIFAR10_ARCHIVE = "cifar-10-batches-bin", "cifar-10-binary.tar.gz"  # as published
CIFAR10_CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
REGULAR_FILES = (tarfile.REGTYPE, tarfile.AREGTYPE)


class Cifar10Format(Format):
    """A folder or tar archive of CIFAR-10's batches, a folder that holds one of these, or a single .bin.

    The batch called test_batch is the test set.
    """

    @staticmethod
    def recognizes(path: Path) -> bool:
        path = _locate_batches(path)
        if path.is_dir():
            return bool(_batch_files(path))
        return path.suffix == ".bin" or path.name.endswith((".tar.gz", ".tgz", ".tar"))

    @staticmethod
    def peek(path: Path) -> Header:
        path = _locate_batches(path)
        if path.is_dir() or path.suffix == ".bin":
            counts = {file.name: _count_records(file, file.stat().st_size) for file in _batch_files(path)}
            test_count = (
                sum(count for name, count in counts.items() if _is_test_batch(name)) if path.is_dir() else 0
            )
            count = (sum(counts.values()) - test_count) or test_count
            return Header(IMAGE_SHAPE, count, test_count, labeled=True)
        # To list a compressed archive is to decompress it, so only `read` counts. These are the published
        # sizes.
        with explain_read_errors(path), open_decompressed(path) as file:
            _parse_member(file.read(tarfile.BLOCKSIZE))
        return Header(IMAGE_SHAPE, 50_000, 10_000, labeled=True)

    @staticmethod
    def read(path: Path) -> Source:
        path = _locate_batches(path)
        is_archive = not (path.is_dir() or path.suffix == ".bin")
        batches = _read_archive(path) if is_archive else _map_batches(path)
        train = [batch for name, batch in batches.items() if not (_is_test_batch(name) and len(batches) > 1)]
        test = [batch for name, batch in batches.items() if _is_test_batch(name) and len(batches) > 1]
        return Source(_decode_records(path, train), _decode_records(path, test) if test else None)


def _locate_batches(path: Path) -> Path:
    """Return the folder or archive of the batches: a folder without any may hold the published one."""
    if not path.is_dir() or _batch_files(path):
        return path
    if (path / CIFAR10_FOLDER).is_dir() and _batch_files(path / CIFAR10_FOLDER):
        return path / CIFAR10_FOLDER
    return path / CIFAR10_ARCHIVE if (path / CIFAR10_ARCHIVE).is_file() else path


def _batch_files(path: Path) -> list[Path]:
    return sorted(file for file in path.glob("*_batch*.bin") if file.is_file()) if path.is_dir() else [path]


def _is_test_batch(name: str) -> bool:
    return name.startswith("test")


def _count_records(path: Path | str, size: int) -> int:
    count, remainder = divmod(size, RECORD_BYTES)
    if remainder or not count:
        raise UserError(
            f"{path}: {size:,} bytes are not whole CIFAR-10 records of {RECORD_BYTES:,} bytes; "
            "the file is truncated or over-long, or no batch"
        )
    return count


def _map_batches(path: Path) -> dict[str, np.ndarray]:
    batches: dict[str, np.ndarray] = {}
    for file in _batch_files(path):
        _count_records(file, file.stat().st_size)
        with explain_read_errors(file):
            batches[file.name] = np.memmap(file, np.uint8, "r")
    return batches


def _read_archive(path: Path) -> dict[str, np.ndarray]:
    """Return the batches of a tar archive by name, read in one pass; nothing is unpacked to the disk.

    `tarfile.open` would follow hostile headers: endless numbers, millions of members, and in some versions of
    Python offsets that lead back to the same member.
    """
    batches = {}
    with explain_read_errors(path), open_decompressed(path) as file:
        while (block := file.read(tarfile.BLOCKSIZE)).strip(b"\0"):
            member = _parse_member(block)
            name, size = Path(member.name).name, _member_size(member)
            if member.type in REGULAR_FILES and "_batch" in name and name.endswith(".bin"):
                if size > path.stat().st_size * MAX_DEFLATE_RATIO:
                    raise UserError(
                        f"{path}: {member.name} announces {size:,} bytes, more than the archive can hold"
                    )
                _count_records(f"{path}: {member.name}", size)
                batches[name] = allocate(path, (size,))
                if read_into(file, batches[name]) < size:
                    raise EOFError
                size = 0
            _skip(file, size + -member.size % tarfile.BLOCKSIZE)
        while file.read(CHUNK_BYTES):  # a gzip file's checksum stands at its end
            pass
    if not batches:
        raise UserError(f"{path}: holds no CIFAR-10 batch (data_batch_1.bin …, test_batch.bin)")
    return dict(sorted(batches.items()))


def _parse_member(block: bytes) -> tarfile.TarInfo:
    return tarfile.TarInfo.frombuf(block, "utf-8", "replace")


def _member_size(member: tarfile.TarInfo) -> int:
    """Return the number of bytes that follow a header: none after a link, even if it announces a size."""
    if member.size < 0:
        raise tarfile.ReadError(f"{member.name} announces {member.size:,} bytes")
    return 0 if member.issym() or member.islnk() or member.isdir() or member.isdev() else member.size


def _skip(file, count: int) -> None:
    while count > 0:
        chunk = file.read(min(count, CHUNK_BYTES))
        if not chunk:
            raise EOFError
        count -= len(chunk)


def _decode_records(path: Path, batches: list[np.ndarray]) -> Images:
    count = sum(len(batch) for batch in batches) // RECORD_BYTES
    images, labels = allocate(path, (count, *IMAGE_SHAPE)), np.empty(count, np.int64)
    start = 0
    for batch in batches:  # one at a time, so that there is never a second copy of the data set
        records = batch.reshape(-1, RECORD_BYTES)
        rows = slice(start, start + len(records))
        labels[rows] = records[:, 0]
        images[rows] = records[:, 1:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
        start += len(records)
    if labels.max() > 9:
        raise UserError(f"{path}: label {labels.max()} is not one of CIFAR-10's ten: it is no CIFAR-10 batch")
    return Images(images, labels, CIFAR10_CLASSES)
