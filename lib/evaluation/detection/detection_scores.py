"""Scores of a detector: ROC, precision and recall, their areas, rates at a threshold, bootstrap intervals.

A higher score is more abnormal, and a picture is reported when its score is above the threshold. Everything
is computed from the numbers of normal and of defective pictures at each distinct score.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

RESAMPLES = 1000  # of the bootstrap
CONFIDENCE = 95  # percent of the resamples within an interval
RESAMPLED_AT_ONCE = 1 << 21  # numbers drawn, so that memory does not grow with the pictures

Interval = tuple[float, float]


class LevelCounts(NamedTuple):
    """Numbers of normal and of defective pictures, or pixels, at each score.

    Attributes:
        normal: (…, levels), by rising score.
        defective: likewise; may be weighted.
    """

    normal: np.ndarray
    defective: np.ndarray


@dataclass(frozen=True)
class Rates:
    """The numbers of pictures that a threshold reports.

    Attributes:
        normal: number of normal pictures.
        defective: number of defective pictures.
        false_alarms: number of normal pictures that are reported.
        found: number of defective pictures that are reported.
    """

    normal: int
    defective: int
    false_alarms: int
    found: int

    @property
    def false_alarm_rate(self) -> float | None:
        """The share of the normal pictures that are reported, 0..1; None without normal pictures."""
        return self.false_alarms / self.normal if self.normal else None

    @property
    def recall(self) -> float | None:
        """The share of the defective pictures that are reported, 0..1; None without defective pictures."""
        return self.found / self.defective if self.defective else None

    @property
    def precision(self) -> float | None:
        """The share of the reported pictures that are defective, 0..1; None where none is reported."""
        reported = self.found + self.false_alarms
        return self.found / reported if reported else None

    @property
    def f1(self) -> float | None:
        """The harmonic mean of precision and recall, 0..1; None without defective pictures."""
        if not self.defective:
            return None
        return 2 * self.found / (self.defective + self.found + self.false_alarms)


def count_levels(scores: np.ndarray, is_defective: np.ndarray) -> tuple[np.ndarray, LevelCounts]:
    """Return the distinct scores, and how many pictures have each.

    Args:
        scores: (n,), higher is more abnormal.
        is_defective: bool (n,).

    Returns:
        Rising scores (levels,), and the counts.
    """
    values, levels = np.unique(scores, return_inverse=True)
    normal, defective = (
        np.bincount(levels[part], minlength=len(values)) for part in (~is_defective, is_defective)
    )
    return values, LevelCounts(normal, defective)


def area_under_roc(counts: LevelCounts) -> np.ndarray:
    """Return the area under the ROC curve, in which equal scores count one half (Fawcett 2006).

    Args:
        counts: (…, levels), with normal and defective ones.

    Returns:
        (…), 0..1: the probability that a defective picture has the higher score than a normal one.
    """
    normal, defective = counts
    below = np.cumsum(normal, axis=-1) - normal / 2
    return (below * defective).sum(axis=-1) / (normal.sum(axis=-1) * defective.sum(axis=-1))


def area_under_precision(counts: LevelCounts) -> np.ndarray:
    """Return the average precision: the mean of the precisions at the scores of the defective pictures.

    Args:
        counts: (…, levels), with normal and defective ones.

    Returns:
        (…), 0..1; like `sklearn.metrics.average_precision_score`, without interpolation.
    """
    found, false_alarms = (_at_least(part) for part in (counts.defective, counts.normal))
    precision = found / np.maximum(found + false_alarms, 1)
    return (precision * counts.defective).sum(axis=-1) / counts.defective.sum(axis=-1)


def _at_least(counts: np.ndarray) -> np.ndarray:
    """Counts (…, levels) of each level and all above."""
    return np.cumsum(counts[..., ::-1], axis=-1)[..., ::-1]


def auroc(scores: np.ndarray, is_defective: np.ndarray) -> float | None:
    """Return the area under the ROC curve of scores (n,), 0..1; None without normal or defective pictures."""
    return _if_both(area_under_roc, scores, is_defective)


def average_precision(scores: np.ndarray, is_defective: np.ndarray) -> float | None:
    """Return the average precision of scores (n,), 0..1; None without normal or defective pictures."""
    return _if_both(area_under_precision, scores, is_defective)


def _if_both(area, scores: np.ndarray, is_defective: np.ndarray) -> float | None:
    has_both = is_defective.any() and not is_defective.all()
    return float(area(count_levels(scores, is_defective)[1])) if has_both else None


def best_f1(scores: np.ndarray, is_defective: np.ndarray) -> tuple[float, float]:
    """Return the best F1 of any threshold, and that threshold.

    Args:
        scores: (n,), higher is more abnormal.
        is_defective: bool (n,), True for at least one picture.

    Returns:
        F1 in 0..1, and the threshold in the middle between the lowest score that is reported and the next
        lower one. Of several thresholds as good, the highest.
    """
    values, counts = count_levels(scores, is_defective)
    found, false_alarms = _at_least(counts.defective), _at_least(counts.normal)
    f1 = 2 * found / (counts.defective.sum() + found + false_alarms)
    best = len(f1) - 1 - int(f1[::-1].argmax())
    if best == 0:
        return float(f1[0]), float(np.nextafter(values[0], -np.inf))
    middle = values[best - 1] + (values[best] - values[best - 1]) / 2
    return float(f1[best]), float(middle if middle < values[best] else values[best - 1])


def rates_at(threshold: float, scores: np.ndarray, is_defective: np.ndarray) -> Rates:
    """Return what a threshold reports of pictures with scores (n,), `is_defective` bool (n,)."""
    reported = scores > threshold
    return Rates(
        normal=int((~is_defective).sum()),
        defective=int(is_defective.sum()),
        false_alarms=int((reported & ~is_defective).sum()),
        found=int((reported & is_defective).sum()),
    )


def roc_curve(scores: np.ndarray, is_defective: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the ROC curve from (0, 0) to (1, 1).

    Args:
        scores: (n,), with normal and defective pictures.
        is_defective: bool (n,).

    Returns:
        False alarms as a share of the normal pictures, and found ones of the defective pictures, for falling
        thresholds, each (levels + 1,).
    """
    _, counts = count_levels(scores, is_defective)
    shares = (_at_least(part)[::-1] / part.sum() for part in counts)
    false_alarms, found = (np.concatenate([[0.0], share]) for share in shares)
    return false_alarms, found


def precision_curve(scores: np.ndarray, is_defective: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return recall and precision for falling thresholds, each (levels,); arguments as `roc_curve`."""
    _, counts = count_levels(scores, is_defective)
    found, false_alarms = (_at_least(part)[::-1] for part in (counts.defective, counts.normal))
    return found / counts.defective.sum(), found / (found + false_alarms)


def bootstrap_intervals(
    scores: np.ndarray, is_defective: np.ndarray, seed: int, resamples: int = RESAMPLES
) -> tuple[Interval, Interval]:
    """Return percentile intervals of AUROC and average precision (Efron and Tibshirani 1993, chapter 13).

    Normal and defective pictures are drawn with replacement, as many of each as there are. The intervals say
    how much the scores depend on the pictures of the test set, not on the training.

    Args:
        scores: (n,), with normal and defective pictures.
        is_defective: bool (n,).
        seed: of the draws.
        resamples: number of draws.

    Returns:
        (low, high) of each, 95 % of the draws between them.
    """
    rng = np.random.default_rng(seed)
    values, levels = np.unique(scores, return_inverse=True)
    parts = levels[~is_defective], levels[is_defective]
    at_once = max(1, RESAMPLED_AT_ONCE // len(scores))
    areas = []
    for start in range(0, resamples, at_once):
        count = min(at_once, resamples - start)
        drawn = LevelCounts(*(_resample(part, count, len(values), rng) for part in parts))
        areas.append(np.stack([area_under_roc(drawn), area_under_precision(drawn)]))
    tail = (100 - CONFIDENCE) / 2
    low, high = np.percentile(np.concatenate(areas, axis=1), [tail, 100 - tail], axis=1)
    first, second = zip(low.tolist(), high.tolist(), strict=True)
    return first, second


def _resample(levels: np.ndarray, count: int, size: int, rng: np.random.Generator) -> np.ndarray:
    """Draws with replacement, as how often each level was drawn, (count, size)."""
    drawn = levels[rng.integers(0, len(levels), (count, len(levels)), dtype=np.int32)]
    drawn += size * np.arange(count)[:, None]
    return np.bincount(drawn.ravel(), minlength=count * size).reshape(count, size)
