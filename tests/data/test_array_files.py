"""Arrays of any name, layout, type and range as images: python -m pytest tests/data/test_array_files.py"""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis.extra import numpy as arrays_of

from lib.common.errors import UserError
from lib.data.formats import registry
from lib.data.formats.picture_fit import PictureFit
from lib.data.value_range import ValueRange
from tests.harness import sample_files
from tests.harness.refusals import assert_refused

IMAGES, LABELS = sample_files.shapes(12)
COLOR, _ = sample_files.shapes(12, 20, 20, channels=3)
COLOR[..., 1] //= 2  # so that an exchange of channels is seen


def read(*unnamed: np.ndarray, **named: np.ndarray):
    """The source in an .npz of these arrays, which agrees with its header."""
    np.savez("a.npz", *unnamed, **named)
    header, source = registry.peek_source(Path("a.npz")), registry.read_source(Path("a.npz"))
    assert header.shape == source.train.images.shape[1:]
    assert (header.count, header.test_count) == (len(source.train), len(source.test or ()))
    return source


@pytest.mark.parametrize(
    "names",
    [
        *("x_train y_train x_test y_test", "train_images train_labels test_images test_labels"),
        *("X_train y_train X_test y_test", "trainX trainY testX testY", "images labels", "X y", "x y"),
        *("data targets", "data labels", "image label", "arr_0 arr_1 arr_2 arr_3", "arr_0 arr_1"),
    ],
)
@pytest.mark.parametrize("column", [True, False])
def test_arrays_are_found_by_their_names(names, column):
    labels = LABELS[:, None] if column else LABELS
    contents = (IMAGES[:8], labels[:8], IMAGES[8:], labels[8:])
    source = read(**dict(zip(names.split(), contents, strict=False)))
    np.testing.assert_array_equal(source.train.images[..., 0], IMAGES[:8])
    np.testing.assert_array_equal(source.train.labels, LABELS[:8])
    if len(names.split()) == 4:
        np.testing.assert_array_equal(source.test.images[..., 0], IMAGES[8:])
        np.testing.assert_array_equal(source.test.labels, LABELS[8:])
    assert bool(source.notes) == names.startswith("arr")


def test_unnamed_arrays_are_told_apart_by_their_shapes():
    source = read(IMAGES[:8], IMAGES[8:], np.eye(3)[LABELS[:8]], LABELS[8:])
    np.testing.assert_array_equal(source.train.labels, LABELS[:8])
    np.testing.assert_array_equal(source.test.labels, LABELS[8:])
    assert source.notes == (
        "a.npz: using arr_0 as images, arr_2 as labels, arr_1 as test images, arr_3 as test labels",
    )
    flat = read(COLOR[..., 0].reshape(12, -1), LABELS)
    np.testing.assert_array_equal(flat.train.images, COLOR[..., :1])
    np.testing.assert_array_equal(flat.train.labels, LABELS)


def test_other_arrays_are_left_out():
    source = read(train_images=IMAGES, val_images=IMAGES[:3], val_labels=LABELS[:3])
    assert source.notes == ("a.npz: ignoring val_images, val_labels",)
    source = read(pictures=IMAGES, numbers=np.arange(5), table=np.zeros((3, 64)))
    np.testing.assert_array_equal(source.train.images[..., 0], IMAGES)  # the only one that can be images
    structured = np.zeros(3, [("a", "u1")])
    assert len(read(images=IMAGES, facts=structured, objects=np.array([None])).train) == 12


def test_layouts_that_are_not_plain_are_said():
    source = read(x=COLOR.transpose(0, 3, 1, 2))
    np.testing.assert_array_equal(source.train.images, COLOR)
    assert source.notes == ("a.npz: its shape 12×3×20×20 was read as (n, channels, height, width)",)
    source = read(x=IMAGES[:, None])
    np.testing.assert_array_equal(source.train.images[..., 0], IMAGES)
    source = read(x=COLOR[..., 0].reshape(12, 400))
    np.testing.assert_array_equal(source.train.images, COLOR[..., :1])
    assert source.notes == ("a.npz: its rows of 400 numbers were read as 20×20 gray images",)


@pytest.mark.parametrize(
    ("shape", "expected", "note"),
    [
        ((9, 20, 24, 2), (20, 24, 2), ""),
        ((9, 20, 24, 16), (20, 24, 16), ""),
        ((9, 5, 20, 24), (20, 24, 5), "read as (n, channels, height, width)"),
        ((9, 5, 8, 8), (8, 8, 5), "read as (n, channels, height, width)"),
        ((9, 8, 8, 5), (8, 8, 5), "its images were read as 8×8 pixels of 5 channels"),
        ((9, 8, 8, 8), (8, 8, 8), "its images were read as 8×8 pixels of 8 channels"),
    ],
)
def test_one_to_sixteen_channels(shape, expected, note):
    source = read(x=np.zeros(shape, np.uint8))
    assert source.train.images.shape == (9, *expected)
    assert note in "".join(source.notes)
    assert bool(note) == bool(source.notes)


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        ((12, 3072), "ambiguous: reshape(-1, 32, 32, 3), or reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)"),
        ((12, 4), "a.npy: it has shape 12×4; images are (n, height, width), or"),
        ((12, 20, 20, 17), "has shape 12×20×20×17"),
        ((20, 20, 3), "this is a single picture"),
        ((12, 20, 20, 20), "has shape 12×20×20×20"),
        ((12, 5, 20, 20, 3), "has shape 12×5×20×20×3"),
        ((12,), "has shape 12"),
        ((12, 0, 5), "shape 12×0×5"),
    ],
)
def test_shapes_that_are_refused(shape, words):
    np.save("a.npy", np.zeros(shape, np.uint8))
    assert_refused("a.npy", words)
    assert_refused("a.npy", words, registry.peek_source)


@pytest.mark.parametrize(
    ("array", "expected", "note"),
    [
        (IMAGES / 255, IMAGES, ""),
        ((IMAGES / 255).astype(np.float16), IMAGES, ""),
        (IMAGES > 127, np.where(IMAGES > 127, 255, 0), ""),
        (IMAGES.astype(float), IMAGES, "values from 0 to 220 were read as pixels from 0 to 255"),
        (IMAGES.astype(np.int64), IMAGES, "values from 0 to 220 were read as pixels from 0 to 255"),
        (
            (IMAGES > 127).astype(int),
            np.where(IMAGES > 127, 255, 0),
            "the values 0 and 1 were read as black",
        ),
        (IMAGES // 16 * 1.0, IMAGES // 16, "from 0 to 255; if 13 is white, set --pixel-range 0-13"),
    ],
)
def test_ranges_that_are_accepted(array, expected, note):
    source = read(images=array)
    assert np.abs(source.train.images[..., 0].astype(int) - expected).max() <= 1
    assert note in "".join(source.notes)
    assert bool(note) == bool(source.notes)


@pytest.mark.parametrize(
    ("array", "limits"),
    [
        (IMAGES / 254.0, (0, 1)),  # not of 8 bits
        (IMAGES / 220 * 1.0005, (0, 1)),  # a rounding error
        (IMAGES / 110 - 1, (-1, 1)),
        (IMAGES / 200, (0, 1.1)),
        (IMAGES * 1.01, (0, 255)),
        (IMAGES / 16, (0, 13.75)),
        (IMAGES - 5.0, (-5, 215)),
        (IMAGES * 400.0, (0, 88_000)),
        (IMAGES.astype(int) - 5, (-5, 215)),
        (IMAGES.astype(int) * 1000, (0, 220_000)),
        (IMAGES.astype(np.uint16) * 2, (0, 511)),
        (IMAGES.astype(">u2") * 18, (0, 4095)),
        (IMAGES.astype(np.int16) * 140, (0, 32_767)),
        (IMAGES * 257.0, (0, 65_535)),
    ],
)
def test_deeper_images_are_of_16_bits(array, limits):
    source = read(images=array)
    images, value_range = source.train.images[..., 0], source.value_range
    assert (images.dtype, (value_range.low, value_range.high)) == (np.uint16, pytest.approx(limits))
    expected = (array.astype(float) - limits[0]) / (limits[1] - limits[0])
    np.testing.assert_allclose(images / 65_535, expected.clip(0, 1), atol=1 / 65_535)
    assert f"were read as 16-bit pixels from {value_range}" in "".join(source.notes)
    restored = value_range.restore(images)
    assert restored.dtype.kind == ("f" if array.dtype.kind == "f" else restored.dtype.kind)
    np.testing.assert_allclose(restored, array, atol=(limits[1] - limits[0]) / 60_000 + 6e-4)


def test_uint16_of_the_full_range_stays_where_it_is():
    np.save("a.npy", IMAGES.astype(np.uint16) * 257 + (IMAGES > 200) * np.uint16(8995))
    images = registry.read_source(Path("a.npy")).train.images
    assert isinstance(images, np.memmap)
    assert (images.dtype, images.max()) == (np.uint16, 65_535)


def test_a_range_is_given():
    deep = IMAGES.astype(np.uint16) * 10
    np.save("a.npy", deep)
    given = PictureFit(value_range=ValueRange(200, 1000, "any"))
    source = registry.read_source(Path("a.npy"), given)
    np.testing.assert_allclose(
        source.train.images[..., 0] / 65_535, ((deep - 200.0) / 800).clip(0, 1), atol=1e-5
    )
    assert source.value_range == ValueRange(200, 1000, "integer")
    assert source.notes == (
        "a.npy: values from 0 to 2200 were read as 16-bit pixels from 200 to 1,000; "
        "those beyond are black or white",
    )
    of_model = PictureFit(value_range=ValueRange(0, 4095, "integer"))
    assert registry.read_source(Path("a.npy"), of_model).value_range.high == 4095
    np.save("a.npy", IMAGES)
    source = registry.read_source(Path("a.npy"), given)
    assert source.train.images.dtype == np.uint8
    assert source.notes == ("a.npy: --pixel-range has no effect on images of 8 bits",)
    np.save("a.npy", IMAGES / 300)
    assert registry.read_source(Path("a.npy"), of_model).value_range == ValueRange(0, 1, "float")


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.where(IMAGES > 219, np.nan, 0), "NaN or infinity, first in image 1, row"),
        (np.where(COLOR == 220, np.inf, 0.5), ", channel 1; replace such values"),
        (
            np.full((12, 4, 4), 700.5),
            "range from 700.5 to 700.5; images need a darkest and a brightest value",
        ),
        (IMAGES * 1j, "images is complex128"),
        (IMAGES.astype("U3"), "images is <U3"),
    ],
)
def test_values_that_are_refused(array, words):
    np.savez("a.npz", images=array)
    assert_refused("a.npz", words)


def test_training_and_test_images_have_one_range():
    source = read(x_train=IMAGES.astype(int) * 257, x_test=IMAGES[:4].astype(int))
    assert source.test.images.max() == 220  # of 65,535
    assert read(x_train=IMAGES / 255, x_test=IMAGES / 110 - 1).value_range == ValueRange(-1, 1, "float")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=80)
@given(
    arrays_of.arrays(
        arrays_of.integer_dtypes(endianness="?")
        | arrays_of.floating_dtypes(endianness="?", sizes=(16, 32, 64)),
        arrays_of.array_shapes(min_dims=3, max_dims=4, max_side=4),
    )
)
def test_any_array_is_read_as_its_values_say_or_refused(tmp_path, array):
    np.save(tmp_path / "a.npy", array)
    try:
        source = registry.read_source(tmp_path / "a.npy")
        images = source.train.images
    except UserError:
        return
    if images.shape[1:3] != array.shape[1:3]:
        array = array.transpose(0, 2, 3, 1)
    stored = array.astype(np.float64).reshape(images.shape)
    if not source.value_range.is_deep:
        white = 255 if array.dtype == np.uint8 or array.max() > 1 else 1
        assert np.abs(images - stored * (255 / white)).max() <= 1
        return
    low, high = source.value_range.low, source.value_range.high
    assert low <= array.min() + 1e-3
    assert array.max() <= high + max(1e-3, 1e-3 * abs(high))
    np.testing.assert_allclose(low + images / 65_535 * (high - low), stored, atol=1.1e-3 * (high - low) / 1)
    if float(high - low).is_integer() and high - low <= 65_535 and array.dtype.kind in "iu":
        np.testing.assert_array_equal(source.value_range.restore(images), stored)
