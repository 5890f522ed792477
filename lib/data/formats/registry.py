"""Which format a file or folder has: recognized by its content, measured by its headers, read as `uint8`.

Every format answers two questions: `peek` (how many images of which shape; reads no pixels) and `read` (the
arrays). Whatever a file announces is compared with its real size before memory is taken for it.
"""

from pathlib import Path

import numpy as np

from lib.common.errors import UserError
from lib.data.formats.base import (
    NPY,
    Header,
    Source,
    allocate,
    explain_read_errors,
    open_decompressed,
    require_file_or_folder,
    starts_with,
)
from lib.data.formats.cifar10 import Cifar10Format
from lib.data.formats.idx import IdxFolderFormat, IdxFormat, read_body, read_header
from lib.data.formats.image_folder import ImageFolderFormat
from lib.data.formats.numpy_files import NumpyFormat, read_npy_labels

FORMATS = (
    IdxFolderFormat,
    Cifar10Format,
    NumpyFormat,
    IdxFormat,
    ImageFolderFormat,
)  # the first that recognizes a path reads it


def peek_source(path: Path) -> Header:
    """The header of a data set. Raises `UserError` when it is none, or one that cannot be right."""
    return _find_format(path).peek(path)


def read_source(path: Path) -> Source:
    """The images of a data set; plain IDX and .npy files are memory mapped. Raises `UserError` as `peek`
    does.
    """
    return _find_format(path).read(path)


def peek_labels(path: Path | str) -> int:
    """How many labels a file holds, without reading them. Raises `UserError` when it holds none."""
    path = Path(path)
    require_file_or_folder(path)
    return len(read_npy_labels(path)) if starts_with(path, NPY) else read_header(path, labels=True)[0][0]


def read_labels(path: Path | str) -> np.ndarray:
    """Labels from an IDX file (plain or gzipped) or an .npy, as int64, shape (n,). Raises `UserError`."""
    path = Path(path)
    require_file_or_folder(path)
    found = (
        read_npy_labels(path) if starts_with(path, NPY) else read_body(path, *read_header(path, labels=True))
    )
    labels = allocate(path, found.shape, np.int64)
    labels[:] = found
    return labels


def _find_format(path: Path):
    require_file_or_folder(path)
    for candidate in FORMATS:
        if candidate.recognizes(path):
            return candidate
    with explain_read_errors(path), open_decompressed(path) as file:
        start = file.read(4)
    raise UserError(
        f"{path}: is no data set that can be read: use IDX, .npz, .npy, CIFAR-10's binary version or a "
        f"folder of images "
        f"(magic number {int.from_bytes(start, 'big')}; an IDX file of images has 2051)"
    )
