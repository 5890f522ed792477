"""NumPy's files: .npy, which is memory mapped, and .npz."""

import zipfile
from pathlib import Path

import numpy as np

from lib.common.errors import UserError
from lib.common.formatting import format_shape
from lib.data.formats.array_layouts import arrange, find_layout, require_pixel_type
from lib.data.formats.array_roles import ShapeAndType, find_labels, find_roles
from lib.data.formats.base import (
    NPY_MAGIC,
    READ_ERRORS,
    ZIP_MAGIC,
    Format,
    Header,
    Images,
    Source,
    explain_read_errors,
    starts_with,
)
from lib.data.formats.labels import Labels, label_notes, labels_of_array, with_labels
from lib.data.formats.npy_arrays import NpyHeader, open_member, parse_header, read_content, require_valid_text

MAX_ARRAYS = 100  # of an .npz, whose headers are read


class NumpyFormat(Format):
    """An .npy of images, or an .npz with arrays that are named as in `array_roles.ROLES`."""

    order = 20

    @staticmethod
    def recognizes(path: Path) -> bool:
        return starts_with(path, NPY_MAGIC) or is_npz(path)

    @staticmethod
    def peek(path: Path) -> Header:
        if starts_with(path, NPY_MAGIC):
            return _header_of_images(path, "it", _read_npy_header(path))
        with explain_read_errors(path), zipfile.ZipFile(path) as archive:
            roles, _ = find_roles(path, _shapes_and_types(path, archive))
            train = _peek_member(path, archive, roles["images"])
            has_test = "test_images" in roles
            test_count = _peek_member(path, archive, roles["test_images"]).count if has_test else 0
        return Header(train.shape, train.count, test_count, labeled="labels" in roles)

    @staticmethod
    def read(path: Path) -> Source:
        if starts_with(path, NPY_MAGIC):
            images, notes = arrange(path, {"it": read_npy_array(path)})
            return Source(Images(images["it"]), notes=tuple(notes))
        with explain_read_errors(path), zipfile.ZipFile(path) as archive:
            roles, notes = find_roles(path, _shapes_and_types(path, archive))
            stored = {
                roles[role]: _read_member(path, archive, roles[role])
                for role in ("images", "test_images")
                if role in roles
            }
            images, assumptions = arrange(path, stored)
            labeled = [
                _with_stored_labels(path, archive, roles[part], images[roles[part]], roles.get(label_role))
                for part, label_role in (("images", "labels"), ("test_images", "test_labels"))
                if part in roles
            ]
        test = labeled[1] if len(labeled) > 1 else None
        return Source(labeled[0], test, (*notes, *assumptions, *label_notes(*labeled)))


def is_npz(path: Path) -> bool:
    """Return whether a file is an .npz by its name, or a ZIP archive that holds an array of NumPy's."""
    if not starts_with(path, ZIP_MAGIC):
        return False
    if path.suffix.lower() == ".npz":
        return True
    try:
        with zipfile.ZipFile(path) as archive:
            return any(name.endswith(".npy") for name in archive.namelist())
    except READ_ERRORS:
        return False


def _array_names(archive: zipfile.ZipFile) -> list[str]:
    names = dict.fromkeys(archive.namelist())
    return [name.removesuffix(".npy") for name in names if name.endswith(".npy")][:MAX_ARRAYS]


def _shapes_and_types(path: Path, archive: zipfile.ZipFile) -> dict[str, ShapeAndType]:
    """Return shape and type of the arrays of an .npz by name; those that cannot be read have none."""
    shapes: dict[str, ShapeAndType] = {}
    for name in _array_names(archive):
        try:
            with open_member(path, archive, name) as (_, header):
                shapes[name] = header.shape, header.dtype
        except UserError:  # reported when the array is needed
            shapes[name] = (), np.dtype(object)
    return shapes


def _peek_member(path: Path, archive: zipfile.ZipFile, name: str) -> Header:
    with open_member(path, archive, name) as (_, header):
        return _header_of_images(path, name, header)


def _header_of_images(path: Path, name: str, array: NpyHeader) -> Header:
    require_pixel_type(path, name, array.dtype)
    return Header(find_layout(path, name, array.shape).shape, array.shape[0])


def _read_member(path: Path, archive: zipfile.ZipFile, name: str) -> np.ndarray:
    """Return an array of an .npz. Raises `UserError` for one that holds neither numbers nor texts."""
    with open_member(path, archive, name) as (file, header):
        if header.dtype.kind not in "buifSU":
            raise UserError(
                f"{path}: {name} is {header.dtype}; images and labels must be integers or floating point"
            )
        return read_content(path, name, file, header)


def _with_stored_labels(
    path: Path, archive: zipfile.ZipFile, name: str, images: np.ndarray, labels_name: str | None
) -> Images:
    if labels_name is None:
        return Images(images)
    return with_labels(
        Images(images),
        name,
        lambda: labels_of_array(path, labels_name, _read_member(path, archive, labels_name)),
        path,
    )


def _read_npy_header(path: Path) -> NpyHeader:
    with explain_read_errors(path), path.open("rb") as file:
        array = parse_header(path, "it", file)
    expected, actual = array.offset + array.nbytes, path.stat().st_size
    if actual < expected:
        raise UserError(
            f"{path}: is truncated: {actual:,} bytes, but its header declares {format_shape(array.shape)} "
            f"of {array.dtype}"
        )
    return array


def read_npy_array(path: Path) -> np.ndarray:
    """Return the array of an .npy, memory mapped. Raises `UserError`."""
    array = _read_npy_header(path)
    if array.dtype.kind not in "buifSU" or not array.nbytes:
        raise UserError(
            f"{path}: is {array.dtype} of shape {format_shape(array.shape)}; images and labels must be "
            "integers or floating point"
        )
    with explain_read_errors(path):
        stored = np.memmap(path, array.dtype, "r", array.offset, array.shape, array.order)
    require_valid_text(path, "it", stored)
    return stored


def read_npz_labels(path: Path) -> Labels:
    """Return the labels of an .npz: its array with a name of labels, or else its only array.

    Raises:
        UserError: it has none, or several arrays that may be labels.
    """
    with explain_read_errors(path), zipfile.ZipFile(path) as archive:
        name = find_labels(path, _array_names(archive))
        return labels_of_array(path, name, _read_member(path, archive, name))
