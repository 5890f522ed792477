"""Types shared by the file formats, and functions that read files without trusting their headers."""

import csv
import gzip
import lzma
import math
import os
import shutil
import struct
import tarfile
import tempfile
import zipfile
import zlib
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, ClassVar

import numpy as np

from lib.common.errors import UserError, reason
from lib.common.filesystem import remedy
from lib.common.memory import free_memory
from lib.data.value_range import BYTES, ValueRange

# The first bytes of these files.
NPY_MAGIC, ZIP_MAGIC, GZIP_MAGIC = b"\x93NUMPY", b"PK\x03\x04", b"\x1f\x8b"
CHUNK_BYTES = 1 << 20  # bytes decompressed at once
# Arrays of at least so many bytes are unpacked into a temporary file, not into memory. MNIST and CIFAR-10 are
# smaller.
DISK_THRESHOLD_BYTES = 1 << 29
MAX_MESSAGE_LENGTH = 200  # characters of a library's error message that are shown
# Deflate compresses by no more than this factor, so a gzip or zip file that announces more is invalid.
MAX_DEFLATE_RATIO = 1032

# Errors that Python's readers raise for invalid files. RuntimeError: an encrypted member; MemoryError and
# OverflowError: a number that no memory has room for; NotImplementedError, a RuntimeError: an unknown
# compression.
READ_ERRORS = (
    *(OSError, EOFError, ValueError, RuntimeError, MemoryError, OverflowError, LookupError),
    *(struct.error, zlib.error, lzma.LZMAError, tarfile.TarError, zipfile.BadZipFile, csv.Error),
)


@dataclass(frozen=True)
class Images:
    """Images, with their labels where these are known.

    Attributes:
        images: (n, height, width, channels) with 1 to 16 channels: uint8, 0 to 255, or uint16, 0 to 65,535;
            as a format returns them, of any numeric type. They may be memory mapped.
        labels: int64 (n,), or None.
        classes: the class name of each label, from label 0 on; empty where unknown.
        label_error: why the labels that are stored with the images could not be read; empty otherwise.
        files: the picture that each image was made of; empty where the images are no pictures.
        inputs: of pairs, the degraded pictures, like `images`, which are the clean ones; otherwise None.
    """

    images: np.ndarray
    labels: np.ndarray | None = None
    classes: tuple[str, ...] = ()
    label_error: str = ""
    files: tuple[Path, ...] = ()
    inputs: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.images)


@dataclass(frozen=True)
class Source:
    """The images of a file or folder.

    Attributes:
        train: its training set, or all images.
        test: its test set, where it has one.
        notes: sentences for the user about how it was read, such as the range that was assumed for
            floating-point pixels, or the number of files that were left out.
        value_range: the values that black and white had in the file.
    """

    train: Images
    test: Images | None = None
    notes: tuple[str, ...] = ()
    value_range: ValueRange = BYTES


@dataclass(frozen=True)
class Header:
    """The properties of a file or folder of images that are known without reading pixels.

    Attributes:
        shape: (height, width, channels) of an image.
        count: number of images outside the test set.
        test_count: number of images in the test set; 0 where there is none.
        labeled: whether the images have labels.
        label_error: why they have none, where that is known; empty otherwise.
        class_counts: number of images outside the test set by the name of their class, where that is known;
            for the images of a named data set, equal shares.
    """

    shape: tuple[int, int, int]
    count: int
    test_count: int = 0
    labeled: bool = False
    label_error: str = ""
    class_counts: Mapping[str, int] = field(default_factory=dict, compare=False)


class Format(ABC):
    """A format of image files. To add one, write a module of this package with a subclass.

    A subclass compares every size that a file announces with the file's real size before it allocates memory.

    Attributes:
        order: formats are tried in this order, and the first that recognizes a path reads it: those that
            begin with a mark of their own come before those that have none, and folders of pictures are last.
            A class without an order of its own is only the base of some formats.
        registered: all formats.
    """

    order: ClassVar[int]
    registered: ClassVar[list[type["Format"]]] = []

    def __init_subclass__(cls) -> None:
        if "order" in vars(cls):
            Format.registered.append(cls)

    @staticmethod
    @abstractmethod
    def recognizes(path: Path) -> bool:
        """Return whether a file or folder has this format, by its first bytes or its file names."""

    @staticmethod
    @abstractmethod
    def peek(path: Path) -> Header:
        """Return the header, quickly: no pixels are read. Raises `UserError` for an invalid file."""

    @staticmethod
    @abstractmethod
    def read(path: Path) -> Source:
        """Return all images. Raises `UserError` for an invalid file."""


def exists(path: Path) -> bool:
    """Return whether a path exists. Raises `UserError` for one that the system cannot look up."""
    with explain_read_errors(path):
        return path.exists()


def require_file_or_folder(path: Path) -> None:
    """Raise `UserError` unless `path` is a file or a folder.

    Opening a pipe may block for ever, and reading a device may never end.
    """
    if not exists(path):
        raise UserError(f"{path}: no such file or folder")
    if not (path.is_file() or path.is_dir()):
        raise UserError(f"{path}: is a pipe, a socket or a device; use a file or a folder")


def require_matching_labels(labels_path: Path | str, label_count: int, image_count: int, images: str) -> None:
    """Refuse labels that are more or fewer than the images.

    Args:
        labels_path: of the labels, for the message.
        label_count: of the labels.
        image_count: of the images.
        images: the file or data set of the images, for the message.

    Raises:
        UserError: the numbers differ.
    """
    if label_count != image_count:
        raise UserError(f"{labels_path}: {label_count:,} labels for the {image_count:,} images of {images}")


def count_records(path: Path | str, size: int, record_bytes: int, records: str) -> int:
    """Return the number of records in a file.

    Args:
        path: of the file, for the message.
        size: of the file in bytes.
        record_bytes: of each record.
        records: what a record is, for the message.

    Raises:
        UserError: the file is empty or ends within a record.
    """
    count, remainder = divmod(size, record_bytes)
    if remainder or not count:
        raise UserError(
            f"{path}: {size:,} bytes are not a whole number of {records} of {record_bytes:,} bytes; the "
            "file is truncated, too long or of another format: download it again"
        )
    return count


def starts_with(path: Path, magic: bytes) -> bool:
    """Return whether `path` is a file whose first bytes are `magic`."""
    if not path.is_file():
        return False
    with explain_read_errors(path), path.open("rb") as file:
        return file.read(len(magic)) == magic


def open_decompressed(path: Path) -> BinaryIO | gzip.GzipFile:
    """Open a file for reading, through gzip where it is compressed."""
    return gzip.open(path) if starts_with(path, GZIP_MAGIC) else path.open("rb")


@contextmanager
def explain_read_errors(path: Path) -> Iterator[None]:
    """Turn errors of the libraries that read `path` into a `UserError`: one sentence with the file's name."""
    try:
        yield
    except READ_ERRORS as error:
        if system_message := getattr(error, "strerror", None):
            raise UserError(f"{path}: cannot be read ({system_message})") from None
        raise UserError(
            f"{path}: cannot be read, it is corrupt or truncated ({reason(error)[:MAX_MESSAGE_LENGTH]})"
        ) from None


def allocate(path: Path, shape: Sequence[int], dtype=np.uint8) -> np.ndarray:
    """Return an uninitialized array for the content of a file.

    Arrays of `DISK_THRESHOLD_BYTES` or more are memory maps of a temporary file, which the system deletes
    when the process ends.

    Args:
        path: the file, named in errors.
        shape: the array's shape.
        dtype: the array's type.

    Returns:
        An array of that shape and type, writable.

    Raises:
        UserError: memory or disk has less room than is needed. To try would end the process.
    """
    needed = element_count(shape) * np.dtype(dtype).itemsize
    if needed >= DISK_THRESHOLD_BYTES:
        return _allocate_on_disk(path, shape, dtype, needed)
    free = free_memory()
    try:
        if needed <= free:
            return np.empty(shape, dtype)
    except MemoryError:
        free = min(needed, free)  # the process has a lower limit than the free memory
    raise UserError(
        f"{path}: needs {needed / 1e9:,.1f} GB of memory, only {free / 1e9:,.1f} GB are free; "
        "use fewer images"
    )


def _allocate_on_disk(path: Path, shape: Sequence[int], dtype, needed: int) -> np.ndarray:
    try:
        folder = tempfile.gettempdir()
        if needed > (free := shutil.disk_usage(folder).free):
            raise UserError(
                f"{path}: needs {needed / 1e9:,.1f} GB unpacked, and {folder} has only "
                f"{free / 1e9:,.1f} GB; set TMPDIR to a folder with more space, or use an uncompressed "
                ".idx or .npy of bytes, which is read in place"
            )
        with tempfile.TemporaryFile() as file:
            # Without reserved blocks, a write to the map on a full disk would end the process.
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(file.fileno(), 0, needed)
            else:
                file.truncate(needed)
            return np.memmap(file, dtype, "r+", shape=tuple(shape))
    except OSError as error:
        raise UserError(
            f"{path}: cannot be unpacked into the temporary folder ({reason(error)}); "
            f"{remedy(error, 'TMPDIR')}"
        ) from None


def read_into(file, array: np.ndarray) -> int:
    """Fill a uint8 array (n,) from a file, chunk by chunk, and return the number of bytes read."""
    filled, buffer = 0, array.data
    while filled < len(array) and (count := file.readinto(buffer[filled : filled + CHUNK_BYTES])):
        filled += count
    return filled


def element_count(shape: Sequence[int]) -> int:
    """Return the product of the sizes, in Python's integers: that of a hostile header may exceed 64 bits."""
    return math.prod(map(int, shape))
