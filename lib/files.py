"""What all readers of image files share: what they return, and how a file that cannot be right is refused."""

import gzip
import math
import struct
import tarfile
import zipfile
import zlib
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lib.errors import UserError

NPY, ZIP, GZIP = b"\x93NUMPY", b"PK\x03\x04", b"\x1f\x8b"  # how these files begin
GZIP_RATIO = 1032  # deflate cannot do better: what announces more than this is lying


@dataclass(frozen=True)
class Images:
    """Images as uint8, shape (n, height, width, channels), 0 to 255, and, where known, their labels, shape (n,)."""

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
    """What can be known without reading pixels: shape (height, width, channels), how many images, whether labelled."""

    shape: tuple[int, int, int]
    count: int
    test_count: int = 0
    labelled: bool = False


def require(path: Path) -> None:
    if not path.exists():
        raise UserError(f"{path}: no such file or folder")


def starts(path: Path, magic: bytes) -> bool:
    if not path.is_file():
        return False
    try:
        with path.open("rb") as file:
            return file.read(len(magic)) == magic
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from None


def opened(path: Path):
    return gzip.open(path) if starts(path, GZIP) else path.open("rb")


@contextmanager
def reading(path: Path):
    """Whatever a library says of a file that it cannot read becomes one sentence with the file's name."""
    try:
        yield
    except (OSError, EOFError, ValueError, zlib.error, struct.error, tarfile.TarError, zipfile.BadZipFile) as error:
        reason = getattr(error, "strerror", None) or str(error) or "it ends too early"
        raise UserError(f"{path}: cannot be read: broken or truncated ({reason.splitlines()[0]})") from None


def image_shape(sizes) -> tuple[int, int, int]:
    return (*sizes[1:3], sizes[3] if len(sizes) == 4 else 1)


def product(sizes) -> int:
    return math.prod(map(int, sizes))  # Python's whole numbers: a header's product may exceed 64 bits


def by(sizes) -> str:
    return "×".join(f"{size:,}" for size in sizes)
