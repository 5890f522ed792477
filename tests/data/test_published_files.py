"""Data sets as they are published: MNIST's relatives, CIFAR-100, STL-10, and MATLAB's files of them.

python -m pytest tests/data/test_published_files.py
"""

import gzip
import struct
import tarfile
from pathlib import Path

import numpy as np
import pytest
import scipy.io
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of

from lib.common.errors import UserError
from lib.data import dataset_names
from lib.data.formats import idx, registry
from tests.harness import sample_files
from tests.harness.refusals import assert_refused

IMAGES, LABELS = sample_files.shapes(12)
COLOR, _ = sample_files.shapes(12, 32, 32, channels=3)
COLOR[..., 1] //= 2  # so that an exchange of channels is seen
LARGE, _ = sample_files.shapes(12, 96, 96, channels=3)
LARGE[..., 2] //= 2


def hold(path: str, content: bytes) -> Path:
    file = Path(path)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(gzip.compress(content) if file.suffix.lower() == ".gz" else content)
    return file


def idx_typed(array: np.ndarray) -> bytes:
    """An IDX file of any type, byte for byte as published."""
    code = {"u1": 8, "i1": 9, "i2": 0xB, "i4": 0xC, "f4": 0xD, "f8": 0xE}[array.dtype.str[1:]]
    header = struct.pack(f">HBB{array.ndim}I", 0, code, array.ndim, *array.shape)
    return header + array.astype(array.dtype.newbyteorder(">")).tobytes()


def assert_same(path: str, images: np.ndarray, labels=LABELS, train: int = 8):
    """Assert that a data set holds these images, the first of them for training, upright and labeled."""
    header, source = registry.peek_source(Path(path)), registry.read_source(Path(path))
    images = images.reshape(*images.shape[:3], -1)
    np.testing.assert_array_equal(source.train.images, images[:train])
    np.testing.assert_array_equal(source.train.labels, labels[:train])
    np.testing.assert_array_equal(source.test.images, images[train:])
    np.testing.assert_array_equal(source.test.labels, labels[train:])
    assert (header.shape, header.labeled) == (images.shape[1:], True)
    if not path.endswith(".gz"):
        assert (header.count, header.test_count) == (train, len(images) - train)
    return source


@pytest.mark.parametrize(
    "names",
    [
        "m/{}-images.idx3-ubyte m/{}-labels.idx1-ubyte",  # Kaggle
        "m/{}-images-idx3-ubyte/{}-images-idx3-ubyte m/{}-labels-idx1-ubyte/{}-labels-idx1-ubyte",
        "m/MNIST/raw/{}-images-idx3-ubyte m/MNIST/raw/{}-labels-idx1-ubyte",  # torchvision
        "m/raw/{}-images-idx3-ubyte.gz m/raw/{}-labels-idx1-ubyte.gz",
        "m/{}-IMAGES-idx3-ubyte.GZ m/{}-Labels-IDX1-UBYTE.GZ",
        "m/{}_images.idx3 m/{}_labels.idx1",
    ],
)
@pytest.mark.parametrize("test", ["t10k", "test"])
def test_spellings_of_mnist(names, test):
    for part, rows in (("train", slice(8)), (test, slice(8, 12))):
        for name, array in zip(names.split(), (IMAGES, LABELS), strict=True):
            hold(name.replace("{}", part), sample_files.idx(array[rows]))
    assert assert_same("m", IMAGES).notes == ()


def hold_emnist(folder: str, split: str, labels: np.ndarray) -> None:
    for part, rows in (("train", slice(8)), ("test", slice(8, 12))):
        start = f"{folder}/emnist-{split}-{part}"
        hold(f"{start}-images-idx3-ubyte.gz", sample_files.idx(IMAGES[rows].transpose(0, 2, 1)))
        hold(f"{start}-labels-idx1-ubyte.gz", sample_files.idx(labels[rows]))


def test_emnist_is_turned_upright_and_its_letters_begin_at_a():
    hold_emnist("e/gzip", "letters", LABELS + 1)
    source = assert_same("e", IMAGES)
    assert source.train.classes == tuple("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
    assert source.notes == ("EMNIST stores images transposed; they were transposed back",)
    hold_emnist("b", "balanced", LABELS + 36)
    assert "".join(assert_same("b", IMAGES, LABELS + 36).train.classes[36:39]) == "abd"
    single = registry.read_source(Path("b/emnist-balanced-train-images-idx3-ubyte.gz"))
    np.testing.assert_array_equal(single.train.images[..., 0], IMAGES[:8])
    hold_emnist("e/gzip", "balanced", LABELS)
    assert_refused(Path("e"), "contains files of several data sets (emnist-balanced, emnist-letters); move")


def test_folders_with_several_data_sets():
    for name in ("one", "two"):
        hold(f"d/{name}/train-images-idx3-ubyte", sample_files.idx(IMAGES))
    assert_refused(Path("d"), "contains several data sets (one, two); use a folder with one")
    hold("d/one/kmnist-train-images-idx3-ubyte", sample_files.idx(IMAGES))
    source = registry.read_source(Path("d/one"))
    assert source.notes == ("d/one: the files of kmnist were ignored",)
    hold("d/train-images-idx3-ubyte", sample_files.idx(IMAGES))
    assert len(registry.read_source(Path("d")).train) == 12  # its own files come first


def test_a_name_takes_only_the_files_of_its_own_data_set():
    hold_emnist("data/mnist", "letters", LABELS + 1)
    hold("data/fashion-mnist/train-images-idx3-ubyte", sample_files.idx(IMAGES))
    assert dataset_names.locate("mnist") is None
    hold("data/MNIST/raw/train-images-idx3-ubyte", sample_files.idx(IMAGES))
    assert dataset_names.locate("mnist") == Path("data/MNIST/raw")


def test_qmnist_has_its_classes_in_the_first_column():
    for part, rows in (("train", slice(8)), ("test", slice(8, 12))):
        hold(f"q/qmnist-{part}-images-idx3-ubyte.gz", sample_files.idx(IMAGES[rows]))
        labels = np.random.default_rng(0).integers(0, 3000, (12, 8)).astype(np.int32)
        labels[:, 0] = LABELS
        hold(f"q/qmnist-{part}-labels-idx2-int.gz", idx_typed(labels[rows]))
    assert_same("q", IMAGES)
    alone = registry.read_labels("q/qmnist-train-labels-idx2-int.gz")
    np.testing.assert_array_equal(alone.numbers, LABELS[:8])


@pytest.mark.parametrize(
    ("array", "note"),
    [
        (IMAGES.astype(np.int16) * 128, "values from 0 to 28160 were read as 16-bit pixels from 0 to 32,767"),
        (IMAGES.astype(np.int32), "values from 0 to 220 were read as pixels from 0 to 255"),
        (IMAGES.astype(np.float64), "values from 0 to 220 were read as pixels from 0 to 255"),
        ((IMAGES // 2).astype(np.int8), "if 110 is white, set --pixel-range 0-110"),
        ((IMAGES / 255).astype(np.float32), ""),
    ],
)
@pytest.mark.parametrize("name", ["a.idx", "a.gz"])
def test_idx_of_other_types(array, note, name):
    source = registry.read_source(hold(name, idx_typed(array)))
    images = source.train.images[..., 0]
    assert images.dtype == (np.uint16 if "16-bit" in note else np.uint8)
    expected = array * 255 if array.max() <= 1 else array
    assert np.abs(source.value_range.restore(images).astype(float) - expected).max() <= 0.5
    assert note in "".join(source.notes)
    assert bool(note) == bool(source.notes)


@pytest.mark.parametrize("dtype", ["i1", "i2", "i4", "f4", "f8"])
def test_idx_labels_of_other_types(dtype):
    labels = registry.read_labels(hold("l.idx", idx_typed(LABELS.astype(dtype))))
    np.testing.assert_array_equal(labels.numbers, LABELS)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=12)
@given(arrays_of.arrays(st.sampled_from(["u1", ">f4"]), arrays_of.array_shapes(min_dims=1, max_dims=4)))
def test_what_is_written_as_idx_is_read(tmp_path, array):
    path = tmp_path / "a.idx"
    idx.write_idx(path, array)
    assert path.read_bytes() == idx_typed(array.astype(array.dtype.newbyteorder("=")))


def cifar100(images: np.ndarray, labels: np.ndarray) -> bytes:
    records = sample_files.cifar(images, labels)
    return b"".join(b"\x07" + records[start : start + 3073] for start in range(0, len(records), 3073))


def test_cifar_100_folder_archive_and_file():
    hold("c/cifar-100-binary/train.bin", cifar100(COLOR[:8], LABELS[:8]))
    hold("c/cifar-100-binary/test.bin", cifar100(COLOR[8:], LABELS[8:]))
    assert assert_same("c", COLOR).train.classes == ()
    hold("c/cifar-100-binary/fine_label_names.txt", "\n".join(f"n{i}" for i in range(100)).encode())
    with tarfile.open("cifar-100-binary.tar.gz", "w:gz") as archive:
        archive.add("c/cifar-100-binary", "cifar-100-binary")
    for path in ("c", "c/cifar-100-binary", "cifar-100-binary.tar.gz"):
        assert assert_same(path, COLOR).train.classes[99] == "n99"
    alone = registry.read_source(Path("c/cifar-100-binary/test.bin")).train
    np.testing.assert_array_equal(alone.images, COLOR[8:])
    hold("c/cifar-100-binary/train.bin", bytes(3074) + b"x")
    assert_refused(Path("c"), "3,075 bytes are not a whole number of CIFAR-100 records of 3,074 bytes")


def test_stl_10_folder_archive_and_file():
    for part, rows in (("train", slice(8)), ("test", slice(8, 12))):
        hold(f"s/stl10_binary/{part}_X.bin", LARGE[rows].transpose(0, 3, 2, 1).tobytes())
        hold(f"s/stl10_binary/{part}_y.bin", (LABELS[rows] + 1).tobytes())
    with tarfile.open("stl10_binary.tar.gz", "w:gz") as archive:
        archive.add("s/stl10_binary", "stl10_binary")
    for path in ("s", "s/stl10_binary", "stl10_binary.tar.gz"):
        assert assert_same(path, LARGE).train.classes[2] == "car"
    unlabeled = hold("s/stl10_binary/unlabeled_X.bin", LARGE[:3].transpose(0, 3, 2, 1).tobytes())
    np.testing.assert_array_equal(registry.read_source(unlabeled).train.images, LARGE[:3])
    assert "unlabeled_X.bin was ignored" in registry.read_source(Path("s")).notes[0]
    hold("s/stl10_binary/train_y.bin", bytes(8))
    assert "are not in 1 to 10, as in STL-10" in registry.read_source(Path("s")).train.label_error
    hold("s/stl10_binary/train_X.bin", b"x")
    assert_refused(Path("s"), "1 bytes are not a whole number of STL-10 images", registry.peek_source)


@pytest.mark.parametrize("name", ["cifar-10-batches-py", "cifar-10-python.tar.gz", "data_batch_1", "c"])
def test_pickled_cifar_is_refused_by_the_name_of_the_one_to_take(name):
    hold("cifar-10-batches-py/batches.meta", b"\x80\x02}.")
    hold("data_batch_1", b"\x80\x02}.")
    hold("c/cifar-100-python/meta", b"\x80\x02}.")
    with tarfile.open("cifar-10-python.tar.gz", "w:gz") as archive:
        archive.add("data_batch_1", "cifar-10-batches-py/data_batch_1")
    for action in (registry.peek_source, registry.read_source):
        assert_refused(Path(name), "can run any program; use cifar-10-binary.tar.gz", action)


def save_mat(path: str, compressed: bool = False, **arrays) -> None:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    scipy.io.savemat(path, arrays, do_compression=compressed)


@pytest.mark.parametrize("compressed", [True, False])
def test_svhn_and_the_versions_for_matlab(compressed):
    for part, batch, rows in (("train", "data_batch_1", slice(8)), ("test", "test_batch", slice(8, 12))):
        digits = np.where(LABELS == 0, 10, LABELS)[rows, None]  # of SVHN, 10 is the digit 0
        save_mat(f"svhn/{part}_32x32.mat", compressed, X=COLOR[rows].transpose(1, 2, 3, 0), y=digits)
        flat = COLOR[rows].transpose(0, 3, 1, 2).reshape(-1, 3072)
        save_mat(f"c/cifar-10-batches-mat/{batch}.mat", compressed, data=flat, labels=LABELS[rows, None])
        columns = LARGE[rows].transpose(0, 3, 2, 1).reshape(-1, 27_648)
        names = np.array(["airplane", "bird"], object)
        save_mat(f"stl/{part}.mat", compressed, class_names=names, X=columns, y=LABELS[rows, None] + 1)
    assert assert_same("svhn", COLOR).train.classes == tuple("0123456789")
    assert assert_same("c", COLOR).train.classes[0] == "airplane"
    assert assert_same("stl", LARGE).train.classes[2] == "car"
    assert len(registry.read_source(Path("svhn/train_32x32.mat")).train) == 8
    np.testing.assert_array_equal(registry.read_labels("stl/train.mat").numbers, LABELS[:8] + 1)


def test_orders_of_the_axes_in_matlab():
    nine, labels = IMAGES[:9], LABELS[:9]
    save_mat("a.mat", images=nine.transpose(1, 2, 0), labels=labels)
    save_mat("b.mat", x=nine, y=labels, x_test=IMAGES[:7], y_test=LABELS[:7])
    save_mat("c.mat", x=COLOR)
    save_mat("d.mat", x=COLOR[..., 0].transpose(1, 2, 0) / 255)  # doubles, square: the last axis numbers them
    for name, images in (("a", nine), ("b", nine), ("c", COLOR), ("d", COLOR[..., 0])):
        source = registry.read_source(Path(f"{name}.mat"))
        np.testing.assert_array_equal(source.train.images, images.reshape(*images.shape[:3], -1))
    assert len(registry.read_source(Path("b.mat")).test) == 7
    save_mat("e.mat", x=nine)
    assert_refused(Path("e.mat"), "x has shape 9×12×10; the image axis is ambiguous: save it as (height")
    save_mat("f.mat", one=IMAGES, two=IMAGES)
    assert_refused(Path("f.mat"), "none of its arrays (one, two) is named x_train or images")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(
    arrays_of.arrays(
        st.sampled_from(["u1", "i2", "u2", "i4", "f4", "f8", "?"]),
        arrays_of.array_shapes(min_dims=2, max_dims=4, max_side=5),
        elements={"allow_nan": False},
    ),
    st.booleans(),
    st.text("abc", min_size=1, max_size=31),
)
def test_arrays_of_matlab_are_those_that_scipy_writes(tmp_path, array, compressed, name):
    from lib.data.formats.matlab_arrays import list_arrays, read_array

    path = tmp_path / "a.mat"
    scipy.io.savemat(path, {"text": "no numbers", name: array}, do_compression=compressed)
    (found,) = list_arrays(path)
    assert (found.name, found.shape) == (name, array.shape)
    np.testing.assert_array_equal(read_array(path, found), array)


def test_version_7_3_of_matlab_is_refused():
    Path("a.mat").write_bytes(b"MATLAB 7.3 MAT-file".ljust(124) + b"\0\2IM" + bytes(400))
    assert_refused(Path("a.mat"), "is a MATLAB 7.3 file, which is not supported; save it with the option")
    with pytest.raises(UserError, match=r"MATLAB 7\.3"):
        registry.read_labels("a.mat")
