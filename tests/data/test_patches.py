"""Random patches of pictures. python -m pytest tests/data/test_patches.py"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from lib.common.errors import UserError
from lib.config.hyperparameters import AutoencoderHyperparameters, ClassifierHyperparameters
from lib.data import dataset_names, datasets
from lib.data.formats import picture_cache, picture_decoding, picture_fit
from lib.data.formats.picture_fit import PictureFit
from lib.data.formats.picture_patches import enlarged_size, load_patches
from lib.data.formats.registry import peek_source, read_source

FOLDER = Path("p")
FIT = PictureFit((8, 6), patches=3)


def draw(*sizes: tuple[int, ...], labeled: bool = False) -> None:
    rng = np.random.default_rng(0)
    for number, size in enumerate(sizes):
        file = FOLDER / ("ab"[number % 2] if labeled else ".") / f"{number:03}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, size, np.uint8)).save(file)


def places(patch: np.ndarray, picture: np.ndarray) -> list[tuple[int, ...]]:
    """Return where a patch is found in a picture."""
    windows = np.lib.stride_tricks.sliding_window_view(picture, patch.shape)
    return list(zip(*np.nonzero((windows == patch).all(axis=(2, 3))), strict=True))


def test_patches_are_crops_at_native_resolution_in_different_places():
    draw((20, 30), (9, 6), (40, 11))
    images = read_source(FOLDER, FIT).train.images
    assert images.shape == (9, 8, 6, 1)
    assert peek_source(FOLDER, FIT).count == 9
    for number in range(3):
        picture = np.asarray(Image.open(FOLDER / f"{number:03}.png"))
        found = [places(patch[..., 0], picture) for patch in images[3 * number : 3 * number + 3]]
        assert all(len(where) == 1 for where in found)
        assert len(set(map(tuple, found))) == (2 if number == 1 else 3)  # the second has two places


def test_patches_follow_the_seed_and_not_the_other_pictures():
    draw(*[(30, 30)] * 5)
    images = read_source(FOLDER, FIT).train.images
    np.testing.assert_array_equal(images, read_source(FOLDER, FIT).train.images)
    assert not np.array_equal(images, read_source(FOLDER, replace(FIT, seed=1)).train.images)
    Path("p/001.png").unlink()
    np.testing.assert_array_equal(np.delete(images, [3, 4, 5], 0), read_source(FOLDER, FIT).train.images)


@given(
    st.tuples(st.integers(1, 40), st.integers(1, 40)),
    st.tuples(st.integers(1, 20), st.integers(1, 20)),
    st.sampled_from(["crop", "pad", "stretch"]),
    st.integers(1, 5),
)
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_pictures_of_any_size_give_patches(tmp_path_factory, size, patch_size, mode, count):
    file = tmp_path_factory.mktemp("p") / "a.png"
    Image.fromarray(np.full(size, 90, np.uint8)).save(file)
    patches = load_patches(file, file.parent, (*patch_size, 1), mode, count, 0).pixels
    assert patches.shape == (count, *patch_size, 1)
    values = set(np.unique(patches))
    is_smaller = size[0] < patch_size[0] or size[1] < patch_size[1]
    assert values <= ({0, 90} if mode == "pad" and is_smaller else {90})


def test_a_narrow_picture_is_not_enlarged_as_a_whole():
    assert enlarged_size((1, 50_000), (256, 256), "crop") == (256, 12_800_000)
    FOLDER.mkdir()
    Image.fromarray(np.full((1, 50_000), 7, np.uint8)).save("p/a.png")
    assert (load_patches(Path("p/a.png"), FOLDER, (256, 256, 3), "crop", 2, 0).pixels == 7).all()


def test_small_pictures_are_said():
    draw((20, 30), (8, 6), (4, 6))
    assert read_source(FOLDER, FIT).notes == (
        "p: 1 of 3 pictures are smaller than the images: enlarged",
        "p: 3 random patches of 8×6 from each of 3 pictures",
        "p: 1 of 3 pictures are too small for 3 different patches: some are alike",
    )


def test_patches_need_a_size_and_pictures():
    draw((20, 30))
    for read in (peek_source, read_source):
        with pytest.raises(
            UserError, match=r"^p: --patches requires the size of the patches, such as --size"
        ):
            read(FOLDER, PictureFit(patches=3))
    with pytest.raises(UserError, match=r"^digits: --patches is for folders of pictures$"):
        dataset_names.peek("digits", PictureFit(patches=3))


def test_labels_and_files_stay_with_their_patches():
    draw(*[(20, 20)] * 8, labeled=True)
    Path("p/a/002.png").write_bytes(Path("p/a/002.png").read_bytes()[:45])
    source = read_source(FOLDER, FIT)
    assert "p: 3 random patches of 8×6 from each of 7 pictures" in source.notes
    train = source.train
    assert train.labels.tolist() == [0] * 9 + [1] * 12
    assert [file.name for file in train.files[7:10]] == ["006.png", "006.png", "001.png"]


@pytest.mark.parametrize("fold", [None, "2/3"])
def test_patches_of_one_picture_are_in_one_part(fold):
    draw(*[(20, 20)] * 30, labeled=True)
    hp = AutoencoderHyperparameters(dataset="p", size="8x6", patches=4, fold=fold, limit=100)
    dataset = datasets.load_dataset(hp)
    parts = [dataset.train, dataset.validation, dataset.test]
    pictures = [set(part.indices // 4) for part in parts]
    assert sum(map(len, pictures)) == len(set.union(*pictures)) == 25
    assert sum(map(len, parts)) == 100
    assert all(len(part) == 4 * len(numbers) for part, numbers in zip(parts, pictures, strict=True))


def test_a_file_of_labels_has_one_for_each_picture():
    draw(*[(20, 20)] * 20)
    Path("labels.txt").write_text("\n".join("01" * 10))
    hp = ClassifierHyperparameters(dataset="p", size="8x6", patches=2, labels="labels.txt")
    dataset = datasets.load_dataset(hp)
    assert dataset.train.parent.labels.tolist() == [0, 0, 1, 1] * 10


def test_patches_are_kept_in_the_cache(monkeypatch):
    monkeypatch.setattr(picture_cache, "MIN_SECONDS", 0.0)
    monkeypatch.setattr(picture_fit, "_surveys", {})
    draw(*[(20, 20)] * 6)
    first, other = (read_source(FOLDER, replace(FIT, seed=seed)).train.images for seed in (0, 1))
    monkeypatch.setattr(picture_decoding, "load_patches", None)
    np.testing.assert_array_equal(read_source(FOLDER, FIT).train.images, first)
    np.testing.assert_array_equal(read_source(FOLDER, replace(FIT, seed=1)).train.images, other)
    with pytest.raises(TypeError):
        read_source(FOLDER, replace(FIT, patches=2))


def test_the_cache_knows_the_folder_that_patches_follow(monkeypatch):
    monkeypatch.setattr(picture_cache, "MIN_SECONDS", 0.0)
    draw(*[(20, 20)] * 6)
    FOLDER.rename("below")
    FOLDER.mkdir()
    Path("below").rename(FOLDER / "a")
    read_source(FOLDER, FIT)
    cached = read_source(FOLDER / "a", FIT).train.images
    np.testing.assert_array_equal(
        cached, read_source(FOLDER / "a", replace(FIT, use_cache=False)).train.images
    )


def test_few_pictures_are_in_memory_at_once(monkeypatch):
    chunks = []
    monkeypatch.setattr(picture_decoding, "MAX_CHUNK_BYTES", 1000)
    map_pictures = picture_decoding.map_pictures
    monkeypatch.setattr(
        picture_decoding, "map_pictures", lambda *args: chunks.append(args[2]) or map_pictures(*args)
    )
    draw(*[(20, 20)] * 9)
    assert len(read_source(FOLDER, FIT).train.images) == 27
    assert chunks == [6]
