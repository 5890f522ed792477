"""Folders of pictures: classes, parts, what is ignored. python -m pytest tests/data/test_image_folder.py"""

import os
from pathlib import Path

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st
from PIL import Image

from lib.common.errors import UserError
from lib.config.hyperparameters import AutoencoderHyperparameters, ClassifierHyperparameters
from lib.data.formats import picture_lists
from lib.data.formats.image_folder import ImageFolderFormat
from lib.data.formats.picture_lists import list_pictures
from lib.data.user_images import UserImages
from lib.worker import open_data

SHAPE = (4, 5, 1)


def draw(*names: str) -> None:
    """Write pictures; the gray of each is its place among the names, from 1 on."""
    for number, name in enumerate(names, 1):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        with Path(name).open("wb") as file:
            Image.new("L", (5, 4), number).save(file, "PNG")


def names_of(part: picture_lists.PictureList) -> list[tuple[str, str]]:
    """The path of each picture, and its class."""
    return [
        (file.as_posix(), part.classes[label]) for file, label in zip(part.files, part.labels, strict=True)
    ]


def grays(images) -> list[int]:
    return images.images[:, 0, 0, 0].tolist()


# --- hidden and other files


def test_hidden_files_never_count_at_any_level():
    draw("p/cat/a.png", "p/dog/deep/b.png")
    for folder in ("p", "p/cat", "p/dog/deep"):
        for name in ("._a.png", ".DS_Store", "Thumbs.db", "desktop.ini"):
            Path(folder, name).write_bytes(b"\0\5\x16\7 no picture")
        for hidden in ("__MACOSX", ".thumbnails", "@eaDir"):
            Path(folder, hidden).mkdir()
            Path(folder, hidden, "a.png").write_bytes(b"no picture")
    source = ImageFolderFormat.read(Path("p"))
    assert (grays(source.train), source.train.classes, source.notes) == ([1, 2], ("cat", "dog"), ())
    assert UserImages("p", SHAPE).names == ["cat/a.png", "dog/deep/b.png"]


@pytest.mark.usefixtures("impatient")
def test_everything_else_that_is_left_out_is_said_in_one_line(monkeypatch):
    draw("p/cat/a.png", "p/dog/b.png")
    for name in ("p/cat/1.txt", "p/2.TXT", "p/dog/3.mov", "p/cat/4", "p/cat/5.with spaces"):
        Path(name).write_bytes(b"text")
    Path("p/cat/empty.png").touch()
    Path("p/cat/gone.png").symlink_to("nowhere")
    Path("p/cat/loop.png").symlink_to("loop.png")
    Path("p/cat/null.png").symlink_to("/dev/null")
    os.mkfifo("p/dog/pipe.png")
    Path("p/up").symlink_to("..", target_is_directory=True)
    Path("p/none").mkdir()
    monkeypatch.setattr(picture_lists, "SHOWN_KINDS", 20)
    (note,) = ImageFolderFormat.read(Path("p")).notes
    assert note.startswith("p: ignored: 2 ")
    assert set(note.removeprefix("p: ignored: ").split(", ")) == {
        *("2 .txt", "2 other file", "2 broken link", "2 pipe or device", "1 .mov", "1 empty"),
        *("1 circular link", "1 folder without pictures"),
    }
    assert UserImages("p", SHAPE).notes == (note,)
    monkeypatch.setattr(picture_lists, "SHOWN_KINDS", 4)
    assert list_pictures(Path("p")).notes[0].endswith(", 4 other")
    assert grays(ImageFolderFormat.read(Path("p")).train) == [1, 2]


def test_too_deep_and_too_many_files(monkeypatch):
    draw("p/a/1.png", f"p/{'/'.join('a' * picture_lists.MAX_DEPTH)}/2.png", f"p/{'/'.join('a' * 21)}/3.png")
    folder = list_pictures(Path("p"))
    assert len(folder.train) == 2
    assert folder.notes == ("p: ignored: 1 folder below level 20",)
    monkeypatch.setattr(picture_lists, "MAX_ENTRIES", 20)
    with pytest.raises(UserError, match="p: more than 20 files and folders"):
        list_pictures(Path("p"))


def test_links_to_folders_are_followed_but_not_in_circles():
    draw("elsewhere/x.png", "p/cat/a.png")
    Path("p/dog").symlink_to("../elsewhere", target_is_directory=True)
    Path("elsewhere/back").symlink_to("../p", target_is_directory=True)
    folder = list_pictures(Path("p"))
    assert names_of(folder.train) == [("p/cat/a.png", "cat"), ("p/dog/x.png", "dog")]
    assert folder.notes == ("p: ignored: 1 circular link",)


# --- classes


def test_the_class_is_the_first_folder_below_the_root():
    draw("p/cat/indoors/a.png", "p/cat/b.jfif", "p/dog/x/y/c.JPE", "p/dog/d.pbm")
    assert names_of(list_pictures(Path("p")).train) == [
        ("p/cat/b.jfif", "cat"),
        ("p/cat/indoors/a.png", "cat"),
        ("p/dog/d.pbm", "dog"),
        ("p/dog/x/y/c.JPE", "dog"),
    ]


def test_a_picture_beside_class_folders_takes_the_labels_away_and_messages_say_so():
    draw(*(f"p/{kind}/{number}.png" for kind in ("cat", "dog") for number in range(6)), "p/z.png")
    source = ImageFolderFormat.read(Path("p"))
    assert (source.train.labels, source.train.classes) == (None, ())
    error = "p: has no labels, because p/z.png is outside the class folders; move it into a class folder"
    assert source.notes == (error,)
    assert ImageFolderFormat.peek(Path("p")).label_error == error
    with pytest.raises(UserError, match=error):
        open_data.open_dataset(ClassifierHyperparameters(dataset="p"))
    with pytest.raises(UserError, match=error):
        open_data.open_dataset(AutoencoderHyperparameters(dataset="p", label_weight=0.5))
    assert open_data.open_dataset(AutoencoderHyperparameters(dataset="p")).notes == source.notes
    draw("p/y.png", "p/x.png")
    (note,) = list_pictures(Path("p")).notes
    assert note.startswith(
        "p: has no labels, because p/x.png and 2 others are outside the class folders; move them"
    )


def test_a_flat_folder_has_neither_labels_nor_an_error():
    draw("p/a.png", "p/b.png")
    train = list_pictures(Path("p")).train
    assert (train.labels, train.classes, train.label_error) == (None, (), "")


# --- training and test sets


@pytest.mark.parametrize(
    ("train", "test"),
    [("train", "test"), ("Training", "TESTING"), ("train", "valid"), ("training_set", "test_set")],
)
def test_folders_of_a_training_set_and_a_test_set(train, test):
    draw(f"p/{train}/cat/a.png", f"p/{train}/dog/b.png", f"p/{test}/cat/c.png", f"p/{test}/dog/d.png")
    source, header = ImageFolderFormat.read(Path("p")), ImageFolderFormat.peek(Path("p"))
    assert (grays(source.train), grays(source.test)) == ([1, 2], [3, 4])
    assert source.train.labels.tolist() == source.test.labels.tolist() == [0, 1]
    assert source.train.classes == source.test.classes == ("cat", "dog")
    assert (header.count, header.test_count, header.labeled) == (2, 2, True)
    assert source.notes == (f"p: the training set is {train}, the test set is {test}",)


def test_of_val_and_test_val_belongs_to_the_training_set():
    draw(
        "p/train/cat/a.png",
        "p/val/cat/b.png",
        "p/val/dog/c.png",
        "p/test/dog/d.png",
        "p/e.png",
        "p/more/f.png",
    )
    source = ImageFolderFormat.read(Path("p"))
    assert (grays(source.train), source.train.labels.tolist()) == ([1, 2, 3], [0, 0, 1])
    assert (grays(source.test), source.test.labels.tolist()) == ([4], [1])
    assert source.notes == (
        "p: the training set is train and val, the test set is test; --split draws the validation set from "
        "the training set",
        "p: ignored: 1 folder next to train and test, 1 picture next to train and test",
        "p: the test set does not contain the class cat",
    )


def test_a_class_that_is_in_one_part_only_keeps_the_numbers_right():
    draw("p/train/b/1.png", "p/train/c/2.png", "p/test/a/3.png", "p/test/c/4.png")
    source = ImageFolderFormat.read(Path("p"))
    assert (source.train.classes, source.train.labels.tolist()) == (("b", "c"), [0, 1])
    assert [source.test.classes[label] for label in source.test.labels] == ["a", "c"]
    assert source.test.labels.tolist() == [2, 1]
    assert source.notes[1:] == (
        "p: only the test set contains the class a",
        "p: the test set does not contain the class b",
    )


def test_a_class_that_training_does_not_have_is_refused_by_its_name():
    draw(*(f"p/train/{kind}/{number}.png" for kind in "bc" for number in range(6)), "p/test/a/3.png")
    with pytest.raises(UserError, match=r"p: class a does not occur in the training set \(2 classes\)"):
        open_data.open_dataset(ClassifierHyperparameters(dataset="p"))
    dataset = open_data.open_dataset(AutoencoderHyperparameters(dataset="p"))
    assert dataset.classes == ("b", "c")


def test_the_classes_of_a_test_set_in_another_folder_go_by_their_names():
    draw(*(f"train_pictures/{kind}/{number}.png" for kind in ("cat", "dog") for number in range(6)))
    draw("other/dog/1.png", "other/dog/2.png")
    hp = ClassifierHyperparameters(dataset="train_pictures", testset="other")
    dataset = open_data.open_dataset(hp)
    assert (dataset.classes, dataset.test.labels.tolist()) == (("cat", "dog"), [1, 1])


def test_a_folder_called_train_without_a_test_set_holds_classes_or_is_one():
    draw("p/train/cat/a.png", "p/train/dog/b.png")
    assert list_pictures(Path("p")).train.classes == ("cat", "dog")
    draw("q/train/a.png", "q/bus/b.png")
    assert (list_pictures(Path("q")).train.classes, list_pictures(Path("q")).test) == (("bus", "train"), None)


def test_parts_without_classes_and_empty_parts():
    draw("p/train/a.png", "p/test/b.png")
    folder = list_pictures(Path("p"))
    assert (folder.train.labels, folder.test.labels, folder.train.label_error) == (None, None, "")
    draw("q/train/cat/a.png", "q/test/b.png")
    folder = list_pictures(Path("q"))
    assert (folder.train.classes, folder.test.labels) == (("cat",), None)
    Path("r/test").mkdir(parents=True)
    draw("r/train/cat/a.png")
    assert list_pictures(Path("r")).test is None
    Path("s/train").mkdir(parents=True)
    draw("s/test/cat/a.png")
    with pytest.raises(UserError, match="s/train: no images"):
        list_pictures(Path("s"))


def test_saved_models_take_the_test_set_and_encode_all():
    draw("p/train/cat/a.png", "p/test/dog/b.png")
    tested, everything = UserImages("p", SHAPE), UserImages("p", SHAPE, include_training=True)
    assert (tested.names, [tested.classes[label] for label in tested.labels]) == (["test/dog/b.png"], ["dog"])
    assert everything.names == ["train/cat/a.png", "test/dog/b.png"]
    assert [everything.classes[label] for label in everything.labels] == ["cat", "dog"]
    assert "p: using the pictures of the test set" in tested.notes
    assert "p: using the pictures of the test set" not in everything.notes


# --- notes about values, and names


def test_what_was_assumed_is_said_once_per_folder_with_counts():
    Path("p").mkdir()
    for name in ("c", "d"):
        Image.fromarray(np.full((4, 5), 257, np.uint16)).save(f"p/{name}.png")
    Image.fromarray(np.full((4, 5), 1000, np.int32)).save("p/b.tif")
    draw("p/e.png")
    source, user_images = ImageFolderFormat.read(Path("p")), UserImages("p", SHAPE)
    ((_, images),) = user_images.chunks()
    np.testing.assert_array_equal(images, source.train.images)
    expected = [1000 / 1023, 257 / 1023, 257 / 1023, 1 / 255]  # a picture of 8 bits has white at 255
    assert grays(source.train) == [round(65_535 * value) for value in expected]
    assert source.notes == user_images.notes
    assert source.notes == ("p: values from 257 to 1000 were read as 16-bit pixels from 0 to 1,023",)


def test_names_that_cannot_be_printed_are_replaced_and_stay_apart():
    for name in (b"p/\xff/\xfe.png", b"p/\xfe/a\x1b[2J\n.png", b"p/\xfe/b\xed\xa0\x80.png"):
        os.makedirs(os.path.dirname(name), exist_ok=True)
        draw(os.fsdecode(name))
    source, user_images = ImageFolderFormat.read(Path("p")), UserImages("p", SHAPE)
    assert source.train.classes == user_images.classes == ("\ufffd", "\ufffd (2)")
    assert all(name.isprintable() for name in (*user_images.names, *source.notes))
    assert len(set(user_images.names)) == 3
    assert source.train.labels.tolist() == [0, 0, 1]


@hypothesis.given(st.lists(st.text(max_size=3)))
def test_printable_names_are_printable_and_unique(names):
    printed = picture_lists.printable_names(names)
    assert len(set(printed)) == len(printed) == len(names)
    assert all(name.isprintable() for name in printed)
