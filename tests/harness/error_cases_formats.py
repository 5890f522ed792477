"""What provokes each error of the file formats and of labels: (what to do, what is named, what is said)."""

import gzip
import struct
import tarfile
import zipfile
from pathlib import Path
from unittest import mock

import numpy as np
import scipy.io

from lib.config.hyperparameters import ClassifierHyperparameters
from lib.data import datasets
from lib.data.formats import label_tables, matlab_files, numpy_files, registry, stl10
from tests.harness import sample_files
from tests.harness.error_cases_data import IMAGES, LABELS, archive, array, arrays, held, loaded, peeked, read

HUGE = struct.pack(">IIII", 0x803, 10**6, 28, 28)
RECORD = bytes(3073)
MAT_START = b"MATLAB 5.0 MAT-file".ljust(124) + b"\0\1IM"


def labeled(name: str, content: bytes):
    registry.read_labels(held(name, content))


def label_array(found: np.ndarray):
    np.save("l.npy", found)
    registry.read_labels(Path("l.npy"))


def boasting():
    """An .npz whose header announces a terabyte."""
    with zipfile.ZipFile("a.npz", "w") as file, file.open("images.npy", "w") as entry:
        np.lib.format.write_array_header_1_0(
            entry, {"descr": "|u1", "fortran_order": False, "shape": (10**6, 1000, 1000)}
        )
    registry.peek_source(Path("a.npz"))


def textual_archive():
    """An .npz without a single array."""
    with zipfile.ZipFile("a.npz", "w") as file:
        file.writestr("x.txt", "x")


def textual():
    textual_archive()
    registry.peek_source(Path("a.npz"))


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


def folder(**files: bytes):
    """A folder of files, whose names are written with __ for - and _dot_ for a point."""
    Path("d").mkdir()
    for name, content in files.items():
        path = Path("d", name.replace("__", "-").replace("_dot_", "."))
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
    registry.read_source(Path("d"))


def several_folders():
    for name in ("one", "two"):
        Path("d", name).mkdir(parents=True)
        held(f"d/{name}/train-images-idx3-ubyte", sample_files.idx(IMAGES))
    registry.peek_source(Path("d"))


def mat(labels: bool = False, **found):
    scipy.io.savemat("a.mat", found)
    (registry.read_labels if labels else registry.read_source)(Path("a.mat"))


def misfit_mat():
    """A MATLAB file whose array is shorter than its dimensions say."""
    scipy.io.savemat("a.mat", {"x": IMAGES, "y": LABELS})
    content = Path("a.mat").read_bytes()
    shape = struct.pack("<3i", *IMAGES.shape)
    read("a.mat", content.replace(shape, struct.pack("<3i", 20, 12, 11)))


def foreign_labels():
    """Labels from 0 on beside images like those of STL-10, whose labels begin with 1."""
    path = Path("train.mat")
    scipy.io.savemat(path, {"X": np.zeros((20, 27_648), np.uint8), "y": LABELS})
    arrays, orders, _, _ = matlab_files._find_arrays(path)
    matlab_files._label_reader(path, arrays["y"], orders["X"])()


def unlike_mats():
    Path("d").mkdir()
    for number, side in enumerate((32, 16)):
        scipy.io.savemat(f"d/train_{number}.mat", {"x": np.zeros((side, side, 3, 5), np.uint8)})
    registry.read_source(Path("d"))


def stl_archive(name: str):
    with tarfile.open("a.tar", "w") as file:
        file.add(held(name, bytes(27_648)))
    registry.read_source(Path("a.tar"))


def large_table():
    with mock.patch.object(label_tables, "MAX_BYTES", 10):
        labeled("l.txt", b"1\n" * 9)


def member_of_another_type():
    """Images of texts, where their header was not looked at before."""
    np.savez("a.npz", images=IMAGES.astype(complex))
    with zipfile.ZipFile("a.npz") as file:
        numpy_files._read_member(Path("a.npz"), file, "images")


def without_labels():
    np.savez("a.npz", images=IMAGES, labels=LABELS / 2)
    datasets.load_dataset(ClassifierHyperparameters(dataset="a.npz"))


def foreign_class():
    names = np.array([*"abc"])
    loaded(labels=names[LABELS % 2], test=IMAGES, test_labels=names[LABELS])


CASES = {
    "data/formats/idx": [
        (
            lambda: labeled("l.idx", b"\0\0\x08"),
            "l.idx",
            "is truncated: 3 bytes are too short for an IDX header",
        ),
        (
            lambda: peeked("l.idx", sample_files.idx(LABELS)),
            "l.idx",
            "contains 20 numbers, not images; pass labels with -dl or -tl",
        ),
        (
            lambda: labeled("a.idx", sample_files.idx(IMAGES)),
            "a.idx",
            "contains images, 20×12×10, not labels",
        ),
        (
            lambda: peeked("a.idx", b"\0\0\x0d\7" + bytes(12)),
            "a.idx",
            "is not an IDX file of images: it begins with the bytes 00 00 0d 07",
        ),
        (
            lambda: labeled("a.idx", b"\0\0\x08\0"),
            "a.idx",
            "is not an IDX file of labels: it begins with the bytes 00 00 08 00",
        ),
        (lambda: peeked("a.idx", HUGE[:9]), "a.idx", "is truncated: its header ends after 9 bytes"),
        (
            lambda: peeked("a.idx", struct.pack(">IIII", 0x803, 0, 28, 28)),
            "a.idx",
            "its header declares no images: sizes 0×28×28",
        ),
        (
            lambda: labeled("a.idx", struct.pack(">II", 0x801, 0)),
            "a.idx",
            "its header declares no labels: sizes 0",
        ),
        (
            lambda: peeked("a.gz", gzip.compress(HUGE)),
            "a.gz",
            "is truncated: its header declares 1,000,000×28×28 of uint8, more than a gzip",
        ),
        (
            lambda: peeked("a.idx", sample_files.idx(IMAGES)[:-1]),
            "a.idx",
            "is truncated: 2,415 bytes, but its header declares 20×12×10 (2,416 bytes with",
        ),
        (
            lambda: peeked("a.idx", sample_files.idx(IMAGES) + b"\0"),
            "a.idx",
            "is too long: there are more bytes, but its header declares 20×12×10 (2,416",
        ),
        (
            lambda: read("a.gz", gzip.compress(sample_files.idx(IMAGES)[:-1])),
            "a.gz",
            "is truncated: 2,415 bytes",
        ),
        (
            lambda: read("a.gz", gzip.compress(sample_files.idx(IMAGES) + b"\0")),
            "a.gz",
            "is too long: there are more bytes",
        ),
    ],
    "data/formats/idx_folder": [
        (several_folders, "d", "contains several data sets (one, two); use a folder with one of them"),
        (
            lambda: folder(
                one__train__images_dot_gz=gzip.compress(b""), two__train__images_dot_gz=gzip.compress(b"")
            ),
            "d",
            "contains files of several data sets (one, two); move those of one into a",
        ),
    ],
    "data/formats/cifar": [
        (
            lambda: peeked("data_batch_1.bin", RECORD[1:]),
            "data_batch_1.bin",
            "3,072 bytes are not a whole number of CIFAR-10 records of 3,073 bytes; the",
        ),
        (
            lambda: archive("data_batch_1.bin", 3, b"abc"),
            "a.tar: data_batch_1.bin",
            "3 bytes are not a whole number of CIFAR-10 records of 3,073 bytes; the file",
        ),
        (
            lambda: read("a.bin", b"\x0c" + RECORD[1:]),
            "label 12",
            "is outside the 10 classes of CIFAR-10; the file is not a CIFAR-10 batch",
        ),
        (
            lambda: peeked("data_batch_1", b"\x80\x04."),
            "data_batch_1",
            "is the Python version of CIFAR; its files are pickles, and loading a pickle can run any",
        ),
        (
            lambda: archive("batches.meta", 3, b"abc"),
            "a.tar",
            "is the Python version of CIFAR; its files are pickles, and loading a pickle",
        ),
    ],
    "data/formats/archives": [
        (
            lambda: archive("data_batch_1.bin", 3073 * 10**6),
            "a.tar",
            "data_batch_1.bin declares 3,073,000,000 bytes, more than the archive can",
        ),
    ],
    "data/formats/stl10": [
        (
            lambda: peeked("train_X.bin", bytes(27_647)),
            "train_X.bin",
            "27,647 bytes are not a whole number of STL-10 images of 27,648 bytes; the",
        ),
        (lambda: stl_archive("test_X.bin"), "a.tar", "contains no train_X.bin"),
        (
            lambda: stl10._decode_labels(Path("s"), "train_X.bin", LABELS + 9),
            "s",
            "the labels of train_X.bin are not in 1 to 10, as in STL-10",
        ),
    ],
    "data/formats/array_roles": [
        (
            lambda: arrays(one=IMAGES, two=IMAGES),
            "a.npz",
            "none of its arrays (one, two) is named x_train or images; save the images",
        ),
        (
            lambda: arrays(**dict.fromkeys("abcdefghijkl", IMAGES)),
            "a.npz",
            "none of its arrays (a, b, c, d, e, f, g, h, i, j …) is named x_train or",
        ),
        (textual, "a.npz", "none of its arrays (there are none) is named x_train or images; save the"),
        (
            lambda: (np.savez("l.npz", a=LABELS, b=LABELS), registry.read_labels("l.npz")),
            "l.npz",
            "none of its arrays (a, b) is named labels or y; save the labels under the",
        ),
        (
            lambda: (textual_archive(), registry.read_labels("a.npz")),
            "a.npz",
            "none of its arrays (there are none) is named labels or y; save the labels",
        ),
    ],
    "data/formats/npy_arrays": [
        (boasting, "a.npz", "images declares 1,000,000,000,000 bytes, more than the file can hold"),
        (lambda: read("a.npy", b"\x93NUMPY"), "a.npy: it", "does not begin with a NumPy header"),
        (
            lambda: headed("{'descr': '|O', 'fortran_order': False, 'shape': 3}"),
            "a.npy: it",
            "is not a plain array of numbers; its header is {'descr': '|O',",
        ),
        (
            lambda: headed("{'descr': '<f3', 'fortran_order': False, 'shape': (3,)}"),
            "a.npy",
            "it is <f3, which is not a numeric type",
        ),
        (
            lambda: label_array(np.array([2**31 - 1], np.uint32).view("U1")),
            "l.npy: it",
            "is not text: it contains invalid characters",
        ),
        (overlong, "a.npz: images", "is truncated or too long: its header declares 20×12×10 of uint8"),
    ],
    "data/formats/numpy_files": [
        (cut, "a.npy", "is truncated: 2,527 bytes, but its header declares 20×12×10 of uint8"),
        (
            lambda: label_array(LABELS * 1j),
            "l.npy",
            "is complex128 of shape 20; images and labels must be integers or",
        ),
        (
            member_of_another_type,
            "a.npz: images",
            "is complex128; images and labels must be integers or floating point",
        ),
    ],
    "data/formats/array_layouts": [
        (
            lambda: arrays(peek=True, images=IMAGES[0, 0]),
            "a.npz: images",
            "has shape 10; images are (n, height, width), or (n, height, width, 1 to 16 channels)",
        ),
        (
            lambda: array(np.zeros((2, 20, 20, 20), np.uint8)),
            "a.npy: it",
            "has shape 2×20×20×20; images are (n, height, width), or (n, height, width, 1 to",
        ),
        (
            lambda: arrays(peek=True, images=IMAGES * 1j),
            "a.npz: images",
            "is complex128; images must be integers or floating point",
        ),
    ],
    "data/formats/labels": [
        (
            lambda: label_array(LABELS / 2),
            "l.npy: it",
            "is float64 of shape 20, not labels; those are whole numbers or names, one per",
        ),
        (
            lambda: labeled("l.txt", b"a\n" + b"b" * 300),
            "l.txt",
            "label of image 2 has 300 characters; class names have 1 to 200",
        ),
    ],
    "data/formats/label_tables": [
        (large_table, "l.txt", "more than 10 bytes, too large for a file of labels"),
        (
            lambda: labeled("l.txt", b"\xff\xfe\0\0"),
            "l.txt",
            "is neither a known label format nor UTF-8 text",
        ),
        (lambda: labeled("l.txt", b" \n"), "l.txt", "contains no labels"),
        (lambda: labeled("l.txt", b"label\n"), "l.txt", "contains no labels below the header"),
        (lambda: labeled("l.csv", b"a,b\n1\n"), "l.csv", "row 2 has 1 columns, but the first has 2"),
    ],
    "data/formats/matlab_arrays": [
        (misfit_mat, "a.mat", "the size of x is not the one its header declares"),
        (
            lambda: peeked("a.mat", MAT_START[:124] + b"\0\2IM"),
            "a.mat",
            "is a MATLAB 7.3 file, which is not supported; save it with the option -v7, or save its images",
        ),
        (lambda: folder(train_dot_mat=b"x" * 200), "d/train.mat", "is not a MATLAB file of version 5 to 7"),
    ],
    "data/formats/matlab_files": [
        (
            lambda: mat(x=IMAGES[:9]),
            "a.mat: x",
            "has shape 9×12×10; the image axis is ambiguous: save it as (height, width,",
        ),
        (
            foreign_labels,
            "train.mat",
            "labels from 0 to 2 do not belong to this data set",
        ),
        (unlike_mats, "d", "its files contain images of 32×32×3 and of 16×16×3"),
    ],
    "data/formats/identification": [
        (
            lambda: peeked("notes.txt", b"abcd"),
            "notes.txt",
            "is a text file, not a data set; pass labels with -dl or -tl; images cannot be",
        ),
        (
            lambda: peeked("a", b"\x7fELF"),
            "a",
            "is not a data set in a known format: use IDX, .npz, .npy, .mat, the binary versions of CIFAR",
        ),
        (
            lambda: peeked("a", b"\x7fELF"),
            "a",
            "or a folder of images (it begins with the bytes 7f 45 4c 46)",
        ),
        (
            lambda: labeled("a.pdf", b"%PDF-1.7"),
            "a.pdf",
            "is a PDF, not a file of labels; use IDX, .npy, .npz, .mat, .txt or .csv",
        ),
    ],
    "data/formats/registry": [
        (
            lambda: (Path("d").mkdir(), registry.read_labels("d")),
            "d",
            "is a folder, not a file of labels; use IDX, .npy, .npz, .mat, .txt or .csv",
        ),
    ],
    "data/class_labels": [
        (
            without_labels,
            "a.npz",
            "labels is float64 of shape 20, not labels; those are whole numbers or names,",
        ),
        (
            lambda: loaded(labels=LABELS.astype(int) - 5),
            "labels.npy",
            "the labels range from -5 to -3; class numbers are 0 to 999",
        ),
        (
            lambda: loaded(labels=LABELS * np.int64(500)),
            "labels.npy",
            "the labels range from 0 to 1000; class numbers are 0 to 999",
        ),
        (
            lambda: loaded(
                labels=np.array([*"ab"])[LABELS % 2], test=IMAGES, test_labels=np.array([*"abc"])[LABELS]
            ),
            "test_labels.npy",
            "class c does not occur in the training set (2 classes)",
        ),
    ],
}
