"""NumPy's files: .npy, which is memory mapped, and .npz; uint8, or floating point from 0 to 1.

The headers are parsed here and not by NumPy, which evaluates them as Python literals.
"""

import re
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal

import numpy as np

from lib.common.errors import UserError
from lib.common.formatting import format_shape
from lib.data.formats.base import (
    MAX_DEFLATE_RATIO,
    NPY_MAGIC,
    ZIP_MAGIC,
    Format,
    Header,
    Images,
    Source,
    allocate,
    element_count,
    explain_read_errors,
    read_into,
    shape_of_images,
    starts_with,
)

MAX_HEADER_BYTES = 10_000  # as in NumPy itself
HEADER_PATTERNS = {
    "descr": r"'([<>|=]?[biufcO]\d*)'",
    "fortran_order": "(True|False)",
    "shape": r"\(([\d, L]*)\)",
}
# Names of arrays in an .npz by their role, the preferred one first.
NPZ_NAMES = {
    "images": ("x_train", "train_images", "images", "x", "arr_0"),
    "labels": ("y_train", "train_labels", "labels", "y"),
    "test_images": ("x_test", "test_images"),
    "test_labels": ("y_test", "test_labels"),
}
CHUNK_SIZE = 4096  # images converted at once


class NumpyFormat(Format):
    """An .npy of images, or an .npz with arrays called as in `NPZ_NAMES`, or with a single array."""

    @staticmethod
    def recognizes(path: Path) -> bool:
        return starts_with(path, NPY_MAGIC) or starts_with(path, ZIP_MAGIC)

    @staticmethod
    def peek(path: Path) -> Header:
        if starts_with(path, NPY_MAGIC):
            array = _read_npy_header(path)
            return Header(_check_images(path, "it", array.shape, array.dtype), array.shape[0])
        names = _find_arrays(path)
        with explain_read_errors(path), zipfile.ZipFile(path) as archive:
            count, shape = _peek_images(path, archive, names["images"])
            test_count = 0
            if "test_images" in names:
                test_count, _ = _peek_images(path, archive, names["test_images"])
        return Header(shape, count, test_count, labeled="labels" in names)

    @staticmethod
    def read(path: Path) -> Source:
        if starts_with(path, NPY_MAGIC):
            array = _read_npy_header(path)
            _check_images(path, "it", array.shape, array.dtype)
            return Source(Images(_convert_to_uint8(path, "it", _map_array(path, array))))
        names = _find_arrays(path)
        with explain_read_errors(path), zipfile.ZipFile(path) as archive:
            arrays = {role: _read_member(path, archive, name) for role, name in names.items()}
        train = _labeled_images(path, arrays, "images", "labels")
        test = (
            _labeled_images(path, arrays, "test_images", "test_labels") if "test_images" in arrays else None
        )
        return Source(train, test)


@dataclass(frozen=True)
class NpyHeader:
    """The header of an .npy file: NumPy's shape, type and order, and the offset of the first element."""

    shape: tuple[int, ...]
    dtype: np.dtype
    order: Literal["C", "F"]
    offset: int

    @property
    def nbytes(self) -> int:
        return element_count(self.shape) * self.dtype.itemsize


def _parse_header(path: Path, name: str, file: IO[bytes]) -> NpyHeader:
    """Parse a header with patterns instead of as Python: nothing is evaluated, warns, or nests deeply."""
    start = file.read(8)
    length_bytes = 2 if start[6:7] == b"\1" else 4
    length = int.from_bytes(file.read(length_bytes), "little")
    if not start.startswith(NPY_MAGIC) or len(start) < 8 or length > MAX_HEADER_BYTES:
        raise UserError(f"{path}: {name} does not begin as an array of NumPy's does")
    text = file.read(length).decode("latin-1")
    fields = {
        key: match[1]
        for key, pattern in HEADER_PATTERNS.items()
        if (match := re.search(rf"'{key}': {pattern}", text))
    }
    if len(fields) < len(HEADER_PATTERNS):
        raise UserError(f"{path}: {name} is no plain array of numbers; its header says {text.strip()[:120]}")
    try:
        dtype = np.dtype(fields["descr"])
    except TypeError:
        raise UserError(f"{path}: {name} is {fields['descr']}, which is no type of numbers") from None
    shape = tuple(map(int, re.findall(r"\d+", fields["shape"])))
    order: Literal["C", "F"] = "F" if fields["fortran_order"] == "True" else "C"
    return NpyHeader(shape, dtype, order, 8 + length_bytes + length)


def _find_arrays(path: Path) -> dict[str, str]:
    """Return the names of the arrays in an .npz by role. Raises `UserError` where it has no images."""
    with explain_read_errors(path), zipfile.ZipFile(path) as archive:
        present = [name.removesuffix(".npy") for name in archive.namelist() if name.endswith(".npy")]
    names = {
        role: next(name for name in candidates if name in present)
        for role, candidates in NPZ_NAMES.items()
        if {*candidates} & {*present}
    }
    if "images" not in names and len(present) == 1:
        names["images"] = present[0]
    if "images" not in names:
        listed = ", ".join(present[:10]) + (" …" if len(present) > 10 else "") or "there are none"
        raise UserError(f"{path}: none of its arrays ({listed}) is called x_train or images")
    return names


@contextmanager
def _open_member(path: Path, archive: zipfile.ZipFile, name: str) -> Iterator[tuple[IO[bytes], NpyHeader]]:
    """Open an array of an .npz at its first element, and return its header too."""
    with archive.open(f"{name}.npy") as file:
        array = _parse_header(path, name, file)
        if array.nbytes > path.stat().st_size * MAX_DEFLATE_RATIO:
            raise UserError(f"{path}: {name} announces {array.nbytes:,} bytes, more than the file can hold")
        yield file, array


def _peek_images(path: Path, archive: zipfile.ZipFile, name: str) -> tuple[int, tuple[int, int, int]]:
    """Return the number of images in an array of an .npz, and their (height, width, channels)."""
    with _open_member(path, archive, name) as (_, array):
        return array.shape[0], _check_images(path, name, array.shape, array.dtype)


def _read_member(path: Path, archive: zipfile.ZipFile, name: str) -> np.ndarray:
    with _open_member(path, archive, name) as (file, array):
        if array.dtype.kind not in "uif":
            raise UserError(
                f"{path}: {name} is {array.dtype}; images and labels are whole numbers or floating point"
            )
        content = allocate(path, (array.nbytes,))
        if read_into(file, content) < array.nbytes or file.read(1):  # reading the end compares the checksum
            raise UserError(
                f"{path}: {name} is truncated or too long: its header announces {format_shape(array.shape)} "
                f"of {array.dtype}"
            )
    return content.view(array.dtype).reshape(array.shape, order=array.order)


def _labeled_images(path: Path, arrays: dict[str, np.ndarray], images_role: str, labels_role: str) -> Images:
    images = _convert_to_uint8(path, images_role, arrays[images_role])
    if labels_role not in arrays:
        return Images(images)
    labels = arrays[labels_role].reshape(-1)
    if labels.dtype.kind not in "ui":
        raise UserError(f"{path}: its {labels_role} must be whole numbers, not {labels.dtype}")
    if len(labels) != len(images):
        raise UserError(f"{path}: {len(labels):,} labels for {len(images):,} images")
    return Images(images, labels.astype(np.int64))


def _read_npy_header(path: Path) -> NpyHeader:
    with explain_read_errors(path), path.open("rb") as file:
        array = _parse_header(path, "it", file)
    expected, actual = array.offset + array.nbytes, path.stat().st_size
    if actual < expected:
        raise UserError(
            f"{path}: is truncated: {actual:,} bytes, where its header announces {format_shape(array.shape)} "
            f"of {array.dtype}"
        )
    return array


def _map_array(path: Path, array: NpyHeader) -> np.ndarray:
    with explain_read_errors(path):
        return np.memmap(path, array.dtype, "r", array.offset, array.shape, array.order)


def _check_images(path: Path, name: str, shape: Sequence[int], dtype: np.dtype) -> tuple[int, int, int]:
    """Return (height, width, channels). Raises `UserError` for arrays that cannot be images."""
    if len(shape) not in (3, 4) or 0 in shape or (len(shape) == 4 and shape[3] not in (1, 3)):
        raise UserError(
            f"{path}: {name} has shape {format_shape(shape)}; images are (n, height, width), or "
            "(n, height, width, 1 or 3)"
        )
    if dtype != np.uint8 and dtype.kind != "f":
        raise UserError(
            f"{path}: {name} is {dtype}; images are uint8 from 0 to 255, or floating point from 0 to 1"
        )
    return shape_of_images(shape)


def _convert_to_uint8(path: Path, name: str, array: np.ndarray) -> np.ndarray:
    """Return images as uint8 (n, height, width, channels), 0 to 255; floats are converted in chunks."""
    shape = _check_images(path, name, array.shape, array.dtype)
    if array.dtype == np.uint8:
        return array.reshape(len(array), *shape)
    images = allocate(path, (len(array), *shape))
    for start in range(0, len(array), CHUNK_SIZE):
        chunk = np.asarray(array[start : start + CHUNK_SIZE])
        _check_range(path, name, chunk)
        images[start : start + CHUNK_SIZE] = np.round(chunk * 255).reshape(-1, *shape)
    return images


def _check_range(path: Path, name: str, pixels: np.ndarray) -> None:
    with np.errstate(invalid="ignore"):  # NaN is refused below, without a warning about comparing it
        low, high = pixels.min(), pixels.max()
    if not np.isfinite([low, high]).all():
        raise UserError(
            f"{path}: {name} holds NaN or infinity, which no pixel can be; "
            "replace them by numbers from 0 to 1"
        )
    if not (low >= 0 and high <= 1):
        raise UserError(
            f"{path}: {name} goes from {low:g} to {high:g}; "
            "floating-point images go from 0 to 1: divide first"
        )


def read_npy_labels(path: Path) -> np.ndarray:
    """Return the labels of an .npy, memory mapped, of any integer type, shape (n,). Raises `UserError`."""
    array = _read_npy_header(path)
    if len(array.shape) != 1 or array.dtype.kind not in "ui" or not array.nbytes:
        raise UserError(
            f"{path}: labels are whole numbers in one dimension, not {array.dtype} of shape "
            f"{format_shape(array.shape)}"
        )
    return _map_array(path, array)
