"""Data sets by name or path: their headers, loading and splitting, and a list of the available ones."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from lib.common.errors import UserError, printable, reason
from lib.common.formatting import format_shape
from lib.config.hyperparameters import Hyperparameters
from lib.data.formats.base import Header, Images, Source, exists, require_matching_labels
from lib.data.formats.cifar10 import CIFAR10_ARCHIVE, CIFAR10_CLASSES, CIFAR10_FOLDER, Cifar10Format
from lib.data.formats.idx import IdxFolderFormat
from lib.data.formats.registry import peek_source, read_labels, read_source
from lib.data.splits import Subset, split_images

DATA_FOLDER = Path("data")  # the users' data sets, in the folder where they start the programs
DIGITS = tuple("0123456789")
FASHION_CLASSES = (
    *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
    *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
)
PHOTO_CLASSES = ("china", "flower")
MAX_CLASSES = 1000
MIN_IMAGES = 10  # enough to be split into three sets
CHUNK_SIZE = 4096  # images hashed at once, so that no data set is copied


@dataclass(frozen=True)
class NamedDataset:
    """A data set known by its name: bundled with scikit-learn, or published as files.

    Attributes:
        description: a few words, for lists.
        header: image shape and numbers of images.
        classes: the class name of each label.
        load_bundled: reads it from scikit-learn; None where it is not bundled.
        search_folders: the places of its files below `DATA_FOLDER`, the recommended one first.
        keras_module: the module of `keras.datasets` that downloads it, if any.
    """

    description: str
    header: Header
    classes: tuple[str, ...]
    load_bundled: Callable[[], Images] | None = None
    search_folders: tuple[str, ...] = ()
    keras_module: str = ""


def _load_digits() -> Images:
    """Return scikit-learn's digits, 8×8 with values of 0 to 16, scaled to MNIST's 28×28 and 0 to 255."""
    from PIL import Image
    from sklearn.datasets import load_digits

    digits = load_digits()
    small = np.round(digits.images * (255 / 16)).astype(np.uint8)
    images = np.stack(
        [np.asarray(Image.fromarray(image).resize((28, 28), Image.Resampling.BICUBIC)) for image in small]
    )
    return Images(images[..., None], digits.target.astype(np.int64), DIGITS)


def _load_photos() -> Images:
    """Return patches of 32×32 pixels of scikit-learn's two sample photographs; they do not overlap."""
    from sklearn.datasets import load_sample_images

    images, labels = [], []
    for label, photo in enumerate(load_sample_images().images):
        rows, columns = photo.shape[0] // 32, photo.shape[1] // 32
        cropped = photo[: rows * 32, : columns * 32]
        patches = cropped.reshape(rows, 32, columns, 32, 3).swapaxes(1, 2).reshape(-1, 32, 32, 3)
        images.append(patches)
        labels += [label] * len(patches)
    return Images(np.concatenate(images), np.array(labels), PHOTO_CLASSES)


NAMED_DATASETS = {
    "digits": NamedDataset(
        "1,797 digits of scikit-learn, 8×8 enlarged to 28×28",
        Header((28, 28, 1), 1797, labeled=True),
        DIGITS,
        load_bundled=_load_digits,
    ),
    "photos": NamedDataset(
        "520 patches of scikit-learn's two photographs, 32×32",
        Header((32, 32, 3), 520, labeled=True),
        PHOTO_CLASSES,
        load_bundled=_load_photos,
    ),
    "mnist": NamedDataset(
        "70,000 handwritten digits, 28×28 gray",
        Header((28, 28, 1), 60_000, 10_000, labeled=True),
        DIGITS,
        search_folders=("mnist", "MNIST", "."),
        keras_module="mnist",
    ),
    "fashion-mnist": NamedDataset(
        "70,000 pieces of clothing, 28×28 gray",
        Header((28, 28, 1), 60_000, 10_000, labeled=True),
        FASHION_CLASSES,
        search_folders=("fashion-mnist", "fashion_mnist", "FashionMNIST"),
        keras_module="fashion_mnist",
    ),
    "cifar10": NamedDataset(
        "60,000 photographs of ten things, 32×32",
        Header((32, 32, 3), 50_000, 10_000, labeled=True),
        CIFAR10_CLASSES,
        search_folders=("cifar10", "cifar-10", CIFAR10_FOLDER, CIFAR10_ARCHIVE),
        keras_module="cifar10",
    ),
}


@dataclass(frozen=True)
class Dataset:
    """A data set, split.

    Attributes:
        name: short name for tables and folders.
        sha256: checksum of all images that are not in a test set of their own, before the split.
        shape: (height, width, channels) of an image.
        classes: the class name of each label; empty where unknown.
        train: training set.
        validation: validation set; may be empty.
        test: test set.
        notes: sentences for the user about how the files were read.
    """

    name: str
    sha256: str
    shape: tuple[int, int, int]
    classes: tuple[str, ...]
    train: Subset
    validation: Subset
    test: Subset
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict:
        """Return the description of the data set for `run.json`."""
        sizes = {"train": len(self.train), "validation": len(self.validation), "test": len(self.test)}
        return {
            "name": self.name,
            "sha256": self.sha256,
            "shape": list(self.shape),
            "sizes": sizes,
            "classes": list(self.classes),
            "notes": list(self.notes),
        }


def peek(name_or_path: str) -> Header:
    """Return the header of a data set, quickly.

    Args:
        name_or_path: a name of `NAMED_DATASETS`, or the path of a file or folder.

    Raises:
        UserError: there is no such data set, or it is invalid.
    """
    path = locate(name_or_path)
    return NAMED_DATASETS[name_or_path].header if path is None else peek_source(path)


def require_trainable(name_or_path: str) -> None:
    """Raise `UserError` unless a data set can be trained on, judged by its header."""
    count = peek(name_or_path).count
    if count < MIN_IMAGES:
        raise UserError(
            f"{name_or_path}: {count} image{'s are' if count > 1 else ' is'} too few; "
            f"at least {MIN_IMAGES} are needed"
        )


def require_readable(name_or_path: str) -> None:
    """Raise `UserError` unless a data set can be trained on, after reading all of it."""
    require_trainable(name_or_path)
    if (path := locate(name_or_path)) is not None:
        read_source(path)


def locate(name_or_path: str) -> Path | None:
    """Return the path of a data set, or None for a named one without files here.

    A name of `NAMED_DATASETS` is never a path: a folder of that name is given as `./mnist`.

    Raises:
        UserError: there is no such name, file or folder.
    """
    if name_or_path in NAMED_DATASETS:
        folders = (DATA_FOLDER / folder for folder in NAMED_DATASETS[name_or_path].search_folders)
        return next((path for path in folders if _holds_dataset(path)), None)
    path = Path(name_or_path)
    if not exists(path):
        raise UserError(f"{name_or_path}: no such file or folder; the names are {', '.join(NAMED_DATASETS)}")
    return path


def _holds_dataset(path: Path) -> bool:
    return path.is_file() or (path.is_dir() and is_published_folder(path))


def is_published_folder(folder: Path) -> bool:
    """Return whether a folder holds MNIST's files or CIFAR-10's batches under their published names."""
    return IdxFolderFormat.recognizes(folder) or Cifar10Format.recognizes(folder)


def offered_datasets() -> dict[str, str]:
    """Return a line of text for each data set that needs no download, by its name or path.

    First come the bundled ones, then published ones with files below `DATA_FOLDER`, then other files and
    folders there that can be read.
    """
    offered = {name: named.description for name, named in NAMED_DATASETS.items() if named.load_bundled}
    published = {name: path for name in NAMED_DATASETS if (path := locate(name)) is not None}
    offered |= {name: f"{NAMED_DATASETS[name].description}; in {path}" for name, path in published.items()}
    for path in sorted(DATA_FOLDER.iterdir()) if DATA_FOLDER.is_dir() else []:
        belongs_to_published = path in published.values() or (
            DATA_FOLDER in published.values() and _is_published_file(path)
        )
        if belongs_to_published or path.name.startswith(".") or path.suffix == ".md":
            continue
        try:
            header = peek_source(path)
        except UserError:
            continue
        height, width, channels = header.shape
        color = "gray" if channels == 1 else "color"
        offered[str(path)] = f"{header.count:,} images, {height}×{width} {color}"
    return offered


def _is_published_file(path: Path) -> bool:
    return path.name.startswith(("train-", "t10k-"))


def short_name(name_or_path: str) -> str:
    """Return a name for folders and tables: that of the data set, or the file's without its suffixes.

    MNIST's published files are named after their folder where this is the name of a data set.
    """
    if name_or_path in NAMED_DATASETS:
        return name_or_path
    path = Path(printable(name_or_path))
    stem = path.name.split(".")[0] or path.resolve().name
    if not _is_published_file(path):
        return stem
    folder_name = path.resolve().parent.name
    return folder_name if folder_name in NAMED_DATASETS else stem.split("-idx")[0]


def load_dataset(hp: Hyperparameters) -> Dataset:
    """Read the data set of a run, check it, and split it with `split_images`.

    Args:
        hp: `dataset` is required. `testset`, `labels` and `test_labels` name further files; `split` makes a
            test set where the data set has none and none is given.

    Returns:
        The training, validation and test set.

    Raises:
        UserError: a file is invalid, or numbers of labels and images, or sizes of training and test images,
            differ.
    """
    name = hp.require("dataset")
    source = load_source(name)
    notes = source.notes
    train, test = _attach_labels(source.train, hp.labels, name), None
    if hp.testset:
        test_source = load_source(hp.testset)
        notes += test_source.notes
        test = _attach_labels(test_source.test or test_source.train, hp.test_labels, hp.testset)
    elif source.test:
        test = _attach_labels(source.test, hp.test_labels, name)
    if test is not None:
        require_same_shape(hp.testset or name, train, test)
    if hp.program == "classification" or hp.label_weight:  # other trainings do not use the labels
        _require_class_numbers(train, hp.labels or name)
    if hp.program == "classification":
        _require_class_numbers(test, hp.test_labels or hp.testset or name)
    subsets = split_images(train, test, hp)
    shape = train.images.shape[1:]
    return Dataset(short_name(name), _checksum(train.images), shape, _class_names(train), *subsets, notes)


def require_same_shape(name_or_path: str, train: Images, test: Images) -> None:
    """Raise `UserError` where the training and test images of a data set differ in size or channels."""
    train_shape, test_shape = train.images.shape[1:], test.images.shape[1:]
    if test_shape != train_shape:
        raise UserError(
            f"{name_or_path}: test images are {format_shape(test_shape)}, "
            f"training images {format_shape(train_shape)}"
        )


def _class_names(images: Images) -> tuple[str, ...]:
    """Return the names of the classes; where there are none, their numbers, unless there are too many."""
    if images.classes or images.labels is None or images.labels.max() >= MAX_CLASSES:
        return images.classes
    return tuple(map(str, range(int(images.labels.max()) + 1)))


def _require_class_numbers(images: Images | None, name_or_path: str) -> None:
    if images is None or images.labels is None:
        return
    low, high = int(images.labels.min()), int(images.labels.max())
    if low < 0 or high >= MAX_CLASSES:
        raise UserError(
            f"{name_or_path}: its labels go from {low} to {high}; they are the numbers of classes, "
            f"0 to {MAX_CLASSES - 1}"
        )


def load_source(name_or_path: str) -> Source:
    """Return all images of a data set, downloading a published one that has no files here.

    Args:
        name_or_path: a name of `NAMED_DATASETS`, or the path of a file or folder.

    Raises:
        UserError: there is no such data set, it is invalid, or it could not be downloaded.
    """
    path = locate(name_or_path)
    if path is not None:
        source = read_source(path)
    elif (load_bundled := NAMED_DATASETS[name_or_path].load_bundled) is not None:
        source = Source(load_bundled())
    else:
        source = _download(name_or_path)
    if name_or_path not in NAMED_DATASETS:
        return source
    classes = NAMED_DATASETS[name_or_path].classes
    test = None if source.test is None else _with_classes(source.test, classes)
    return Source(_with_classes(source.train, classes), test, source.notes)


def _with_classes(images: Images, classes: tuple[str, ...]) -> Images:
    return images if images.classes else replace(images, classes=classes)


def _attach_labels(images: Images, labels_path: str | None, name_or_path: str) -> Images:
    if labels_path is None:
        return images
    labels = read_labels(labels_path)
    require_matching_labels(labels_path, len(labels), len(images), name_or_path)
    return replace(images, labels=labels)


def _download(name: str) -> Source:
    import keras

    named = NAMED_DATASETS[name]
    try:
        pairs = getattr(keras.datasets, named.keras_module).load_data()
    except Exception as error:  # Keras passes on any exception of its downloader
        folder = DATA_FOLDER / named.search_folders[0]
        raise UserError(
            f"{name} could not be downloaded ({reason(error)}); put its files into {folder}"
        ) from None
    train, test = (
        Images(images.reshape(-1, *named.header.shape), labels.reshape(-1).astype(np.int64))
        for images, labels in pairs
    )
    return Source(train, test)


def _checksum(images: np.ndarray) -> str:
    """Return the SHA-256 of the pixels: the same whether they were stored as IDX, gzip or NumPy arrays."""
    digest = hashlib.sha256()
    for start in range(0, len(images), CHUNK_SIZE):
        digest.update(np.ascontiguousarray(images[start : start + CHUNK_SIZE]).data)
    return digest.hexdigest()
