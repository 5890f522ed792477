"""Colors and boxes over pictures: python -m pytest tests/worker/test_heat_maps.py"""

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from lib.config.data_settings import FIT_MODES
from lib.data.formats.picture_placement import Placement
from lib.worker.heat_maps import LINE_COLOR, draw_heat_map, largest_region

LIMITS = 0.0, 10.0
sides = st.tuples(st.integers(1, 70), st.integers(1, 70))


@hypothesis.given(sides, sides, st.sampled_from(FIT_MODES), st.data())
def test_a_marked_place_of_a_picture_is_within_its_box(picture, image, fit, data):
    placement = Placement.of(picture, image, fit)
    left, top, right, bottom = placement.picture_box
    x, y = data.draw(st.integers(left, right - 1)), data.draw(st.integers(top, bottom - 1))
    part = placement.to_image((x, y, x + 1, y + 1))
    column, row = (min(int((part[axis] + part[axis + 2]) / 2), image[1 - axis] - 1) for axis in (0, 1))
    heat = np.zeros(image, np.float32)
    heat[row, column] = data.draw(st.sampled_from([0.5, 9, 1e6]))
    heat[:, : placement.image_box[0]] = heat[:, placement.image_box[2] :] = 1e9  # padding does not count
    box = placement.to_picture(largest_region(heat, LIMITS, placement.image_box))
    assert box[0] <= x < box[2]
    assert box[1] <= y < box[3]


def test_the_largest_region_grows_from_abnormal_places_alone():
    heat = np.zeros((20, 30), np.float32)
    heat[2:8, 2:8] = 3  # larger, but nowhere abnormal enough
    heat[12:14, 10:20] = 4
    heat[13, 15] = 6
    heat[0, 29] = 9  # higher, but smaller
    assert largest_region(heat, LIMITS, (0, 0, 30, 20)) == (10, 12, 20, 14)
    assert largest_region(np.full((4, 5), -3, np.float32), LIMITS, (1, 1, 5, 4)) == (1, 1, 5, 4)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("fit", FIT_MODES)
def test_what_the_model_did_not_see_stays_as_it_is(fit, channels):
    picture = np.random.default_rng(0).integers(0, 256, (300, 41, channels), np.uint8)
    placement = Placement.of((300, 41), (16, 16), fit)
    drawn = draw_heat_map(picture, np.full((16, 16), 10, np.float32), placement, LIMITS)
    left, top, right, bottom = placement.picture_box
    shown = np.zeros((300, 41), bool)
    shown[top:bottom, left:right] = True
    assert (drawn[~shown] == picture[~shown]).all()
    assert (drawn[shown] != picture[shown]).any(axis=-1).mean() > 0.95
    assert shown.mean() == pytest.approx(placement.shown, abs=0.02)
    cold = draw_heat_map(picture, np.zeros((16, 16), np.float32), placement, LIMITS)
    assert (cold == picture).all()


def test_bands_of_a_large_picture_join_and_a_box_is_drawn_around_its_pixels():
    heat = np.linspace(0, 10, 16, dtype=np.float32)[:, None].repeat(16, axis=1)
    picture = np.zeros((600, 600, 3), np.uint8)
    placement = Placement.of((600, 600), (16, 16), "crop")
    drawn = draw_heat_map(picture, heat, placement, LIMITS, (100, 200, 300, 400))
    assert (np.abs(np.diff(drawn[:, 50].astype(int), axis=0)) <= 4).all()
    line = (drawn == LINE_COLOR).all(axis=-1)
    assert line[198:200, 98:302].all()
    assert not line[200:400, 100:300].any()
    assert line.sum() == 204 * 204 - 200 * 200


def test_a_box_that_fills_the_picture_is_drawn_on_its_edge():
    drawn = draw_heat_map(
        np.zeros((5, 5, 1), np.uint8),
        np.zeros((5, 5), np.float32),
        Placement.of((5, 5), (5, 5), "crop"),
        LIMITS,
        (0, 0, 5, 5),
    )
    assert (drawn == LINE_COLOR).all(axis=-1).sum() == 16
