"""Class `Detector`: error maps and codes of normal pictures, and the threshold of the scores of others."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
from threadpoolctl import threadpool_limits

from lib.evaluation.detection.code_scores import CodeReference
from lib.evaluation.detection.map_scores import (
    MapMoments,
    MapReference,
    join_maps,
    picture_scores,
)
from lib.evaluation.detection.threshold import Threshold, threshold_for, threshold_of_best_f1
from lib.tasks.error_maps import error_maps

SMALLEST_DEVIATION = 1e-9  # of the scores of normal pictures
COLOR_QUANTILES = (
    0.5,
    0.999,
)  # of the places of normal pictures: without color, and in the middle of the colors
RANGE_FACTOR = (
    2.0  # length of the scale of colors by the distance of these: defects are well above the latter
)
SAMPLED_PLACES = 200_000  # of all validation maps, for these quantiles
NO_THRESHOLD = Threshold(math.inf, "")


class ScoreParts(NamedTuple):
    """Error maps and latent codes of a batch of pictures, which make their scores.

    Attributes:
        maps: error maps by kind, float32 (n, height, width).
        codes: float32 (n, size), or None where they do not count.
    """

    maps: dict[str, np.ndarray]
    codes: np.ndarray | None


class Examined(NamedTuple):
    """Error maps in deviations above normal, float32 (n, height, width), and scores, float64 (n,)."""

    maps: np.ndarray
    scores: np.ndarray


@dataclass(frozen=True)
class Scale:
    """Mean and deviation of a score of normal pictures."""

    mean: float = 0.0
    deviation: float = 1.0

    @classmethod
    def of(cls, scores: np.ndarray) -> "Scale":
        return cls(float(scores.mean()), max(float(scores.std()), SMALLEST_DEVIATION))

    def normalize(self, scores: np.ndarray) -> np.ndarray:
        return (scores - self.mean) / self.deviation


@dataclass(frozen=True)
class Scoring:
    """The definition of the score of a picture.

    Attributes:
        kinds: of error maps.
        area: share of the places of the map whose greatest values are averaged.
        code_weight: weight of the distance of the latent code beside the map; 0 leaves it out.
        code_distance: one of `lib.tasks.code_distances.CODE_DISTANCES`.
    """

    kinds: tuple[str, ...]
    area: float
    code_weight: float = 0.0
    code_distance: str = "neighbors"

    # Products of small matrices take up to 14 times as long with several threads of BLAS.
    @threadpool_limits.wrap(limits=1, user_api="blas")
    def parts(self, inputs: np.ndarray, outputs: np.ndarray, codes: np.ndarray | None) -> ScoreParts:
        """Return the parts of the score.

        Args:
            inputs: float32 (n, height, width, channels) in 0..1.
            outputs: of the network, like the inputs.
            codes: latent codes (n, …), needed with a `code_weight`.
        """
        return ScoreParts(error_maps(self.kinds, inputs, outputs), codes if self.code_weight else None)


@dataclass(frozen=True)
class Detector:
    """Error maps and codes of normal pictures, with which those of others are compared.

    Attributes:
        scoring: the definition of the score.
        maps: error maps of normal pictures, by kind.
        codes: latent codes of normal pictures; None where they do not count.
        map_scale: of the map's part of the score.
        code_scale: of the code's part.
        map_range: values of maps at the ends of the colors of heat maps.
        normal_scores: of the validation pictures, rising, float64 (n,), for thresholds by other shares.
        threshold: of the score.
    """

    scoring: Scoring
    maps: dict[str, MapReference]
    codes: CodeReference | None = None
    map_scale: Scale = Scale()
    code_scale: Scale = Scale()
    map_range: tuple[float, float] = (0.0, 1.0)
    normal_scores: np.ndarray = field(default_factory=lambda: np.zeros(0))
    threshold: Threshold = NO_THRESHOLD

    @property
    def shape(self) -> tuple[int, int]:
        """(height, width) of the maps."""
        height, width = next(iter(self.maps.values())).mean.shape
        return height, width

    def examine(self, parts: ScoreParts) -> Examined:
        """Return maps and scores of pictures: the greater, the less normal."""
        maps = join_maps(self.maps[kind].normalize(maps) for kind, maps in parts.maps.items())
        scores = self.map_scale.normalize(picture_scores(maps, self.scoring.area))
        if self.codes is not None:
            assert parts.codes is not None
            scores += self.scoring.code_weight * self.code_scale.normalize(
                self.codes.scores(parts.codes, self.scoring.code_distance)
            )
        return Examined(maps, scores)


Batches = Callable[[], Iterable[ScoreParts]]  # of the same pictures at each call


def fit_detector(
    scoring: Scoring, validation: Batches, train_codes: np.ndarray | None, share: float, defective: Batches
) -> Detector:
    """Return the detector of a network, from normal pictures that it was not trained on.

    What is normal is measured with all of them. For the threshold each is compared with what is normal in all
    others, so that no picture is compared with itself. Memory does not grow with the number of pictures.

    Args:
        scoring: the definition of the score.
        validation: normal pictures, at least three.
        train_codes: codes of pictures of the training (n, …); None where codes do not count.
        share: of false alarms.
        defective: pictures with defects for the best F1; none for a threshold by the share of false alarms.
    """
    moments = {kind: MapMoments() for kind in scoring.kinds}
    for parts in validation():
        for kind, maps in parts.maps.items():
            moments[kind].add(maps)
    codes = None if train_codes is None else CodeReference.of(train_codes)
    detector = Detector(scoring, {kind: moments[kind].reference() for kind in scoring.kinds}, codes)
    # --- scales and threshold: each picture by all others
    map_parts, code_parts, places = [], [], []
    for parts in validation():
        joined = join_maps(moments[kind].normalize_by_others(maps) for kind, maps in parts.maps.items())
        map_parts.append(picture_scores(joined, scoring.area))
        places.append(_sample(joined))
        if codes is not None:
            assert parts.codes is not None
            code_parts.append(codes.scores(parts.codes, scoring.code_distance))
    map_scores = np.concatenate(map_parts)
    detector = replace(detector, map_scale=Scale.of(map_scores), map_range=_color_range(places))
    scores = detector.map_scale.normalize(map_scores)
    if codes is not None:
        code_scores = np.concatenate(code_parts)
        detector = replace(detector, code_scale=Scale.of(code_scores))
        scores = scores + scoring.code_weight * detector.code_scale.normalize(code_scores)
    others = [detector.examine(parts).scores for parts in defective()]
    threshold = (
        threshold_of_best_f1(scores, np.concatenate(others)) if others else threshold_for(scores, share)
    )
    return replace(detector, threshold=threshold, normal_scores=np.sort(scores))


def _sample(maps: np.ndarray) -> np.ndarray:
    """Some places of maps, evenly spaced."""
    flat = maps.ravel()
    return flat[:: max(1, flat.size // (SAMPLED_PLACES // 100))]


def _color_range(places: list[np.ndarray]) -> tuple[float, float]:
    values = np.concatenate(places)
    low, high = (float(value) for value in np.quantile(values, COLOR_QUANTILES))
    return low, max(low + RANGE_FACTOR * (high - low), low + 1.0)
