"""CIFAR-10's binary version: records of a label byte and the red, green and blue planes, row by row."""

import tarfile
from pathlib import Path

import numpy as np

from lib.errors import UserError
from lib.files import GZIP_RATIO, Header, Images, Source, reading

SHAPE = (32, 32, 3)
RECORD = 1 + 32 * 32 * 3
CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


class Cifar10:
    """CIFAR-10's binary version: a folder or .tar.gz of batches (test_batch apart), or a single .bin."""

    @staticmethod
    def recognises(path: Path) -> bool:
        if path.is_dir():
            return any(path.glob("*_batch*.bin"))
        return path.suffix == ".bin" or path.name.endswith((".tar.gz", ".tgz", ".tar"))

    @staticmethod
    def peek(path: Path) -> Header:
        if path.is_dir() or path.suffix == ".bin":
            sizes = {file.name: _records(file, file.stat().st_size) for file in _files(path)}
            tests = sum(count for name, count in sizes.items() if _is_test(name)) if path.is_dir() else 0
            return Header(SHAPE, (sum(sizes.values()) - tests) or tests, tests, labelled=True)
        # To list a compressed archive is to decompress it, so only `read` counts; the published set has these sizes.
        return Header(SHAPE, 50_000, 10_000, labelled=True)

    @staticmethod
    def read(path: Path) -> Source:
        if path.is_dir() or path.suffix == ".bin":
            batches = {}
            for file in _files(path):
                _records(file, file.stat().st_size)
                batches[file.name] = np.fromfile(file, np.uint8)
        else:
            batches = _archive(path)
        train = [batch for name, batch in batches.items() if not (_is_test(name) and len(batches) > 1)]
        test = [batch for name, batch in batches.items() if _is_test(name) and len(batches) > 1]
        return Source(_images(train), _images(test) if test else None)


def _files(path: Path) -> list[Path]:
    return sorted(path.glob("*_batch*.bin")) if path.is_dir() else [path]


def _is_test(name: str) -> bool:
    return name.startswith("test")


def _records(path, size: int) -> int:
    count, rest = divmod(size, RECORD)
    if rest or not count:
        raise UserError(
            f"{path}: {size:,} bytes are not whole CIFAR-10 records of {RECORD:,} bytes; "
            "the file is truncated or over-long, or no batch"
        )
    return count


def _archive(path: Path) -> dict[str, np.ndarray]:
    batches = {}
    with reading(path), tarfile.open(path) as archive:
        for member in archive:
            name = Path(member.name).name
            if member.isfile() and "_batch" in name and name.endswith(".bin"):
                if member.size > path.stat().st_size * GZIP_RATIO:
                    raise UserError(f"{path}: {member.name} announces {member.size:,} bytes, more than the archive can hold")
                _records(f"{path}: {member.name}", member.size)
                batches[name] = np.frombuffer(archive.extractfile(member).read(), np.uint8)
    if not batches:
        raise UserError(f"{path}: holds no CIFAR-10 batch (data_batch_1.bin …, test_batch.bin)")
    return dict(sorted(batches.items()))


def _images(batches: list[np.ndarray]) -> Images:
    count = sum(len(batch) for batch in batches) // RECORD
    images, labels = np.empty((count, *SHAPE), np.uint8), np.empty(count, np.int64)
    start = 0
    for batch in batches:  # batch by batch, so that no second copy of the whole set is ever made
        records = batch.reshape(-1, RECORD)
        part = slice(start, start + len(records))
        labels[part] = records[:, 0]
        images[part] = records[:, 1:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
        start += len(records)
    if labels.max() > 9:
        raise UserError(f"label {labels.max()} is not one of CIFAR-10's ten: the file is no CIFAR-10 batch")
    return Images(images, labels, CLASSES)
