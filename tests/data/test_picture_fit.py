"""Folders of pictures of several sizes and colors. python -m pytest tests/data/test_picture_fit.py"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from lib.common.errors import UserError
from lib.config.hyperparameters import AutoencoderHyperparameters
from lib.data import dataset_names, datasets
from lib.data.formats import picture_fit
from lib.data.formats.picture_cache import digest_files
from lib.data.formats.picture_fit import AS_THEY_ARE, PictureFit, survey_pictures
from lib.data.formats.registry import peek_source, read_source

FOLDER = Path("p")


def draw(*sizes: tuple[int, ...], labeled: bool = False) -> list[Path]:
    """Write pictures of these shapes, of random values, and return their paths."""
    rng, files = np.random.default_rng(0), []
    for number, size in enumerate(sizes):
        files.append(FOLDER / ("ab"[number % 2] if labeled else ".") / f"{number:03}.png")
        files[-1].parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, size, np.uint8)).save(files[-1])
    return files


def survey(files: tuple[Path, ...], *report) -> picture_fit.PictureSurvey:
    return survey_pictures(files, digest_files(files), *report)


def truncate(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:45])  # the header is there, the pixels are not


@given(
    st.lists(st.tuples(st.integers(1, 30), st.integers(1, 30), st.booleans()), min_size=1, max_size=4),
    st.tuples(st.integers(1, 20), st.integers(1, 20)),
    st.sampled_from(["crop", "pad", "stretch"]),
    st.sampled_from(["auto", "rgb", "gray"]),
)
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_all_pictures_get_the_chosen_size_and_color(tmp_path_factory, pictures, size, mode, color):
    folder = tmp_path_factory.mktemp("pictures")
    for number, (height, width, colored) in enumerate(pictures):
        shape = (height, width, 3) if colored else (height, width)
        Image.fromarray(np.full(shape, 90, np.uint8)).save(folder / f"{number}.png")
    fit = PictureFit(size, mode, color)
    channels = 3 if color == "rgb" or (color == "auto" and any(item[2] for item in pictures)) else 1
    assert peek_source(folder, fit).shape == (*size, channels)
    images = read_source(folder, fit).train.images
    assert images.shape == (len(pictures), *size, channels)
    if mode != "pad":
        assert (images == 90).all()


def test_pictures_of_one_size_stay_as_they_are():
    files = draw((8, 6), (8, 6), (8, 6))
    stored = [np.asarray(Image.open(file)) for file in files]
    np.testing.assert_array_equal(read_source(FOLDER).train.images[..., 0], stored)
    assert read_source(FOLDER, PictureFit((8, 6))).notes == ()


def test_one_picture_in_color_makes_all_color():
    draw((8, 8), (8, 8, 3), (8, 8))
    images = read_source(FOLDER).train.images
    assert images.shape == (3, 8, 8, 3)
    assert (images[0, ..., 0] == images[0, ..., 2]).all()


def test_several_sizes_are_refused_with_the_flag():
    draw((80, 90), (70, 100), (300, 90))
    for read in (peek_source, read_source):
        with pytest.raises(
            UserError, match=r"^p: the pictures have 3 sizes, 70×100 to 300×90; give one .* --size 64$"
        ):
            read(FOLDER)


def test_labels_stay_with_their_pictures_when_broken_ones_are_left_out():
    files = draw(*[(8, 8)] * 12, labeled=True)
    truncate(files[3])
    source = read_source(FOLDER)
    kept = [number for number in range(12) if number != 3]
    assert source.train.labels.tolist() == sorted(number % 2 for number in kept)
    assert source.notes == ("p: 1 of 12 pictures cannot be read and is skipped: p/b/003.png",)


@pytest.mark.parametrize(("count", "broken", "allowed"), [(30, 1, True), (30, 2, False), (300, 3, True)])
def test_more_than_one_percent_of_broken_pictures_are_refused_unless_they_are_skipped(count, broken, allowed):
    files = draw(*[(4, 4)] * count)
    for file in files[:broken]:
        truncate(file)
    if not allowed:
        with pytest.raises(UserError, match=r"2 of 30 pictures cannot be read: p/000.png, p/001.png; repair"):
            read_source(FOLDER)
    images = read_source(FOLDER, PictureFit(skip_broken=not allowed)).train.images
    assert len(images) == count - broken


def test_enlarged_pictures_are_counted():
    draw((8, 8), (30, 30), (30, 8))
    assert read_source(FOLDER, PictureFit((16, 16))).notes == (
        "p: 2 of 3 pictures are smaller than the images: enlarged",
    )


def test_other_data_sets_are_not_resized():
    np.save("a.npy", np.zeros((20, 8, 8), np.uint8))
    for name, shape in (("a.npy", "8×8×1"), ("digits", "28×28×1")):
        with pytest.raises(UserError, match=f"{name}: the images are {shape}; --size and --color are for"):
            dataset_names.peek(name, PictureFit((16, 16)))


def test_a_folder_with_the_name_of_a_data_set_is_pointed_out():
    Path("photos").mkdir()
    with pytest.raises(UserError, match=r"are for folders of pictures; use \./photos for the folder"):
        dataset_names.peek("photos", PictureFit((16, 16)))


def test_a_run_reads_its_pictures_as_its_settings_say():
    draw(*[(9, 12), (20, 15)] * 10)
    hp = AutoencoderHyperparameters(dataset="p", size="8x10", fit="pad", color="rgb")
    assert datasets.load_dataset(hp).shape == (8, 10, 3)
    again = AutoencoderHyperparameters.from_json(hp.to_json(), "record")
    assert (again.size, again.fit, again.color) == ((8, 10), "pad", "rgb")
    assert "--size 64 " in AutoencoderHyperparameters(dataset="p", size=64).command()
    assert AutoencoderHyperparameters(color="grey").color == "gray"


def test_a_folder_is_surveyed_once_until_a_picture_changes(monkeypatch):
    files = tuple(draw((8, 8), (8, 8)))
    opened: list[Path] = []
    read = picture_fit.read_header
    monkeypatch.setattr(picture_fit, "read_header", lambda file: opened.append(file) or read(file))
    reports: list[int] = []
    for _ in range(2):
        assert survey(files, reports.append).image_shape(FOLDER, AS_THEY_ARE) == (8, 8, 1)
    assert (len(opened), reports) == (2, [2])
    Image.new("L", (9, 9)).save(files[0])
    assert len(survey(files).sizes) == 2


@pytest.mark.parametrize(("sides", "proposed"), [((200, 300, 90), 64), ((60, 50, 70), 48), ((9, 300, 9), 9)])
def test_the_proposed_size_is_one_that_most_pictures_have(sides, proposed):
    files = draw(*((side, side + 10) for side in sides))
    assert survey(tuple(files)).proposed_side() == proposed


def test_a_test_folder_gets_the_size_and_color_of_the_training_images():
    draw(*[(8, 8, 3)] * 20)
    Path("t").mkdir()
    for number in range(3):
        Image.fromarray(np.full((9, 8), 90, np.uint8)).save(f"t/{number}.png")
    hp = AutoencoderHyperparameters(dataset="p", testset="t")
    with pytest.raises(UserError, match=r"are 9×8×3, .* 8×8×3; for a folder of pictures, set --size 8x8$"):
        datasets.load_dataset(hp)
    assert datasets.load_dataset(replace(hp, size=(8, 8))).test.parent.images.shape == (3, 8, 8, 3)


def test_a_size_that_other_images_have_is_no_change():
    draw(*[(40, 30, 3)] * 3)
    fit = PictureFit((28, 28))
    assert dataset_names.peek("digits", fit).shape == (28, 28, 1)
    assert datasets.load_dataset(
        AutoencoderHyperparameters(dataset="digits", testset="p", size=(28, 28), limit=50)
    ).test.parent.images.shape == (3, 28, 28, 1)
    with pytest.raises(UserError, match=r"^digits: the images are 28×28×1; --size and --color are for"):
        dataset_names.peek("digits", replace(fit, color="rgb"))
