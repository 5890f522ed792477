"""Tests of AUROC, average precision, best F1, rates and bootstrap intervals against slow references."""

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score

from lib.evaluation.detection.detection_scores import (
    auroc,
    average_precision,
    best_f1,
    bootstrap_intervals,
    precision_curve,
    rates_at,
    roc_curve,
)

# Few distinct values, so that many are equal, and any finite ones.
VALUES = st.integers(-3, 3).map(float) | st.floats(-1e30, 1e30)
PICTURES = st.lists(st.tuples(VALUES, st.booleans()), min_size=2, max_size=30).filter(
    lambda pictures: len({is_defective for _, is_defective in pictures}) == 2
)


def _arrays(pictures):
    return np.array([score for score, _ in pictures]), np.array([part for _, part in pictures])


def _f1(is_defective, reported):
    return 2 * (reported & is_defective).sum() / (reported.sum() + is_defective.sum())


@given(PICTURES)
def test_areas_are_those_of_scikit_learn(pictures):
    scores, is_defective = _arrays(pictures)
    assert auroc(scores, is_defective) == pytest.approx(roc_auc_score(is_defective, scores))
    assert average_precision(scores, is_defective) == pytest.approx(
        average_precision_score(is_defective, scores)
    )


@given(PICTURES)
def test_best_f1_is_that_of_its_threshold_and_no_other_is_better(pictures):
    scores, is_defective = _arrays(pictures)
    best, threshold = best_f1(scores, is_defective)
    assert best == pytest.approx(_f1(is_defective, scores > threshold))
    assert best == pytest.approx(max(_f1(is_defective, scores >= value) for value in scores))
    assert rates_at(threshold, scores, is_defective).f1 == pytest.approx(best)


@given(PICTURES)
def test_curves_end_at_their_corners_and_enclose_the_areas(pictures):
    scores, is_defective = _arrays(pictures)
    false_alarms, found = roc_curve(scores, is_defective)
    assert (false_alarms[0], found[0], false_alarms[-1], found[-1]) == (0, 0, 1, 1)
    assert np.trapezoid(found, false_alarms) == pytest.approx(auroc(scores, is_defective))
    recall, precision = precision_curve(scores, is_defective)
    assert np.diff(recall, prepend=0) @ precision == pytest.approx(average_precision(scores, is_defective))


def test_rates_at_a_threshold():
    scores, is_defective = np.array([1.0, 2, 3, 4, 5]), np.array([False, True, False, True, True])
    rates = rates_at(2.0, scores, is_defective)
    assert (rates.false_alarm_rate, rates.recall) == (1 / 2, pytest.approx(2 / 3))
    assert (rates.precision, rates.f1) == (pytest.approx(2 / 3), pytest.approx(2 / 3))
    normal = rates_at(2.0, scores[:1], is_defective[:1])
    assert (normal.false_alarm_rate, normal.recall, normal.precision, normal.f1) == (0, None, None, None)
    assert auroc(scores[:1], is_defective[:1]) is None
    assert average_precision(scores[1:2], is_defective[1:2]) is None


def test_intervals_follow_the_seed_and_contain_the_areas():
    rng = np.random.default_rng(0)
    is_defective = np.arange(300) % 3 == 0
    scores = rng.normal(0, 1, 300) + is_defective
    first, second = bootstrap_intervals(scores, is_defective, seed=1)
    assert first[0] < auroc(scores, is_defective) < first[1]
    assert second[0] < average_precision(scores, is_defective) < second[1]
    assert bootstrap_intervals(scores, is_defective, seed=1) == (first, second)
    # Hanley and McNeil's standard error of this AUROC is about 0.03.
    assert 0.08 < first[1] - first[0] < 0.16


@settings(max_examples=20)
@given(PICTURES)
def test_intervals_are_those_of_one_draw_after_the_other(pictures):
    scores, is_defective = _arrays(pictures)
    rng = np.random.default_rng(0)
    normal = scores[~is_defective][
        rng.integers(0, (~is_defective).sum(), (9, (~is_defective).sum()), np.int32)
    ]
    defective = scores[is_defective][rng.integers(0, is_defective.sum(), (9, is_defective.sum()), np.int32)]
    labels = np.repeat([False, True], [normal.shape[1], defective.shape[1]])
    draws = [np.concatenate(pair) for pair in zip(normal, defective, strict=True)]
    areas = [(auroc(draw, labels), average_precision(draw, labels)) for draw in draws]
    expected = np.percentile(areas, [2.5, 97.5], axis=0).T
    assert np.array(bootstrap_intervals(scores, is_defective, 0, resamples=9)) == pytest.approx(expected)


def test_intervals_of_many_pictures_take_under_two_seconds():
    rng = np.random.default_rng(0)
    is_defective = rng.random(10_000) < 0.3
    scores = rng.normal(0, 1, 10_000) + is_defective
    start = time.process_time()
    bootstrap_intervals(scores, is_defective, seed=0)
    assert time.process_time() - start < 2
