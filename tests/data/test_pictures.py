"""Decoding of single pictures: python -m pytest tests/data/test_pictures.py

`decoded` reads a picture at its own size in every way of fitting, and requires the same pixels.
"""

import io
import struct
import zlib
from pathlib import Path

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from lib.common.errors import UserError
from lib.config.data_settings import FIT_MODES
from lib.data.formats.picture_files import open_picture, picture_shape, quiet_decoding
from lib.data.formats.pictures import load_fitted

COLORS = np.random.default_rng(0).integers(0, 256, (4, 6, 3), dtype=np.uint8)
GRAYS = COLORS[..., 0]
RAMP = np.array([[0, 128, 257, 32_768, 65_000, 65_535]])  # 16-bit grays, and in 8 bits:
RAMP_8_BITS = [[0, 0, 1, 128, 253, 255]]
# The first picture upright; how each EXIF orientation stores it.
STORED = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: a.swapaxes(0, 1)[::-1],
    7: lambda a: a[::-1, ::-1].swapaxes(0, 1),
    8: lambda a: a.swapaxes(0, 1)[:, ::-1],
}


def decoded(file: Path) -> tuple[np.ndarray, tuple[str, ...]]:
    with quiet_decoding():
        with open_picture(file) as image:
            shape = picture_shape(image)
        first, *others = (load_fitted(file, shape, fit_mode) for fit_mode in FIT_MODES)
    for picture in others:
        np.testing.assert_array_equal(picture.pixels, first.pixels)
        assert picture.remarks == first.remarks
    return first.pixels, first.remarks


def save(image, name: str = "a.png", **options) -> Path:
    (image if isinstance(image, Image.Image) else Image.fromarray(image)).save(name, **options)
    return Path(name)


def png(width: int, depth: int, color_type: int, row: bytes, before: bytes = b"", after: bytes = b"") -> Path:
    """A PNG of one row, with chunks before and after its pixels."""
    header = struct.pack(">2I5B", width, 1, depth, color_type, 0, 0, 0)
    content = chunk(b"IHDR", header) + before + chunk(b"IDAT", zlib.compress(b"\0" + row)) + after
    Path("a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + content + chunk(b"IEND", b""))
    return Path("a.png")


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


@pytest.mark.parametrize("suffix", ["png", "tif", "webp", "jpg", "avif"])
@pytest.mark.parametrize("orientation", STORED)
def test_pictures_are_turned_as_exif_says(suffix, orientation):
    upright = np.zeros((16, 32, 3), np.uint8)
    upright[:8, :24] = 255  # no turn leaves it as it is
    exif = Image.Exif()
    exif[274] = orientation
    file = save(STORED[orientation](upright), f"a.{suffix}", exif=exif, quality=100)
    pixels, _ = decoded(file)
    assert pixels.shape == upright.shape
    assert np.abs(pixels.astype(int) - upright).mean() < 3


def test_metadata_behind_the_pixels_of_a_png_turn_it_and_broken_metadata_do_not():
    exif = Image.Exif()
    exif[274] = 6
    file = png(2, 8, 0, b"\x00\xff", after=chunk(b"eXIf", exif.tobytes()[6:]))
    assert decoded(file)[0].tolist() == [[[0]], [[255]]]
    for content in (b"", b"II*\0", b"MM\0*\0\0\0\x08\xff\xff", bytes(100)):
        assert decoded(png(2, 8, 0, b"\x00\xff", before=chunk(b"eXIf", content)))[0].shape == (1, 2, 1)


def test_hidden_colors_become_white_and_translucent_ones_lighter():
    alpha = np.array([[0, 255, 128, 0, 255, 0]] * 4, np.uint8)
    expected = np.rint((COLORS * (alpha / 255)[..., None]) + 255 * (1 - alpha / 255)[..., None])
    for name in ("a.png", "a.tif", "a.webp"):
        options = {"lossless": True, "exact": True} if name == "a.webp" else {}
        pixels, _ = decoded(save(np.dstack([COLORS, alpha]), name, **options))
        assert np.abs(pixels - expected).max() <= 1
    pixels, _ = decoded(save(np.dstack([GRAYS, alpha])))
    assert pixels.shape == (4, 6, 1)
    assert np.abs(pixels[..., 0] - expected[..., 0]).max() <= 1
    assert (pixels[alpha == 0] == 255).all()


def test_single_transparent_colors_become_white():
    clear = Image.fromarray(COLORS).convert("P", palette=Image.Palette.ADAPTIVE)
    index = np.asarray(clear)[0, 0]
    pixels, _ = decoded(save(clear, transparency=int(index)))
    assert (pixels[0, 0] == 255).all()
    assert (
        pixels[np.asarray(clear) != index] == np.asarray(clear.convert("RGB"))[np.asarray(clear) != index]
    ).all()
    assert (decoded(save(clear, "a.gif", transparency=int(index)))[0][0, 0] == 255).all()
    assert (decoded(save(COLORS, transparency=tuple(map(int, COLORS[1, 2]))))[0][1, 2] == 255).all()
    pixels, _ = decoded(save(np.array([[7, 8]], np.uint8), transparency=7))
    assert pixels.ravel().tolist() == [255, 8]
    key = struct.pack(">H", 1)
    assert decoded(png(4, 2, 0, b"\x1b", chunk(b"tRNS", key)))[0].ravel().tolist() == [0, 255, 170, 255]
    assert decoded(png(2, 4, 0, b"\x12", chunk(b"tRNS", key)))[0].ravel().tolist() == [255, 34]
    assert decoded(png(2, 1, 0, b"\x40", chunk(b"tRNS", key)))[0].ravel().tolist() == [0, 255]
    deep = struct.pack(">2H", 1, 258)
    assert decoded(png(2, 16, 0, deep, chunk(b"tRNS", key)))[0].ravel().tolist() == [255, 1]
    deep, key = struct.pack(">6H", 33_023, 65_535, 200, 0, 257, 514), struct.pack(">3H", 33_023, 65_535, 200)
    assert decoded(png(2, 16, 2, deep, chunk(b"tRNS", key)))[0].tolist() == [[[255] * 3, [0, 1, 2]]]


def test_sixteen_bit_gray_with_transparency_stays_gray():
    pixels, _ = decoded(png(2, 16, 4, struct.pack(">4H", 257, 65_535, 514, 0)))
    assert pixels.tolist() == [[[1], [255]]]


def test_other_color_spaces_become_rgb():
    flat = Image.new("RGB", (16, 16), (200, 30, 60))
    for name, mode in (
        ("cmyk.jpg", "CMYK"),
        ("cmyk.tif", "CMYK"),
        ("ycbcr.tif", "YCbCr"),
        ("ycc.jpg", "RGB"),
    ):
        pixels, _ = decoded(save(flat.convert(mode), name))
        assert np.abs(pixels.astype(int) - (200, 30, 60)).max() <= 4, name
    lab = Image.new("LAB", (2, 2), (113, 64 + 128, 30 + 128))  # L of 0..255, then a and b
    assert np.abs(decoded(save(lab, "lab.tif"))[0].astype(int) - (199, 31, 60)).max() <= 1
    pixels, _ = decoded(save(Image.fromarray(GRAYS > 99), "bits.tif"))
    np.testing.assert_array_equal(pixels[..., 0], 255 * (GRAYS > 99))
    palette = Image.fromarray(COLORS).convert("P", palette=Image.Palette.ADAPTIVE)
    np.testing.assert_array_equal(decoded(save(palette))[0], np.asarray(palette.convert("RGB")))


def test_sixteen_bits_are_scaled_and_rounded_whatever_their_largest_value_is():
    said = ("16-bit values, read as 0 to 65,535",)
    for name in ("a.png", "a.tif"):
        pixels, remarks = decoded(save(RAMP.astype(np.uint16), name))
        assert (pixels[..., 0].tolist(), remarks) == (RAMP_8_BITS, said)
        pixels, remarks = decoded(save(np.uint16([[0, 255, 386]]), name))
        assert (pixels.ravel().tolist(), remarks) == ([0, 1, 2], said)
    Path("a.pgm").write_bytes(b"P5 2 1 1000\n" + struct.pack(">2H", 0, 500))
    pixels, remarks = decoded(Path("a.pgm"))
    assert (pixels.ravel().tolist(), remarks) == ([0, 128], said)


@pytest.mark.parametrize(
    ("values", "expected", "remark"),
    [
        (np.float32([[0, 0.5, 1]]), [0, 128, 255], "floating-point values, read as 0 to 1"),
        (np.float32([[0, 0.5, 1.0005]]), [0, 128, 255], "floating-point values, read as 0 to 1"),
        (np.float32([[-0.0005, 0.2, 1]]), [0, 51, 255], "floating-point values, read as 0 to 1"),
        (np.float32([[0, 1.5, 254.6]]), [0, 2, 255], "floating-point values, read as 0 to 255"),
        (np.float32([[0, 256, 65_535]]), [0, 1, 255], "floating-point values, read as 0 to 65,535"),
        (np.int32([[0, 7, 255]]), [0, 7, 255], "whole-number values, read as 0 to 255"),
        (np.int32([[0, 256, 65_535]]), [0, 1, 255], "whole-number values, read as 0 to 65,535"),
    ],
)
def test_other_values_are_read_in_the_first_range_that_holds_them(values, expected, remark):
    pixels, remarks = decoded(save(values, "a.tif"))
    assert (pixels.ravel().tolist(), remarks) == (expected, (remark,))


def test_a_tiff_whose_zero_is_white():
    for values, expected in ((np.uint16([[0, 65_535]]), [255, 0]), (np.float32([[0, 0.8]]), [255, 51])):
        file = save(values, "a.tif", tiffinfo={262: 0})
        assert decoded(file)[0].ravel().tolist() == expected


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.float32([[0, np.nan]]), "a.tif: contains NaN or infinite values"),
        (np.float32([[0, np.inf]]), "a.tif: contains NaN or infinite values"),
        (np.float32([[0, 1.2]]), "a.tif: its floating-point values range from 0 to 1.2; pictures range"),
        (
            np.float32([[-1, 1]]),
            "a.tif: its floating-point values range from -1 to 1; pictures range from 0 to",
        ),
        (np.float32([[0, 1e6]]), r"a.tif: its floating-point values range from 0 to 1e\+06"),
        (np.int32([[-5, 7]]), "a.tif: its whole-number values range from -5 to 7"),
    ],
)
def test_values_that_no_picture_has_are_refused(values, message):
    with pytest.raises(UserError, match=message):
        decoded(save(values, "a.tif"))


@pytest.mark.parametrize("name", ["a.gif", "a.webp", "a.png", "a.tif"])
def test_of_several_frames_the_first_is_read(name):
    frames = [Image.new("RGB", (4, 4), color) for color in ("red", "blue")]
    options = {"lossless": True} if name == "a.webp" else {}
    pixels, remarks = decoded(save(frames[0], name, save_all=True, append_images=frames[1:], **options))
    assert (pixels == (255, 0, 0)).all()
    assert remarks == ("several frames; the first one is used",)
    assert decoded(save(frames[0], name))[1] == ()


def test_a_heic_picture_by_its_content_whatever_its_suffix():
    pillow_heif = pytest.importorskip("pillow_heif")
    pillow_heif.register_heif_opener()
    content = io.BytesIO()
    Image.new("RGB", (64, 32), (200, 30, 60)).save(content, "HEIF", quality=100)
    for name in ("a.heic", "a.jpg"):
        Path(name).write_bytes(content.getvalue())
        pixels, _ = decoded(Path(name))
        assert pixels.shape == (32, 64, 3)
        assert np.abs(pixels.astype(int) - (200, 30, 60)).max() <= 4


@hypothesis.given(
    arrays(np.uint16, st.tuples(st.integers(1, 5), st.integers(1, 5))), st.sampled_from(["a.png", "a.tif"])
)
@hypothesis.settings(max_examples=30)
def test_sixteen_bit_grays_are_right_to_half_a_step(values, name):
    pixels, _ = decoded(save(values, name))
    assert np.abs(pixels[..., 0] * 257.0 - values).max() <= 128.5
