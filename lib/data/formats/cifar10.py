"""CIFAR-10's binary version: records of a label byte and the red, green and blue planes, row by row."""

import tarfile
from pathlib import Path

import numpy as np

from lib.common.errors import UserError
from lib.data.formats.base import (
    CHUNK_BYTES,
    GZIP_RATIO,
    Header,
    Images,
    Source,
    allocate,
    explain_read_errors,
    open_decompressed,
    read_into,
)

SHAPE = (32, 32, 3)
FOLDER, ARCHIVE = "cifar-10-batches-bin", "cifar-10-binary.tar.gz"  # as they are published
REGULAR_FILES = (tarfile.REGTYPE, tarfile.AREGTYPE)
RECORD_BYTES = 1 + 32 * 32 * 3
CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


class Cifar10Format:
    """CIFAR-10's binary version: a folder or .tar.gz of batches (test_batch apart), what holds one of these,
    or a single .bin.
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
            sizes = {file.name: _count_records(file, file.stat().st_size) for file in _batch_files(path)}
            tests = (
                sum(count for name, count in sizes.items() if _is_test_batch(name)) if path.is_dir() else 0
            )
            return Header(SHAPE, (sum(sizes.values()) - tests) or tests, tests, labeled=True)
        # To list a compressed archive is to decompress it, so only `read` counts; the published set has these
        # sizes.
        with explain_read_errors(path), open_decompressed(path) as file:
            _parse_member(file.read(tarfile.BLOCKSIZE))
        return Header(SHAPE, 50_000, 10_000, labeled=True)

    @staticmethod
    def read(path: Path) -> Source:
        path = _locate_batches(path)
        if path.is_dir() or path.suffix == ".bin":
            batches: dict[str, np.ndarray] = {}
            for file in _batch_files(path):
                _count_records(file, file.stat().st_size)
                with explain_read_errors(file):
                    batches[file.name] = np.memmap(file, np.uint8, "r")
        else:
            batches = _read_archive(path)
        train = [batch for name, batch in batches.items() if not (_is_test_batch(name) and len(batches) > 1)]
        test = [batch for name, batch in batches.items() if _is_test_batch(name) and len(batches) > 1]
        return Source(_decode_records(path, train), _decode_records(path, test) if test else None)


def _locate_batches(path: Path) -> Path:
    """Where the batches are: a folder without any may hold the published archive, or what was unpacked from
    it.
    """
    if not path.is_dir() or _batch_files(path):
        return path
    if (path / FOLDER).is_dir() and _batch_files(path / FOLDER):
        return path / FOLDER
    return path / ARCHIVE if (path / ARCHIVE).is_file() else path


def _batch_files(path: Path) -> list[Path]:
    return sorted(file for file in path.glob("*_batch*.bin") if file.is_file()) if path.is_dir() else [path]


def _is_test_batch(name: str) -> bool:
    return name.startswith("test")


def _count_records(path, size: int) -> int:
    count, rest = divmod(size, RECORD_BYTES)
    if rest or not count:
        raise UserError(
            f"{path}: {size:,} bytes are not whole CIFAR-10 records of {RECORD_BYTES:,} bytes; "
            "the file is truncated or over-long, or no batch"
        )
    return count


def _read_archive(path: Path) -> dict[str, np.ndarray]:
    """The batches of an archive. It is read from its first byte to its last, block by block, and nothing is
    unpacked.

    `tarfile.open` would follow what the headers say: numbers without an end, members by the million, in some
    versions back to where it came from.
    """
    batches = {}
    with explain_read_errors(path), open_decompressed(path) as file:
        while (block := file.read(tarfile.BLOCKSIZE)).strip(b"\0"):
            member = _parse_member(block)
            name, size = Path(member.name).name, _member_size(member)
            if member.type in REGULAR_FILES and "_batch" in name and name.endswith(".bin"):
                if size > path.stat().st_size * GZIP_RATIO:
                    raise UserError(
                        f"{path}: {member.name} announces {size:,} bytes, more than the archive can hold"
                    )
                _count_records(f"{path}: {member.name}", size)
                batches[name] = allocate(path, (size,))
                if read_into(file, batches[name]) < size:
                    raise EOFError
                size = 0
            _skip(file, size + -member.size % tarfile.BLOCKSIZE)
        while file.read(CHUNK_BYTES):  # to the end, where a gzip file has its checksum
            pass
    if not batches:
        raise UserError(f"{path}: holds no CIFAR-10 batch (data_batch_1.bin …, test_batch.bin)")
    return dict(sorted(batches.items()))


def _parse_member(block: bytes) -> tarfile.TarInfo:
    return tarfile.TarInfo.frombuf(block, "utf-8", "replace")


def _member_size(member: tarfile.TarInfo) -> int:
    """The bytes that follow a header; a link may announce those of the file that it means, and none follow."""
    if member.size < 0:
        raise tarfile.ReadError(f"{member.name} announces {member.size:,} bytes")
    return 0 if member.issym() or member.islnk() or member.isdir() or member.isdev() else member.size


def _skip(file, count: int) -> None:
    while count > 0:
        part = file.read(min(count, CHUNK_BYTES))
        if not part:
            raise EOFError
        count -= len(part)


def _decode_records(path: Path, batches: list[np.ndarray]) -> Images:
    count = sum(len(batch) for batch in batches) // RECORD_BYTES
    images, labels = allocate(path, (count, *SHAPE)), np.empty(count, np.int64)
    start = 0
    for batch in batches:  # batch by batch, so that no second copy of the whole set is ever made
        records = batch.reshape(-1, RECORD_BYTES)
        part = slice(start, start + len(records))
        labels[part] = records[:, 0]
        images[part] = records[:, 1:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
        start += len(records)
    if labels.max() > 9:
        raise UserError(f"{path}: label {labels.max()} is not one of CIFAR-10's ten: it is no CIFAR-10 batch")
    return Images(images, labels, CLASSES)
