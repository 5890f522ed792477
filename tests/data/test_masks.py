"""Folders of masks and transparent pixels. python -m pytest tests/data/test_masks.py"""

import unicodedata
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lib.common.errors import UserError
from lib.data.formats.masks import match_masks, read_mask, read_masks
from lib.data.unscaled_pictures import load_unscaled


def saved(name: str, values: np.ndarray, mode: str | None = None, **options) -> Path:
    path = Path("masks", name)
    path.parent.mkdir(exist_ok=True)
    Image.fromarray(values).convert(mode).save(path, **options)
    return path


def square(height: int, width: int) -> np.ndarray:
    mask = np.zeros((height, width), np.uint8)
    mask[: height // 2, : width // 4] = 255
    return mask


def rgba(alpha: np.ndarray) -> np.ndarray:
    return np.dstack([np.full((*alpha.shape, 3), 255, np.uint8), alpha])


def test_white_or_transparent_pixels_are_missing():
    mask = square(8, 12)
    for name, values, mode in (
        ("gray.png", mask, "L"),
        ("bits.png", mask, "1"),
        ("color.png", mask, "RGB"),
        ("alpha.png", rgba(255 - mask), None),
        ("opaque.png", np.dstack([mask, mask, mask, np.full_like(mask, 255)]), None),
        ("palette.gif", mask, "P"),
    ):
        read = read_mask(saved(name, values, mode))
        np.testing.assert_array_equal(read.missing, mask > 0, err_msg=name)
        assert read.size == (8, 12)


def test_a_mask_is_turned_as_its_picture():
    exif = Image.Exif()
    exif[0x0112] = 6
    for name, values in (("a.png", rgba(255 - square(8, 12))), ("b.png", square(8, 12))):
        read = read_mask(saved(name, values, exif=exif))
        np.testing.assert_array_equal(read.missing, np.rot90(square(8, 12), -1) > 0)


def test_masks_of_a_folder_keep_their_order_and_say_what_is_changed():
    saved("a.png", square(8, 12))
    saved("b.png", np.roll(square(16, 24), 12, axis=1))
    saved("empty.png", np.zeros((8, 12), np.uint8))
    saved("full.png", np.full((8, 12), 255, np.uint8))
    masks = read_masks("masks", (8, 12))
    np.testing.assert_array_equal(
        masks.take(np.array([1, 0])), [np.roll(square(8, 12), 6, axis=1) > 0, square(8, 12) > 0]
    )
    assert masks.notes == (
        "masks: 1 of 4 masks are scaled to 8×12",
        "masks: 2 of 4 masks are skipped: 1 have no missing pixel, 1 no known one",
    )


def test_a_folder_without_a_hole_is_refused():
    saved("empty.png", np.zeros((8, 12), np.uint8))
    with pytest.raises(UserError, match="none of the 1 masks has both missing"):
        read_masks("masks", (8, 12))
    with pytest.raises(UserError, match="nowhere: no such file or folder"):
        read_masks("nowhere", (8, 12))
    Path("masks/broken.png").write_bytes(b"no picture")
    with pytest.raises(UserError, match=r"broken\.png"):
        read_masks("masks", (8, 12))


def test_masks_and_pictures_have_one_name_in_all_forms_of_unicode():
    for name in ("é.png", "b.png"):
        saved(unicodedata.normalize("NFD", name), square(8, 8))
    matched = match_masks("masks", [Path("é.jpg"), Path("b.jpg")])
    assert [unicodedata.normalize("NFC", file.name) for file in matched] == ["é.png", "b.png"]
    saved("b.gif", square(8, 8))
    with pytest.raises(UserError, match="differ only in the suffix"):
        match_masks("masks", [Path("b.jpg")])


def test_associated_alpha_of_gray_pictures_is_read():
    tifffile = pytest.importorskip("tifffile")
    alpha = 255 - square(8, 12)
    values = np.dstack([np.full_like(alpha, 128) * (alpha > 0), alpha])
    tifffile.imwrite("a.tif", values, photometric="minisblack", extrasamples=["assocalpha"])
    np.testing.assert_array_equal(read_mask(Path("a.tif")).missing, alpha == 0)
    picture = load_unscaled(Path("a.tif"), 1)
    np.testing.assert_array_equal(picture.alpha, alpha)
    np.testing.assert_array_equal(picture.pixels[..., 0], np.where(alpha, 128, 255))
