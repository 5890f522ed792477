"""Request and result of the job `detect`, as `lib.worker.messages` has those of the other jobs."""

from dataclasses import dataclass

from lib.worker.messages import ModelRequest, Pictures, TableResult

ALL_MAPS, REPORTED_MAPS, NO_MAPS = MAPS = ("all", "reported", "none")  # of `--maps`
UNREADABLE = "unreadable"  # in place of a verdict


@dataclass(frozen=True, kw_only=True)
class Detect(ModelRequest):
    """Judge pictures by a model with a detector.

    Attributes:
        threshold: of the score, in place of that of the detector.
        false_alarms: share of normal pictures for another threshold; not with `threshold`.
        maps: which pictures get a heat map: `all`, those that are `reported`, or `none`.
    """

    job = "lib.worker.detect_job.detect"

    data: str
    threshold: float | None = None
    false_alarms: float | None = None
    maps: str = REPORTED_MAPS


@dataclass(frozen=True, kw_only=True)
class DetectResult(TableResult):
    """Verdicts on pictures.

    Attributes:
        threshold: an anomaly has a score above it.
        rule: the threshold and how it was chosen, as a phrase.
        count: number of pictures that were examined.
        anomalies: number of those that are reported.
        heat_maps: number of files of heat maps.
        files: names of the others, in the folder.
        heads, pictures: name and images of each row of the sheet of the worst; empty if they were removed.
    """

    threshold: float
    rule: str
    count: int
    anomalies: int
    heat_maps: int
    files: list[str]
    heads: list[str]
    pictures: Pictures
