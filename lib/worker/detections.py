"""Verdicts, scores and boxes of the pictures of a job `detect`, and the tables of them."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from lib.common.filesystem import atomic_write
from lib.common.serialization import write_csv
from lib.data.formats.picture_placement import Box, Placement
from lib.data.user_images import UserImages
from lib.runs.detection_results import ANOMALY, NORMAL
from lib.worker.detect_messages import UNREADABLE

COLUMNS = ["picture", "verdict", "score", "times_threshold", "x", "y", "width", "height", "heat_map"]


class Detections:
    """Score, verdict, box and heat map of each picture, in 50 bytes.

    Args:
        user_images: the pictures.
        threshold: a picture is an anomaly if its score is above.
        fit_mode: how pictures were fitted to the model.
        at_own_size: pictures were not fitted: maps have their size.

    Attributes:
        scores: float64 (n,); NaN for pictures that are not examined.
        heat_maps: path of the heat map of each picture that has one, below the output folder, by position.
    """

    def __init__(self, user_images: UserImages, threshold: float, fit_mode: str, at_own_size: bool = False):
        self.user_images = user_images
        self.threshold = threshold
        self.scores = np.full(len(user_images), np.nan)
        self.heat_maps: dict[int, str] = {}
        self._fit_mode = fit_mode
        self._at_own_size = at_own_size
        self._boxes = np.zeros((len(user_images), 4), np.int32)

    def add(self, positions: np.ndarray, scores: np.ndarray) -> None:
        """Take the scores of pictures at these positions."""
        self.scores[positions] = scores

    def is_anomaly(self, position: int) -> bool:
        """Return whether a picture is reported."""
        return bool(self.scores[position] > self.threshold)

    @property
    def anomaly_count(self) -> int:
        """The number of pictures that are reported."""
        return int((self.scores > self.threshold).sum())

    @property
    def examined_count(self) -> int:
        """The number of pictures that have a score."""
        return int((~np.isnan(self.scores)).sum())

    def placement(self, position: int, sides: tuple[int, ...] | None = None) -> Placement:
        """Return where a picture lies in the image of the model.

        Args:
            position: of the picture.
            sides: its height and width; None for those that were found when it was examined.
        """
        height, width = self.user_images.sides[position] if sides is None else sides[:2]
        own = int(height), int(width)
        return Placement.of(own, own if self._at_own_size else self.user_images.shape[:2], self._fit_mode)

    def set_box(self, position: int, box: Box) -> None:
        """Take the box of a picture, in its own pixels."""
        self._boxes[position] = box

    def box(self, position: int) -> Box | None:
        """Return the box of a picture that is reported, in its own pixels; None for others."""
        if not self.is_anomaly(position):
            return None
        left, top, right, bottom = map(int, self._boxes[position])
        return left, top, right, bottom

    def ratio(self, position: int) -> float | None:
        """Return the score divided by the threshold; None where that is not above 0."""
        return float(self.scores[position]) / self.threshold if self.threshold > 0 else None

    def order(self) -> np.ndarray:
        """Return the positions of the pictures that have a score, the highest first."""
        order = np.argsort(-self.scores, kind="stable")
        return order[: self.examined_count]

    def describe(self, position: int) -> str:
        """Return verdict, score and place of a picture, for captions."""
        verdict = ANOMALY if self.is_anomaly(position) else NORMAL
        ratio = self.ratio(position)
        times = f" ({ratio:.2f} × the threshold)" if ratio is not None else ""
        text = f"{verdict}, score {self.scores[position]:.4g}{times}"
        if box := self.box(position):
            text += f", {box[2] - box[0]}×{box[3] - box[1]} pixels at {box[0]}, {box[1]}"
        return text

    def skipped_area(self) -> np.ndarray:
        """Return the fraction of each examined picture that the model was not shown, float64 (n,)."""
        if not self.user_images.from_files:
            return np.zeros(self.examined_count)
        return np.array([1 - self.placement(position).shown for position in self.order()])

    def rows(self) -> list[list[str]]:
        """Return the rows of `detections.csv`, the highest score first, then pictures that are unreadable."""
        rows = [self._row(position) for position in self.order()]
        empty = [""] * (len(COLUMNS) - 2)
        return rows + [[name, UNREADABLE, *empty] for name in self.user_images.unreadable]

    def write(self, folder: Path, rows: list[list[str]]) -> list[str]:
        """Write `detections.csv` and `detections.jsonl`, and return their names.

        Raises:
            RunFailed: a file cannot be written.
        """
        write_csv(folder / "detections.csv", COLUMNS, rows)
        with (
            atomic_write(folder / "detections.jsonl") as partial,
            partial.open("w", encoding="ascii") as file,
        ):
            for record in self._records():
                file.write(json.dumps(record) + "\n")
        return ["detections.csv", "detections.jsonl"]

    def _row(self, position: int) -> list[str]:
        verdict = ANOMALY if self.is_anomaly(position) else NORMAL
        ratio, box = self.ratio(position), self.box(position)
        cells = [] if box is None else [box[0], box[1], box[2] - box[0], box[3] - box[1]]
        return [
            self.user_images.names[position],
            verdict,
            f"{self.scores[position]:.6g}",
            "" if ratio is None else f"{ratio:.4g}",
            *(map(str, cells) if cells else [""] * 4),
            self.heat_maps.get(position, ""),
        ]

    def _records(self) -> Iterator[dict[str, Any]]:
        """The lines of `detections.jsonl`, in the order of `rows`."""
        for position in self.order():
            box = self.box(position)
            yield {
                "picture": self._path(position),
                "verdict": ANOMALY if self.is_anomaly(position) else NORMAL,
                "score": float(self.scores[position]),
                "threshold": self.threshold,
                "box": None if box is None else _describe_box(box),
                "heat_map": self.heat_maps.get(position),
            }
        positions = {name: position for position, name in enumerate(self.user_images.names)}
        for name, problem in self.user_images.unreadable.items():
            yield {"picture": self._path(positions[name]), "verdict": UNREADABLE, "problem": problem}

    def _path(self, position: int) -> str:
        """The path of a picture as it is, below the folder; the number of an image of a data set."""
        user_images = self.user_images
        return (
            user_images.paths[position].as_posix() if user_images.from_files else user_images.names[position]
        )


def _describe_box(box: Box) -> dict[str, int]:
    return {"x": box[0], "y": box[1], "width": box[2] - box[0], "height": box[3] - box[1]}
