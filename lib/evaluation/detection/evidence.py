"""Evidence of a detector: scores of the test set in all and for each kind of defect, beside trivial methods.

The test set is read batch by batch, kind by kind; neither pictures nor maps are kept.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np

from lib.config.hyperparameters import AutoencoderHyperparameters
from lib.data.datasets import Dataset
from lib.data.formats.defect_masks import DefectMasks
from lib.data.splits import Subset
from lib.evaluation.baselines import TrainingImages, table_scores
from lib.evaluation.detection.detecting_model import DetectingModel
from lib.evaluation.detection.detection_scores import (
    auroc,
    average_precision,
    best_f1,
    bootstrap_intervals,
    rates_at,
)
from lib.evaluation.detection.pixel_scores import PixelCounts, region_weights
from lib.models.pca import Components
from lib.tasks import get_task
from lib.tasks.baselines import Baseline
from lib.tasks.pixels import to_float

PIXELS_AT_ONCE = 1 << 22  # of all pictures of a batch
MAX_BATCH = 512  # pictures

# From pictures, integers (n, height, width, channels), to maps float32 (n, height, width) and scores (n,).
Examine = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]


@dataclass(frozen=True)
class Kind:
    """A class of test pictures: all of them are normal, or all are defective.

    Attributes:
        name: of the class.
        is_defective: whether its pictures have defects.
        positions: in the test set, int64 (n,).
    """

    name: str
    is_defective: bool
    positions: np.ndarray


@dataclass(frozen=True)
class DefectTestSet:
    """The test pictures of a detector.

    Attributes:
        pictures: all of them.
        is_defective: bool (n,).
        kinds: the normal ones first.
        masks: of pictures that have some, as of `TestDefects`; None where there are none.
    """

    pictures: Subset
    is_defective: np.ndarray
    kinds: tuple[Kind, ...]
    masks: DefectMasks | None

    @classmethod
    def of(cls, dataset: Dataset) -> DefectTestSet:
        """Return the test set of a data set, whose pictures are all normal where nothing says otherwise."""
        count, defects = len(dataset.test), dataset.defects
        is_defective = np.zeros(count, bool) if defects is None else np.asarray(defects.is_defective)
        names = np.full(count, "normal") if defects is None else np.asarray(defects.kinds)

        def order(name: str) -> tuple[int, str]:
            return dataset.classes.index(name) if name in dataset.classes else count, name

        kinds = [
            Kind(name, part, np.flatnonzero((names == name) & (is_defective == part)))
            for part in (False, True)
            for name in sorted(set(names[is_defective == part].tolist()), key=order)
        ]
        both = {kind.name for kind in kinds if kind.is_defective} & set(names[~is_defective].tolist())
        kinds = [
            replace(kind, name=f"{kind.name}, no defect")
            if kind.name in both and not kind.is_defective
            else kind
            for kind in kinds
        ]
        return cls(dataset.test, is_defective, tuple(kinds), None if defects is None else defects.masks)

    @property
    def has_both(self) -> bool:
        """Whether there are normal and defective pictures."""
        return bool(self.is_defective.any() and not self.is_defective.all())


def normal_pictures(dataset: Dataset) -> Subset:
    """Return the normal pictures of a test set, whose repair is scored; all where none is normal."""
    test = DefectTestSet.of(dataset)
    return dataset.test.select(~test.is_defective) if not test.is_defective.all() else dataset.test


@dataclass
class MethodScores:
    """Scores of the test pictures by a method, and areas of its error maps.

    Attributes:
        scores: float64 (n,), in the order of the test set.
        pixels: of all pictures.
        areas: pixel AUROC and PRO of each kind of defect beside the normal pictures, by index of the kind.
    """

    scores: np.ndarray
    pixels: PixelCounts = field(default_factory=PixelCounts)
    areas: dict[int, dict[str, float]] = field(default_factory=dict)


def examine_test_set(methods: Sequence[Examine], test: DefectTestSet) -> list[MethodScores]:
    """Return the scores of all test pictures by some methods; each picture is read once.

    Args:
        methods: functions of a batch of pictures.
        test: the pictures, with or without masks.
    """
    results = [MethodScores(np.zeros(len(test.pictures))) for _ in methods]
    normal = [result.pixels for result in results]
    for index, kind in enumerate(test.kinds):
        counts = [PixelCounts() if kind.is_defective else result.pixels for result in results]
        for rows in _batches(kind.positions, test.pictures.shape):
            images = test.pictures.take(rows)
            known, regions = np.zeros(len(rows), bool), None
            if test.masks is not None:
                known = test.masks.is_known[rows]
                regions = region_weights(test.masks.take(rows[known]))
            for method, result, pixels in zip(methods, results, counts, strict=True):
                maps, result.scores[rows] = method(images)
                if regions is not None:
                    pixels.add(maps[known], *regions)
        if not kind.is_defective or test.masks is None:
            continue
        for result, pixels, of_normal in zip(results, counts, normal, strict=True):
            result.areas[index] = _pixel_areas(of_normal.with_added(pixels))
            result.pixels = result.pixels.with_added(pixels)
    return results


def _batches(positions: np.ndarray, shape: tuple[int, int, int]) -> Iterator[np.ndarray]:
    size = min(MAX_BATCH, max(1, PIXELS_AT_ONCE // math.prod(shape)))
    for start in range(0, len(positions), size):
        yield positions[start : start + size]


def _pixel_areas(pixels: PixelCounts) -> dict[str, float]:
    return _known({"pixel_auroc": pixels.auroc(), "pro": pixels.pro()})


def _known(values: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value is not None}


def _areas(result: MethodScores, test: DefectTestSet) -> dict[str, float]:
    """The metrics of a method by key; none without normal and defective pictures."""
    if not test.has_both:
        return {}
    scores, is_defective = result.scores, test.is_defective
    areas = {
        "auroc": auroc(scores, is_defective),
        "average_precision": average_precision(scores, is_defective),
    }
    return _known(areas) | {"f1": best_f1(scores, is_defective)[0]} | _pixel_areas(result.pixels)


@dataclass(frozen=True)
class Evidence:
    """The scores of a detector on its test set.

    Attributes:
        test: the test set.
        scores: of its pictures, float64 (n,).
        metrics: `test_auroc` and the other metrics of detectors, as far as they exist.
        record: the content of `detection` in a record: the numbers at the threshold, intervals, and those of
            each kind, as JSON values.
    """

    test: DefectTestSet
    scores: np.ndarray
    metrics: dict[str, float]
    record: dict[str, Any]


def detection_evidence(detecting: DetectingModel, dataset: Dataset, seed: int) -> Evidence:
    """Return the scores of a detector on the test set of a data set.

    Args:
        detecting: the network with its detector.
        dataset: its test set, with `defects`.
        seed: of the bootstrap.
    """
    test = DefectTestSet.of(dataset)
    (result,) = examine_test_set([detecting.examine], test)
    metrics = {f"test_{key}": value for key, value in _areas(result, test).items()}
    content = _describe(result, test, detecting.detector.threshold.value, seed)
    return Evidence(test, result.scores, metrics, content)


def _describe(result: MethodScores, test: DefectTestSet, threshold: float, seed: int) -> dict[str, Any]:
    """The content of `detection` in a record."""
    content: dict[str, Any] = {"threshold": threshold} | _rates(threshold, result.scores, test.is_defective)
    if test.has_both:
        content["best_f1_threshold"] = best_f1(result.scores, test.is_defective)[1]
        content["intervals"] = _intervals(result.scores, test.is_defective, seed)
    content["kinds"] = [
        _describe_kind(index, result, test, threshold, seed) for index in range(len(test.kinds))
    ]
    return content


def _rates(threshold: float, scores: np.ndarray, is_defective: np.ndarray) -> dict[str, Any]:
    rates = rates_at(threshold, scores, is_defective)
    shares = {
        "false_alarm_rate": rates.false_alarm_rate,
        "recall": rates.recall,
        "precision": rates.precision,
        "f1": rates.f1,
    }
    return asdict(rates) | _known(shares)


def _intervals(scores: np.ndarray, is_defective: np.ndarray, seed: int) -> dict[str, list[float]]:
    names = "auroc", "average_precision"
    intervals = bootstrap_intervals(scores, is_defective, seed)
    return {name: list(interval) for name, interval in zip(names, intervals, strict=True)}


def _describe_kind(
    index: int, result: MethodScores, test: DefectTestSet, threshold: float, seed: int
) -> dict[str, Any]:
    """The numbers of a kind; those of a kind of defect beside all normal pictures."""
    kind = test.kinds[index]
    own = result.scores[kind.positions]
    content = {
        "name": kind.name,
        "is_defective": kind.is_defective,
        "images": len(own),
        "reported": int((own > threshold).sum()),
        "mean_score": float(own.mean()),
    }
    if not (kind.is_defective and test.has_both):
        return content
    normal = result.scores[~test.is_defective]
    scores = np.concatenate([normal, own])
    is_defective = np.arange(len(scores)) >= len(normal)
    areas = {
        "auroc": auroc(scores, is_defective),
        "average_precision": average_precision(scores, is_defective),
    }
    return (
        content | areas | result.areas.get(index, {}) | {"intervals": _intervals(scores, is_defective, seed)}
    )


@dataclass(frozen=True)
class BaselineEvidence:
    """The scores of trivial detectors on the test set.

    Attributes:
        values: of each of them, by their keys in a record, such as `mean_auroc`.
        scores: of the test pictures, float64 (n,), by the label of the method.
    """

    values: dict[str, float | None]
    scores: dict[str, np.ndarray]


def detection_baselines(
    dataset: Dataset,
    hp: AutoencoderHyperparameters,
    latent_size: int,
    components: Components | None = None,
    note: Callable[[str], None] = lambda text: None,
) -> BaselineEvidence:
    """Return the scores of trivial detectors, which are fitted on training images.

    Args:
        dataset: normal training images; test images, with `defects`.
        hp: the task and the seed.
        latent_size: as in `lib.evaluation.baselines.autoencoder_baselines`.
        components: likewise.
        note: likewise.

    Returns:
        The baselines of the task that detect; none where the test set has no normal or no defective pictures.
    """
    test = DefectTestSet.of(dataset)
    if not test.has_both:
        return BaselineEvidence({}, {})
    sample = TrainingImages(dataset, hp, latent_size, components, note)
    baselines = [baseline for baseline in get_task(hp).baselines if baseline.detects]
    results = examine_test_set([_examine_with(baseline, sample) for baseline in baselines], test)
    values: dict[str, float | None] = {}
    scores = {}
    for baseline, result in zip(baselines, results, strict=True):
        values |= table_scores(baseline.name, dict(_areas(result, test)), "autoencoder")
        values |= {f"{baseline.name}_{key}": count for key, count in baseline.counts(sample).items()}
        scores[baseline.describe(values)] = result.scores
    return BaselineEvidence(values, scores)


def _examine_with(baseline: Baseline, sample: TrainingImages) -> Examine:
    method = baseline.fit(sample)

    def examine(images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return method(to_float(images))

    return examine


@dataclass(frozen=True)
class Detection:
    """A detector with its evidence, for the figures of a run."""

    detecting: DetectingModel
    evidence: Evidence
    baselines: BaselineEvidence
