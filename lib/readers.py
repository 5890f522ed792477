"""The file formats of image data sets: recognised by their content, measured by their headers, read as `uint8`.

Every format answers two questions: `peek` (how many images of which shape; reads no pixels) and `read` (the arrays).
Whatever a file announces is compared with its real size before memory is taken for it.
"""

import gzip
import io
import struct
import tarfile
import zipfile
import zlib
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from lib.errors import UserError

CIFAR_SHAPE = (32, 32, 3)
CIFAR_RECORD = 1 + 32 * 32 * 3  # a label byte, then the red, green and blue planes, row by row
CIFAR_CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
IMAGE_SUFFIXES = {".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm"}
GZIP_RATIO = 1032  # deflate cannot do better: what announces more than this is lying
CHUNK = 1 << 20


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
    notes: tuple[str, ...] = field(default=())


def peek(path: Path) -> Header:
    """The header of a data set. Raises `UserError` when it is none, or one that cannot be right."""
    return _format(path).peek(path)


def read(path: Path) -> Source:
    """The images of a data set; plain IDX and .npy files are memory mapped. Raises `UserError` as `peek` does."""
    return _format(path).read(path)


def read_labels(path: Path) -> np.ndarray:
    """Labels from an IDX file (plain or gzipped) or an .npy, as int64, shape (n,). Raises `UserError`."""
    _require(path)
    if _starts(path, b"\x93NUMPY"):
        labels = _load_numpy(path)
        if labels.ndim != 1 or labels.dtype.kind not in "ui":
            raise UserError(f"{path}: labels must be whole numbers in one dimension, not {labels.dtype} {labels.shape}")
        return labels.astype(np.int64)
    sizes, offset = _idx_header(path, labels=True)
    return _idx_body(path, sizes, offset).astype(np.int64)


def _format(path: Path):
    _require(path)
    for candidate in FORMATS:
        if candidate.recognises(path):
            return candidate
    with _opened(path) as file:
        start = file.read(4)
    raise UserError(
        f"{path}: magic number {int.from_bytes(start, 'big')} is not that of an IDX file of images (2051), and no other "
        "format fits; use IDX, .npz, .npy, CIFAR-10's binary version or a folder of images"
    )


def _require(path: Path) -> None:
    if not path.exists():
        raise UserError(f"{path}: no such file or folder")


def _starts(path: Path, magic: bytes) -> bool:
    if not path.is_file():
        return False
    try:
        with path.open("rb") as file:
            return file.read(len(magic)) == magic
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from None


def _opened(path: Path):
    return gzip.open(path) if _starts(path, b"\x1f\x8b") else path.open("rb")


class Idx:
    """MNIST's format: magic number, big-endian sizes, then bytes; plain or gzipped."""

    @staticmethod
    def recognises(path: Path) -> bool:
        if not path.is_file() or path.name.endswith((".tar.gz", ".tgz")):
            return False
        with _reading(path), _opened(path) as file:
            start = file.read(3)
        return start[:2] == b"\0\0" and len(start) == 3

    @staticmethod
    def peek(path: Path) -> Header:
        sizes, _ = _idx_header(path)
        return Header(_image_shape(sizes), sizes[0])

    @staticmethod
    def read(path: Path) -> Source:
        sizes, offset = _idx_header(path)
        return Source(Images(_idx_body(path, sizes, offset).reshape(sizes[0], *_image_shape(sizes))))


def _idx_header(path: Path, labels: bool = False) -> tuple[tuple[int, ...], int]:
    """The sizes that an IDX file announces and where its bytes begin, checked against the size of the file."""
    with _reading(path), _opened(path) as file:
        start = file.read(4)
        (magic,) = struct.unpack(">I", start) if len(start) == 4 else (None,)
        if magic is None:
            raise UserError(f"{path}: is truncated: {len(start)} bytes hold no IDX header")
        wanted = (0x801,) if labels else (0x803, 0x804)
        if magic not in wanted:
            what = {0x801: "labels (give it with -dl or -tl)", 0x803: "images", 0x804: "images"}.get(magic)
            holds = f"it holds {what}" if what else "it is no IDX file of unsigned bytes"
            kind = "labels (2049)" if labels else "images (2051)"
            raise UserError(f"{path}: magic number {magic} is not that of an IDX file of {kind}: {holds}")
        raw = file.read(4 * (magic & 0xFF))
        if len(raw) < 4 * (magic & 0xFF):
            raise UserError(f"{path}: is truncated: its header ends after {4 + len(raw)} bytes")
    sizes = struct.unpack(f">{magic & 0xFF}I", raw)
    if 0 in sizes:
        raise UserError(f"{path}: its header announces no images at all: sizes {_by(sizes)}")
    expected, found = 4 + len(raw) + _product(sizes), path.stat().st_size
    if _starts(path, b"\x1f\x8b"):
        if expected > found * GZIP_RATIO:
            raise UserError(
                f"{path}: is truncated: its header announces {_by(sizes)} bytes, more than a gzip file of {found:,} bytes can hold"
            )
    elif found != expected:
        raise _wrong_length(path, sizes, expected, found)
    return sizes, 4 + len(raw)


def _idx_body(path: Path, sizes: tuple[int, ...], offset: int) -> np.ndarray:
    if not _starts(path, b"\x1f\x8b"):
        return np.memmap(path, np.uint8, "r", offset, sizes)
    body = np.empty(_product(sizes), np.uint8)
    with _reading(path), gzip.open(path) as file:
        file.read(offset)
        filled = 0
        while filled < len(body) and (count := file.readinto(memoryview(body)[filled : filled + CHUNK])):
            filled += count
        if filled < len(body) or file.read(1):
            found = offset + filled + (1 if filled == len(body) else 0)
            raise _wrong_length(path, sizes, offset + len(body), found)
    return body.reshape(sizes)


def _wrong_length(path: Path, sizes, expected: int, found: int) -> UserError:
    wrong = f"is truncated: {found:,} bytes" if found < expected else "is too long: more bytes"
    return UserError(f"{path}: {wrong}, where its header announces {_by(sizes)} ({expected:,} bytes with the header)")


class Cifar10:
    """CIFAR-10's binary version: a folder or .tar.gz of batches (test_batch apart), or a single .bin."""

    @staticmethod
    def recognises(path: Path) -> bool:
        if path.is_dir():
            return any(path.glob("*_batch*.bin"))
        return path.suffix == ".bin" or path.name.endswith((".tar.gz", ".tgz", ".tar"))

    @staticmethod
    def peek(path: Path) -> Header:
        if path.is_dir() or path.suffix == ".bin":
            sizes = {file.name: _cifar_records(file, file.stat().st_size) for file in _cifar_files(path)}
            tests = sum(count for name, count in sizes.items() if _is_test(name)) if path.is_dir() else 0
            return Header(CIFAR_SHAPE, (sum(sizes.values()) - tests) or tests, tests, labelled=True)
        # To list a compressed archive is to decompress it, so only `read` counts; the published set has these sizes.
        return Header(CIFAR_SHAPE, 50_000, 10_000, labelled=True)

    @staticmethod
    def read(path: Path) -> Source:
        if path.is_dir() or path.suffix == ".bin":
            batches = {}
            for file in _cifar_files(path):
                _cifar_records(file, file.stat().st_size)
                batches[file.name] = np.fromfile(file, np.uint8)
        else:
            batches = _cifar_archive(path)
        train = [batch for name, batch in batches.items() if not (_is_test(name) and len(batches) > 1)]
        test = [batch for name, batch in batches.items() if _is_test(name) and len(batches) > 1]
        return Source(_cifar_images(train), _cifar_images(test) if test else None)


def _cifar_files(path: Path) -> list[Path]:
    return sorted(path.glob("*_batch*.bin")) if path.is_dir() else [path]


def _is_test(name: str) -> bool:
    return name.startswith("test")


def _cifar_records(path, size: int) -> int:
    count, rest = divmod(size, CIFAR_RECORD)
    if rest or not count:
        raise UserError(
            f"{path}: {size:,} bytes are not whole CIFAR-10 records of {CIFAR_RECORD:,} bytes; the file is truncated or over-long, or no batch"
        )
    return count


def _cifar_archive(path: Path) -> dict[str, np.ndarray]:
    batches = {}
    with _reading(path), tarfile.open(path) as archive:
        for member in archive:
            name = Path(member.name).name
            if member.isfile() and "_batch" in name and name.endswith(".bin"):
                if member.size > path.stat().st_size * GZIP_RATIO:
                    raise UserError(f"{path}: {member.name} announces {member.size:,} bytes, more than the archive can hold")
                _cifar_records(f"{path}: {member.name}", member.size)
                batches[name] = np.frombuffer(archive.extractfile(member).read(), np.uint8)
    if not batches:
        raise UserError(f"{path}: holds no CIFAR-10 batch (data_batch_1.bin …, test_batch.bin)")
    return dict(sorted(batches.items()))


def _cifar_images(batches: list[np.ndarray]) -> Images:
    count = sum(len(batch) for batch in batches) // CIFAR_RECORD
    images, labels = np.empty((count, *CIFAR_SHAPE), np.uint8), np.empty(count, np.int64)
    start = 0
    for batch in batches:  # batch by batch, so that no second copy of the whole set is ever made
        records = batch.reshape(-1, CIFAR_RECORD)
        part = slice(start, start + len(records))
        labels[part] = records[:, 0]
        images[part] = records[:, 1:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
        start += len(records)
    if labels.max() > 9:
        raise UserError(f"label {labels.max()} is not one of CIFAR-10's ten: the file is no CIFAR-10 batch")
    return Images(images, labels, CIFAR_CLASSES)


class Numpy:
    """An .npy of images, or an .npz with `x_train`, `y_train`, `x_test`, `y_test`, or `images` and `labels`, or one array."""

    @staticmethod
    def recognises(path: Path) -> bool:
        return _starts(path, b"\x93NUMPY") or _starts(path, b"PK\x03\x04")

    @staticmethod
    def peek(path: Path) -> Header:
        if _starts(path, b"\x93NUMPY"):
            images = _load_numpy(path)
            return Header(_checked_array(path, "it", images.shape, images.dtype), len(images))
        names = _npz_names(path)
        shape, dtype = _npz_header(path, names["images"])
        test = _npz_header(path, names["test_images"])[0][0] if "test_images" in names else 0
        return Header(_checked_array(path, names["images"], shape, dtype), shape[0], test, labelled="labels" in names)

    @staticmethod
    def read(path: Path) -> Source:
        if _starts(path, b"\x93NUMPY"):
            return Source(Images(_as_images(path, "it", _load_numpy(path))))
        names = _npz_names(path)
        with _reading(path), np.load(path, allow_pickle=False) as arrays:
            part = {role: arrays[name] for role, name in names.items()}
        train = _npz_images(path, part, "images", "labels")
        test = _npz_images(path, part, "test_images", "test_labels") if "test_images" in part else None
        return Source(train, test)


NPZ_ROLES = {
    "images": ("x_train", "train_images", "images", "x", "arr_0"),
    "labels": ("y_train", "train_labels", "labels", "y"),
    "test_images": ("x_test", "test_images"),
    "test_labels": ("y_test", "test_labels"),
}


def _npz_names(path: Path) -> dict[str, str]:
    with _reading(path), zipfile.ZipFile(path) as archive:
        held = [name.removesuffix(".npy") for name in archive.namelist() if name.endswith(".npy")]
    names = {role: name for role, known in NPZ_ROLES.items() for name in known[:1] + known[1:] if name in held}
    names = {role: next(name for name in NPZ_ROLES[role] if name in held) for role in names}
    if "images" not in names and len(held) == 1:
        names["images"] = held[0]
    if "images" not in names:
        raise UserError(f"{path}: none of its arrays ({', '.join(held) or 'there are none'}) is called x_train or images")
    return names


def _npz_header(path: Path, name: str):
    with _reading(path), zipfile.ZipFile(path) as archive, archive.open(f"{name}.npy") as file:
        version = np.lib.format.read_magic(file)
        reader = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, _, dtype = reader(file)
    expected = _product(shape) * dtype.itemsize
    if expected > path.stat().st_size * GZIP_RATIO:
        raise UserError(f"{path}: {name} announces {expected:,} bytes, more than the file can hold")
    return shape, dtype


def _npz_images(path: Path, part: dict, images: str, labels: str) -> Images:
    array = _as_images(path, images, part[images])
    if labels not in part:
        return Images(array)
    found = part[labels].reshape(-1)
    if found.dtype.kind not in "ui":
        raise UserError(f"{path}: its {labels} must be whole numbers, not {found.dtype}")
    if len(found) != len(array):
        raise UserError(f"{path}: {len(found):,} labels for {len(array):,} images")
    return Images(array, found.astype(np.int64))


def _load_numpy(path: Path) -> np.ndarray:
    with _reading(path):
        return np.load(path, mmap_mode="r", allow_pickle=False)


def _checked_array(path: Path, name: str, shape, dtype) -> tuple[int, int, int]:
    if len(shape) not in (3, 4) or 0 in shape or (len(shape) == 4 and shape[3] not in (1, 3)):
        raise UserError(
            f"{path}: {name} has shape {_by(shape)}; images are (n, height, width), or (n, height, width, 1 or 3)"
        )
    if dtype != np.uint8 and dtype.kind != "f":
        raise UserError(f"{path}: {name} is {dtype}; images are uint8 from 0 to 255, or floating point from 0 to 1")
    return _image_shape(shape)


def _as_images(path: Path, name: str, array: np.ndarray) -> np.ndarray:
    shape = _checked_array(path, name, array.shape, array.dtype)
    if array.dtype == np.uint8:
        return array.reshape(len(array), *shape)
    images = np.empty((len(array), *shape), np.uint8)
    for start in range(0, len(array), 4096):
        part = np.asarray(array[start : start + 4096])
        if not (part.min() >= 0 and part.max() <= 1):
            raise UserError(
                f"{path}: {name} goes from {part.min():g} to {part.max():g}; floating-point images go from 0 to 1: divide first"
            )
        images[start : start + 4096] = np.round(part * 255).reshape(-1, *shape)
    return images


class Folder:
    """A folder of pictures, all of one size; subfolders are labels. The first one decides size, and grey or colour."""

    @staticmethod
    def recognises(path: Path) -> bool:
        return path.is_dir()

    @staticmethod
    def peek(path: Path) -> Header:
        files = _pictures(path)
        return Header(_picture(files[0]).shape, len(files), labelled=_classes(path, files) != ())

    @staticmethod
    def read(path: Path) -> Source:
        files = _pictures(path)
        first = _picture(files[0])
        images = np.empty((len(files), *first.shape), np.uint8)
        for number, file in enumerate(files):
            picture = _picture(file, colour=first.shape[2] == 3)
            if picture.shape != first.shape:
                raise UserError(
                    f"{file}: is {_by(picture.shape)}, while {files[0].name} is {_by(first.shape)}; "
                    "the images of a data set have one size and one number of channels"
                )
            images[number] = picture
        classes = _classes(path, files)
        labels = np.array([classes.index(_class_of(path, file)) for file in files]) if classes else None
        return Source(Images(images, labels, classes))


def _pictures(path: Path) -> list[Path]:
    files = sorted(f for f in [*path.glob("*"), *path.glob("*/*")] if f.suffix.lower() in IMAGE_SUFFIXES and f.is_file())
    if not files:
        raise UserError(f"{path}: holds no images ({' '.join(sorted(IMAGE_SUFFIXES))}), here or one folder down")
    return files


def _class_of(path: Path, file: Path) -> str:
    return file.parent.name if file.parent != path else ""


def _classes(path: Path, files: list[Path]) -> tuple[str, ...]:
    names = tuple(sorted({_class_of(path, file) for file in files}))
    return () if "" in names else names


def _picture(file: Path, colour: bool | None = None) -> np.ndarray:
    from PIL import Image, UnidentifiedImageError  # only folders of images need Pillow

    try:
        with Image.open(file) as image:
            grey = image.mode in ("1", "L", "LA", "I;16", "I", "F")
            mode = "RGB" if colour or not grey else "L"
            pixels = np.asarray(image.convert(mode))
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise UserError(f"{file}: cannot be read as an image ({error})") from None
    return pixels.reshape(*pixels.shape[:2], -1)


class IdxFolder:
    """A folder with MNIST's four files under their published names, plain or gzipped."""

    @staticmethod
    def recognises(path: Path) -> bool:
        return path.is_dir() and _idx_file(path, "train-images-idx3-ubyte") is not None

    @staticmethod
    def peek(path: Path) -> Header:
        train = Idx.peek(_idx_file(path, "train-images-idx3-ubyte"))
        test = _idx_file(path, "t10k-images-idx3-ubyte")
        labelled = _idx_file(path, "train-labels-idx1-ubyte") is not None
        return Header(train.shape, train.count, Idx.peek(test).count if test else 0, labelled)

    @staticmethod
    def read(path: Path) -> Source:
        train, test = (IdxFolder._part(path, name) for name in ("train", "t10k"))
        return Source(train, test)

    @staticmethod
    def _part(path: Path, name: str) -> Images | None:
        images, labels = (_idx_file(path, f"{name}-{kind}-ubyte") for kind in ("images-idx3", "labels-idx1"))
        if images is None:
            return None
        return Images(Idx.read(images).train.images, read_labels(labels) if labels else None)


def _idx_file(folder: Path, name: str) -> Path | None:
    return next((file for file in (folder / name, folder / f"{name}.gz") if file.is_file()), None)


FORMATS = (IdxFolder, Cifar10, Numpy, Idx, Folder)


class _reading:
    """Whatever a library says of a file that it cannot read becomes one sentence with the file's name."""

    def __init__(self, path: Path):
        self.path = path

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        broken = (OSError, EOFError, zlib.error, tarfile.TarError, zipfile.BadZipFile, ValueError, struct.error)
        if isinstance(error, broken) and not isinstance(error, UserError):
            reason = getattr(error, "strerror", None) or str(error) or "it ends too early"
            raise UserError(f"{self.path}: cannot be read: broken or truncated ({reason.splitlines()[0]})") from None


def _image_shape(sizes) -> tuple[int, int, int]:
    return (*sizes[1:3], sizes[3] if len(sizes) == 4 else 1)


def _product(sizes) -> int:
    product = 1
    for size in sizes:
        product *= int(size)
    return product


def _by(sizes) -> str:
    return "×".join(f"{size:,}" for size in sizes)
