"""Scores of error maps against masks of defects: pixel AUROC and PRO, in memory that does not grow.

Maps are not kept: their float32 values are counted at 262,144 levels, those with the same sign, exponent and
first nine bits of the fraction. A level is at most 0.2 % wide, whatever the range of the maps. Curves are
straight within a level, so that an area differs from the exact one by at most half the product of the shares
of normal and defective pixels in the same level, summed over the levels; `tests/evaluation/detection`
compares both.
"""

from __future__ import annotations

import numpy as np

from lib.evaluation.detection.detection_scores import LevelCounts, area_under_roc

DROPPED_BITS = 14  # of the 32 of a float32
LEVELS = 1 << (32 - DROPPED_BITS)
PRO_LIMIT = 0.3  # share of normal pixels above the threshold up to which the curve is integrated


def level_of(values: np.ndarray) -> np.ndarray:
    """Return the level of each value: integers 0..`LEVELS` - 1 that rise with the values.

    Args:
        values: float32 of any shape; NaN counts as the highest or lowest value, by its sign.
    """
    bits = (np.asarray(values, np.float32) + 0.0).view(np.int32)  # + 0: there is no negative zero
    ordered = bits ^ ((bits >> 31) & 0x7FFFFFFF)  # integers in the order of the floats
    return (ordered >> DROPPED_BITS) + LEVELS // 2


def region_weights(masks: np.ndarray) -> tuple[np.ndarray, int]:
    """Return a weight for each pixel of a defect, 1 / area of its region, and the number of regions.

    Regions are connected over edges and corners, as in the evaluation code of MVTec AD.

    Args:
        masks: bool (n, height, width), True where a picture has a defect.

    Returns:
        float64 (n, height, width), 0 where there is no defect; and the number of regions.
    """
    from scipy.ndimage import label

    weights, regions = np.zeros(masks.shape), 0
    for index in np.flatnonzero(masks.any(axis=(1, 2))):
        numbers, count = label(masks[index], structure=np.ones((3, 3)))
        areas = np.bincount(numbers.ravel())
        weights[index] = np.concatenate([[0], 1 / areas[1:]])[numbers]
        regions += count
    return weights, regions


class PixelCounts:
    """The pixels of error maps at each level, those of normal places and those of defects.

    Attributes:
        normal: number of normal pixels at each level, int64 (levels,).
        defective: number of pixels of defects at each level, int64 (levels,).
        overlap: the shares of regions at each level, summed over all regions, float64 (levels,).
        regions: number of regions.
    """

    def __init__(self) -> None:
        self.normal = np.zeros(LEVELS, np.int64)
        self.defective = np.zeros(LEVELS, np.int64)
        self.overlap = np.zeros(LEVELS)
        self.regions = 0

    def add(self, maps: np.ndarray, weights: np.ndarray, regions: int) -> None:
        """Add pictures.

        Args:
            maps: float32 (n, height, width), higher is more abnormal.
            weights: of `region_weights` of their masks, (n, height, width).
            regions: likewise.
        """
        levels = level_of(maps).ravel()
        self.normal += np.bincount(levels, minlength=LEVELS)
        if regions:
            marked = np.flatnonzero(weights)
            defective = np.bincount(levels[marked], minlength=LEVELS)
            self.normal -= defective
            self.defective += defective
            self.overlap += np.bincount(levels[marked], weights.ravel()[marked], minlength=LEVELS)
            self.regions += regions

    def with_added(self, other: PixelCounts) -> PixelCounts:
        """Return the sum of this one and another one."""
        total = PixelCounts()
        total.normal = self.normal + other.normal
        total.defective = self.defective + other.defective
        total.overlap = self.overlap + other.overlap
        total.regions = self.regions + other.regions
        return total

    def auroc(self) -> float | None:
        """Return the area under the ROC curve of the pixels, 0..1; None without normal or defective ones."""
        if not (self.normal.any() and self.defective.any()):
            return None
        return float(area_under_roc(LevelCounts(self.normal, self.defective)))

    def pro(self) -> float | None:
        """Return the area under the per-region overlap (PRO), up to 30 % normal pixels above the threshold.

        Bergmann et al., "The MVTec Anomaly Detection Dataset", International Journal of Computer Vision 129
        (2021): the overlap of a region is the share of its pixels that are above the threshold;
        its mean over all regions is integrated over the share of the normal pixels above the threshold, and
        divided by 0.3. Regions count equally, whatever their size.

        Returns:
            0..1; None without normal or defective pixels.
        """
        if not (self.normal.any() and self.regions):
            return None
        used = np.flatnonzero(self.normal + self.defective)[::-1]
        false_alarms = np.cumsum(self.normal[used]) / self.normal.sum()
        overlap = np.cumsum(self.overlap[used]) / self.regions
        return area_up_to(PRO_LIMIT, false_alarms, overlap) / PRO_LIMIT


def area_up_to(limit: float, x: np.ndarray, y: np.ndarray) -> float:
    """Return the area under a curve from (0, 0) up to `limit`, with straight lines between its points.

    Args:
        limit: where the area ends.
        x: rising, (n,); the last is at least `limit`.
        y: (n,).
    """
    x, y = np.concatenate([[0.0], x]), np.concatenate([[0.0], y])
    inside = int(np.searchsorted(x, limit, side="right"))
    area = float(np.trapezoid(y[:inside], x[:inside]))
    if inside == len(x) or x[inside - 1] == limit:
        return area
    step = limit - x[inside - 1]
    slope = (y[inside] - y[inside - 1]) / (x[inside] - x[inside - 1])
    return area + float(step * (y[inside - 1] + slope * step / 2))
