"""Kinds of files that are no data set, recognized by their first bytes, with a remedy for each."""

import re
import zipfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from lib.common.errors import UserError
from lib.data.formats.archives import is_archive
from lib.data.formats.base import READ_ERRORS, ZIP_MAGIC, explain_read_errors, open_decompressed
from lib.data.formats.picture_files import AVIF_STARTS, HEIF_STARTS, PICTURE_SUFFIXES

START_BYTES = 4096
LABEL_FORMATS = "IDX, .npy, .npz, .mat, .txt or .csv"
_IN_A_FOLDER = "use the folder that contains it, with other pictures of this size"
_FRAMES = "save its frames as pictures in a folder: ffmpeg -i VIDEO frames/%06d.png"
_AS_ARRAY = "save its images as an array (n, height, width) in .npz"
_UNPACK = "unpack it and use the content"
_PICKLED = f"loading a pickle can run any program, so it is refused; {_AS_ARRAY}"


@dataclass(frozen=True)
class Kind:
    """A kind of file: what it is, what to do, and the pattern of its first bytes, where these tell."""

    name: str
    remedy: str
    start: re.Pattern[bytes] | None = None


def _kind(pattern: bytes, name: str, remedy: str) -> Kind:
    return Kind(name, remedy, re.compile(pattern, re.DOTALL | re.IGNORECASE))


KINDS = (
    _kind(rb"$", "an empty file", "download or save it again"),
    _kind(rb"\xff\xd8\xff", "a JPEG picture", _IN_A_FOLDER),
    _kind(rb"\x89PNG", "a PNG picture", _IN_A_FOLDER),
    _kind(rb"GIF8", "a GIF picture", _IN_A_FOLDER),
    _kind(rb"BM.{12}[\x0c\x28\x6c\x7c]\0\0\0", "a BMP picture", _IN_A_FOLDER),
    _kind(rb"II\*\0|MM\0\*", "a TIFF picture", _IN_A_FOLDER),
    _kind(rb"RIFF....WEBP", "a WebP picture", _IN_A_FOLDER),
    _kind(rb"P[1-6]\s", "a PNM picture", _IN_A_FOLDER),
    _kind(rb"....(%b)" % b"|".join(AVIF_STARTS + HEIF_STARTS), "a HEIF picture", _IN_A_FOLDER),
    _kind(rb"RIFF....AVI |....ftyp|\x1aE\xdf\xa3|\0\0\x01[\xb3\xba]", "a video", _FRAMES),
    _kind(rb"%PDF", "a PDF", "save its pictures in a folder and use the folder"),
    _kind(rb"\x89HDF", "an HDF5 file", f"pass a saved model with -model; if it is a data set, {_AS_ARRAY}"),
    _kind(rb"\x80[\x02-\x05]", "a pickle", _PICKLED),
    _kind(rb"PAR1", "a Parquet table", _AS_ARRAY),
    _kind(rb"ARROW1", "an Arrow table", _AS_ARRAY),
    _kind(rb"SQLite format 3", "an SQLite database", _AS_ARRAY),
    _kind(rb"\xfd7zXZ|BZh\d1AY|\x28\xb5\x2f\xfd|7z\xbc\xaf|Rar!", "a compressed file", _UNPACK),
    _kind(rb".{257}ustar", "a tar archive", _UNPACK),
    _kind(rb"version https://git-lfs", "a Git LFS pointer instead of the file itself", "run git lfs pull"),
    _kind(rb"\s*(<!doctype html|<html)", "a web page", "download the file itself"),
    _kind(rb"\s*[{\[]", "a text file, probably JSON", _AS_ARRAY),
)
TFRECORD = _kind(rb"...\0{5}....\n", "a TFRecord file", _AS_ARRAY)
TABLE = Kind(
    "a text table, such as CSV",
    "save its pixels as an array (n, height, width) in .npz; pass labels with -dl or -tl",
)
TEXT = Kind("a text file", "pass labels with -dl or -tl; images cannot be read from text")


def explain_no_dataset(path: Path) -> UserError:
    """Return the error for a file that is given as a data set and is none: what it is, and what to do."""
    kind = _identify(path)
    if kind is not None:
        return UserError(f"{path}: is {kind.name}, not a data set; {kind.remedy}")
    with explain_read_errors(path), open_decompressed(path) as file:
        start = file.read(4)
    return UserError(
        f"{path}: is not a data set in a known format: use IDX, .npz, .npy, .mat, the binary versions of "
        f"CIFAR and STL-10, or a folder of images (it begins with the bytes {start.hex(' ')})"
    )


def require_possible_labels(path: Path) -> None:
    """Raise `UserError` for a file that is given for its labels and is of a kind that has none."""
    kind = _identify(path)
    if kind is not None and kind not in (TEXT, TABLE):
        raise UserError(f"{path}: is {kind.name}, not a file of labels; use {LABEL_FORMATS}")


def _identify(path: Path) -> Kind | None:
    if is_archive(path):
        return Kind("a tar archive without the binary files of CIFAR-10, CIFAR-100 or STL-10", _UNPACK)
    with explain_read_errors(path), open_decompressed(path) as file:
        start = file.read(START_BYTES)
    if path.suffix.lower() == ".bin":
        size = path.stat().st_size
        return Kind(
            f"a file of {size:,} bytes, which is not a whole number of CIFAR-10 or CIFAR-100 records",
            "download it again",
        )
    if start.startswith(ZIP_MAGIC):
        return _identify_zip(path)
    if kind := next((kind for kind in KINDS if kind.start and kind.start.match(start)), None):
        return kind
    if _is_text(start):
        first_line = start.splitlines()[0]
        return TABLE if any(character in first_line for character in (b",", b";", b"\t")) else TEXT
    return TFRECORD if TFRECORD.start and TFRECORD.start.match(start) else None


def _is_text(start: bytes) -> bool:
    """Return whether bytes may be the beginning of a text in UTF-8, whose last character may be cut."""
    text = start.decode("utf-8", "ignore")
    lost = len(start) - len(text.encode("utf-8"))
    return lost < 4 and not re.search(r"[\x00-\x08\x0e-\x1f\x7f]", text)


def _identify_zip(path: Path) -> Kind:
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except READ_ERRORS:
        return Kind("a corrupt or truncated ZIP archive", "download it again")
    if any(name.endswith("data.pkl") for name in names):
        return Kind("a PyTorch file, which is pickled", _PICKLED)
    if "config.json" in names and any(name.endswith(".h5") for name in names):
        return Kind("a saved Keras model", "save it as .h5 and pass it with -model")
    if pictures := sum(PurePosixPath(name).suffix.lower() in PICTURE_SUFFIXES for name in names):
        return Kind(f"a ZIP archive of {pictures:,} pictures", "unpack it and use the folder")
    return Kind("a ZIP archive without NumPy arrays", _UNPACK)
