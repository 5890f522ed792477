"""Detection in crops of pictures. python -m pytest tests/evaluation/detection/test_crops.py"""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lib.evaluation.detection.crops import crop_positions, examine_in_crops
from tests.harness.detectors import SHAPE, save_detecting_autoencoder

SIDES = st.tuples(st.integers(1, 90), st.integers(1, 90))


@settings(max_examples=200, deadline=None)
@given(sides=SIDES, crop=st.tuples(st.integers(1, 30), st.integers(1, 30)))
def test_crops_cover_the_picture_and_stay_in_it(sides, crop):
    covered = np.zeros(sides, int)
    for top, left in crop_positions(sides, crop):
        assert top == 0 or top + crop[0] <= sides[0]
        assert left == 0 or left + crop[1] <= sides[1]
        covered[top : top + crop[0], left : left + crop[1]] += 1
    assert (covered >= 1).all()
    assert covered.max() <= 16


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return save_detecting_autoencoder(tmp_path_factory.mktemp("crops") / "autoencoder.h5")


@pytest.mark.parametrize("sides", [SHAPE[:2], (40, 33), (5, 50), (1, 1)])
def test_map_and_score_are_the_greatest_of_all_crops(model, sides):
    picture = np.random.default_rng(1).integers(0, 256, (*sides, 1), np.uint8)
    maps, scores = examine_in_crops(model, picture, SHAPE[:2])
    assert maps.shape == (1, *sides)
    assert np.isfinite(maps).all()
    assert scores.shape == (1,)
    if sides == SHAPE[:2]:
        whole = model.examine(picture[None])
        assert np.array_equal(maps, whole.maps)
        assert np.array_equal(scores, whole.scores)
    elif sides == (40, 33):
        corner = model.examine(picture[None, -SHAPE[0] :, -SHAPE[1] :])
        assert scores[0] >= corner.scores[0] - 1e-6
        assert (maps[0, -SHAPE[0] :, -SHAPE[1] :] >= corner.maps[0] - 1e-4).all()
