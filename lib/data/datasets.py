"""Data sets: names and places, training, validation and test parts, and the checksum that says which images
they were.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lib.common.errors import UserError, printable, reason
from lib.common.formatting import format_shape
from lib.config.hyperparameters import Hyperparameters
from lib.data.formats.base import Header, Images, Source, exists
from lib.data.formats.cifar10 import ARCHIVE, CLASSES, FOLDER, Cifar10Format
from lib.data.formats.idx import IdxFolderFormat
from lib.data.formats.registry import peek_source, read_labels, read_source
from lib.data.splits import Subset, split_images

DATA_FOLDER = Path("data")  # where people put their data sets, seen from where they start the programs
FASHION_CLASSES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)
DIGITS = tuple("0123456789")
MAX_CLASSES = 1000
MIN_IMAGES = 10  # images that can be split into three parts
CHUNK_SIZE = 4096  # images handled at once where a whole set as another copy would be too much


@dataclass(frozen=True)
class NamedDataset:
    """A data set known by name: what it is, its header, its classes, and where Keras would download it from."""

    what: str
    header: Header
    classes: tuple[str, ...]
    keras: str | None = None


NAMED_DATASETS = {
    name: NamedDataset(what, Header(shape, count, test_count, labeled=True), classes, keras)
    for name, what, shape, count, test_count, classes, keras in (
        ("digits", "1,797 digits of scikit-learn, 8×8 enlarged to 28×28", (28, 28, 1), 1797, 0, DIGITS, None),
        (
            "photos",
            "520 patches of scikit-learn's two photographs, 32×32",
            (32, 32, 3),
            520,
            0,
            ("china", "flower"),
            None,
        ),
        ("mnist", "70,000 handwritten digits, 28×28 gray", (28, 28, 1), 60_000, 10_000, DIGITS, "mnist"),
        (
            "fashion-mnist",
            "70,000 pieces of clothing, 28×28 gray",
            (28, 28, 1),
            60_000,
            10_000,
            FASHION_CLASSES,
            "fashion_mnist",
        ),
        (
            "cifar10",
            "60,000 photographs of ten things, 32×32",
            (32, 32, 3),
            50_000,
            10_000,
            CLASSES,
            "cifar10",
        ),
    )
}

# Where the published sets are looked for below data/, the folder of that name first.
SEARCH_FOLDERS = {
    "mnist": ("mnist", "MNIST", "."),
    "fashion-mnist": ("fashion-mnist", "fashion_mnist", "FashionMNIST"),
    "cifar10": ("cifar10", "cifar-10", FOLDER, ARCHIVE),
}


@dataclass(frozen=True)
class Dataset:
    """The three parts of a data set, and what `run.json` says of it."""

    name: str
    sha256: str
    shape: tuple[int, int, int]
    classes: tuple[str, ...]
    train: Subset
    validation: Subset
    test: Subset

    def to_json(self) -> dict:
        sizes = {"train": len(self.train), "validation": len(self.validation), "test": len(self.test)}
        return {
            "name": self.name,
            "sha256": self.sha256,
            "shape": list(self.shape),
            "sizes": sizes,
            "classes": list(self.classes),
        }


def peek(where: str) -> Header:
    """The header of a named data set or of a file or folder; quick. Raises `UserError`."""
    path = locate(where)
    return NAMED_DATASETS[where].header if path is None else peek_source(path)


def require_trainable(where: str) -> None:
    """Refuse what cannot be a training set, as far as its header tells. Raises `UserError`."""
    count = peek(where).count
    if count < MIN_IMAGES:
        raise UserError(
            f"{where}: {count} image{'s are' if count > 1 else ' is'} too few; at least {MIN_IMAGES} are "
            f"needed"
        )


def require_readable(where: str) -> None:
    """Refuse what cannot be a training set after reading all of it: for a path that somebody has just typed."""
    require_trainable(where)
    if (path := locate(where)) is not None:
        read_source(path)


def locate(where: str) -> Path | None:
    """The path of a data set, or `None` for a name whose images lie in no file here.

    A name is always the data set of that name; a folder that happens to be called so is `./mnist`.
    """
    if where in NAMED_DATASETS:
        return next(
            (
                DATA_FOLDER / place
                for place in SEARCH_FOLDERS.get(where, ())
                if _holds_data(DATA_FOLDER / place)
            ),
            None,
        )
    path = Path(where)
    if not exists(path):
        raise UserError(f"{where}: no such file or folder; the names are {', '.join(NAMED_DATASETS)}")
    return path


def _holds_data(path: Path) -> bool:
    return path.is_file() or (
        path.is_dir() and (IdxFolderFormat.recognizes(path) or Cifar10Format.recognizes(path))
    )


def offered_datasets() -> dict[str, str]:
    """What the first question offers: every name that needs no download, then the other data sets that lie in
    data/.
    """
    found = {name: known.what for name, known in NAMED_DATASETS.items() if known.keras is None}
    for name in SEARCH_FOLDERS:
        if (path := locate(name)) is not None:
            found[name] = f"{NAMED_DATASETS[name].what}; in {path}"
    taken = {locate(name) for name in SEARCH_FOLDERS}
    for path in sorted(DATA_FOLDER.iterdir()) if DATA_FOLDER.is_dir() else []:
        if (
            path in taken
            or path.name.startswith(".")
            or path.suffix == ".md"
            or (DATA_FOLDER in taken and _is_published_file(path))
        ):
            continue
        try:
            header = peek_source(path)
        except UserError:
            continue
        height, width, channels = header.shape
        found[str(path)] = f"{header.count:,} images, {height}×{width} {'gray' if channels == 1 else 'color'}"
    return found


def _is_published_file(path: Path) -> bool:
    return path.name.startswith(("train-", "t10k-"))


def short_name(where: str) -> str:
    """A name for folders and tables: that of the set, or the file's without what only says its format."""
    if where in NAMED_DATASETS:
        return where
    path = Path(printable(where))
    stem = path.name.split(".")[0] or path.resolve().name
    if _is_published_file(path):
        return (
            path.resolve().parent.name
            if path.resolve().parent.name in NAMED_DATASETS
            else stem.split("-idx")[0]
        )
    return stem


def load_dataset(hp: Hyperparameters) -> Dataset:
    """Read, check and split what `hp` names. A test set of its own is taken whole, else `hp.split` makes one.

    Raises `UserError` for whatever does not fit together: labels and images in number, training and test
    images in size.
    """
    where = hp.needed("dataset")
    given = load_source(where)
    train, test = _attach_labels(given.train, hp.labels, where), None
    if hp.testset:
        apart = load_source(hp.testset)
        test = _attach_labels(apart.test or apart.train, hp.test_labels, hp.testset)
    elif given.test:
        test = _attach_labels(given.test, hp.test_labels, where)
    if test is not None and test.images.shape[1:] != train.images.shape[1:]:
        raise UserError(
            f"{hp.testset or where}: test images are {format_shape(test.images.shape[1:])}, training images "
            f"{format_shape(train.images.shape[1:])}"
        )
    classes = train.classes or (NAMED_DATASETS[where].classes if where in NAMED_DATASETS else ())
    if not classes and train.labels is not None and train.labels.max() < MAX_CLASSES:
        classes = tuple(map(str, range(int(train.labels.max()) + 1)))
    if hp.program == "classification" or hp.label_weight:  # nothing else learns labels
        _require_classes(train, hp.labels or where)
    if hp.program == "classification":
        _require_classes(test, hp.test_labels or hp.testset or where)
    parts = split_images(train, test, hp)
    return Dataset(short_name(where), _checksum(train.images), train.images.shape[1:], classes, *parts)


def _require_classes(images: Images | None, where: str) -> None:
    if images is None or images.labels is None:
        return
    low, high = int(images.labels.min()), int(images.labels.max())
    if low < 0 or high >= MAX_CLASSES:
        raise UserError(
            f"{where}: its labels go from {low} to {high}; they are the numbers of classes, 0 to "
            f"{MAX_CLASSES - 1}"
        )


def load_source(where: str) -> Source:
    """All images of a name, a file or a folder. Raises `UserError`."""
    path = locate(where)
    if path is not None:
        return read_source(path)
    known = NAMED_DATASETS[where]
    if known.keras is None:
        return Source(_load_digits() if where == "digits" else _load_photos())
    return _download(where, known, known.keras)


def _attach_labels(images: Images, labels: str | None, where: str) -> Images:
    if labels is None:
        return images
    found = read_labels(Path(labels))
    if len(found) != len(images):
        raise UserError(f"{labels}: {len(found):,} labels for the {len(images):,} images of {where}")
    return Images(images.images, found, images.classes)


def _load_digits() -> Images:
    """scikit-learn's 8×8 digits, 0 to 16, brought to MNIST's 28×28 and 0 to 255."""
    from PIL import Image
    from sklearn.datasets import load_digits

    digits = load_digits()
    small = np.round(digits.images * (255 / 16)).astype(np.uint8)
    images = np.stack(
        [np.asarray(Image.fromarray(image).resize((28, 28), Image.Resampling.BICUBIC)) for image in small]
    )
    return Images(images[..., None], digits.target.astype(np.int64), DIGITS)


def _load_photos() -> Images:
    """Patches of scikit-learn's two sample photographs, side by side, so that none shares pixels with
    another.
    """
    from sklearn.datasets import load_sample_images

    images, labels = [], []
    for label, photo in enumerate(load_sample_images().images):
        rows, columns = photo.shape[0] // 32, photo.shape[1] // 32
        patches = (
            photo[: rows * 32, : columns * 32]
            .reshape(rows, 32, columns, 32, 3)
            .swapaxes(1, 2)
            .reshape(-1, 32, 32, 3)
        )
        images.append(patches)
        labels += [label] * len(patches)
    return Images(np.concatenate(images), np.array(labels), NAMED_DATASETS["photos"].classes)


def _download(where: str, known: NamedDataset, module: str) -> Source:
    import keras

    try:
        pairs = getattr(keras.datasets, module).load_data()
    except Exception as error:  # Keras passes on whatever its downloader raises
        place = DATA_FOLDER / SEARCH_FOLDERS[where][0]
        raise UserError(
            f"{where} could not be downloaded ({reason(error)}); put its files into {place}"
        ) from None
    height, width, channels = known.header.shape
    parts = [
        Images(x.reshape(-1, height, width, channels), y.reshape(-1).astype(np.int64), known.classes)
        for x, y in pairs
    ]
    return Source(*parts)


def _checksum(images: np.ndarray) -> str:
    """SHA-256 of the training images as bytes: the same whether they came from IDX, gzip or NumPy."""
    digest = hashlib.sha256()
    for start in range(0, len(images), CHUNK_SIZE):
        digest.update(np.ascontiguousarray(images[start : start + CHUNK_SIZE]).data)
    return digest.hexdigest()
