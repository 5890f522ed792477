"""Which format a file or folder has: recognised by its content, measured by its headers, read as `uint8`.

Every format answers two questions: `peek` (how many images of which shape; reads no pixels) and `read` (the arrays).
Whatever a file announces is compared with its real size before memory is taken for it.
"""

from pathlib import Path

import numpy as np

from lib import arrays, idx
from lib.arrays import Numpy
from lib.cifar10 import Cifar10
from lib.errors import UserError
from lib.files import NPY, Header, Source, empty, opened, reading, require, starts
from lib.folders import Folder
from lib.idx import Idx, IdxFolder

FORMATS = (IdxFolder, Cifar10, Numpy, Idx, Folder)  # the first that recognises a path reads it


def peek(path: Path) -> Header:
    """The header of a data set. Raises `UserError` when it is none, or one that cannot be right."""
    return _format(path).peek(path)


def read(path: Path) -> Source:
    """The images of a data set; plain IDX and .npy files are memory mapped. Raises `UserError` as `peek` does."""
    return _format(path).read(path)


def peek_labels(path: Path | str) -> int:
    """How many labels a file holds, without reading them. Raises `UserError` when it holds none."""
    path = Path(path)
    require(path)
    return len(arrays.labels(path)) if starts(path, NPY) else idx.header(path, labels=True)[0][0]


def read_labels(path: Path | str) -> np.ndarray:
    """Labels from an IDX file (plain or gzipped) or an .npy, as int64, shape (n,). Raises `UserError`."""
    path = Path(path)
    require(path)
    found = arrays.labels(path) if starts(path, NPY) else idx.body(path, *idx.header(path, labels=True))
    labels = empty(path, found.shape, np.int64)
    labels[:] = found
    return labels


def _format(path: Path):
    require(path)
    for candidate in FORMATS:
        if candidate.recognises(path):
            return candidate
    with reading(path), opened(path) as file:
        start = file.read(4)
    raise UserError(
        f"{path}: is no data set that can be read: use IDX, .npz, .npy, CIFAR-10's binary version or a folder of images "
        f"(magic number {int.from_bytes(start, 'big')}; an IDX file of images has 2051)"
    )
