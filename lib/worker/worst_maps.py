"""The pictures with the highest scores of a job `detect`, with their maps, for the page and the sheet."""

import heapq
from collections.abc import Iterator

import numpy as np

from lib.common.errors import UserError
from lib.worker.apply_examples import Example
from lib.worker.detections import Detections
from lib.worker.heat_map_files import HeatMaps

COUNT = 24


class WorstMaps:
    """The maps of the pictures with the highest scores."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, np.ndarray]] = []  # score, -position, map; the lowest score first

    def add(self, positions: np.ndarray, scores: np.ndarray, maps: np.ndarray) -> None:
        """Take scores (n,) and maps (n, height, width) of pictures at these positions."""
        for position, score, heat in zip(positions, scores, maps, strict=True):
            key = float(score), -int(position)
            if len(self._heap) < COUNT:
                heapq.heappush(self._heap, (*key, heat.copy()))
            elif key > self._heap[0][:2]:
                heapq.heapreplace(self._heap, (*key, heat.copy()))

    def examples(self, detections: Detections, heat_maps: HeatMaps) -> Iterator[Example]:
        """Yield the pictures with and without their heat maps, the highest score first."""
        for score, position, heat in sorted(self._heap, key=lambda item: item[:2], reverse=True):
            try:
                picture, drawn = heat_maps.draw(-position, heat)
            except UserError:  # removed meanwhile
                continue
            name, text = detections.user_images.names[-position], detections.describe(-position)
            yield Example(name, score, text, [picture.pixels, drawn])
