"""Data sets: names and places, training, validation and test parts, and the checksum that says which images they were."""

import hashlib
import itertools
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lib import cifar10, readers
from lib.cifar10 import Cifar10
from lib.errors import UserError, printable, reason
from lib.fields import show
from lib.files import Header, Images, Source, by, exists
from lib.hyperparameters import Hyperparameters
from lib.idx import IdxFolder

DATA = Path("data")  # where people put their data sets, seen from where they start the programs
CLOTHES = ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")
DIGITS = tuple("0123456789")
MOST_CLASSES = 1000
FEWEST = 10  # images that can be split into three parts
CHUNK = 4096  # images handled at once where a whole set as another copy would be too much


@dataclass(frozen=True)
class Name:
    """A data set known by name: what it is, its header, its classes, and where Keras would download it from."""

    what: str
    header: Header
    classes: tuple[str, ...]
    keras: str | None = None


NAMES = {
    name: Name(what, Header(shape, count, test_count, labelled=True), classes, keras)
    for name, what, shape, count, test_count, classes, keras in (
        ("digits", "1,797 digits of scikit-learn, 8×8 enlarged to 28×28", (28, 28, 1), 1797, 0, DIGITS, None),
        ("photos", "520 patches of scikit-learn's two photographs, 32×32", (32, 32, 3), 520, 0, ("china", "flower"), None),
        ("mnist", "70,000 handwritten digits, 28×28 grey", (28, 28, 1), 60_000, 10_000, DIGITS, "mnist"),
        ("fashion-mnist", "70,000 pieces of clothing, 28×28 grey", (28, 28, 1), 60_000, 10_000, CLOTHES, "fashion_mnist"),
        ("cifar10", "60,000 photographs of ten things, 32×32", (32, 32, 3), 50_000, 10_000, cifar10.CLASSES, "cifar10"),
    )
}

# Where the published sets are looked for below data/, the folder of that name first.
PLACES = {
    "mnist": ("mnist", "MNIST", "."),
    "fashion-mnist": ("fashion-mnist", "fashion_mnist", "FashionMNIST"),
    "cifar10": ("cifar10", "cifar-10", cifar10.FOLDER, cifar10.ARCHIVE),
}


@dataclass(frozen=True)
class Part:
    """Some of the images of a source: `positions` say which. Nothing is copied until a batch is taken."""

    source: Images
    positions: np.ndarray

    def __len__(self) -> int:
        return len(self.positions)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Of an image: height, width, channels."""
        return self.source.images.shape[1:]

    def take(self, which) -> np.ndarray:
        """Images as uint8, shape (n, height, width, channels), at some places of this part."""
        return self.source.images[self.positions[which]]

    @property
    def labelled(self) -> bool:
        return self.source.labels is not None

    @property
    def labels(self) -> np.ndarray:
        """The number of each image's class, shape (n,), of a part that is `labelled`."""
        if self.source.labels is None:
            raise LookupError("these images have no labels")
        return self.source.labels[self.positions]

    def first(self, count: int) -> "Part":
        return Part(self.source, self.positions[:count])


@dataclass(frozen=True)
class Dataset:
    """The three parts of a data set, and what `run.json` says of it."""

    name: str
    sha256: str
    shape: tuple[int, int, int]
    classes: tuple[str, ...]
    train: Part
    validation: Part
    test: Part

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
    return NAMES[where].header if path is None else readers.peek(path)


def require_trainable(where: str) -> None:
    """Refuse what cannot be a training set, as far as its header tells. Raises `UserError`."""
    count = peek(where).count
    if count < FEWEST:
        raise UserError(f"{where}: {count} image{'s are' if count > 1 else ' is'} too few; at least {FEWEST} are needed")


def require_readable(where: str) -> None:
    """Refuse what cannot be a training set after reading all of it: for a path that somebody has just typed."""
    require_trainable(where)
    if (path := locate(where)) is not None:
        readers.read(path)


def locate(where: str) -> Path | None:
    """The path of a data set, or `None` for a name whose images lie in no file here.

    A name is always the data set of that name; a folder that happens to be called so is `./mnist`.
    """
    if where in NAMES:
        return next((DATA / place for place in PLACES.get(where, ()) if _holds_data(DATA / place)), None)
    path = Path(where)
    if not exists(path):
        raise UserError(f"{where}: no such file or folder; the names are {', '.join(NAMES)}")
    return path


def _holds_data(path: Path) -> bool:
    return path.is_file() or (path.is_dir() and (IdxFolder.recognises(path) or Cifar10.recognises(path)))


def offered() -> dict[str, str]:
    """What the first question offers: every name that needs no download, then the other data sets that lie in data/."""
    found = {name: known.what for name, known in NAMES.items() if known.keras is None}
    for name in PLACES:
        if (path := locate(name)) is not None:
            found[name] = f"{NAMES[name].what}; in {path}"
    taken = {locate(name) for name in PLACES}
    for path in sorted(DATA.iterdir()) if DATA.is_dir() else []:
        if path in taken or path.name.startswith(".") or path.suffix == ".md" or (DATA in taken and _published(path)):
            continue
        try:
            header = readers.peek(path)
        except UserError:
            continue
        height, width, channels = header.shape
        found[str(path)] = f"{header.count:,} images, {height}×{width} {'grey' if channels == 1 else 'colour'}"
    return found


def _published(path: Path) -> bool:
    return path.name.startswith(("train-", "t10k-"))


def short_name(where: str) -> str:
    """A name for folders and tables: that of the set, or the file's without what only says its format."""
    if where in NAMES:
        return where
    path = Path(printable(where))
    stem = path.name.split(".")[0] or path.resolve().name
    if _published(path):
        return path.resolve().parent.name if path.resolve().parent.name in NAMES else stem.split("-idx")[0]
    return stem


def load(hp: Hyperparameters) -> Dataset:
    """Read, check and split what `hp` names. A test set of its own is taken whole, else `hp.split` makes one.

    Raises `UserError` for whatever does not fit together: labels and images in number, training and test images in size.
    """
    where = hp.needed("dataset")
    given = source(where)
    train, test = _labelled(given.train, hp.labels, where), None
    if hp.testset:
        apart = source(hp.testset)
        test = _labelled(apart.test or apart.train, hp.test_labels, hp.testset)
    elif given.test:
        test = _labelled(given.test, hp.test_labels, where)
    if test is not None and test.images.shape[1:] != train.images.shape[1:]:
        raise UserError(
            f"{hp.testset or where}: test images are {by(test.images.shape[1:])}, training images {by(train.images.shape[1:])}"
        )
    classes = train.classes or (NAMES[where].classes if where in NAMES else ())
    if not classes and train.labels is not None and train.labels.max() < MOST_CLASSES:
        classes = tuple(map(str, range(int(train.labels.max()) + 1)))
    if hp.program == "classification" or hp.label_weight:  # nothing else learns labels
        _require_classes(train, hp.labels or where)
    if hp.program == "classification":
        _require_classes(test, hp.test_labels or hp.testset or where)
    parts = split(train, test, hp)
    return Dataset(short_name(where), _checksum(train.images), train.images.shape[1:], classes, *parts)


def _require_classes(images: Images | None, where: str) -> None:
    if images is None or images.labels is None:
        return
    low, high = int(images.labels.min()), int(images.labels.max())
    if low < 0 or high >= MOST_CLASSES:
        raise UserError(f"{where}: its labels go from {low} to {high}; they are the numbers of classes, 0 to {MOST_CLASSES - 1}")


def split(train: Images, test: Images | None, hp: Hyperparameters) -> tuple[Part, Part, Part]:
    """Training, validation and test parts, drawn with `hp.seed`; each class keeps its share where there are labels.

    With `hp.fold` the validation part is one of equal parts, as in cross-validation; without it and without a share for it,
    it is empty.
    """
    share_train, share_validation, share_test = hp.split
    positions = np.arange(len(train))
    count = min(hp.limit or len(train), len(train))
    if hp.program == "classification":
        count = max(1, round(count * hp.labels_fraction))
    if count < len(train):
        positions, _ = _divide(positions, train.labels, count, hp.seed)
    if test is None:
        if not share_test:
            raise UserError(f"split {share_train}/{share_validation}/0 leaves no test images, and there is no test set: give -t")
        positions, held_out = _divide(positions, train.labels, _share(positions, 100 - share_test, hp), hp.seed)
        tested = Part(train, np.sort(held_out))
    else:
        tested = Part(test, np.arange(len(test)))
    learned, validated = positions, positions[:0]
    if hp.fold:
        learned, validated = _folded(positions, train.labels, *hp.fold, hp.seed)
    elif share_validation:
        share = 100 * share_train / (share_train + share_validation)
        learned, validated = _divide(positions, train.labels, _share(positions, share, hp), hp.seed)
    return Part(train, np.sort(learned)), Part(train, np.sort(validated)), tested


def _share(positions: np.ndarray, percent: float, hp: Hyperparameters) -> int:
    count = round(len(positions) * percent / 100)
    if not 0 < count < len(positions):
        raise UserError(
            f"{len(positions)} images are too few to split {show('split', hp.split)}: a part would stay empty; "
            "use more of them, or another --split"
        )
    return count


def _divide(positions: np.ndarray, labels: np.ndarray | None, count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    from sklearn.model_selection import train_test_split  # only the worker gets here; the programs start without it

    strata = None
    if labels is not None:
        strata = labels[positions]
        rarest = np.unique(strata, return_counts=True)[1]
        if rarest.min() < 2 or len(rarest) > min(count, len(positions) - count):
            strata = None  # too few of a class to give each part one
    return train_test_split(positions, train_size=count, random_state=seed, stratify=strata)


def _folded(positions: np.ndarray, labels: np.ndarray | None, number: int, of: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """All but one of so many equal parts, and that one, counted from 1."""
    from sklearn.model_selection import KFold, StratifiedKFold

    if len(positions) < of:
        raise UserError(f"{len(positions)} images cannot make {of} folds; use more of them, or fewer folds")
    strata = None if labels is None else labels[positions]
    if strata is not None and np.unique(strata, return_counts=True)[1].min() < of:
        strata = None  # too few of a class to give each part one
    splitter = KFold if strata is None else StratifiedKFold
    folds = splitter(of, shuffle=True, random_state=seed).split(positions, strata)
    learned, validated = next(itertools.islice(folds, number - 1, None))
    return positions[learned], positions[validated]


def source(where: str) -> Source:
    """All images of a name, a file or a folder. Raises `UserError`."""
    path = locate(where)
    if path is not None:
        return readers.read(path)
    known = NAMES[where]
    if known.keras is None:
        return Source(_digits() if where == "digits" else _photos())
    return _downloaded(where, known, known.keras)


def _labelled(images: Images, labels: str | None, where: str) -> Images:
    if labels is None:
        return images
    found = readers.read_labels(Path(labels))
    if len(found) != len(images):
        raise UserError(f"{labels}: {len(found):,} labels for the {len(images):,} images of {where}")
    return Images(images.images, found, images.classes)


def _digits() -> Images:
    """scikit-learn's 8×8 digits, 0 to 16, brought to MNIST's 28×28 and 0 to 255."""
    from PIL import Image
    from sklearn.datasets import load_digits

    digits = load_digits()
    small = np.round(digits.images * (255 / 16)).astype(np.uint8)
    images = np.stack([np.asarray(Image.fromarray(image).resize((28, 28), Image.Resampling.BICUBIC)) for image in small])
    return Images(images[..., None], digits.target.astype(np.int64), DIGITS)


def _photos() -> Images:
    """Patches of scikit-learn's two sample photographs, side by side, so that none shares pixels with another."""
    from sklearn.datasets import load_sample_images

    images, labels = [], []
    for label, photo in enumerate(load_sample_images().images):
        rows, columns = photo.shape[0] // 32, photo.shape[1] // 32
        patches = photo[: rows * 32, : columns * 32].reshape(rows, 32, columns, 32, 3).swapaxes(1, 2).reshape(-1, 32, 32, 3)
        images.append(patches)
        labels += [label] * len(patches)
    return Images(np.concatenate(images), np.array(labels), NAMES["photos"].classes)


def _downloaded(where: str, known: Name, module: str) -> Source:
    import keras

    try:
        pairs = getattr(keras.datasets, module).load_data()
    except Exception as error:  # Keras passes on whatever its downloader raises
        place = DATA / PLACES[where][0]
        raise UserError(f"{where} could not be downloaded ({reason(error)}); put its files into {place}") from None
    height, width, channels = known.header.shape
    parts = [Images(x.reshape(-1, height, width, channels), y.reshape(-1).astype(np.int64), known.classes) for x, y in pairs]
    return Source(*parts)


def _checksum(images: np.ndarray) -> str:
    """SHA-256 of the training images as bytes: the same whether they came from IDX, gzip or NumPy."""
    digest = hashlib.sha256()
    for start in range(0, len(images), CHUNK):
        digest.update(np.ascontiguousarray(images[start : start + CHUNK]).data)
    return digest.hexdigest()
