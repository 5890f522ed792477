"""Data sets known by their names: bundled with scikit-learn, or published as files that Keras downloads."""

import gzip
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lib.common.errors import UserError, reason
from lib.common.filesystem import keras_folder
from lib.data.formats.base import Header, Images, Source
from lib.data.formats.cifar import CIFAR10

DATA_FOLDER = Path("data")  # the users' data sets, in the folder where they start the programs
DIGITS = tuple("0123456789")
FASHION_CLASSES = (
    *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
    *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
)
PHOTO_CLASSES = ("china", "flower")
DAMAGES = (
    EOFError,
    ValueError,
    zlib.error,
    zipfile.BadZipFile,
    gzip.BadGzipFile,
)  # of an incomplete download


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
        cache_files: what Keras keeps of it in the folder `datasets` of its cache.
    """

    description: str
    header: Header
    classes: tuple[str, ...]
    load_bundled: Callable[[], Images] | None = None
    search_folders: tuple[str, ...] = ()
    keras_module: str = ""
    cache_files: tuple[str, ...] = ()

    @property
    def missing_cache_files(self) -> list[Path]:
        """The files that Keras has to download."""
        folder = keras_folder() / "datasets"
        return [path for name in self.cache_files if not (path := folder / name).exists()]

    def equal_shares(self, count: int) -> dict[str, int]:
        """Return about how many of some images each class has."""
        return dict.fromkeys(self.classes, count // len(self.classes))


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
        "scikit-learn's 1,797 digits, enlarged from 8×8 to 28×28",
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
        search_folders=("mnist", "MNIST", "mnist/raw", "MNIST/raw", "."),
        keras_module="mnist",
        cache_files=("mnist.npz",),
    ),
    "fashion-mnist": NamedDataset(
        "70,000 articles of clothing, 28×28 gray",
        Header((28, 28, 1), 60_000, 10_000, labeled=True),
        FASHION_CLASSES,
        search_folders=("fashion-mnist", "fashion_mnist", "FashionMNIST", "FashionMNIST/raw"),
        keras_module="fashion_mnist",
        cache_files=tuple(
            f"fashion-mnist/{name}-ubyte.gz"
            for name in ("train-labels-idx1", "train-images-idx3", "t10k-labels-idx1", "t10k-images-idx3")
        ),
    ),
    "cifar10": NamedDataset(
        "60,000 photographs in ten classes, 32×32",
        Header((32, 32, 3), 50_000, 10_000, labeled=True),
        CIFAR10.classes,
        search_folders=("cifar10", "cifar-10", CIFAR10.folder, CIFAR10.archive),
        keras_module="cifar10",
        cache_files=("cifar-10-batches-py-target",),
    ),
}


def download(name: str) -> Source:
    """Return a published data set, which Keras downloads. Raises `UserError` where it cannot."""
    import keras

    named = NAMED_DATASETS[name]
    try:
        pairs = getattr(keras.datasets, named.keras_module).load_data()
    except DAMAGES as error:
        cache = keras_folder() / "datasets"
        raise UserError(
            f"{name}: its files in {cache} are damaged ({reason(error)}); remove them, so that they are "
            f"downloaded again"
        ) from None
    except Exception as error:  # Keras passes on any exception of its downloader
        folder = DATA_FOLDER / named.search_folders[0]
        raise UserError(
            f"{name} cannot be downloaded ({reason(error)}); put its files into {folder}"
        ) from None
    train, test = (
        Images(images.reshape(-1, *named.header.shape), labels.reshape(-1).astype(np.int64))
        for images, labels in pairs
    )
    return Source(train, test)
