"""Files that change while they are used. python -m pytest tests/data/test_file_changes.py"""

import os
from pathlib import Path

import numpy as np
import pytest

from lib.config.hyperparameters import AutoencoderHyperparameters, ClassifierHyperparameters
from lib.data import datasets
from lib.data.file_changes import changed_files, describe_changes, file_states
from tests.harness import sample_files


def write(*names: str) -> None:
    for name in names:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text("x")


def test_a_change_of_size_or_of_time_or_the_end_of_a_file_is_seen():
    write("a", "b", "c", "d")
    before = file_states([Path(name) for name in "abcd"])
    assert changed_files(before) == []
    Path("a").write_text("longer")
    os.utime("b", ns=(1, 1))
    Path("c").unlink()
    assert changed_files(before) == ["a", "b", "c"]


def test_files_in_folders_are_seen_at_any_depth_and_new_and_hidden_ones_do_not_count():
    write("top/a/b/c.png", "top/.hidden/x", "top/a/.y")
    before = file_states([Path("top")])
    assert [*before] == ["top/a/b/c.png"]
    write("top/new")
    assert changed_files(before) == []
    Path("top/a/b/c.png").unlink()
    assert describe_changes(changed_files(before)) == "top/a/b/c.png was removed"


def test_sentences_count_the_files():
    write("a", "b")
    assert describe_changes(["a"]) == "a was changed"
    assert describe_changes(["a", "b"]) == "a and 1 other file were changed"
    assert describe_changes(["a", "none", "b"]) == "a and 2 other files were changed or removed"


@pytest.mark.parametrize(
    ("suffix", "effect"),
    [
        ("npy", "which reads it in place: the scores may mix old and new images"),
        ("npz", "which used the content read at its start"),
    ],
)
def test_a_data_set_knows_that_its_files_were_changed(suffix, effect):
    images = sample_files.shapes(40)[0]
    save = {"npy": np.save, "npz": np.savez}[suffix]
    save(f"a.{suffix}", images)
    dataset = datasets.load_dataset(AutoencoderHyperparameters(dataset=f"a.{suffix}"))
    assert dataset.describe_changes() == ""
    os.utime(f"a.{suffix}", ns=(1, 1))
    assert dataset.describe_changes() == f"a.{suffix} was changed during this run, {effect}"


def test_labels_are_watched_and_are_not_mapped_images():
    images, labels = sample_files.shapes(40)
    np.save("a.npy", images)
    np.save("labels.npy", labels)
    dataset = datasets.load_dataset(ClassifierHyperparameters(dataset="a.npy", labels="labels.npy"))
    os.utime("labels.npy", ns=(1, 1))
    assert dataset.describe_changes().startswith("labels.npy was changed during this run, which used")


def test_a_file_that_changes_while_it_is_read_is_noted(monkeypatch):
    np.save("a.npy", sample_files.shapes(40)[0])
    load_source = datasets.load_source

    def load_while_it_changes(name, fit):
        source = load_source(name, fit)
        os.utime(name, ns=(1, 1))
        return source

    monkeypatch.setattr(datasets, "load_source", load_while_it_changes)
    dataset = datasets.load_dataset(AutoencoderHyperparameters(dataset="a.npy"))
    assert dataset.notes == ("a.npy was changed while it was being read; start again when it is complete",)
    assert dataset.describe_changes() == ""
