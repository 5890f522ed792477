"""File formats of images and labels: python -m pytest tests/data/test_formats.py"""

import gzip
import io
import shutil
import struct
import tarfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from lib.common.errors import UserError
from lib.data.formats import base, registry
from tests.harness import sample_files
from tests.harness.refusals import assert_refused

IMAGES, LABELS = sample_files.shapes(12)
COLOR, _ = sample_files.shapes(12, 32, 32, channels=3)


@pytest.mark.parametrize("name", ["a.idx", "a.gz", "train-images-idx3-ubyte"])
def test_idx_plain_and_gzipped(name):
    path = sample_files.write_idx(Path(name), IMAGES)
    assert registry.peek_source(path) == registry.Header((12, 10, 1), 12)
    images = registry.read_source(path).train.images
    np.testing.assert_array_equal(images[..., 0], IMAGES)
    assert isinstance(images, np.memmap) == (not name.endswith(".gz"))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(
    st.lists(st.integers(1, 6), min_size=3, max_size=4),
    st.booleans(),
    st.binary(min_size=0, max_size=3),
    st.integers(0, 400),
)
def test_any_idx_is_read_exactly_or_refused(tmp_path, sizes, gzipped, extra, cut):
    array = np.random.default_rng(0).integers(0, 256, sizes, dtype=np.uint8)
    whole = sample_files.idx(array)
    content = (whole + extra)[: len(whole + extra) - cut] if cut < len(whole) else whole
    path = tmp_path / ("a.gz" if gzipped else "a.idx")
    path.write_bytes(gzip.compress(content) if gzipped else content)
    if content == whole:
        is_channels_first = (
            len(sizes) == 4
            and sizes[3] not in (1, 3)
            and (sizes[1] in (1, 3) or sizes[2] == sizes[3] != sizes[1])
        )
        expected = array.transpose(0, 2, 3, 1) if is_channels_first else array
        np.testing.assert_array_equal(registry.read_source(path).train.images.ravel(), expected.ravel())
    else:
        with pytest.raises(UserError):
            registry.read_source(path)


def test_idx_refusals():
    path = Path("a.idx")
    path.write_bytes(struct.pack(">4I", 1234, 1, 2, 2) + b"abcd")
    assert_refused(path, "is not a data set in a known format: use IDX, .npz, .npy, .mat, the binary")
    path.write_bytes(sample_files.idx(LABELS))
    assert_refused(path, "contains 12 numbers, not images; pass labels with -dl or -tl")
    assert_refused(
        sample_files.write_idx(path, IMAGES),
        "contains images, 12×12×10, not labels",
        registry.read_labels,
    )
    path.write_bytes(sample_files.idx(IMAGES)[:-1])
    assert_refused(
        path, "is truncated: 1,455 bytes, but its header declares 12×12×10 (1,456 bytes with the header)"
    )
    path.write_bytes(sample_files.idx(IMAGES) + b"x")
    assert_refused(path, "is too long")
    path.write_bytes(struct.pack(">4I", 0x803, 0, 28, 28))
    assert_refused(path, "declares no images")
    path.write_bytes(b"\0\0\x08\x03\0\0")
    assert_refused(path, "is truncated: its header ends after 6 bytes")
    path.write_bytes(b"hello, this is no data set")
    assert_refused(path, "is a text table, such as CSV, not a data set; save its pixels as an array")
    path.write_bytes(b"")
    assert_refused(path, "is an empty file, not a data set; download or save it again")
    assert_refused(Path("missing"), "no such file or folder")


def test_gzip_refusals():
    path = Path("a.gz")
    whole = gzip.compress(sample_files.idx(IMAGES))
    path.write_bytes(whole[:-20])
    assert_refused(path, "corrupt or truncated")
    path.write_bytes(whole[:30] + b"\xff\xff\xff" + whole[33:])
    assert_refused(path, "")
    path.write_bytes(gzip.compress(sample_files.idx(IMAGES) + b"x"))
    assert_refused(path, "is too long")
    path.write_bytes(gzip.compress(sample_files.idx(IMAGES)[:-7]))
    assert_refused(path, "is truncated: 1,449 bytes")
    path.write_bytes(gzip.compress(struct.pack(">4I", 0x803, 4_000_000_000, 60_000, 60_000)))
    assert_refused(path, "more than a gzip file of", registry.peek_source)


def test_labels():
    np.save("l.npy", LABELS.astype(np.int32))
    for path in (sample_files.write_idx(Path("l.gz"), LABELS), "l.npy"):
        labels = registry.read_labels(path)
        assert (labels.classes, labels.numbers.dtype) == ((), np.int64)
        np.testing.assert_array_equal(labels.numbers, LABELS)
    np.save("f.npy", LABELS / 2)
    assert_refused(Path("f.npy"), "is float64 of shape 12, not labels", registry.read_labels)


def cifar_folder(path: Path) -> None:
    path.mkdir()
    (path / "data_batch_1.bin").write_bytes(sample_files.cifar(COLOR[:5], LABELS[:5]))
    (path / "data_batch_2.bin").write_bytes(sample_files.cifar(COLOR[5:9], LABELS[5:9]))
    (path / "test_batch.bin").write_bytes(sample_files.cifar(COLOR[9:], LABELS[9:]))


def test_cifar_10_folder_file_and_archive():
    folder = Path("cifar")
    cifar_folder(folder)
    with tarfile.open("cifar.tar.gz", "w:gz") as archive:
        archive.add(folder, "cifar-10-batches-bin")
    for path in ("unpacked", "packed"):
        Path(path).mkdir()
    shutil.copytree(folder, "unpacked/cifar-10-batches-bin")
    shutil.copy("cifar.tar.gz", "packed/cifar-10-binary.tar.gz")
    for path in (folder, Path("cifar.tar.gz"), Path("unpacked"), Path("packed")):
        source = registry.read_source(path)
        np.testing.assert_array_equal(source.train.images, COLOR[:9])
        np.testing.assert_array_equal(source.train.labels, LABELS[:9])
        np.testing.assert_array_equal(source.test.images, COLOR[9:])
        assert source.train.classes[0] == "airplane"
    assert (
        registry.peek_source(folder)
        == registry.peek_source(Path("unpacked"))
        == registry.Header((32, 32, 3), 9, 3, labeled=True)
    )
    np.testing.assert_array_equal(registry.read_source(folder / "test_batch.bin").train.images, COLOR[9:])


def test_cifar_10_refusals():
    path = Path("data_batch_1.bin")
    path.write_bytes(sample_files.cifar(COLOR, LABELS)[:-1])
    assert_refused(path, "are not a whole number of CIFAR-10 records", registry.peek_source)
    path.write_bytes(sample_files.cifar(COLOR, LABELS + 20))
    with pytest.raises(UserError, match="label 22 is outside the 10 classes of CIFAR-10"):
        registry.read_source(path)
    with tarfile.open("empty.tar.gz", "w:gz") as archive:
        archive.addfile(tarfile.TarInfo("readme.txt"), io.BytesIO(b""))
    assert_refused(Path("empty.tar.gz"), "is a tar archive without the binary files of CIFAR-10, CIFAR-100")
    Path("broken.tar.gz").write_bytes(Path("empty.tar.gz").read_bytes()[:15])
    assert_refused(Path("broken.tar.gz"), "corrupt or truncated")


def test_numpy_arrays():
    np.save("a.npy", IMAGES)
    np.testing.assert_array_equal(registry.read_source(Path("a.npy")).train.images[..., 0], IMAGES)
    np.save("f.npy", COLOR / np.float32(255))
    np.testing.assert_array_equal(registry.read_source(Path("f.npy")).train.images, COLOR)
    np.savez("k.npz", x_train=IMAGES[:8], y_train=LABELS[:8], x_test=IMAGES[8:], y_test=LABELS[8:])
    source = registry.read_source(Path("k.npz"))
    np.testing.assert_array_equal(source.test.images[..., 0], IMAGES[8:])
    np.testing.assert_array_equal(source.train.labels, LABELS[:8])
    assert registry.peek_source(Path("k.npz")) == registry.Header((12, 10, 1), 8, 4, labeled=True)
    np.savez_compressed("one.npz", whatever=IMAGES)
    assert registry.peek_source(Path("one.npz")).count == 12


def test_numpy_refusals():
    for array, words in (
        (IMAGES.reshape(12, -1), "has shape 12×120; images are (n, height, width)"),
        (IMAGES.astype(complex), "is complex128 of shape 12×12×10; images and labels must be integers"),
        (np.full((3, 4, 4), np.nan), "contains NaN or infinity"),
    ):
        np.save("a.npy", array)
        assert_refused(Path("a.npy"), words)
    np.save("a.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    assert_refused(Path("a.npy"), "")
    np.savez("a.npz", one=IMAGES, two=IMAGES)
    assert_refused(Path("a.npz"), "none of its arrays (one, two) is named x_train or images")
    Path("a.npz").write_bytes(Path("a.npz").read_bytes()[:100])
    assert_refused(Path("a.npz"), "corrupt or truncated")


def test_a_folder_of_pictures():
    for number, (image, label) in enumerate(zip(COLOR, LABELS, strict=True)):
        folder = Path("pictures") / "abc"[label]
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(folder / f"{number:02}.png")
    source = registry.read_source(Path("pictures"))
    assert source.train.classes == ("a", "b", "c")
    np.testing.assert_array_equal(source.train.images[source.train.labels == 1], COLOR[LABELS == 1])
    assert registry.peek_source(Path("pictures")) == registry.Header((32, 32, 3), 12, labeled=True)


def test_a_new_format_is_a_class_and_an_entry_of_the_registry(monkeypatch):
    class TextFormat(base.Format):
        @staticmethod
        def recognizes(path):
            return path.suffix == ".txt"

        @staticmethod
        def peek(path):
            return base.Header((1, 1, 1), len(path.read_text()))

        @staticmethod
        def read(path):
            return base.Source(base.Images(np.frombuffer(path.read_bytes(), np.uint8).reshape(-1, 1, 1, 1)))

    assert TextFormat not in base.Format.registered  # it has no order
    monkeypatch.setattr(registry, "FORMATS", (TextFormat, *registry.FORMATS))
    Path("a.txt").write_text("abc")
    assert registry.peek_source(Path("a.txt")).count == 3
    assert registry.read_source(Path("a.txt")).train.images.ravel().tolist() == [97, 98, 99]


def test_picture_refusals():
    folder = Path("pictures")
    folder.mkdir()
    assert_refused(folder, "no images")
    Image.fromarray(IMAGES[0]).save(folder / "a.png")
    Image.fromarray(IMAGES[0][:5]).save(folder / "b.png")
    with pytest.raises(UserError, match=r"the pictures have 2 sizes, 5×10 to 12×10; give one"):
        registry.read_source(folder)
    for name in ("a.png", "b.png"):
        (folder / name).write_bytes(b"no picture")
    with pytest.raises(UserError, match=r"none of the 2 .*a\.png: cannot be read as an image"):
        registry.read_source(folder)


def test_a_folder_with_the_four_files_of_mnist():
    folder = Path("m")
    folder.mkdir()
    sample_files.write_idx(folder / "train-images-idx3-ubyte.gz", IMAGES[:8])
    sample_files.write_idx(folder / "train-labels-idx1-ubyte.gz", LABELS[:8])
    sample_files.write_idx(folder / "t10k-images-idx3-ubyte", IMAGES[8:])
    assert registry.peek_source(folder) == registry.Header((12, 10, 1), 8, 4, labeled=True)
    source = registry.read_source(folder)
    np.testing.assert_array_equal(source.train.labels, LABELS[:8])
    assert source.test.labels is None


def test_the_published_mnist(real):
    source = registry.read_source(real / "mnist")
    assert (len(source.train), len(source.test)) == (60_000, 10_000)
    assert np.bincount(source.test.labels).tolist() == [
        980,
        1135,
        1032,
        1010,
        982,
        892,
        958,
        1028,
        974,
        1009,
    ]  # report C
