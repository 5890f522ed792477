"""Tests of the figures of detectors."""

import numpy as np
import pytest
from PIL import Image

from lib.evaluation import detection_figures
from lib.evaluation.detection.heat_colors import blend_colors, heat_levels
from lib.evaluation.detection_figures import ShownPicture

RNG = np.random.default_rng(0)


def _size(path):
    with Image.open(path) as image:
        image.verify()
        return image.size


@pytest.mark.parametrize("precision", [0.9, None])
def test_curves_of_more_methods_than_there_are_styles(tmp_path, precision):
    is_defective = np.arange(30) % 2 == 0
    methods = {f"method {number}": RNG.random(30) + is_defective for number in range(7)}
    path = tmp_path / "roc.png"
    detection_figures.plot_detection_curves(methods, is_defective, (0.1, 0.8, precision), path, "title")
    assert _size(path)[0] > 1000


@pytest.mark.parametrize("scores", [[0.1, 0.2, 0.3], [-4, 1, 90_000], [1, 1, 1], [2, 2, 3]])
@pytest.mark.parametrize("defective", [[False, True, True], [False, False, False], [True, True, True]])
def test_histograms_of_any_scores(tmp_path, scores, defective):
    path = tmp_path / "scores.png"
    detection_figures.plot_score_histograms(np.array(scores, float), np.array(defective), 1.0, path, "title")
    assert _size(path)[0] > 500


def test_pictures_of_kinds_with_and_without_masks(tmp_path):
    def show(channels, mask):
        picture = RNG.integers(0, 255, (12, 16, channels), np.uint8)
        heat_map = blend_colors(picture, heat_levels(RNG.normal(0, 3, (12, 16)), (0.0, 2.0)))
        return ShownPicture(picture, picture, heat_map, mask, "anomaly, 3.1")

    mask = np.zeros((12, 16), bool)
    mask[3:5, 4:9] = True
    rows = {
        "good $1$": [show(1, np.zeros((12, 16), bool)), show(1, mask)],
        "hole": [show(3, mask), show(3, np.ones((12, 16), bool))],
        "one": [show(1, mask)],
    }
    path = tmp_path / "anomalies.png"
    detection_figures.plot_shown_pictures(rows, path, "title")
    assert _size(path)[0] > 1000


def test_colors_have_one_range_and_show_the_picture_below():
    picture = np.full((2, 2, 3), 100, np.uint8)
    levels = heat_levels(np.array([[-9.0, 0.0], [2.0, 50.0]]), (0.0, 2.0))
    colors = blend_colors(picture, levels).astype(int)
    assert (colors[0, 0] == colors[0, 1]).all()
    assert (colors[1, 0] == colors[1, 1]).all()
    assert colors[1, 0].sum() > colors[0, 0].sum()
    assert (colors[0, 0] == 100).all()
