"""What provokes each error about images and labels, by module: (what to do, what is named, what is said)."""

import gzip
import os
import sys
import tarfile
import tempfile
from functools import partial
from pathlib import Path
from unittest import mock

import keras
import numpy as np
from PIL import Image

from lib.config.hyperparameters import HYPERPARAMETERS
from lib.data import dataset_names, datasets, user_images
from lib.data.formats import base, masks, picture_files, picture_lists, pictures, registry
from lib.data.formats.picture_fit import AS_THEY_ARE, PictureFit
from tests.harness import sample_files

FULL, HERE = "No space left on device", tempfile.gettempdir()

IMAGES, LABELS = sample_files.shapes(20)


def held(name: str, content: bytes) -> Path:
    path = Path(name)
    path.write_bytes(content)
    return path


def peeked(name: str, content: bytes):
    registry.peek_source(held(name, content))


def read(name: str, content: bytes):
    registry.read_source(held(name, content))


def array(found: np.ndarray, peek=True):
    np.save("a.npy", found)
    (registry.peek_source if peek else registry.read_source)(Path("a.npy"))


def arrays(peek=False, **found):
    np.savez("a.npz", **found)
    (registry.peek_source if peek else registry.read_source)(Path("a.npz"))


def archive(name: str, announced: int, content: bytes = b""):
    """A tar with one file, whose header announces so many bytes."""
    member = tarfile.TarInfo(name)
    member.size = announced
    padding = bytes(-len(content) % 512)
    read("a.tar", member.tobuf() + content + padding + bytes(1024))


def folder_of(*sizes: tuple[int, ...], fit: PictureFit = AS_THEY_ARE):
    Path("p").mkdir()
    for number, size in enumerate(sizes):
        Image.fromarray(np.zeros(size, np.uint8)).save(f"p/{number}.png")
    registry.read_source(Path("p"), fit)


def many_patches():
    with mock.patch.object(base, "free_memory", return_value=0):
        folder_of((8, 8), fit=PictureFit((8, 8), patches=2))


def unidentified_pictures():
    Path("p").mkdir()
    for number in range(2):
        Path(f"p/{number}.png").write_bytes(b"no picture")
    registry.peek_source(Path("p"))


def some_broken_pictures(broken: int, count: int = 0):
    """A folder of pictures, by default one more than end early."""
    folder_of(*[(8, 8)] * (count or broken + 1))
    for number in range(broken):
        file = Path(f"p/{number}.png")
        file.write_bytes(file.read_bytes()[:45])
    registry.read_source(Path("p"))


def unreadable():
    path = held("a.idx", sample_files.idx(IMAGES))
    with mock.patch.object(Path, "open", side_effect=PermissionError(13, "Permission denied")):
        registry.peek_source(path)


def loaded(images=IMAGES, labels=None, test=None, test_labels=None, program="classification", **values):
    """A data set of these arrays."""
    files = {"dataset": images, "labels": labels, "testset": test, "test_labels": test_labels}
    for name, found in files.items():
        if found is not None:
            np.save(f"{name}.npy", found)
    names = {name: f"{name}.npy" for name, found in files.items() if found is not None}
    return datasets.load_dataset(HYPERPARAMETERS[program](**names, **values))


def paired(bad: list[str], clean: list[str], size=(8, 8)):
    """Pairs of pictures of these names, the clean ones of that size."""
    for folder, names, shape in (("b", bad, (8, 8)), ("clean", clean, size)):
        for name in names:
            file = Path(folder, name)
            file.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(np.zeros(shape, np.uint8)).save(file)
    datasets.load_pairs("b", "clean")


def paired_depths():
    for folder, values in (("b", IMAGES[0]), ("clean", IMAGES[0] * np.uint16(257))):
        Path(folder).mkdir()
        Image.fromarray(values).save(f"{folder}/a.png")
    datasets.load_pairs("b", "clean")


def paired_arrays(bad: np.ndarray, clean: np.ndarray):
    np.save("a.npy", bad)
    np.save("b.npy", clean)
    datasets.load_pairs("a.npy", "b.npy")


def paired_test_sets():
    np.savez("b.npz", x_train=IMAGES, x_test=IMAGES)
    np.save("a.npy", IMAGES)
    datasets.load_pairs("a.npy", "b.npz")


def paired_unlike():
    np.save("a.npy", IMAGES)
    folder_of((8, 8))
    datasets.load_pairs("a.npy", "p")


def other_test_folder():
    Path("t").mkdir()
    Image.fromarray(IMAGES[0, :5]).save("t/a.png")
    np.save("dataset.npy", IMAGES)
    datasets.load_dataset(HYPERPARAMETERS["autoencoder"](dataset="dataset.npy", testset="t"))


def split(count: int, **values):
    loaded(np.zeros((count, 4, 4), np.uint8), program="autoencoder", **values)


def offline(said: str):
    downloaded(OSError(said))


def downloaded(error: Exception):
    with (
        mock.patch.object(keras.datasets.cifar10, "load_data", side_effect=error),
        mock.patch.dict(os.environ, {"KERAS_HOME": "home"}),
    ):
        datasets.load_source("cifar10")


def broken_pictures():
    Path("p").mkdir()
    Path("p/b.png").write_text("no picture")
    list(user_images.UserImages("p", (8, 8, 1)).chunks())


def short_picture():
    Image.fromarray(IMAGES[0]).save("a.png")
    pictures.load_fitted(held("b.png", Path("a.png").read_bytes()[:60]), (12, 10, 1))


def stored(values: np.ndarray):
    """A picture of such values."""
    Image.fromarray(values).save("a.tif")
    pictures.load_fitted(Path("a.tif"), (8, 8, 1))


def without_pillow_heif():
    with mock.patch.dict(sys.modules, pillow_heif=None):
        pictures.load_fitted(held("a.heic", b"\0\0\0\x1cftypheic"), (8, 8, 1))


def crowded():
    Path("p").mkdir()
    held("p/a.png", b"no picture")
    with mock.patch.object(picture_lists, "MAX_ENTRIES", 0):
        picture_lists.list_pictures(Path("p"))


def bulky():
    with mock.patch.object(picture_files, "MAX_FILE_BYTES", 1):
        pictures.load_fitted(held("a.png", b"no picture"), (8, 8, 1))


def empty_training_set():
    for name in ("train", "test"):
        Path("p", name).mkdir(parents=True)
    held("p/train/notes.txt", b"")
    picture_lists.list_pictures(Path("p"))


def announced(side: int):
    """A picture whose header announces a square of that side."""
    with picture_files.quiet_decoding():
        pictures.load_fitted(held("a.pgm", f"P5 {side} {side} 255\n".encode()), (8, 8, 1))


def scarce():
    with base.explain_read_errors(Path("a.npz")):
        raise MemoryError


def full():
    with mock.patch.object(base, "free_memory", return_value=0):
        arrays(images=IMAGES)


def roomless():
    with (
        mock.patch.object(base, "DISK_THRESHOLD_BYTES", 1),
        mock.patch.object(base.shutil, "disk_usage") as disk,
    ):
        disk.return_value.free = 0
        arrays(images=IMAGES)


def scattered():
    with (
        mock.patch.object(base, "DISK_THRESHOLD_BYTES", 1),
        mock.patch.object(base.os, "posix_fallocate", side_effect=OSError(28, FULL)),
    ):
        arrays(images=IMAGES)


def piped() -> Path:
    os.mkfifo("pipe")
    return Path("pipe")


def unlike():
    np.savez("a.npz", x_train=IMAGES, x_test=IMAGES[:, :5])
    user_images.all_images("a.npz", datasets.load_source("a.npz"))


def few(count: int):
    dataset_names.require_trainable(sample_files.write_idx(Path("few.idx"), IMAGES[:count]).name)


CASES = {
    "data/formats/base": [
        (lambda: registry.peek_source(Path("nowhere")), "nowhere", "no such file or folder"),
        (unreadable, "a.idx", "cannot be read (Permission denied)"),
        (
            lambda: read("a.gz", gzip.compress(sample_files.idx(IMAGES))[:-20]),
            "a.gz",
            "cannot be read, it is corrupt or truncated (",
        ),
        (
            lambda: peeked("a.npz", b"PK\3\4nothing"),
            "a.npz",
            "cannot be read, it is corrupt or truncated (File is not a zip file)",
        ),
        (
            lambda: archive("data_batch_1.bin", 3073),
            "a.tar",
            "cannot be read, it is corrupt or truncated (it ends too early)",
        ),
        (
            scarce,
            "a.npz",
            "cannot be read, it is corrupt or truncated (it needs more memory than is available)",
        ),
        (
            lambda: registry.peek_source(piped()),
            "pipe",
            "is a pipe, a socket or a device; use a file or a folder",
        ),
        (full, "a.npz", "needs 0.0 GB of memory, only 0.0 GB are free; use fewer images"),
        (
            roomless,
            "a.npz",
            f" GB unpacked, and {HERE} has only 0.0 GB; set TMPDIR to a folder with more space",
        ),
        (roomless, "a.npz", "or use an uncompressed .idx or .npy of bytes, which is read in place"),
        (
            scattered,
            "a.npz",
            f"cannot be unpacked into the temporary folder ({FULL}); free some space, or choose",
        ),
    ],
    "data/formats/picture_decoding": [
        (partial(some_broken_pictures, 3, 3), "p", "none of the 3 pictures can be read; p/0.png: cannot be"),
        (
            many_patches,
            "p",
            "needs 0.0 GB of memory, only 0.0 GB are free; use fewer images, or fewer --patches",
        ),
    ],
    "data/formats/picture_lists": [
        (folder_of, "p", "no images (.avif .bmp .gif .heic .heif .jfif .jpe .jpeg .jpg .pbm .pgm .png"),
        (
            empty_training_set,
            "p/train",
            "no images (.avif .bmp .gif .heic .heif .jfif .jpe .jpeg .jpg .pbm .pgm .png",
        ),
        (crowded, "p", "more than 0 files and folders; use a smaller folder"),
    ],
    "data/formats/picture_matching": [
        (
            lambda: paired(["a.png"], [f"{letter}.png" for letter in "abcdefgh"]),
            "clean/b.png",
            "7 of 8 names are in one folder only: clean/b.png, clean/c.png, clean/d.png, clean/e.png, "
            "clean/f.png and 2 more; correct or remove them",
        ),
        (lambda: paired(["a.png"], ["b.png"]), "b", "no picture has the name of one in b, such as a.png"),
        (
            lambda: paired(["a.png", "a.jpg"], ["a.png"]),
            "b/a.jpg",
            "and a.png: differ only in the suffix; rename or remove one",
        ),
        (
            lambda: paired(["train/a.png", "test/a.png"], ["a.png"]),
            "b: has a training and a test set",
            "clean has not; give both the same folders",
        ),
    ],
    "data/formats/picture_pairs": [
        (
            lambda: paired(["a.png"], ["a.png"], size=(16, 8)),
            "clean",
            "the pictures are 16×8, those of b are 8×8; bring all to one size, such as --size 16x8",
        ),
        (paired_depths, "b and clean", "one has pictures of 8 bits, the other of more; convert one of them"),
        (lambda: paired_arrays(IMAGES, IMAGES[:9]), "b.npy", "9 images for the 20 of a.npy; pairs are"),
        (
            lambda: paired_arrays(IMAGES, IMAGES[:, :5]),
            "b.npy",
            "the images are 5×10×1 uint8, those of a.npy are 12×10×1 uint8",
        ),
        (lambda: paired_test_sets(), "b.npz: has a test set", "a.npy has none; give both one"),
    ],
    "data/formats/picture_fit": [
        (
            lambda: folder_of((8, 8), fit=PictureFit(patches=2)),
            "p",
            "--patches requires the size of the patches, such as --size 8",
        ),
        (
            lambda: folder_of((8, 8), (8, 9)),
            "p",
            "the pictures have 2 sizes, 8×8 to 8×9; give one for all images, such as --size 8",
        ),
        (
            unidentified_pictures,
            "p",
            "none of the 2 pictures can be read; p/0.png: cannot be read",
        ),
        (
            partial(some_broken_pictures, 2),
            "p",
            "2 of 3 pictures cannot be read: p/0.png, p/1.png; repair or remove them, or skip them with",
        ),
        (
            partial(some_broken_pictures, 7),
            "p",
            "7 of 8 pictures cannot be read: p/0.png, p/1.png, p/2.png, p/3.png, p/4.png and 2 more; repair",
        ),
    ],
    "data/formats/registry": [
        (
            lambda: registry.peek_source(held("a.idx", sample_files.idx(IMAGES)), PictureFit(color="rgb")),
            "a.idx",
            "--size and --color are for folders of pictures",
        ),
        (
            lambda: dataset_names.peek("digits", PictureFit(patches=2)),
            "digits",
            "--patches is for folders of pictures",
        ),
    ],
    "data/formats/masks": [
        (
            lambda: (folder_of((8, 8)), masks.read_masks("p", (8, 8))),
            "p",
            "none of the 1 masks has both missing (white or transparent) and known (black) pixels",
        ),
        (
            lambda: (
                folder_of((8, 8), (8, 8)),
                masks.match_masks("p", [Path("0.jpg"), Path("7.jpg")]),
            ),
            "7.jpg",
            "1 of 2 pictures have no mask of their name",
        ),
    ],
    "data/formats/picture_files": [
        (
            lambda: pictures.load_fitted(held("b.png", b"no picture"), (8, 8, 1)),
            "b.png",
            "cannot be read as an image (cannot identify image file)",
        ),
        (short_picture, "b.png", "cannot be read as an image ("),
        (lambda: announced(10_000), "a.pgm", "more than 89,478,485 pixels, too large for one picture"),
        (lambda: announced(20_000), "a.pgm", "more than 89,478,485 pixels, too large for one picture"),
        (bulky, "a.png", "more than 1 bytes, too large for one picture"),
        (
            without_pillow_heif,
            "a.heic",
            "is a HEIC picture: run pip install pillow-heif, or save it as JPEG",
        ),
    ],
    "data/formats/pictures": [
        (
            lambda: stored(np.full((8, 8), np.nan, np.float32)),
            "a.tif",
            "contains NaN or infinite values; replace them",
        ),
        (
            lambda: stored(np.float32([[-1, 1]])),
            "a.tif",
            "its floating-point values range from -1 to 1; pictures range from 0 to 1, 255",
        ),
        (
            lambda: stored(np.int32([[0, 65_536]])),
            "a.tif",
            "its whole-number values range from 0 to 65536; pictures range from 0 to 255",
        ),
    ],
    "data/dataset_names": [
        (lambda: few(3), "few.idx", "3 images are not enough; the minimum is 10"),
        (lambda: few(1), "few.idx", "1 image is not enough; the minimum is 10"),
        (
            lambda: dataset_names.peek("nowhere"),
            "nowhere",
            "no such file or folder; the named data sets are digits, photos, mnist,",
        ),
    ],
    "data/named_datasets": [
        (
            lambda: offline("URL fetch failure"),
            "cifar10",
            "cannot be downloaded (URL fetch failure); put its files into data/cifar10",
        ),
        (
            lambda: offline("None -- [Errno -3] No name resolution"),
            "cifar10",
            "cannot be downloaded (No name resolution); put its files into data/cifar10",
        ),
        (
            lambda: offline(""),
            "cifar10",
            "cannot be downloaded (no reason given); put its files into data/cifar10",
        ),
        (
            lambda: downloaded(EOFError("Compressed file ended")),
            "cifar10",
            "its files in home/datasets are damaged (Compressed file ended); remove them, so that they are "
            "downloaded again",
        ),
    ],
    "data/datasets": [
        (
            lambda: loaded(test=IMAGES[:, :5]),
            "testset.npy",
            "the test images are 5×10×1, the training images 12×10×1",
        ),
        (
            lambda: loaded(program="autoencoder", show_channels="1,4,2"),
            "show channels 1,4,2",
            "the images of dataset.npy have 1 channel",
        ),
        (
            paired_unlike,
            "a.npy and p",
            "one is a folder of pictures, the other is not; pairs are two folders",
        ),
        (other_test_folder, "t", "the training images 12×10×1; for a folder of pictures, set --size 12x10"),
        (
            lambda: split(60, fold="2/70"),
            "54 images",
            "are too few for 70 folds; use more images or fewer folds",
        ),
        (
            lambda: loaded(split="90/10/0"),
            "split 90/10/0",
            "leaves no test images: pass a test set with -t",
        ),
        (
            lambda: split(20, limit=2),
            "2 images",
            "are too few for split 80/10/10: one part would be empty; use more images or",
        ),
        (
            lambda: split(12, split="98/1/1"),
            "12 images",
            "are too few for split 98/1/1: one part would be empty; use more images or",
        ),
        (lambda: loaded(labels=LABELS[:5]), "labels.npy", "5 labels for the 20 images of dataset.npy"),
    ],
    "data/user_images": [
        (
            lambda: user_images.UserImages("digits", (8, 8, 3)),
            "digits",
            "the images are 28×28×1, the model takes 8×8×3; only pictures in a folder are",
        ),
        (broken_pictures, "p", "none of the 1 pictures can be read; p/b.png: cannot be read as an image"),
        (unlike, "a.npz", "the test images are 5×10×1, the training images 12×10×1"),
        (lambda: user_images.require_user_images(" "), "a folder, a data set or a name", ""),
    ],
}
