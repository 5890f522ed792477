"""Tests of pixel AUROC and PRO against exact values and the definition of PRO in a loop."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.ndimage import label
from sklearn.metrics import roc_auc_score

from lib.evaluation.detection.pixel_scores import LEVELS, PixelCounts, level_of, region_weights
from tests.harness.textures import scratch, spot

SHAPE = (3, 6, 7)


def _counts(maps, masks, batch_size=2):
    counts = PixelCounts()
    for start in range(0, len(maps), batch_size):
        part = slice(start, start + batch_size)
        counts.add(maps[part], *region_weights(masks[part]))
    return counts


def _slow_pro(maps, masks, limit=0.3):
    """PRO as it is defined: for each threshold the mean overlap of the regions, found one by one."""
    regions = []
    for index, mask in enumerate(masks):
        numbers, count = label(mask, np.ones((3, 3)))
        regions += [(index, numbers == number) for number in range(1, count + 1)]
    points = [(0.0, 0.0)]
    for threshold in sorted(set(maps.ravel().tolist()), reverse=True):
        false_alarms = (maps[~masks] >= threshold).mean()
        points.append(
            (false_alarms, np.mean([(maps[index][region] >= threshold).mean() for index, region in regions]))
        )
    area = 0.0
    for (x0, y0), (x1, y1) in itertools.pairwise(points):
        if x0 < limit and x1 > x0:
            end = min(x1, limit)
            area += (end - x0) * (y0 + (y0 + (y1 - y0) * (end - x0) / (x1 - x0))) / 2
    return area / limit


@settings(max_examples=50)
@given(
    arrays(np.float32, SHAPE, elements=st.sampled_from([-2, -1, 0, 0.5, 1, 2, 3, 100])),
    arrays(bool, SHAPE).filter(lambda masks: masks.any() and not masks.all()),
)
def test_areas_are_exact_where_levels_are_distinct(maps, masks):
    counts = _counts(maps, masks)
    assert counts.auroc() == pytest.approx(roc_auc_score(masks.ravel(), maps.ravel()))
    assert counts.pro() == pytest.approx(_slow_pro(maps, masks))


@settings(max_examples=50)
@given(st.lists(st.floats(-(2.0**99), 2.0**99, width=32), min_size=2, max_size=30))
def test_levels_rise_with_the_values(values):
    values = np.sort(np.array(values, np.float32))
    levels = level_of(values)
    assert (np.diff(levels) >= 0).all()
    assert levels.min() >= 0
    assert levels.max() < LEVELS
    apart = np.diff(values.astype(float)) > 0.002 * np.abs(values).max()
    assert (np.diff(levels)[apart] > 0).all()


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 1000))
def test_levels_change_areas_by_less_than_a_thousandth(seed):
    """Against scikit-learn and the slow definition, for maps with continuous values."""
    rng = np.random.default_rng(seed)
    masks = np.stack([paint(np.zeros((24, 24, 3)), rng) for paint in (scratch, spot, spot)])
    maps = (rng.gamma(2, 1, masks.shape) + rng.uniform(0, 3) * masks - rng.uniform(0, 3)).astype(np.float32)
    counts = _counts(maps, masks)
    assert counts.auroc() == pytest.approx(roc_auc_score(masks.ravel(), maps.ravel()), abs=1e-3)
    assert counts.pro() == pytest.approx(_slow_pro(maps, masks), abs=1e-3)


def test_regions_count_equally_and_touch_at_corners():
    masks = np.zeros((2, 8, 8), bool)
    masks[0, :2, :2] = masks[0, 2:4, 2:4] = True  # one region, over a corner
    masks[0, 6, 6] = True
    weights, regions = region_weights(masks)
    assert regions == 2
    assert weights.sum() == pytest.approx(2)
    assert weights[0, 0, 0] == pytest.approx(1 / 8)
    assert weights[0, 6, 6] == 1
    assert not weights[1].any()


def test_without_defects_or_normal_pixels_there_are_no_areas():
    maps = np.ones((1, 4, 4), np.float32)
    for masks in (np.zeros((1, 4, 4), bool), np.ones((1, 4, 4), bool)):
        counts = _counts(maps, masks)
        assert counts.auroc() is None
        assert counts.pro() is None


def test_sum_of_counts():
    rng = np.random.default_rng(0)
    maps, masks = rng.random(SHAPE, np.float32), rng.random(SHAPE) < 0.3
    parts = _counts(maps[:1], masks[:1]).with_added(_counts(maps[1:], masks[1:]))
    assert (parts.auroc(), parts.pro()) == pytest.approx(
        (_counts(maps, masks).auroc(), _counts(maps, masks).pro())
    )
