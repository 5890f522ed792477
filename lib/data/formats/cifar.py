"""The binary versions of CIFAR-10 and CIFAR-100: records of label bytes and three planes, row by row.

Krizhevsky, "Learning Multiple Layers of Features from Tiny Images" (2009).
"""

import re
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from lib.common.errors import UserError, printable
from lib.data.formats.archives import holds, is_archive, read_members
from lib.data.formats.base import (
    Format,
    Header,
    Images,
    Source,
    allocate,
    count_records,
    explain_read_errors,
    starts_with,
)

IMAGE_SHAPE = (32, 32, 3)
PLANES_BYTES = 32 * 32 * 3
CIFAR10_CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
CLASS_NAMES_FILE = "fine_label_names.txt"  # of CIFAR-100
MAX_CLASS_NAMES_BYTES = 10_000
PICKLE_START = b"\x80"


@dataclass(frozen=True)
class Version:
    """A version of the data set.

    Attributes:
        name: as published.
        label_bytes: at the beginning of a record; the last one is the class.
        folder, archive: their published names.
        batch: pattern of the names of its files.
        class_count: number of classes.
        classes: their names; empty where these are in a file.
    """

    name: str
    label_bytes: int
    folder: str
    archive: str
    batch: re.Pattern[str]
    class_count: int
    classes: tuple[str, ...] = ()

    @property
    def record_bytes(self) -> int:
        return self.label_bytes + PLANES_BYTES

    def count_records(self, path: Path | str, size: int) -> int:
        """Return the number of records in a file of so many bytes. Raises `UserError` for part of one."""
        return count_records(path, size, self.record_bytes, f"{self.name} records")


CIFAR10 = Version(
    "CIFAR-10",
    label_bytes=1,
    folder="cifar-10-batches-bin",
    archive="cifar-10-binary.tar.gz",
    batch=re.compile(r".*_batch.*\.bin"),
    class_count=10,
    classes=CIFAR10_CLASSES,
)
CIFAR100 = Version(
    "CIFAR-100",
    label_bytes=2,
    folder="cifar-100-binary",
    archive="cifar-100-binary.tar.gz",
    batch=re.compile(r"(train|test)\.bin"),
    class_count=100,
)


class _CifarFormat(Format):
    """A folder or tar archive of batches, a folder that holds one of these, or a single .bin.

    The batch whose name begins with test is the test set.
    """

    version: Version

    @classmethod
    def recognizes(cls, path: Path) -> bool:
        path = _locate_batches(cls.version, path)
        if path.is_dir():
            return bool(_batch_files(cls.version, path))
        if is_archive(path):
            return holds(path, lambda name: bool(cls.version.batch.fullmatch(name)))
        if path.suffix.lower() != ".bin" or not path.is_file():
            return False
        size = path.stat().st_size
        is_whole = size > 0 and size % cls.version.record_bytes == 0
        return is_whole or cls.version.batch.fullmatch(path.name) is not None

    @classmethod
    def peek(cls, path: Path) -> Header:
        path = _locate_batches(cls.version, path)
        if is_archive(path):  # to count, it would have to be decompressed; these are the published numbers
            return Header(IMAGE_SHAPE, 50_000, 10_000, labeled=True)
        files = _batch_files(cls.version, path)
        counts = {file.name: cls.version.count_records(file, file.stat().st_size) for file in files}
        test_count = sum(count for name, count in counts.items() if _is_test(name)) if path.is_dir() else 0
        return Header(
            IMAGE_SHAPE, (sum(counts.values()) - test_count) or test_count, test_count, labeled=True
        )

    @classmethod
    def read(cls, path: Path) -> Source:
        version, path = cls.version, _locate_batches(cls.version, path)
        batches, class_text = (
            _read_archive(version, path) if is_archive(path) else _map_batches(version, path)
        )
        if class_text:
            version = replace(version, classes=_class_names(class_text, version.class_count))
        train = [batch for name, batch in batches.items() if not (_is_test(name) and len(batches) > 1)]
        test = [batch for name, batch in batches.items() if _is_test(name) and len(batches) > 1]
        return Source(
            _decode_records(version, path, train), _decode_records(version, path, test) if test else None
        )


class Cifar10Format(_CifarFormat):
    """CIFAR-10: five batches of 10,000 records each, and a test_batch.bin."""

    order = 40
    version = CIFAR10


class Cifar100Format(_CifarFormat):
    """CIFAR-100: train.bin and test.bin, with the names of the fine classes in a file beside them."""

    order = 50
    version = CIFAR100


class PickledCifarFormat(Format):
    """The versions for Python, which are refused: unpickling a file can run any program."""

    order = 70

    @staticmethod
    def recognizes(path: Path) -> bool:
        if is_archive(path):
            return path.name.startswith("cifar-100-python") or holds(path, _is_pickled_name)
        if path.is_dir():
            folders = [path, *(path / name for name in ("cifar-10-batches-py", "cifar-100-python"))]
            files = [folder / name for folder in folders for name in ("batches.meta", "meta")]
            return any(starts_with(file, PICKLE_START) for file in files)
        return _is_pickled_name(path.name) and starts_with(path, PICKLE_START)

    @staticmethod
    def peek(path: Path) -> Header:
        raise UserError(
            f"{path}: is the Python version of CIFAR; its files are pickles, and loading a pickle can run "
            f"any program; use {CIFAR10.archive} or {CIFAR100.archive} instead"
        )

    @staticmethod
    def read(path: Path) -> Source:
        PickledCifarFormat.peek(path)
        raise AssertionError


def _is_pickled_name(name: str) -> bool:
    return bool(re.fullmatch(r"(data_batch_\d|test_batch|batches\.meta)", name))


def _locate_batches(version: Version, path: Path) -> Path:
    """Return the folder or archive of the batches: a folder without any may hold the published one."""
    if not path.is_dir() or _batch_files(version, path):
        return path
    if (path / version.folder).is_dir() and _batch_files(version, path / version.folder):
        return path / version.folder
    return path / version.archive if (path / version.archive).is_file() else path


def _batch_files(version: Version, path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    with explain_read_errors(path):
        return sorted(
            file for file in path.glob("*.bin") if version.batch.fullmatch(file.name) and file.is_file()
        )


def _is_test(name: str) -> bool:
    return name.startswith("test")


def _map_batches(version: Version, path: Path) -> tuple[dict[str, np.ndarray], bytes]:
    """Return the batches in a folder by name, memory mapped, and the file of class names."""
    batches: dict[str, np.ndarray] = {}
    for file in _batch_files(version, path):
        version.count_records(file, file.stat().st_size)
        with explain_read_errors(file):
            batches[file.name] = np.memmap(file, np.uint8, "r")
    names_file = (path if path.is_dir() else path.parent) / CLASS_NAMES_FILE
    if version.classes or not names_file.is_file():
        return batches, b""
    with explain_read_errors(names_file), names_file.open("rb") as stream:
        return batches, stream.read(MAX_CLASS_NAMES_BYTES)


def _read_archive(version: Version, path: Path) -> tuple[dict[str, np.ndarray], bytes]:
    """Return the batches in an archive by name, and the file of class names."""

    def is_wanted(name: str, size: int) -> bool:
        if name == CLASS_NAMES_FILE and not version.classes:
            return size <= MAX_CLASS_NAMES_BYTES
        if version.batch.fullmatch(name):
            version.count_records(f"{path}: {name}", size)
            return True
        return False

    members = read_members(path, is_wanted)
    class_text = members.pop(CLASS_NAMES_FILE, np.empty(0, np.uint8)).tobytes()
    return dict(sorted(members.items())), class_text


def _class_names(text: bytes, count: int) -> tuple[str, ...]:
    """Return the class names in a file, one in each line; none unless there are `count` of them."""
    names = tuple(printable(name) for name in text.decode("utf-8", "replace").split())
    return names if len(names) == count else ()


def _decode_records(version: Version, path: Path, batches: list[np.ndarray]) -> Images:
    count = sum(len(batch) for batch in batches) // version.record_bytes
    images, labels = allocate(path, (count, *IMAGE_SHAPE)), np.empty(count, np.int64)
    start = 0
    for batch in batches:  # one at a time, so that there is never a second copy of the data set
        records = batch.reshape(-1, version.record_bytes)
        rows = slice(start, start + len(records))
        labels[rows] = records[:, version.label_bytes - 1]
        images[rows] = records[:, version.label_bytes :].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
        start += len(records)
    if labels.max() >= version.class_count:
        raise UserError(
            f"{path}: label {labels.max()} is outside the {version.class_count} classes of {version.name}; "
            f"the file is not a {version.name} batch"
        )
    return Images(images, labels, version.classes)
