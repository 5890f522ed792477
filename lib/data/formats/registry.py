"""All formats of this package, and reading of a file or folder in the first one that recognizes it."""

from pathlib import Path

from lib.common.discovery import import_modules
from lib.common.errors import UserError
from lib.common.formatting import format_shape
from lib.data.formats.base import NPY_MAGIC, Format, Header, Source, require_file_or_folder, starts_with
from lib.data.formats.depths import normalize_source
from lib.data.formats.identification import LABEL_FORMATS, explain_no_dataset, require_possible_labels
from lib.data.formats.idx import IdxFormat, read_idx_labels
from lib.data.formats.image_folder import ImageFolderFormat
from lib.data.formats.label_tables import read_label_table
from lib.data.formats.labels import Labels, labels_of_array
from lib.data.formats.matlab_files import MatlabFormat, read_matlab_labels
from lib.data.formats.numpy_files import is_npz, read_npy_array, read_npz_labels
from lib.data.formats.picture_fit import AS_THEY_ARE, PictureFit

import_modules("lib.data.formats")
FORMATS: tuple[type[Format], ...] = tuple(sorted(Format.registered, key=lambda item: item.order))


def peek_source(path: Path, fit: PictureFit = AS_THEY_ARE) -> Header:
    """Return the header of a file or folder of images, quickly.

    Args:
        path: the file or folder.
        fit: how pictures become images; other data sets must be as they are.

    Raises:
        UserError: it is in no known format, its header is invalid, or its images cannot have another size.
    """
    found = _find_format(path)
    if found is ImageFolderFormat:
        return ImageFolderFormat.peek(path, fit)
    header = found.peek(path)
    require_no_fit(str(path), header, fit)
    return header


def read_source(path: Path, fit: PictureFit = AS_THEY_ARE) -> Source:
    """Return the images of a file or folder; those of plain IDX and .npy files of bytes are memory mapped.

    Labels that cannot be read are left out, with a note.

    Args:
        path: the file or folder.
        fit: how pictures become images; its range of values is for other data sets too.

    Returns:
        Images of uint8, or of uint16 where they have more than 8 bits.

    Raises:
        UserError: it is in no known format, or invalid.
    """
    found = _find_format(path)
    if found is ImageFolderFormat:
        return ImageFolderFormat.read(path, fit)
    return normalize_source(path, found.read(path), fit.value_range)


def require_no_fit(name: str, header: Header, fit: PictureFit, hint: str = "") -> None:
    """Raise `UserError`, which ends in the hint, if images that are no pictures get a size or color."""
    if fit.patches:
        raise UserError(f"{name}: --patches is for folders of pictures{hint}")
    if fit.changes(header.shape):
        raise UserError(
            f"{name}: the images are {format_shape(header.shape)}; --size and --color are for folders of "
            f"pictures{hint}"
        )


def is_published_folder(folder: Path) -> bool:
    """Return whether a folder holds the files of a data set rather than pictures."""
    return _find_format(folder) is not ImageFolderFormat


def read_labels(path: Path | str) -> Labels:
    """Return the labels of a file: IDX, .npy, .npz, .mat, or text with one in each line or in a column.

    Raises:
        UserError: the file holds no labels.
    """
    path = Path(path)
    require_file_or_folder(path)
    if path.is_dir():
        raise UserError(f"{path}: is a folder, not a file of labels; use {LABEL_FORMATS}")
    if starts_with(path, NPY_MAGIC):
        return labels_of_array(path, "it", read_npy_array(path))
    if is_npz(path):
        return read_npz_labels(path)
    if MatlabFormat.recognizes(path):
        return read_matlab_labels(path)
    if IdxFormat.recognizes(path):
        return read_idx_labels(path)
    require_possible_labels(path)
    return read_label_table(path)


def _find_format(path: Path) -> type[Format]:
    require_file_or_folder(path)
    for candidate in FORMATS:
        if candidate.recognizes(path):
            return candidate
    raise explain_no_dataset(path)
