"""Results of detectors in records: the threshold, its rates, and the numbers of each kind of defect."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from lib.common.formatting import MISSING
from lib.runs.validation import is_number
from lib.tasks.metrics import METRICS

MAX_KINDS = 20  # in a table on the screen
MAX_IMAGES = 2**53  # required for the smallest shares of false alarms
ANOMALY, NORMAL = "anomaly", "normal"  # verdicts on pictures
MANY, MANY_TIMES = 5, 4  # false alarms that deserve a remark: a number, and times the chosen share
AREAS = ("auroc", "average_precision", "pixel_auroc", "pro")
METRICS_BY_KEY = {metric.key: metric for metric in METRICS}


@dataclass(frozen=True)
class KindResult:
    """The numbers of a class of test pictures.

    Attributes:
        name: of the class.
        is_defective: whether its pictures have defects.
        images: number of them.
        reported: number of those above the threshold.
        areas: AUROC and others beside all normal pictures, by key of the metric.
        interval: that of the AUROC; None without one.
    """

    name: str
    is_defective: bool
    images: int
    reported: int
    areas: dict[str, float]
    interval: tuple[float, float] | None

    @property
    def auroc_text(self) -> str:
        """The AUROC with its interval."""
        if "auroc" not in self.areas:
            return MISSING
        text = f"{self.areas['auroc']:.4f}"
        return f"{text} ({_range_text(self.interval)})" if self.interval else text

    @property
    def reported_text(self) -> str:
        """The share that is reported."""
        return format_share(self.reported, self.images)


@dataclass(frozen=True)
class DetectionResult:
    """The numbers of the test set in the record of a detector.

    Attributes:
        threshold: the score above which a picture is reported.
        origin: how the threshold was chosen, after a comma; "" where the record does not say.
        chosen_share: share of normal pictures that the threshold was chosen for; 0 without one.
        normal: number of normal pictures.
        defective: number of defective pictures.
        false_alarms: number of normal pictures that are reported.
        found: number of defective pictures that are reported.
        intervals: low and high by key of the metric.
        kinds: normal ones first.
    """

    threshold: float
    origin: str
    chosen_share: float
    normal: int
    defective: int
    false_alarms: int
    found: int
    intervals: dict[str, tuple[float, float]]
    kinds: tuple[KindResult, ...]

    @property
    def threshold_text(self) -> str:
        """The threshold, how it was chosen, and what it reports, as a sentence without a full stop."""
        effects = []
        if self.normal:
            share = format_share(self.false_alarms, self.normal)
            effects.append(f"{share} of {self.normal:,} normal test images are reported")
        if self.defective:
            share = format_share(self.found, self.defective)
            effects.append(f"{share} of {self.defective:,} defective ones are found")
        return f"Threshold {self.threshold:.4g}{self.origin}: {', '.join(effects)}"

    @property
    def alarm_text(self) -> str:
        """A sentence where far more normal test images are reported than by `chosen_share`, else ""."""
        expected = self.chosen_share * self.normal
        if not expected or self.false_alarms < max(MANY, MANY_TIMES * expected):
            return ""
        return (
            "Far more normal test images are reported than the threshold was chosen for: they differ from "
            "the training images "
            "(other light, camera or position?), or validation images resemble these too closely (--group)."
        )

    @property
    def interval_text(self) -> str:
        """The intervals of the metrics, "" without any."""
        texts = [
            f"{METRICS_BY_KEY[key].label} {_range_text(interval)}" for key, interval in self.intervals.items()
        ]
        return f"95 % intervals by bootstrap of the test images: {', '.join(texts)}" if texts else ""

    @property
    def missing_text(self) -> str:
        """A sentence on what the test set lacks, "" where it lacks nothing."""
        if self.normal and self.defective:
            return ""
        kind = "normal" if self.defective else "defective"
        return (
            f"The test set has no {kind} images, so there is no AUROC and no average precision: "
            f"choose a test set with some (--testset)."
        )


def read_detection(record: dict) -> DetectionResult | None:
    """Return the results of a detector in a sanitized record; None where it has none, or invalid ones."""
    content = record.get("detection")
    if not isinstance(content, dict) or not is_number(content.get("threshold")):
        return None
    normal, defective, false_alarms, found = (
        _read_count(content, key) for key in ("normal", "defective", "false_alarms", "found")
    )
    if not normal + defective:
        return None
    kinds = content.get("kinds")
    return DetectionResult(
        threshold=content["threshold"],
        origin=_describe_origin(record.get("detector")),
        chosen_share=_read_chosen_share(record.get("detector")),
        normal=normal,
        defective=defective,
        false_alarms=false_alarms,
        found=found,
        intervals=_read_intervals(content),
        kinds=tuple(filter(None, map(_read_kind, kinds if isinstance(kinds, list) else ()))),
    )


def _read_count(content: dict, key: str) -> int:
    """A number of pictures; 0 where it is missing or invalid."""
    value = content.get(key)
    return value if isinstance(value, int) and value >= 0 else 0


def _read_intervals(content: dict) -> dict[str, tuple[float, float]]:
    intervals = content.get("intervals")
    return {
        key: (value[0], value[1])
        for key, value in (intervals if isinstance(intervals, dict) else {}).items()
        if key in AREAS and isinstance(value, list) and len(value) == 2 and all(map(is_number, value))
    }


def _read_kind(content: Any) -> KindResult | None:
    if not isinstance(content, dict) or not isinstance(name := content.get("name"), str):
        return None
    images, reported = _read_count(content, "images"), _read_count(content, "reported")
    if not images:
        return None
    areas = {key: content[key] for key in AREAS if is_number(content.get(key))}
    interval = _read_intervals(content).get("auroc")
    return KindResult(name, content.get("is_defective") is True, images, reported, areas, interval)


def _describe_origin(detector: Any) -> str:
    """The text of `describe_choice` for the threshold of a detector in a record."""
    threshold = detector.get("threshold") if isinstance(detector, dict) else None
    if not isinstance(threshold, dict):
        return ""
    counts = (_read_count(threshold, key) for key in ("normal", "defective"))
    return describe_choice(_read_share(threshold), *counts)


def describe_choice(share: float, normal: int, defective: int) -> str:
    """Return how a threshold was chosen, after a comma; "" for one that the user gave.

    Args:
        share: of false alarms, 0..1; 0 where it did not count.
        normal: number of normal validation images.
        defective: number of defective images; with some the threshold is that of the best F1.
    """
    if defective:
        return f", of the best F1 for {defective:,} defective and {normal:,} normal validation images"
    if share <= 0:
        return ""
    rate = f"{100 * share:.3g} % false alarms"
    if normal < fewest_images(share):
        return f", the highest score of {normal:,} validation images, too few for {rate}"
    return f", for {rate} by {normal:,} validation images"


def fewest_images(share: float) -> int:
    """Return how many validation images a threshold for a share of false alarms, 0..1, requires."""
    return math.ceil(min(1 / share, MAX_IMAGES)) - 1


def _read_chosen_share(detector: Any) -> float:
    """The share of false alarms that the threshold of a detector stands for; 0 without one."""
    threshold = detector.get("threshold") if isinstance(detector, dict) else None
    if not isinstance(threshold, dict) or (share := _read_share(threshold)) <= 0:
        return 0.0
    return max(share, 1 / (_read_count(threshold, "normal") + 1))


def _read_share(threshold: dict) -> float:
    share = threshold.get("share")
    return share if isinstance(share, int | float) and is_number(share) else 0.0


def format_share(part: int, whole: int) -> str:
    """Return a share in percent, such as `1.2 %`."""
    return f"{100 * part / whole:.1f} %"


def _range_text(interval: tuple[float, float]) -> str:
    low, high = interval
    return f"{low:.3f} to {high:.3f}"


def kind_titles(result: DetectionResult) -> list[str]:
    """Return the titles of the columns of `kind_rows`."""
    areas = ["AUROC (95 % interval)"] if _has_auroc(result) else []
    areas += [METRICS_BY_KEY[key].label for key in _areas(result)]
    return ["kind", "images", "reported", *areas]


def _has_auroc(result: DetectionResult) -> bool:
    return any("auroc" in kind.areas for kind in result.kinds)


def _areas(result: DetectionResult) -> list[str]:
    """The metrics of pixels that some kind has."""
    return [key for key in ("pixel_auroc", "pro") if any(key in kind.areas for kind in result.kinds)]


def kind_rows(result: DetectionResult, limit: int | None = None) -> list[list[str]]:
    """Return the numbers of each kind as text.

    Args:
        result: of a record.
        limit: number of kinds at most, those with the lowest AUROC; None for all.
    """
    kinds = list(result.kinds)
    if limit is not None and len(kinds) > limit:
        kinds = sorted(kinds, key=lambda kind: kind.areas.get("auroc", 0))[:limit]
    rows = []
    for kind in kinds:
        areas = [kind.auroc_text] if _has_auroc(result) else []
        areas += [f"{kind.areas[key]:.4f}" if key in kind.areas else MISSING for key in _areas(result)]
        rows.append([kind.name, f"{kind.images:,}", kind.reported_text, *areas])
    return rows


def kinds_title(result: DetectionResult, limit: int | None = None) -> str:
    """Return the title of the table of `kind_rows`."""
    count = len(result.kinds)
    if limit is None or count <= limit:
        return "Test images by kind"
    return f"Test images by kind, the {limit} of {count:,} kinds with the lowest AUROC"
