"""Images in NumPy's files: .npy (memory mapped) and .npz; unsigned bytes, or floating point from 0 to 1."""

import zipfile
from pathlib import Path

import numpy as np

from lib.errors import UserError
from lib.files import GZIP_RATIO, NPY, ZIP, Header, Images, Source, by, image_shape, product, reading, starts


class Numpy:
    """An .npy of images, or an .npz with `x_train`, `y_train`, `x_test`, `y_test`, or `images` and `labels`, or one array."""

    @staticmethod
    def recognises(path: Path) -> bool:
        return starts(path, NPY) or starts(path, ZIP)

    @staticmethod
    def peek(path: Path) -> Header:
        if starts(path, NPY):
            images = _load_numpy(path)
            return Header(_checked_array(path, "it", images.shape, images.dtype), len(images))
        names = _npz_names(path)
        shape, dtype = _npz_header(path, names["images"])
        test = _npz_header(path, names["test_images"])[0][0] if "test_images" in names else 0
        return Header(_checked_array(path, names["images"], shape, dtype), shape[0], test, labelled="labels" in names)

    @staticmethod
    def read(path: Path) -> Source:
        if starts(path, NPY):
            return Source(Images(_as_images(path, "it", _load_numpy(path))))
        names = _npz_names(path)
        with reading(path), np.load(path, allow_pickle=False) as arrays:
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
    with reading(path), zipfile.ZipFile(path) as archive:
        held = [name.removesuffix(".npy") for name in archive.namelist() if name.endswith(".npy")]
    names = {role: next((name for name in known if name in held), None) for role, known in NPZ_ROLES.items()}
    names = {role: name for role, name in names.items() if name}
    if "images" not in names and len(held) == 1:
        names["images"] = held[0]
    if "images" not in names:
        raise UserError(f"{path}: none of its arrays ({', '.join(held) or 'there are none'}) is called x_train or images")
    return names


def _npz_header(path: Path, name: str):
    with reading(path), zipfile.ZipFile(path) as archive, archive.open(f"{name}.npy") as file:
        version = np.lib.format.read_magic(file)
        reader = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, _, dtype = reader(file)
    expected = product(shape) * dtype.itemsize
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
    with reading(path):
        return np.load(path, mmap_mode="r", allow_pickle=False)


def _checked_array(path: Path, name: str, shape, dtype) -> tuple[int, int, int]:
    if len(shape) not in (3, 4) or 0 in shape or (len(shape) == 4 and shape[3] not in (1, 3)):
        raise UserError(f"{path}: {name} has shape {by(shape)}; images are (n, height, width), or (n, height, width, 1 or 3)")
    if dtype != np.uint8 and dtype.kind != "f":
        raise UserError(f"{path}: {name} is {dtype}; images are uint8 from 0 to 255, or floating point from 0 to 1")
    return image_shape(shape)


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


def labels(path: Path) -> np.ndarray:
    labels = _load_numpy(path)
    if labels.ndim != 1 or labels.dtype.kind not in "ui":
        raise UserError(f"{path}: labels are whole numbers in one dimension, not {labels.dtype} of shape {by(labels.shape)}")
    return labels
