"""What all readers of image files share: what they return, and how a file that cannot be right is refused."""

import gzip
import lzma
import math
import os
import shutil
import struct
import sys
import tarfile
import tempfile
import zipfile
import zlib
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lib.common.errors import UserError, reason

NPY, ZIP, GZIP = b"\x93NUMPY", b"PK\x03\x04", b"\x1f\x8b"  # how these files begin
CHUNK_BYTES = 1 << 20  # bytes decompressed at once
ON_DISK_FROM = (
    1 << 29
)  # bytes from which on images are unpacked into a file, not into memory: MNIST and CIFAR-10 are smaller
MAX_MESSAGE_LENGTH = 200  # characters of what a library says
GZIP_RATIO = 1032  # deflate cannot do better: what announces more than this is lying

# What Python's own readers raise of files that are not what they say: of an encrypted member RuntimeError, of
# a number that no memory has room for MemoryError or OverflowError, of a compression that they do not know
# NotImplementedError.
READ_ERRORS = (
    OSError, EOFError, ValueError, RuntimeError, MemoryError, OverflowError, LookupError,
    struct.error, zlib.error, lzma.LZMAError, tarfile.TarError, zipfile.BadZipFile,
)  # fmt: skip


@dataclass(frozen=True)
class Images:
    """Images as uint8, shape (n, height, width, channels), 0 to 255, and, where known, their labels, shape
    (n,).
    """

    images: np.ndarray
    labels: np.ndarray | None = None
    classes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.images)


@dataclass(frozen=True)
class Source:
    """What a file or folder holds: training images, and test images where it has both."""

    train: Images
    test: Images | None = None


@dataclass(frozen=True)
class Header:
    """What can be known without reading pixels: shape (height, width, channels), how many images, whether
    labeled.
    """

    shape: tuple[int, int, int]
    count: int
    test_count: int = 0
    labeled: bool = False


def exists(path: Path) -> bool:
    """Whether there is such a file or folder. Raises `UserError` for a name that the system does not even
    look up.
    """
    with explain_read_errors(path):
        return path.exists()


def require_file_or_folder(path: Path) -> None:
    """Refuse what is neither a file nor a folder: opening a pipe may wait for ever, and a device need not
    end.
    """
    if not exists(path):
        raise UserError(f"{path}: no such file or folder")
    if not (path.is_file() or path.is_dir()):
        raise UserError(f"{path}: is a pipe, a socket or a device; give a file or a folder")


def starts_with(path: Path, magic: bytes) -> bool:
    if not path.is_file():
        return False
    with explain_read_errors(path), path.open("rb") as file:
        return file.read(len(magic)) == magic


def open_decompressed(path: Path):
    return gzip.open(path) if starts_with(path, GZIP) else path.open("rb")


@contextmanager
def explain_read_errors(path: Path):
    """Whatever a library says of a file that it cannot read becomes one sentence with the file's name."""
    try:
        yield
    except READ_ERRORS as error:
        if why := getattr(error, "strerror", None):
            raise UserError(f"{path}: cannot be read ({why})") from None
        said = str(error) or (
            "it asks for too much memory" if isinstance(error, MemoryError) else "it ends too early"
        )
        raise UserError(
            f"{path}: cannot be read: broken or truncated ({said.splitlines()[0][:MAX_MESSAGE_LENGTH]})"
        ) from None


def allocate(path: Path, shape, dtype=np.uint8) -> np.ndarray:
    """Room for what a file announces: in memory, or from `LARGE` on in a temporary file, memory mapped, which
    is gone with the process. Raises `UserError` where the machine has less of either: taking it would end
    the program.
    """
    needed = product(shape) * np.dtype(dtype).itemsize
    if needed >= ON_DISK_FROM:
        return _allocate_on_disk(path, shape, dtype, needed)
    free = free_memory()
    try:
        if needed <= free:
            return np.empty(shape, dtype)
    except MemoryError:
        free = min(needed, free)  # somebody has set a lower limit than what is there
    raise UserError(
        f"{path}: holds {needed / 1e9:,.1f} GB, and at most {free / 1e9:,.1f} GB of memory are free; use "
        f"fewer images"
    )


def _allocate_on_disk(path: Path, shape, dtype, needed: int) -> np.ndarray:
    try:
        where = tempfile.gettempdir()
        if needed > (free := shutil.disk_usage(where).free):
            raise UserError(
                f"{path}: holds {needed / 1e9:,.1f} GB unpacked, and {where} has room for {free / 1e9:,.1f} "
                f"GB; set TMPDIR to a "
                "folder with more, or give an .idx or .npy of bytes that is not compressed: it is read "
                "where it lies"
            )
        with tempfile.TemporaryFile() as file:
            if hasattr(
                os, "posix_fallocate"
            ):  # a hole in a file that then finds no room would end the process
                os.posix_fallocate(file.fileno(), 0, needed)
            else:
                file.truncate(needed)
            return np.memmap(file, dtype, "r+", shape=tuple(shape))
    except OSError as error:
        raise UserError(
            f"{path}: there is no room to unpack it into ({reason(error)}); set TMPDIR to a folder with more"
        ) from None


def free_memory() -> int:
    """Bytes of memory that are free; where the system does not tell, more than there can be."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        return sys.maxsize
    return next(
        (int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable")), sys.maxsize
    )


def read_into(file, array: np.ndarray) -> int:
    """Read bytes into an array, shape (n,) and uint8, a part at a time; how many there were."""
    filled, room = 0, array.data
    while filled < len(array) and (count := file.readinto(room[filled : filled + CHUNK_BYTES])):
        filled += count
    return filled


def image_shape(sizes) -> tuple[int, int, int]:
    return (*sizes[1:3], sizes[3] if len(sizes) == 4 else 1)


def product(sizes) -> int:
    return math.prod(map(int, sizes))  # Python's whole numbers: a header's product may exceed 64 bits
