"""Pictures of more than 8 bits and other channels: python -m pytest tests/data/test_deep_pictures.py"""

import contextlib
import sys
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some
from PIL import Image

from lib.common.errors import UserError
from lib.data.formats.deep_pictures import load_deep, read_header, read_values
from lib.data.formats.image_folder import ImageFolderFormat
from lib.data.formats.picture_files import quiet_decoding
from lib.data.formats.picture_fit import PictureFit
from lib.data.user_images import UserImages
from lib.data.value_range import ValueRange
from lib.worker.picture_encoding import encode_picture, picture_suffix

FULL = ValueRange(0, 65_535, "integer")


def write(name: str, image: np.ndarray) -> Path:
    path = Path(name).with_suffix(picture_suffix(image.dtype, image.shape[-1]))
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(encode_picture(image))
    return path


def gradient(channels: int, high: int, sides=(8, 9)) -> np.ndarray:
    """uint16 images whose channels differ."""
    values = np.linspace(0, high, sides[0] * sides[1] * channels)
    return np.rint(values).astype(np.uint16).reshape(*sides, channels)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None)
@given(
    some.sampled_from([1, 2, 3, 4, 5, 16]),
    some.integers(1, 65_535),
    some.tuples(some.integers(1, 6), some.integers(1, 6)),
)
def test_a_picture_of_16_bits_comes_back_exactly(tmp_path, channels, high, sides):
    pytest.importorskip("tifffile")
    image = gradient(channels, high, sides)
    file = write(str(tmp_path / "a"), image)
    assert read_header(file) == ((*sides, channels), "integer")
    np.testing.assert_array_equal(read_values(file).values, image)
    value_range = ValueRange(0, max(high, 255), "integer")
    pixels = load_deep(file, image.shape, value_range=value_range).pixels
    np.testing.assert_array_equal(value_range.restore(pixels), image)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_and_alpha_are_as_pillow_has_them(orientation):
    exif = Image.Exif()
    exif[274] = orientation
    gray = Image.fromarray(gradient(1, 65_535, (4, 5))[..., 0])
    gray.save("a.png", exif=exif)
    from PIL import ImageOps

    with Image.open("a.png") as opened:
        expected = np.asarray(ImageOps.exif_transpose(opened))
    np.testing.assert_array_equal(read_values(Path("a.png")).values[..., 0], expected)
    assert read_header(Path("a.png"))[0] == (*expected.shape, 1)


def test_transparent_and_inverted_pixels():
    Image.fromarray(gradient(1, 65_535, (2, 2))[..., 0]).save("a.png", transparency=0)
    assert load_deep(Path("a.png"), (2, 2, 1), value_range=FULL).pixels[0, 0, 0] == 65_535
    inverted = Image.fromarray(np.full((2, 2), 65_535, np.uint16))
    inverted.save("a.tif", tiffinfo={262: 0})
    assert (load_deep(Path("a.tif"), (2, 2, 1), value_range=FULL).pixels == 0).all()


def test_a_folder_has_one_range_and_the_cache_keeps_it(monkeypatch):
    for number, high in enumerate((900, 3000, 2000)):
        write(f"p/{number}", gradient(1, high))
    source = ImageFolderFormat.read(Path("p"))
    assert (source.train.images.dtype, source.value_range) == (np.uint16, ValueRange(0, 4095, "integer"))
    assert source.notes == ("p: values from 0 to 3000 were read as 16-bit pixels from 0 to 4,095",)
    np.testing.assert_array_equal(source.value_range.restore(source.train.images[1]), gradient(1, 3000))
    monkeypatch.setattr("lib.data.formats.picture_cache.MIN_SECONDS", 0)
    fits = [PictureFit(), PictureFit(value_range=ValueRange(0, 3000, "any")), PictureFit(size=(4, 4))]
    for fit in fits:
        first, again = (ImageFolderFormat.read(Path("p"), fit) for _ in range(2))
        assert first.value_range == again.value_range
        np.testing.assert_array_equal(first.train.images, again.train.images)
    assert first.train.images.shape == (3, 4, 4, 1)


def test_patches_of_deep_pictures():
    for number in range(3):
        write(f"p/{number}", gradient(3, 3000, (20, 20)))
    source = ImageFolderFormat.read(Path("p"), PictureFit(size=(6, 6), patches=4))
    assert (source.train.images.shape, source.train.images.dtype) == ((12, 6, 6, 3), np.uint16)
    restored = source.value_range.restore(source.train.images)
    assert np.isin(restored, gradient(3, 3000, (20, 20))).all()


def test_channels_of_pictures(tmp_path):
    tifffile = pytest.importorskip("tifffile")
    five = gradient(5, 4000)
    for name, metadata in (
        ("plain", {}),
        ("axes", {"metadata": {"axes": "CYX"}}),
        ("film", {"imagej": True, "metadata": {"axes": "TYX"}}),
    ):
        tifffile.imwrite(f"{name}.tif", np.moveaxis(five, -1, 0), **metadata)
    tifffile.imwrite("big.tif", five, bigtiff=True, photometric="minisblack", planarconfig="contig")
    for name in ("plain", "axes", "big"):
        np.testing.assert_array_equal(read_values(Path(f"{name}.tif")).values, five)
    assert read_header(Path("film.tif"))[0] == (8, 9, 1)  # pages of a stack or of a film
    file = write("p/a", five)
    assert ImageFolderFormat.peek(Path("p")).shape == (8, 9, 5)
    with pytest.raises(UserError, match="--color rgb has no meaning for pictures of 5 channels"):
        ImageFolderFormat.peek(Path("p"), PictureFit(color="rgb"))
    with pytest.raises(UserError, match="has 5 channels, not 3"):
        load_deep(file, (8, 9, 3), value_range=FULL)
    write("p/b", gradient(3, 4000))
    with pytest.raises(UserError, match="the pictures have 5 channels or color; use pictures of one kind"):
        ImageFolderFormat.peek(Path("p"))
    with mock.patch.dict(sys.modules, tifffile=None), pytest.raises(UserError, match="pip install tifffile"):
        read_values(file)
    eight = write("q/a", np.full((4, 4, 5), 200, np.uint8))
    source = ImageFolderFormat.read(eight.parent)
    assert (source.train.images.dtype, source.train.images.max()) == (np.uint8, 200)


def test_a_saved_model_scales_pictures_by_its_range():
    write("p/a", gradient(1, 900))
    images = UserImages("p", (8, 9, 1), value_range=ValueRange(0, 4095, "integer"))
    ((_, pixels),) = images.chunks()
    np.testing.assert_array_equal(images.value_range.restore(pixels[0]), gradient(1, 900))
    assert images.value_range.high == 4095
    assert UserImages("p", (8, 9, 1)).value_range.high == 1023  # of a model of 8 bits: their own


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (encode_picture(gradient(5, 9))[:200], "cannot be read as a"),
        (encode_picture(np.full((3, 3, 1), np.nan, np.float32)), "contains NaN or infinity, first in"),
        (
            encode_picture(gradient(5, 9)).replace(
                b"\0\1\4\0\1\0\0\0\t\0", b"\0\1\4\0\1\0\0\0\xff\xff\xff\x7f", 1
            ),
            "a.tif",
        ),
    ],
)
def test_hostile_files(content, words):
    pytest.importorskip("tifffile")
    Path("a.tif").write_bytes(content)
    with pytest.raises(UserError, match=words):
        read_values(Path("a.tif"))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(some.integers(0, 400), some.binary(min_size=1, max_size=4))
def test_any_change_of_a_file_is_read_or_refused(tmp_path, position, change):
    pytest.importorskip("tifffile")
    content = bytearray(encode_picture(gradient(5, 4000)))
    content[position : position + len(change)] = change
    file = tmp_path / "a.tif"
    file.write_bytes(content)
    for read in (read_header, read_values):
        with quiet_decoding(), contextlib.suppress(UserError):
            read(file)
