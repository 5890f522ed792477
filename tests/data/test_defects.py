"""Normal and defective images, and masks of defects. python -m pytest tests/data/test_defects.py"""

import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from lib.common.errors import UserError
from lib.config.hyperparameters import AutoencoderHyperparameters, ClassifierHyperparameters
from lib.data import normal_classes
from lib.data.dataset_names import peek
from lib.data.datasets import Dataset, load_dataset
from lib.data.formats.defect_masks import match_defect_masks
from lib.data.formats.picture_fit import PictureFit
from lib.data.splits import training_count
from tests.harness.textures import write_textures

KINDS = ("scratch", "spot", "thread")


def load(dataset: str, **values) -> Dataset:
    return load_dataset(AutoencoderHyperparameters(dataset=dataset, task="anomaly", **values))


def draw(name: str, size: tuple[int, int] = (8, 8), white: tuple = ()) -> Path:
    """A picture with the number of its name as gray value, or a mask that is white in some slices."""
    pixels = np.full(size, sum(map(ord, name)) % 200, np.uint8)
    if white:
        pixels[:] = 0
        pixels[white] = 255
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return path


@pytest.fixture(scope="module")
def textures(tmp_path_factory) -> Path:
    return write_textures(tmp_path_factory.mktemp("textures") / "weave", "weave", 32, train=12, good=3, bad=2)


def kinds_of(dataset: Dataset) -> list[tuple[str, bool]]:
    assert dataset.defects is not None
    return list(zip(dataset.defects.kinds, dataset.defects.is_defective.tolist(), strict=True))


def test_folders_of_mvtec_ad(textures):
    dataset = load(str(textures))
    assert dataset.classes == ("good", *KINDS)
    assert (len(dataset.train), len(dataset.validation)) == (11, 1)
    expected = [("good", False)] * 3 + [(kind, True) for kind in KINDS for _ in range(2)]
    assert kinds_of(dataset) == expected
    assert dataset.to_json()["defects"] == {"normal_classes": ["good"], "defective": 6, "with_masks": 6}
    assert not any("next to train and test" in note for note in dataset.notes)
    masks = dataset.defects.masks
    for index, file in enumerate(dataset.test.parent.files):
        mask = textures / "ground_truth" / file.parent.name / f"{file.stem}_mask.png"
        wanted = np.asarray(Image.open(mask)) > 0 if mask.exists() else np.zeros((32, 32), bool)
        np.testing.assert_array_equal(masks.take([index])[0], wanted)
    assert masks.is_known.all()


@pytest.mark.parametrize("train", ["train", "train/good"])
def test_a_test_folder_of_its_own(textures, train):
    whole = load(str(textures))
    parts = load(str(textures / train), testset=str(textures / "test"))
    assert kinds_of(parts) == kinds_of(whole)
    everything = np.arange(len(whole.test))
    assert (parts.defects.masks.take(everything) == whole.defects.masks.take(everything)).all()


def test_a_flat_training_folder_next_to_the_test_set(textures):
    shutil.copytree(textures / "train" / "good", "data/train")
    shutil.copytree(textures / "test", "data/test")
    assert kinds_of(load("data")) == kinds_of(load(str(textures)))


def test_normal_class_of_a_data_set_with_a_test_set():
    images = np.arange(60, dtype=np.uint8)[:, None, None].repeat(4, 1).repeat(4, 2)
    labels = np.arange(60) % 3
    np.savez("a.npz", x_train=images, y_train=labels, x_test=images[:9], y_test=labels[:9])
    dataset = load("a.npz", normal="1")
    assert set(dataset.train.labels) | set(dataset.validation.labels) == {1}
    assert len(dataset.train) + len(dataset.validation) == 20
    assert dataset.train.parent is dataset.validation.parent  # nothing is copied
    assert kinds_of(dataset) == [(str(number % 3), number % 3 != 1) for number in range(9)]
    limited = load("a.npz", normal="1,2", limit=12, fold="1/3")
    assert (len(limited.train), len(limited.validation), len(limited.test)) == (8, 4, 9)
    assert set(limited.train.labels) == {1, 2}


def test_normal_class_of_a_data_set_without_a_test_set():
    dataset = load("digits", normal="3", limit=50)
    assert set(dataset.train.labels) == set(dataset.validation.labels) == {3}
    labels = dataset.test.labels
    assert (labels == 3).sum() == 5
    assert (labels != 3).sum() == 1797 - 183  # all others, whatever the limit
    np.testing.assert_array_equal(dataset.defects.is_defective, labels != 3)
    parts = [set(part.indices.tolist()) for part in (dataset.train, dataset.validation, dataset.test)]
    assert sum(map(len, parts)) == len(set.union(*parts))
    assert dataset.defects.masks is None


def test_all_classes_are_normal_by_default():
    dataset = load("digits")
    assert not dataset.defects.is_defective.any()
    assert dataset.notes[-2:] == (
        "digits: all 10 classes of the training images count as normal; choose with --normal",
        "digits: the test set has no defects, so there are no scores of their detection; choose the "
        "normal classes with --normal",
    )
    assert not load("digits", normal="all").defects.is_defective.any()


def test_a_class_with_a_usual_name_is_normal():
    for number in range(12):
        draw(f"p/Good/{number}.png")
    draw("p/bent/0.png")
    dataset = load("p")
    assert kinds_of(dataset) == [("Good", False), ("bent", True)]
    assert any("the class Good counts as normal, bent as defective" in note for note in dataset.notes)


@pytest.mark.parametrize(
    ("trained", "tested", "values"),
    [("Good", "good", {}), ("fine", "OK", {}), ("fine", "whole", {"normal": "fine,whole"})],
)
def test_normal_test_images_may_have_another_class_than_those_of_the_training(trained, tested, values):
    for number in range(12):
        draw(f"p/train/{trained}/{number}.png")
    for name in (f"{tested}/0", "bent/0"):
        draw(f"p/test/{name}.png")
    dataset = load("p", **values)
    assert sorted(kinds_of(dataset), key=lambda kind: kind[1]) == [(tested, False), ("bent", True)]
    assert set(dataset.to_json()["defects"]["normal_classes"]) == {trained, tested}


def test_a_folder_of_normal_pictures_alone():
    for number in range(12):
        draw(f"p/{number}.png")
    dataset = load("p")
    assert kinds_of(dataset) == [("normal", False)]
    assert "p: the test set has no defects" in dataset.notes[-1]


def test_defective_images_outside_the_test_set(textures):
    draw("bad/0.png", (32, 32))
    dataset = load(str(textures), defective="bad")
    assert dataset.defective.take(slice(None)).shape == (1, 32, 32, 3)
    assert dataset.to_json()["defects"]["for_threshold"] == 1
    with pytest.raises(UserError, match=r"2 images are in .*weave, too, such as"):
        load(str(textures), defective=str(textures / "test" / "spot"))


def test_other_programs_and_tasks_use_all_images(textures):
    for hp in (
        AutoencoderHyperparameters(dataset=str(textures)),
        ClassifierHyperparameters(dataset=str(textures)),
    ):
        if hp.program == "classification":
            with pytest.raises(UserError, match="does not occur in the training set"):
                load_dataset(hp)
            continue
        dataset = load_dataset(hp)
        assert dataset.defects is None
        assert dataset.defective is None
        assert "defects" not in dataset.to_json()
        assert any("ignored: 1 folder next to train and test" in note for note in dataset.notes)


# --- masks


def folder_with_masks(*masks: tuple[str, tuple], size=(8, 8), **values) -> Dataset:
    """Twelve normal pictures, and two bent ones `a` and `b`, with some masks below the folder `m`."""
    for number in range(12):
        draw(f"p/good/{number}.png")
    for name in "ab":
        draw(f"p/bent/{name}.png")
    for name, white in masks:
        draw(f"m/{name}", size, white)
    return load("p", masks="m", **values)


HALF = (slice(4), slice(None))


@pytest.mark.parametrize(
    ("name", "ending"),
    [
        ("bent/a_mask.png", "_mask"),
        ("bent/a.bmp", "_mask"),
        ("a_mask.png", "_mask"),
        ("p/bent/a-gt.png", "-gt"),
    ],
)
def test_names_of_masks(name, ending):
    dataset = folder_with_masks((name, HALF), mask_ending=ending)
    masks = dataset.defects.masks
    shares = masks.take(np.arange(3)).mean(axis=(1, 2)).tolist()
    assert [kind for kind, _ in kinds_of(dataset)] == ["bent", "bent", "good"]
    assert shares == [0.5, 0, 0]
    assert masks.is_known.tolist() == [True, False, True]
    assert (
        "m: 1 of 2 pictures with defects have masks; scores of pixels skip the others, such as p/bent/b.png"
        in (dataset.notes)
    )


def test_masks_in_the_folder_are_no_class():
    folder_with_masks(("bent/a.png", HALF))
    shutil.move("m", "p/masks")
    dataset = load("p")
    assert dataset.classes == ("bent", "good")
    assert dataset.defects.masks.is_known.tolist() == [True, False, True]
    assert load("p", normal="good,masks", masks="m0" if Path("m0").exists() else None).classes == (
        "bent",
        "good",
        "masks",
    )


def test_masks_without_a_white_pixel_and_without_a_picture():
    dataset = folder_with_masks(("bent/a.png", HALF), ("bent/b.png", (slice(0),)), ("bent/c.png", HALF))
    assert dataset.defects.masks.is_known.tolist() == [True, False, True]
    assert "m: without a white pixel, so no mask: m/bent/b.png" in dataset.notes
    assert "m: no picture with defects has the name of m/bent/c.png" in dataset.notes


def test_class_numbers_are_defects():
    folder_with_masks(("bent/a.png", HALF))
    Image.fromarray((np.asarray(Image.open("m/bent/a.png")) > 0).astype(np.uint8)).save("m/bent/a.png")
    assert load("p", masks="m").defects.masks.take([0]).mean() == 0.5


@pytest.mark.parametrize(("fit", "rows", "columns"), [("crop", 4, 2), ("pad", 1, 1), ("stretch", 4, 1)])
def test_masks_are_fitted_as_their_pictures(fit, rows, columns):
    for number in range(12):
        draw(f"p/good/{number}.png", (16, 32))
    draw("p/bent/a.png", (16, 32), (slice(4), slice(8, 16)))
    draw("m/bent/a.png", (16, 32), (slice(4), slice(8, 16)))
    dataset = load("p", masks="m", size=8, fit=fit)
    mask, image = dataset.defects.masks.take([0])[0], dataset.test.take([0])[0, ..., 0]
    np.testing.assert_array_equal(mask, image > 127)
    assert mask.any()


def test_masks_are_cut_like_patches():
    for number in range(12):
        draw(f"p/good/{number}.png", (16, 16))
    draw("p/bent/a.png", (16, 16), (slice(4), slice(4)))
    draw("p/ground_truth/bent/a_mask.png", (16, 16), (slice(4), slice(4)))
    dataset = load("p", size=6, patches=8)
    masks = dataset.defects.masks.take(np.arange(8))
    np.testing.assert_array_equal(masks, dataset.test.take(slice(8))[..., 0] > 127)
    # A patch without a pixel of the defect is normal.
    np.testing.assert_array_equal(dataset.defects.is_defective[:8], masks.any(axis=(1, 2)))
    assert masks.any()
    assert not dataset.defects.is_defective.all()


names = st.lists(
    st.text("abé_.", min_size=1, max_size=3).filter(lambda t: t.strip(".")), min_size=1, max_size=2
)


@settings(max_examples=200, deadline=None)
@given(st.lists(names, min_size=1, max_size=4), st.lists(names, max_size=4), st.booleans(), st.booleans())
def test_each_mask_belongs_to_one_picture_at_most(pictures, others, has_ending, is_deep):
    """Each picture gets the mask of its name, or an error says that names are ambiguous."""
    files = list(dict.fromkeys(Path("data", "test", *parts[:-1], f"{parts[-1]}.png") for parts in pictures))
    normal = [Path("data", "train", *parts[:-1], f"{parts[-1]}.jpg") for parts in others]
    masks = [
        Path("gt", *file.parts[2 - is_deep : -1], f"{file.stem}{'_mask' * has_ending}.png") for file in files
    ]
    try:
        matches = match_defect_masks(Path("gt"), masks, "_mask", files, normal)
    except UserError:  # one name is the end of another one
        return
    assert set(matches.of_picture.values()) <= set(masks)
    assert len(set(matches.of_picture.values())) == len(matches.of_picture)
    assert not set(matches.unmatched) & set(matches.of_picture.values())
    for file, mask in matches.of_picture.items():
        assert mask.stem in (file.stem, f"{file.stem}_mask")


def test_defaults_follow_the_number_of_normal_images(textures):
    hp = AutoencoderHyperparameters(dataset=str(textures), task="anomaly")
    assert training_count(peek(hp.dataset, PictureFit.of(hp)), hp) == len(load_dataset(hp).train)
    for number in range(12):
        draw(f"p/good/{number}.png")
        draw(f"p/bent/{number}.png")
    hp = AutoencoderHyperparameters(dataset="p", task="anomaly")
    assert training_count(peek("p", PictureFit.of(hp)), hp) == len(load_dataset(hp).train)
    hp = AutoencoderHyperparameters(dataset="digits", task="anomaly", normal="3")
    assert training_count(peek("digits"), hp) == 143  # a tenth, 8 of 10 parts
    assert training_count(peek("digits"), AutoencoderHyperparameters(dataset="digits")) == 1437


@pytest.mark.parametrize(
    ("chosen", "names"),
    [
        (("1",), ("cat",)),
        (("bird", "0"), ("bird", "bird")),
        (("2",), ("2",)),
        (("all",), ("bird", "cat")),
        (None, ("bird", "cat")),
        (("٣",), ("٣",)),
    ],
)
def test_classes_are_named_by_names_or_numbers(chosen, names):
    assert normal_classes.select_classes(("bird", "cat"), chosen) == names


def test_other_tasks_name_the_one_that_finds_defects(tmp_path):
    write_textures(tmp_path / "weave", "weave", side=16, train=12, good=3, bad=2)
    options = {"dataset": str(tmp_path / "weave"), "layers": 1}
    notes = load_dataset(AutoencoderHyperparameters(**options)).notes
    assert any("to find defects such as scratch, set --task anomaly" in note for note in notes)
    notes = load_dataset(AutoencoderHyperparameters(task="anomaly", **options)).notes
    assert not any("to find defects" in note for note in notes)
