"""What provokes each error about images and labels, by module: (what to do, what is named, what is said)."""

import gzip
import os
import struct
import tarfile
import tempfile
import zipfile
from pathlib import Path
from unittest import mock

import keras
import numpy as np
from PIL import Image

from lib.config.hyperparameters import Hyperparameters
from lib.data import datasets, user_images
from lib.data.formats import base, image_folder, registry
from tests.harness import sample_files

FULL, HERE = "No space left on device", tempfile.gettempdir()

HUGE = struct.pack(">IIII", 0x803, 10**6, 28, 28)
IMAGES, LABELS = sample_files.shapes(20)
RECORD = bytes(3073)


def held(name: str, content: bytes) -> Path:
    path = Path(name)
    path.write_bytes(content)
    return path


def peeked(name: str, content: bytes):
    registry.peek_source(held(name, content))


def read(name: str, content: bytes):
    registry.read_source(held(name, content))


def labeled(name: str, content: bytes):
    registry.read_labels(held(name, content))


def array(found: np.ndarray, peek=True):
    np.save("a.npy", found)
    (registry.peek_source if peek else registry.read_source)(Path("a.npy"))


def arrays(peek=False, **found):
    np.savez("a.npz", **found)
    (registry.peek_source if peek else registry.read_source)(Path("a.npz"))


def boasting():
    """An .npz whose header announces a terabyte."""
    with zipfile.ZipFile("a.npz", "w") as file, file.open("images.npy", "w") as entry:
        np.lib.format.write_array_header_1_0(
            entry, {"descr": "|u1", "fortran_order": False, "shape": (10**6, 1000, 1000)}
        )
    registry.peek_source(Path("a.npz"))


def textual():
    """An .npz without a single array."""
    with zipfile.ZipFile("a.npz", "w") as file:
        file.writestr("x.txt", "x")
    registry.peek_source(Path("a.npz"))


def label_array(found: np.ndarray):
    np.save("l.npy", found)
    registry.read_labels(Path("l.npy"))


def archive(name: str, announced: int, content: bytes = b""):
    """A tar with one file, whose header announces so many bytes."""
    member = tarfile.TarInfo(name)
    member.size = announced
    padding = bytes(-len(content) % 512)
    read("a.tar", member.tobuf() + content + padding + bytes(1024))


def pictures(*sizes: tuple[int, ...]):
    Path("p").mkdir()
    for number, size in enumerate(sizes):
        Image.fromarray(np.zeros(size, np.uint8)).save(f"p/{number}.png")
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
    return datasets.load_dataset(Hyperparameters(program=program, **names, **values))


def split(count: int, **values):
    loaded(np.zeros((count, 4, 4), np.uint8), program="autoencoder", **values)


def offline(said: str):
    with mock.patch.object(keras.datasets.cifar10, "load_data", side_effect=OSError(said)):
        datasets.load_source("cifar10")


def broken_pictures():
    Path("p").mkdir()
    Path("p/b.png").write_text("no picture")
    list(user_images.UserImages("p", (8, 8, 1)).chunks())


def short_picture():
    Image.fromarray(IMAGES[0]).save("a.png")
    image_folder.load_fitted(held("b.png", Path("a.png").read_bytes()[:60]), (12, 10, 1))


def announced(side: int):
    """A picture whose header announces a square of that side."""
    Path("p").mkdir()
    registry.peek_source(held("p/a.pgm", f"P5 {side} {side} 255\n".encode()).parent)


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


def mismatched():
    """MNIST's folder with labels for some of its images."""
    Path("mnist").mkdir()
    held("mnist/train-images-idx3-ubyte", sample_files.idx(IMAGES))
    held("mnist/train-labels-idx1-ubyte", sample_files.idx(LABELS[:5]))
    registry.read_source(Path("mnist"))


def headed(header: str):
    """An .npy with that header."""
    read("a.npy", b"\x93NUMPY\1\0" + struct.pack("<H", len(header)) + header.encode())


def overlong():
    """An .npz with more numbers than its header announces."""
    np.save("a.npy", IMAGES)
    with zipfile.ZipFile("a.npz", "w") as file:
        file.writestr("images.npy", Path("a.npy").read_bytes() + b"more")
    registry.read_source(Path("a.npz"))


def cut():
    np.save("a.npy", IMAGES)
    read("a.npy", Path("a.npy").read_bytes()[:-1])


def unlike():
    np.savez("a.npz", x_train=IMAGES, x_test=IMAGES[:, :5])
    user_images.all_images("a.npz", datasets.load_source("a.npz"))


def few(count: int):
    datasets.require_trainable(sample_files.write_idx(Path("few.idx"), IMAGES[:count]).name)


CASES = {
    "data/formats/base": [
        (lambda: registry.peek_source(Path("nowhere")), "nowhere", "no such file or folder"),
        (unreadable, "a.idx", "cannot be read (Permission denied)"),
        (
            lambda: read("a.gz", gzip.compress(sample_files.idx(IMAGES))[:-20]),
            "a.gz",
            "cannot be read: broken or truncated (",
        ),
        (
            lambda: peeked("a.npz", b"PK\3\4nothing"),
            "a.npz",
            "cannot be read: broken or truncated (File is not a zip file)",
        ),
        (
            lambda: archive("data_batch_1.bin", 3073),
            "a.tar",
            "cannot be read: broken or truncated (it ends too early)",
        ),
        (scarce, "a.npz", "cannot be read: broken or truncated (it asks for too much memory)"),
        (
            lambda: registry.peek_source(piped()),
            "pipe",
            "is a pipe, a socket or a device; give a file or a folder",
        ),
        (full, "a.npz", "holds 0.0 GB, and at most 0.0 GB of memory are free; use fewer images"),
        (
            roomless,
            "a.npz",
            f" GB unpacked, and {HERE} has room for 0.0 GB; set TMPDIR to a folder with more, or ",
        ),
        (roomless, "a.npz", "give an .idx or .npy of bytes that is not compressed: it is read where it lies"),
        (
            scattered,
            "a.npz",
            f"there is no room to unpack it into ({FULL}); set TMPDIR to a folder with more",
        ),
    ],
    "data/formats/idx": [
        (lambda: labeled("l.idx", b"\0\0"), "l.idx", "is truncated: 2 bytes hold no IDX header"),
        (
            lambda: peeked("l.idx", sample_files.idx(LABELS)),
            "l.idx",
            "images (2051): it holds labels (give it with -dl or -tl)",
        ),
        (
            lambda: labeled("a.idx", sample_files.idx(IMAGES)),
            "a.idx",
            "magic number 2051 is not that of an IDX file of labels (2049)",
        ),
        (lambda: labeled("a.idx", sample_files.idx(IMAGES)), "a.idx", "it holds images"),
        (lambda: peeked("a.idx", b"\0\0\x0d\3" + bytes(12)), "3331", "it is no IDX file of unsigned bytes"),
        (lambda: peeked("a.idx", HUGE[:9]), "a.idx", "is truncated: its header ends after 9 bytes"),
        (
            lambda: peeked("a.idx", struct.pack(">IIII", 0x803, 0, 28, 28)),
            "a.idx",
            "announces no images at all: sizes 0×28×28",
        ),
        (
            lambda: peeked("a.gz", gzip.compress(HUGE)),
            "a.gz",
            "announces 1,000,000×28×28 bytes, more than a gzip file of",
        ),
        (
            lambda: peeked("a.idx", sample_files.idx(IMAGES)[:-1]),
            "a.idx",
            "is truncated: 2,415 bytes, where its header announces",
        ),
        (
            lambda: peeked("a.idx", sample_files.idx(IMAGES) + b"\0"),
            "a.idx",
            "is too long: more bytes, where its header announces 20×12",
        ),
        (
            lambda: read("a.gz", gzip.compress(sample_files.idx(IMAGES)[:-1])),
            "a.gz",
            "is truncated: 2,415 bytes",
        ),
        (
            lambda: read("a.gz", gzip.compress(sample_files.idx(IMAGES) + b"\0")),
            "a.gz",
            "is too long: more bytes",
        ),
        (
            lambda: peeked("a.idx", struct.pack(">5I", 0x804, 5, 8, 8, 4) + bytes(1280)),
            "a.idx",
            "its header announces 5×8×8×4; images have 1 channel (gray) or 3 (color), not 4",
        ),
        (
            mismatched,
            "mnist/train-labels-idx1-ubyte",
            "5 labels for the 20 images of train-images-idx3-ubyte",
        ),
    ],
    "data/formats/cifar10": [
        (
            lambda: peeked("a.bin", RECORD[1:]),
            "a.bin",
            "3,072 bytes are not whole CIFAR-10 records of 3,073 bytes",
        ),
        (
            lambda: archive("data_batch_1.bin", 3, b"abc"),
            "a.tar: data_batch_1.bin",
            "is truncated or over-long, or no batch",
        ),
        (
            lambda: archive("data_batch_1.bin", 10**8),
            "a.tar",
            "data_batch_1.bin announces 100,000,000 bytes, more than the",
        ),
        (
            lambda: archive("readme.txt", 3, b"abc"),
            "a.tar",
            "holds no CIFAR-10 batch (data_batch_1.bin …, test_batch.bin)",
        ),
        (lambda: read("a.bin", b"\x0c" + RECORD[1:]), "label 12", "is not one of CIFAR-10's ten"),
    ],
    "data/formats/numpy_files": [
        (
            lambda: arrays(one=IMAGES, two=IMAGES),
            "a.npz",
            "none of its arrays (one, two) is called x_train or images",
        ),
        (
            lambda: arrays(**dict.fromkeys("abcdefghijkl", IMAGES)),
            "a.npz",
            "(a, b, c, d, e, f, g, h, i, j …) is called x_train",
        ),
        (textual, "a.npz", "none of its arrays (there are none) is called"),
        (boasting, "a.npz", "images announces 1,000,000,000,000 bytes, more than the file can hold"),
        (
            lambda: arrays(images=IMAGES, labels=LABELS / 2),
            "a.npz",
            "its labels must be whole numbers, not float64",
        ),
        (lambda: arrays(images=IMAGES, labels=LABELS[:5]), "a.npz", "5 labels for 20 images"),
        (
            lambda: arrays(peek=True, images=IMAGES[0]),
            "a.npz: images",
            "has shape 12×10; images are (n, height, width), or",
        ),
        (lambda: array(np.zeros((2, 8, 8, 4), np.uint8)), "a.npy: it", "has shape 2×8×8×4; images are"),
        (
            lambda: array(IMAGES.astype(np.int64)),
            "a.npy: it",
            "is int64; images are uint8 from 0 to 255, or floating point",
        ),
        (
            lambda: array(IMAGES / 2, peek=False),
            "a.npy: it",
            "goes from 0 to 110; floating-point images go from 0 to 1: divide",
        ),
        (
            lambda: array(IMAGES * np.nan, peek=False),
            "a.npy: it",
            "holds NaN or infinity, which no pixel can be; replace them",
        ),
        (lambda: array(np.full((3, 4, 4), np.inf), peek=False), "a.npy: it", "holds NaN or infinity"),
        (lambda: read("a.npy", b"\x93NUMPY"), "a.npy: it", "does not begin as an array of NumPy's does"),
        (
            lambda: headed("{'descr': '|O', 'fortran_order': False, 'shape': 3}"),
            "a.npy: it",
            "is no plain array of numbers; its",
        ),
        (
            lambda: headed("{'descr': '<f3', 'fortran_order': False, 'shape': (3,)}"),
            "a.npy",
            "is <f3, which is no type of",
        ),
        (
            lambda: arrays(images=IMAGES, labels=LABELS > 0),
            "a.npz: labels",
            "is bool; images and labels are whole numbers or",
        ),
        (overlong, "a.npz: images", "is truncated or too long: its header announces 20×12×10 of uint8"),
        (cut, "a.npy", "is truncated: 2,527 bytes, where its header announces 20×12×10 of uint8"),
        (
            lambda: label_array(LABELS / 2),
            "l.npy",
            "labels are whole numbers in one dimension, not float64 of shape 20",
        ),
        (lambda: label_array(LABELS[:, None]), "l.npy", "not uint8 of shape 20×1"),
    ],
    "data/formats/image_folder": [
        (
            lambda: pictures((8, 8), (8, 9)),
            "1.png",
            "is 8×9×1, while 0.png is 8×8×1; the images of a data set have one size",
        ),
        (pictures, "p", "holds no images (.bmp .gif .jpeg .jpg"),
        (
            lambda: image_folder.load_fitted(held("b.png", b"no picture"), (8, 8, 1)),
            "b.png",
            "cannot be read as an image (",
        ),
        (short_picture, "b.png", "cannot be read as an image ("),
        (lambda: announced(10_000), "p/a.pgm", "has more than 89,478,485 pixels, too many for one picture"),
        (lambda: announced(20_000), "p/a.pgm", "has more than 89,478,485 pixels, too many for one picture"),
    ],
    "data/formats/registry": [
        (
            lambda: peeked("notes.txt", b"abcd"),
            "notes.txt",
            "is no data set that can be read: use IDX, .npz, .npy, CIFAR-10's",
        ),
    ],
    "data/datasets": [
        (lambda: few(3), "few.idx", "3 images are too few; at least 10 are needed"),
        (lambda: few(1), "few.idx", "1 image is too few; at least 10 are needed"),
        (
            lambda: datasets.peek("nowhere"),
            "nowhere",
            "no such file or folder; the names are digits, photos, mnist",
        ),
        (
            lambda: loaded(test=IMAGES[:, :5]),
            "testset.npy",
            "test images are 5×10×1, training images 12×10×1",
        ),
        (
            lambda: loaded(labels=LABELS.astype(int) - 5),
            "labels.npy",
            "its labels go from -5 to -3; they are the numbers",
        ),
        (
            lambda: loaded(labels=LABELS * np.int64(500)),
            "labels.npy",
            "its labels go from 0 to 1000; they are the numbers",
        ),
        (
            lambda: split(60, fold="2/70"),
            "54 images",
            "cannot make 70 folds; use more of them, or fewer folds",
        ),
        (
            lambda: loaded(split="90/10/0"),
            "split 90/10/0",
            "leaves no test images, and there is no test set: give -t",
        ),
        (
            lambda: split(20, limit=2),
            "2 images",
            "are too few to split 80/10/10: a part would stay empty; use more of them, or",
        ),
        (lambda: split(12, split="98/1/1"), "12 images", "are too few to split 98/1/1"),
        (lambda: loaded(labels=LABELS[:5]), "labels.npy", "5 labels for the 20 images of dataset.npy"),
        (
            lambda: offline("URL fetch failure"),
            "cifar10",
            "could not be downloaded (URL fetch failure); put its files into data",
        ),
        (
            lambda: offline("None -- [Errno -3] No name resolution"),
            "cifar10",
            "could not be downloaded (No name resolution)",
        ),
        (lambda: offline(""), "cifar10", "could not be downloaded (no reason given)"),
    ],
    "data/user_images": [
        (
            lambda: user_images.UserImages("digits", (8, 8, 3)),
            "digits",
            "its images are 28×28×1, the model takes 8×8×3; only a folder of",
        ),
        (broken_pictures, "p", "none of its 1 pictures can be read; p/b.png: cannot be read as an image"),
        (unlike, "a.npz", "test images are 5×10×1, training images 12×10×1"),
        (lambda: user_images.require_user_images(" "), "a folder, a data set or a name", "is needed"),
    ],
}
