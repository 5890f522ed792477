"""Images in NumPy's files: .npy (memory mapped) and .npz; unsigned bytes, or floating point from 0 to 1."""

import re
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from lib.common.errors import UserError
from lib.common.formatting import format_shape
from lib.data.formats.base import (
    GZIP_RATIO,
    NPY,
    ZIP,
    Header,
    Images,
    Source,
    allocate,
    explain_read_errors,
    image_shape,
    product,
    read_into,
    starts_with,
)

MAX_HEADER_BYTES = 10_000  # bytes; NumPy itself believes no longer ones
HEADER_FIELDS = {
    "descr": r"'([<>|=]?[biufcO]\d*)'",
    "fortran_order": "(True|False)",
    "shape": r"\(([\d, L]*)\)",
}


class NumpyFormat:
    """An .npy of images, or an .npz with `x_train`, `y_train`, `x_test`, `y_test`, or `images` and `labels`,
    or one array.
    """

    @staticmethod
    def recognizes(path: Path) -> bool:
        return starts_with(path, NPY) or starts_with(path, ZIP)

    @staticmethod
    def peek(path: Path) -> Header:
        if starts_with(path, NPY):
            array = _read_npy_header(path)
            return Header(_check_image_array(path, "it", array.shape, array.dtype), array.shape[0])
        names = _find_arrays(path)
        with explain_read_errors(path), zipfile.ZipFile(path) as archive:
            found = {}
            for role in ("images", "test_images"):
                if role in names:
                    with _open_member(path, archive, names[role]) as (_, array):
                        found[role] = (
                            array.shape[0],
                            _check_image_array(path, names[role], array.shape, array.dtype),
                        )
        count, shape = found["images"]
        return Header(shape, count, found.get("test_images", (0,))[0], labeled="labels" in names)

    @staticmethod
    def read(path: Path) -> Source:
        if starts_with(path, NPY):
            array = _read_npy_header(path)
            _check_image_array(path, "it", array.shape, array.dtype)
            return Source(Images(_convert_to_uint8(path, "it", _map_array(path, array))))
        names = _find_arrays(path)
        with explain_read_errors(path), zipfile.ZipFile(path) as archive:
            part = {role: _read_member(path, archive, name) for role, name in names.items()}
        train = _labeled_images(path, part, "images", "labels")
        test = _labeled_images(path, part, "test_images", "test_labels") if "test_images" in part else None
        return Source(train, test)


@dataclass(frozen=True)
class ArrayHeader:
    """What the header of an .npy file says: NumPy's shape, type and order, and where its numbers begin."""

    shape: tuple[int, ...]
    dtype: np.dtype
    order: Literal["C", "F"]
    offset: int

    @property
    def size(self) -> int:
        """Its numbers in bytes."""
        return product(self.shape) * self.dtype.itemsize


def _parse_header(path: Path, name: str, file) -> ArrayHeader:
    """Read with patterns, and not as the piece of Python that it is: nothing in it is evaluated, warns or
    nests.
    """
    start = file.read(8)
    width = 2 if start[6:7] == b"\1" else 4
    length = int.from_bytes(file.read(width), "little")
    if not start.startswith(NPY) or len(start) < 8 or length > MAX_HEADER_BYTES:
        raise UserError(f"{path}: {name} does not begin as an array of NumPy's does")
    text = file.read(length).decode("latin-1")
    found = {
        key: match[1]
        for key, pattern in HEADER_FIELDS.items()
        if (match := re.search(rf"'{key}': {pattern}", text))
    }
    if len(found) < len(HEADER_FIELDS):
        raise UserError(f"{path}: {name} is no plain array of numbers; its header says {text.strip()[:120]}")
    try:
        dtype = np.dtype(found["descr"])
    except TypeError:
        raise UserError(f"{path}: {name} is {found['descr']}, which is no type of numbers") from None
    shape = tuple(map(int, re.findall(r"\d+", found["shape"])))
    return ArrayHeader(shape, dtype, "F" if found["fortran_order"] == "True" else "C", 8 + width + length)


NPZ_ROLES = {
    "images": ("x_train", "train_images", "images", "x", "arr_0"),
    "labels": ("y_train", "train_labels", "labels", "y"),
    "test_images": ("x_test", "test_images"),
    "test_labels": ("y_test", "test_labels"),
}


def _find_arrays(path: Path) -> dict[str, str]:
    with explain_read_errors(path), zipfile.ZipFile(path) as archive:
        held = [name.removesuffix(".npy") for name in archive.namelist() if name.endswith(".npy")]
    names = {
        role: next(name for name in known if name in held)
        for role, known in NPZ_ROLES.items()
        if {*known} & {*held}
    }
    if "images" not in names and len(held) == 1:
        names["images"] = held[0]
    if "images" not in names:
        there = ", ".join(held[:10]) + (" …" if len(held) > 10 else "") or "there are none"
        raise UserError(f"{path}: none of its arrays ({there}) is called x_train or images")
    return names


@contextmanager
def _open_member(path: Path, archive: zipfile.ZipFile, name: str) -> Iterator[tuple]:
    """An array of an .npz, open behind its header, and the header."""
    with archive.open(f"{name}.npy") as file:
        array = _parse_header(path, name, file)
        if array.size > path.stat().st_size * GZIP_RATIO:
            raise UserError(f"{path}: {name} announces {array.size:,} bytes, more than the file can hold")
        yield file, array


def _read_member(path: Path, archive: zipfile.ZipFile, name: str) -> np.ndarray:
    with _open_member(path, archive, name) as (file, array):
        if array.dtype.kind not in "uif":
            raise UserError(
                f"{path}: {name} is {array.dtype}; images and labels are whole numbers or floating point"
            )
        content = allocate(path, (array.size,))
        if read_into(file, content) < array.size or file.read(1):  # at its end, its checksum is compared
            raise UserError(
                f"{path}: {name} is truncated or too long: its header announces {format_shape(array.shape)} "
                f"of {array.dtype}"
            )
    return content.view(array.dtype).reshape(array.shape, order=array.order)


def _labeled_images(path: Path, part: dict, images: str, labels: str) -> Images:
    array = _convert_to_uint8(path, images, part[images])
    if labels not in part:
        return Images(array)
    found = part[labels].reshape(-1)
    if found.dtype.kind not in "ui":
        raise UserError(f"{path}: its {labels} must be whole numbers, not {found.dtype}")
    if len(found) != len(array):
        raise UserError(f"{path}: {len(found):,} labels for {len(array):,} images")
    return Images(array, found.astype(np.int64))


def _read_npy_header(path: Path) -> ArrayHeader:
    with explain_read_errors(path), path.open("rb") as file:
        array = _parse_header(path, "it", file)
    expected, found = array.offset + array.size, path.stat().st_size
    if found < expected:
        raise UserError(
            f"{path}: is truncated: {found:,} bytes, where its header announces {format_shape(array.shape)} "
            f"of {array.dtype}"
        )
    return array


def _map_array(path: Path, array: ArrayHeader) -> np.ndarray:
    with explain_read_errors(path):
        return np.memmap(path, array.dtype, "r", array.offset, array.shape, array.order)


def _check_image_array(path: Path, name: str, shape, dtype) -> tuple[int, int, int]:
    if len(shape) not in (3, 4) or 0 in shape or (len(shape) == 4 and shape[3] not in (1, 3)):
        raise UserError(
            f"{path}: {name} has shape {format_shape(shape)}; images are (n, height, width), or (n, height, "
            f"width, 1 or 3)"
        )
    if dtype != np.uint8 and dtype.kind != "f":
        raise UserError(
            f"{path}: {name} is {dtype}; images are uint8 from 0 to 255, or floating point from 0 to 1"
        )
    return image_shape(shape)


def _convert_to_uint8(path: Path, name: str, array: np.ndarray) -> np.ndarray:
    shape = _check_image_array(path, name, array.shape, array.dtype)
    if array.dtype == np.uint8:
        return array.reshape(len(array), *shape)
    images = allocate(path, (len(array), *shape))
    for start in range(0, len(array), 4096):
        part = np.asarray(array[start : start + 4096])
        with np.errstate(
            invalid="ignore"
        ):  # NaN is refused below; that it was compared is nothing to warn of
            low, high = part.min(), part.max()
        if not np.isfinite([low, high]).all():
            raise UserError(
                f"{path}: {name} holds NaN or infinity, which no pixel can be; replace them by numbers from "
                f"0 to 1"
            )
        if not (low >= 0 and high <= 1):
            raise UserError(
                f"{path}: {name} goes from {low:g} to {high:g}; floating-point images go from 0 to 1: "
                f"divide first"
            )
        images[start : start + 4096] = np.round(part * 255).reshape(-1, *shape)
    return images


def read_npy_labels(path: Path) -> np.ndarray:
    """Labels from an .npy, memory mapped, shape (n,). Raises `UserError`."""
    array = _read_npy_header(path)
    if len(array.shape) != 1 or array.dtype.kind not in "ui" or not array.size:
        raise UserError(
            f"{path}: labels are whole numbers in one dimension, not {array.dtype} of shape "
            f"{format_shape(array.shape)}"
        )
    return _map_array(path, array)
