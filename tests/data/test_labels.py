"""Labels in files of any kind, and those of data sets: python -m pytest tests/data/test_labels.py"""

import gzip
from pathlib import Path

import numpy as np
import pytest
import scipy.io
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lib.common.errors import UserError
from lib.config.hyperparameters import AutoencoderHyperparameters, ClassifierHyperparameters
from lib.data import datasets
from lib.data.formats import label_tables, registry
from tests.harness import sample_files
from tests.harness.refusals import assert_refused

IMAGES, LABELS = sample_files.shapes(60)
NAMES = np.array(["cat", "ape", "dog"])[LABELS]  # sorted: ape, cat, dog
ORDER = np.array([1, 0, 2])[LABELS]


def text(lines, header: str = "", ends: str = "\n") -> bytes:
    return ends.join([*([header] if header else []), *map(str, lines)]).encode()


@pytest.mark.parametrize(
    ("name", "save"),
    [
        ("l.npy", lambda: np.save("l.npy", LABELS[:, None])),
        ("l.npy", lambda: np.save("l.npy", LABELS[None])),
        ("l.npy", lambda: np.save("l.npy", LABELS.astype(np.float32))),
        ("l.npy", lambda: np.save("l.npy", np.eye(3)[LABELS])),
        ("l.npy", lambda: np.save("l.npy", np.eye(3, dtype=bool)[LABELS])),
        ("l.npy", lambda: np.save("l.npy", LABELS.astype("U1"))),
        ("l.npz", lambda: np.savez("l.npz", LABELS)),
        ("l.npz", lambda: np.savez_compressed("l.npz", names=np.arange(3), Targets=LABELS)),
        ("l.npz", lambda: np.savez("l.npz", x_train=IMAGES, y_train=LABELS, y_test=LABELS[:3])),
        ("l.mat", lambda: scipy.io.savemat("l.mat", {"y": LABELS[:, None].astype(float)})),
        ("l.txt", lambda: Path("l.txt").write_bytes(text(LABELS))),
        (
            "l.txt",
            lambda: Path("l.txt").write_bytes(b"\xef\xbb\xbf" + text(LABELS, ends="\r\n") + b"\r\n\r\n"),
        ),
        ("l.txt.gz", lambda: Path("l.txt.gz").write_bytes(gzip.compress(text(LABELS)))),
        ("l.csv", lambda: Path("l.csv").write_bytes(text(LABELS, "label"))),
        ("l.csv", lambda: Path("l.csv").write_bytes(text(LABELS, "whatever"))),
        (
            "l.csv",
            lambda: Path("l.csv").write_bytes(
                text((f"{n},{k}.0,x" for n, k in enumerate(LABELS)), "id,Label,s")
            ),
        ),
        (
            "l.csv",
            lambda: Path("l.csv").write_bytes(
                text((f'"a,{n}";{k}' for n, k in enumerate(LABELS)), "file;no")
            ),
        ),
        ("l.csv", lambda: Path("l.csv").write_bytes(text(f"{n}.png\t{k}" for n, k in enumerate(LABELS)))),
    ],
)
def test_numbers(name, save):
    save()
    labels = registry.read_labels(name)
    assert (labels.classes, labels.numbers.dtype) == ((), np.int64)
    np.testing.assert_array_equal(labels.numbers, LABELS)


@pytest.mark.parametrize(
    ("name", "save"),
    [
        ("l.npy", lambda: np.save("l.npy", NAMES)),
        ("l.npy", lambda: np.save("l.npy", NAMES.astype("S"))),
        ("l.npz", lambda: np.savez("l.npz", labels=NAMES[:, None])),
        ("l.txt", lambda: Path("l.txt").write_bytes(text(NAMES))),
        ("l.csv", lambda: Path("l.csv").write_bytes(text(NAMES, "class"))),
        (
            "l.csv",
            lambda: Path("l.csv").write_bytes(
                text((f"{n}.png, {k}" for n, k in enumerate(NAMES)), "id,class")
            ),
        ),
    ],
)
def test_names(name, save):
    save()
    labels = registry.read_labels(name)
    assert labels.classes == ("ape", "cat", "dog")
    np.testing.assert_array_equal(labels.numbers, ORDER)


def test_what_is_read_of_a_table_is_said():
    Path("l.csv").write_bytes(text((f"{n},{k}" for n, k in enumerate(LABELS)), "id,label"))
    assert registry.read_labels("l.csv").notes == (
        "l.csv: the labels are read from the column label, in row order; other columns are ignored",
    )
    np.save("x.npy", IMAGES)
    settings = ClassifierHyperparameters(dataset="x.npy", labels="l.csv")
    assert "the labels are read from the column label" in datasets.load_dataset(settings).notes[0]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is an empty file, not a file of labels"),
        (b"\n\n", "contains no labels"),
        (b"label", "contains no labels below the header"),
        (b"label,id\n", "contains no labels"),
        (b"a\n\n" + b"b" * 300, "label of image 2 has 300 characters; class names have 1 to 200"),
        (b"id,label\n1,\n2,a\n", "label of image 1 has 0 characters"),
        (b"a,b\n1,2\n3\n", "row 3 has 1 columns, but the first has 2"),
        (b"\xff\xfe\xfa\xff" * 9, "is neither a known label format nor UTF-8 text"),
        (b"%PDF-1.7", "is a PDF, not a file of labels; use IDX, .npy, .npz, .mat, .txt or .csv"),
        (b"\x80\x04.", "is a pickle, not a file of labels"),
        (b'a,"' + b"x" * 200_000, "cannot be read, it is corrupt or truncated (field larger than field"),
    ],
)
def test_text_files_that_are_refused(content, words, monkeypatch):
    Path("l.csv").write_bytes(content)
    assert_refused("l.csv", words, registry.read_labels)


def test_too_large_text_files_are_not_read_whole(monkeypatch):
    monkeypatch.setattr(label_tables, "MAX_BYTES", 1000)
    Path("l.gz").write_bytes(gzip.compress(b"1\n" * 501))
    assert_refused("l.gz", "more than 1,000 bytes, too large for a file of labels", registry.read_labels)
    Path("l.gz").write_bytes(gzip.compress(b"1\n" * 500))
    assert len(registry.read_labels("l.gz")) == 500


@pytest.mark.parametrize(
    "array",
    [
        LABELS / 2,
        np.full(5, np.nan),
        IMAGES,
        np.ones((60, 3)),
        np.zeros((60, 3)),
        np.array(7),
        np.array([2.0**63]),
    ],
)
def test_arrays_that_are_no_labels(array):
    np.save("l.npy", array)
    assert_refused("l.npy", "not labels; those are whole numbers or names", registry.read_labels)


def test_other_files_that_hold_no_labels():
    np.savez("l.npz", a=LABELS, b=LABELS)
    assert_refused("l.npz", "none of its arrays (a, b) is named labels or y", registry.read_labels)
    Path("folder").mkdir()
    assert_refused("folder", "is a folder, not a file of labels", registry.read_labels)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(
    st.lists(st.text(st.characters(codec="utf-8"), max_size=8), min_size=1, max_size=20),
    st.sampled_from(",;\t\n"),
)
def test_any_text_is_read_or_refused(tmp_path, words, separator):
    (tmp_path / "l.csv").write_bytes(separator.join(words).encode())
    try:
        labels = registry.read_labels(tmp_path / "l.csv")
    except UserError:
        return
    assert len(labels) == len(labels.numbers) > 0
    assert not labels.classes or labels.numbers.max() < len(labels.classes)


def classification(**values) -> datasets.Dataset:
    return datasets.load_dataset(ClassifierHyperparameters(**values))


BROKEN = {
    "fractions": (LABELS / 2, "a.npz: labels is float64 of shape 60, not labels"),
    "objects": (np.array([{}] * 60), "a.npz: labels is object; images and labels must be integers"),
    "too many": (np.arange(90) % 3, "a.npz: 90 labels for the 60 images of images"),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_broken_labels_are_left_out_where_none_are_needed(kind):
    labels, words = BROKEN[kind]
    np.savez("a.npz", images=IMAGES, labels=labels)
    dataset = datasets.load_dataset(AutoencoderHyperparameters(dataset="a.npz"))
    assert not dataset.train.labeled
    assert any(note.startswith(words) and note.endswith("used without labels") for note in dataset.notes)
    with pytest.raises(UserError) as error:
        classification(dataset="a.npz")
    assert str(error.value).startswith(words)
    with pytest.raises(UserError) as error:
        datasets.load_dataset(AutoencoderHyperparameters(dataset="a.npz", label_weight=0.5))
    assert str(error.value).startswith(words)
    np.save("l.npy", LABELS)
    assert classification(dataset="a.npz", labels="l.npy").train.labeled  # others are given


def test_classes_of_training_and_test_labels_are_those_of_the_same_name():
    np.save("x.npy", IMAGES)
    Path("l.txt").write_bytes(text(NAMES))
    np.save("t.npy", IMAGES[:2])
    Path("tl.txt").write_bytes(b"dog\ncat")
    files = {"dataset": "x.npy", "labels": "l.txt", "testset": "t.npy", "test_labels": "tl.txt"}
    dataset = classification(**files)
    assert dataset.classes == ("ape", "cat", "dog")
    assert dataset.test.labels.tolist() == [2, 1]
    Path("tl.txt").write_bytes(b"2\n0")  # numbers of these classes
    assert classification(**files).test.labels.tolist() == [2, 0]
    Path("tl.txt").write_bytes(b"dog\ncow")
    with pytest.raises(UserError, match=r"tl\.txt: class cow does not occur in the training set"):
        classification(**files)
    Path("l.txt").write_bytes(text(np.array(["7", "8", "nine"])[LABELS]))
    Path("tl.txt").write_bytes(b"8\n7")
    assert classification(**files).test.labels.tolist() == [1, 0]  # they are names of classes there


@pytest.mark.parametrize(
    ("name", "content", "classes"),
    [
        ("l.csv", "0,1,0\n1,0,0\n0,0,1\n", ()),
        ("l.csv", "\ufeffa,b,c\r\n0,1,0\r\n1,0,0\r\n0,0,1", ("a", "b", "c")),
        ("l.txt", "0 1 0\n1 0 0\n0 0 1\n", ()),
        ("l.csv", "0.0;1.0;0.0\n1.0;0.0;0.0\n0.0;0.0;1.0\n", ()),
    ],
)
def test_one_hot_rows_of_text(name, content, classes):
    Path(name).write_text(content, encoding="utf-8")
    labels = registry.read_labels(name)
    assert (labels.numbers.tolist(), labels.classes) == ([1, 0, 2], classes)
    assert labels.notes == (f"{name}: the rows are read as one-hot labels of 3 classes",)


def test_a_column_of_zeros_and_ones_is_no_one_hot_row():
    Path("l.csv").write_text("id,label\n0,1\n1,0\n", encoding="utf-8")
    assert registry.read_labels("l.csv").numbers.tolist() == [1, 0]
