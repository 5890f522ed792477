"""Images within their pictures: python -m pytest tests/data/test_picture_placement.py"""

from pathlib import Path

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st
from PIL import Image

from lib.config.data_settings import FIT_MODES
from lib.data.formats.picture_placement import Placement
from lib.data.formats.pictures import fit_image, load_fitted

sides = st.tuples(st.integers(1, 90), st.integers(1, 90))


@hypothesis.given(sides, sides, st.sampled_from(FIT_MODES), st.data())
def test_a_pixel_of_a_picture_is_in_the_box_of_the_place_that_shows_it(picture, image, fit, data):
    placement = Placement.of(picture, image, fit)
    left, top, right, bottom = placement.picture_box
    assert 0 <= left < right <= picture[1]
    assert 0 <= top < bottom <= picture[0]
    x, y = data.draw(st.integers(left, right - 1)), data.draw(st.integers(top, bottom - 1))
    part = placement.to_image((x, y, x + 1, y + 1))
    column, row = (min(int((part[axis] + part[axis + 2]) / 2), image[1 - axis] - 1) for axis in (0, 1))
    box = placement.to_picture((column, row, column + 1, row + 1))
    assert box[0] <= x < box[2]
    assert box[1] <= y < box[3]
    assert box[2] <= picture[1]
    assert box[3] <= picture[0]
    inside = placement.image_box
    assert inside[0] <= column < inside[2]
    assert inside[1] <= row < inside[3]


@pytest.mark.parametrize("fit", FIT_MODES)
@hypothesis.given(st.integers(24, 90), st.integers(24, 90), st.integers(8, 24), st.integers(8, 24), st.data())
@hypothesis.settings(max_examples=60)
def test_it_is_where_pillow_puts_a_picture(fit, height, width, image_height, image_width, data):
    """A white block in a black picture is where its brightest place in the image says."""
    placement = Placement.of((height, width), (image_height, image_width), fit)
    left, top, right, bottom = placement.picture_box
    size = 12  # more than two pixels of the image
    hypothesis.assume(right - left > size and bottom - top > size)
    x, y = data.draw(st.integers(left, right - size)), data.draw(st.integers(top, bottom - size))
    pixels = np.zeros((height, width), np.uint8)
    pixels[y : y + size, x : x + size] = 255
    fitted = np.asarray(fit_image(Image.fromarray(pixels), (image_height, image_width, 1), fit))
    row, column = np.unravel_index(fitted.argmax(), fitted.shape)
    box = placement.to_picture((int(column), int(row), int(column) + 1, int(row) + 1))
    assert box[0] < x + size
    assert box[2] > x
    assert box[1] < y + size
    assert box[3] > y


def test_what_a_crop_does_not_show():
    placement = Placement.of((60, 100), (32, 32), "crop")
    assert placement.picture_box == (20, 0, 80, 60)
    assert placement.shown == pytest.approx(0.6)
    assert Placement.of((60, 100), (32, 32), "pad").shown == 1
    assert Placement.of((60, 100), (32, 32), "pad").image_box == (0, 6, 32, 25)


def test_the_sides_of_turned_and_reduced_jpegs_are_their_own():
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (803, 601)).save("a.jpg", exif=exif)
    Image.new("L", (31, 17)).save("b.png")
    assert load_fitted(Path("a.jpg"), (16, 16, 3)).sides == (803, 601)
    assert load_fitted(Path("b.png"), (16, 16, 1)).sides == (17, 31)
