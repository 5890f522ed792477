"""Pairs of degraded and clean pictures. python -m pytest tests/data/test_picture_pairs.py"""

import os
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lib.common.errors import UserError
from lib.config.hyperparameters import AutoencoderHyperparameters
from lib.data.datasets import load_dataset
from lib.data.formats import picture_cache, picture_matching
from lib.data.formats.picture_fit import PictureFit
from lib.data.formats.picture_pairs import read_picture_pairs
from lib.tasks.pixels import to_uint8
from lib.training.batches import Batches

BAD, CLEAN = Path("bad"), Path("clean")


def draw(folder: Path, names: list[str], size: tuple[int, ...] = (6, 5, 3), add: int = 0) -> None:
    """Write pictures whose pixels are the last two digits of their name, and `add`."""
    for name in names:
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        number = int(Path(name).stem)
        Image.fromarray(np.full(size, number % 100 + add, np.uint8)).save(file)


def draw_pairs(count: int = 20, **options) -> None:
    draw(BAD, [f"{'ab'[number % 2]}/{number:03}.bmp" for number in range(count)])
    draw(CLEAN, [f"{'ab'[number % 2]}/{number:03}.png" for number in range(count)], add=100, **options)


def load(dataset: str | Path = BAD, targets: str | Path = CLEAN, **values):
    hp = AutoencoderHyperparameters(dataset=str(dataset), task="restore", targets=str(targets), **values)
    return load_dataset(hp)


def values_of(subset) -> tuple[list[int], list[int]]:
    """The first pixel of each degraded and of each clean picture."""
    inputs, targets = np.split(subset.take_pairs(slice(None)), 2, axis=-1)
    return inputs[:, 0, 0, 0].tolist(), targets[:, 0, 0, 0].tolist()


def require_pairs(dataset, count: int) -> None:
    found = 0
    for subset in (dataset.train, dataset.validation, dataset.test):
        inputs, targets = values_of(subset)
        assert targets == [value + 100 for value in inputs]
        found += len(inputs)
    assert found == count


def test_pictures_of_one_name_are_pairs_in_every_part_of_the_split():
    draw_pairs()
    dataset = load()
    require_pairs(dataset, 20)
    assert (dataset.shape, dataset.classes, dataset.notes) == ((6, 5, 3), ("a", "b"), ())
    assert dataset.train.labels.tolist() == [value % 2 for value in values_of(dataset.train)[0]]
    assert str(CLEAN / "a" / "000.png") in dataset.file_states
    alone = load_dataset(AutoencoderHyperparameters(dataset=str(CLEAN)))
    assert dataset.sha256 != alone.sha256
    assert not alone.train.paired
    require_pairs(load(limit=10), 10)


def test_pictures_without_a_partner_are_named_and_skipped():
    draw_pairs(400)
    os.unlink(BAD / "a" / "000.bmp")
    draw(CLEAN, ["c/7.png"])
    dataset = load()
    require_pairs(dataset, 399)
    [note] = dataset.notes
    assert note.startswith("bad and clean: 2 of 401 names are in one folder only and are skipped: ")
    assert str(CLEAN / "a" / "000.png") in note
    for number in range(2, 22, 2):
        os.unlink(BAD / "a" / f"{number:03}.bmp")
    with pytest.raises(UserError, match=r"12 of 401 names .*, .*and 7 more; .*--skip-broken"):
        load()
    require_pairs(load(skip_broken=True), 389)


def test_a_broken_picture_takes_its_partner_with_it():
    draw_pairs()
    (CLEAN / "a" / "000.png").write_bytes(b"no picture")
    (BAD / "b" / "001.bmp").write_bytes((BAD / "b" / "001.bmp").read_bytes()[:60])
    dataset = load()
    require_pairs(dataset, 18)
    assert len(dataset.notes) == 2


def test_degraded_pictures_may_be_smaller_than_the_clean_ones(monkeypatch):
    draw_pairs(size=(12, 10, 3))
    with pytest.raises(
        UserError, match=r"clean: the pictures are 12×10, those of bad are 6×5; .*--size 12x10"
    ):
        load()
    monkeypatch.setattr(picture_matching, "read_header", None)  # one proportion: no picture is opened for it
    require_pairs(load(size="12x10"), 20)


def test_pairs_of_two_proportions_do_not_match(monkeypatch):
    monkeypatch.setattr(picture_cache, "MIN_SECONDS", 0)
    draw_pairs(size=(12, 10, 3))
    draw(CLEAN, ["a/002.png"], size=(12, 20, 3), add=100)
    for _ in range(2):  # found, then taken from the cache
        dataset = load(size=12)
        require_pairs(dataset, 19)
        assert "1 of 20 pairs have two proportions" in dataset.notes[0]
        assert str(BAD / "a" / "002.bmp") in dataset.notes[0]
        monkeypatch.setattr(picture_matching, "read_header", None)
    require_pairs(load(size=12, fit="stretch"), 20)


def test_gray_pictures_make_their_partners_gray():
    draw(BAD, [f"{number}.png" for number in range(20)], size=(6, 5))
    draw(CLEAN, [f"{number}.png" for number in range(20)], add=100)
    dataset = load()
    require_pairs(dataset, 20)
    assert dataset.shape == (6, 5, 1)
    assert "--color rgb" in dataset.notes[0]
    assert load(color="rgb").shape == (6, 5, 3)


def test_test_pictures_have_partners_of_their_own():
    draw_pairs()
    draw(Path("t"), [f"{number}.png" for number in range(5)])
    draw(Path("u"), [f"{number}.jpg" for number in range(5)], add=100)
    dataset = load(testset="t", test_targets="u", split="90/10/0")
    require_pairs(dataset, 25)
    assert len(dataset.test) == 5
    for folder in (BAD, CLEAN):
        parts = Path(f"parts-{folder}")
        draw(parts, [f"{part}/{number}.png" for part in ("train", "test") for number in range(12)], add=3)
    assert len(load("parts-bad", "parts-clean").test) == 12
    with pytest.raises(UserError, match="parts-clean: has a training and a test set, bad has not"):
        load(BAD, "parts-clean")


def test_arrays_are_pairs_by_their_order():
    images = np.arange(20, dtype=np.uint8)[:, None, None] + np.zeros((20, 4, 4), np.uint8)
    np.save("bad.npy", images)
    np.savez("clean.npz", images=images + np.uint8(100))
    require_pairs(load("bad.npy", "clean.npz"), 20)


def test_both_pictures_of_a_pair_are_augmented_alike():
    rng = np.random.default_rng(0)
    images = rng.integers(0, 100, (30, 14, 14), np.uint8)
    np.save("bad.npy", images)
    np.save("clean.npy", images + np.uint8(100))
    hp = AutoencoderHyperparameters(
        dataset="bad.npy", targets="clean.npy", task="restore", flip=True, shift=True
    )
    inputs, targets = Batches(load_dataset(hp).train, 24, hp, training=True)[0]
    np.testing.assert_array_equal(to_uint8(targets), to_uint8(inputs) + 100)
    assert not any(np.array_equal(to_uint8(inputs)[0, ..., 0], image) for image in images)


def test_patches_of_a_pair_are_from_one_place():
    rng = np.random.default_rng(0)
    for number in range(12):
        pixels = rng.integers(0, 100, (20, 30 + number, 3), np.uint8)
        for folder, suffix, add in ((BAD, "bmp", 0), (CLEAN, "png", 100)):
            folder.mkdir(exist_ok=True)
            Image.fromarray(pixels + np.uint8(add)).save(folder / f"{number}.{suffix}")
    dataset = load(size=8, patches=5)
    for subset in (dataset.train, dataset.validation, dataset.test):
        inputs, targets = np.split(subset.take_pairs(slice(None)), 2, axis=-1)
        np.testing.assert_array_equal(targets, inputs + 100)
    assert sum(map(len, (dataset.train, dataset.validation, dataset.test))) == 60
    draw(CLEAN, ["3.png"], size=(40, 66, 3))
    assert "1 of 12 pairs have two sizes" in load(size=8, patches=5).notes[0]


def test_patches_of_a_pair_have_one_place_in_all_forms_of_unicode():
    picture = np.random.default_rng(0).integers(0, 256, (30, 30), np.uint8)
    for folder, form in ((BAD, "NFC"), (CLEAN, "NFD")):
        folder.mkdir()
        Image.fromarray(picture).save(folder / f"{unicodedata.normalize(form, 'café')}.png")
    train = read_picture_pairs(BAD, CLEAN, PictureFit((8, 8), patches=4)).train
    np.testing.assert_array_equal(train.inputs, train.images)
