"""The list of formats, and reading of a file or folder in the first of them that recognizes it."""

from pathlib import Path

import numpy as np

from lib.common.errors import UserError
from lib.data.formats.base import (
    NPY_MAGIC,
    Format,
    Header,
    Source,
    allocate,
    explain_read_errors,
    open_decompressed,
    require_file_or_folder,
    starts_with,
)
from lib.data.formats.cifar10 import Cifar10Format
from lib.data.formats.idx import IdxFolderFormat, IdxFormat, read_idx_header, read_idx_labels
from lib.data.formats.image_folder import ImageFolderFormat
from lib.data.formats.numpy_files import NumpyFormat, read_npy_labels

# The first that recognizes a path reads it, so the one for any folder of pictures is last.
FORMATS: tuple[type[Format], ...] = (
    IdxFolderFormat,
    Cifar10Format,
    NumpyFormat,
    IdxFormat,
    ImageFolderFormat,
)


def peek_source(path: Path) -> Header:
    """Return the header of a file or folder of images, quickly.

    Raises:
        UserError: it is in no known format, or its header is invalid.
    """
    return _find_format(path).peek(path)


def read_source(path: Path) -> Source:
    """Return the images of a file or folder; those of plain IDX and .npy files are memory mapped.

    Raises:
        UserError: it is in no known format, or invalid.
    """
    return _find_format(path).read(path)


def peek_labels(path: Path | str) -> int:
    """Return the number of labels in an IDX file (plain or gzipped) or an .npy, without reading them.

    Raises:
        UserError: the file holds no labels.
    """
    path = Path(path)
    require_file_or_folder(path)
    if starts_with(path, NPY_MAGIC):
        return len(read_npy_labels(path))
    return read_idx_header(path, labels=True).shape[0]


def read_labels(path: Path | str) -> np.ndarray:
    """Return the labels of an IDX file (plain or gzipped) or an .npy, as int64 (n,).

    Raises:
        UserError: the file holds no labels.
    """
    path = Path(path)
    require_file_or_folder(path)
    stored = read_npy_labels(path) if starts_with(path, NPY_MAGIC) else read_idx_labels(path)
    labels = allocate(path, stored.shape, np.int64)
    labels[:] = stored
    return labels


def _find_format(path: Path) -> type[Format]:
    require_file_or_folder(path)
    for candidate in FORMATS:
        if candidate.recognizes(path):
            return candidate
    with explain_read_errors(path), open_decompressed(path) as file:
        start = file.read(4)
    raise UserError(
        f"{path}: is no data set that can be read: use IDX, .npz, .npy, CIFAR-10's binary version or a "
        f"folder of images (magic number {int.from_bytes(start, 'big')}; an IDX file of images has 2051)"
    )
