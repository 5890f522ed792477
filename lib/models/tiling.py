"""Outputs of convolutional models for whole pictures, by overlapping tiles where these do not fit in memory.

Tiles overlap by what an output pixel depends on, so that the result is that of the whole picture; where two
tiles overlap, they are blended. Rows of tiles are computed one after the other, so that memory does not grow
with the height of a picture.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise

import keras
import numpy as np

from lib.models.any_size import ReceptiveField, is_tileable, receptive_field, without_size
from lib.models.inference import MAX_BATCH_VALUES, predict
from lib.models.saving.graph_limits import count_values

MIN_BLEND = 8  # pixels over which two tiles are blended, where there is room
MAX_SIDE = 2048  # of a tile
SIDES = 16  # of pictures and tiles: multiples of it, so that few sizes are compiled

PrepareTile = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class PictureModel:
    """A convolutional model as it is applied to pictures of their own size.

    Attributes:
        model: from inputs (n, height, width, channels) to outputs of the same height and width.
        tile: height and width of its inputs; `None` for any.
        unit: sides of inputs of any size are multiples of it.
        reach: pixels around an output pixel that it depends on; of a model with a fixed size those near the
            border of a tile that count less.
        values_per_pixel: numbers that it computes of a pixel.
    """

    model: keras.Model
    tile: tuple[int, int] | None
    unit: int
    reach: int
    values_per_pixel: float

    def output_rows(
        self, picture: np.ndarray, prepare: PrepareTile, max_values: int = MAX_BATCH_VALUES
    ) -> Iterator[tuple[int, np.ndarray]]:
        """Yield the outputs for a picture from top to bottom.

        Args:
            picture: (height, width, channels) of any type.
            prepare: makes the model's inputs, float32 (n, height, width, channels), of parts of the picture
                of its type (n, height, width, channels).
            max_values: numbers that may be computed at once.

        Yields:
            Index of the first row, and outputs float32 (rows, width, channels).
        """
        height, width = picture.shape[:2]
        tile = self.tile or self._tile_for(height, width, max_values)
        # Tiles end where the whole picture would, with its mirrored margin, so that nothing differs.
        sides = (height, width) if self.tile else self._full_units(height, width)
        rows, columns = (
            _positions(side, size, self._overlap(size), self.unit)
            for side, size in zip(sides, tile, strict=True)
        )
        batch = max(1, int(max_values / (self.values_per_pixel * tile[0] * tile[1])))
        row_weights, column_weights = (
            _weights(side, starts, size, self.reach)
            for side, starts, size in zip(sides, (rows, columns), tile, strict=True)
        )
        band = np.zeros((0, width, 0), np.float32)
        for number, top in enumerate(rows):
            parts = np.stack([_cut(picture, top, left, tile) for left in columns])
            outputs = np.concatenate(
                [
                    predict(self.model, prepare(parts[start : start + batch]))
                    for start in range(0, len(parts), batch)
                ]
            )
            visible = min(tile[0], height - top)
            sums = np.zeros((visible, width, outputs.shape[-1]), np.float32)
            for left, output, weights in zip(columns, outputs, column_weights, strict=True):
                shown = min(tile[1], width - left)
                sums[:, left : left + shown] += output[:visible, :shown] * weights[None, :shown, None]
            sums *= row_weights[number][:visible, None, None]
            if len(band):
                sums[: len(band)] += band
            done = rows[number + 1] - top if number + 1 < len(rows) else visible
            yield top, sums[:done]
            band = sums[done:].copy()

    def output(
        self, picture: np.ndarray, prepare: PrepareTile, max_values: int = MAX_BATCH_VALUES
    ) -> np.ndarray:
        """Return all outputs for a picture, float32 (height, width, channels); see `output_rows`."""
        return np.concatenate([rows for _, rows in self.output_rows(picture, prepare, max_values)])

    def _overlap(self, side: int) -> int:
        """By how many pixels neighboring tiles with this side overlap."""
        if self.tile:
            return side // 2
        return 2 * self.reach + MIN_BLEND

    @property
    def _full_unit(self) -> int:
        return int(np.lcm(self.unit, SIDES))

    def _full_units(self, height: int, width: int) -> tuple[int, int]:
        """The sides of a picture as multiples of a unit that all models take."""
        height, width = (-(-side // self._full_unit) * self._full_unit for side in (height, width))
        return height, width

    def _tile_for(self, height: int, width: int, max_values: int) -> tuple[int, int]:
        """The whole picture where it fits, else the largest tile that does, each with sides of full units."""
        whole, unit = self._full_units(height, width), self._full_unit
        pixels = max_values / self.values_per_pixel
        if whole[0] * whole[1] <= pixels:
            return whole
        # So large that at most half of a tile is computed twice.
        smallest = -(-(4 * self._overlap(0)) // unit) * unit
        side = max(smallest, min(int(pixels**0.5), MAX_SIDE) // unit * unit)
        return min(whole[0], side), min(whole[1], side)


def picture_model(model: keras.Model) -> PictureModel | None:
    """Return a model as it is applied to pictures of their own size; `None` if it cannot be.

    A convolutional model takes pictures of any size; one with cropped or padded feature maps takes tiles of
    the size that it was trained with.

    Args:
        model: from images to images of the same size.
    """
    shape = model.input_shape
    if len(shape) != 4 or None in shape[1:] or model.output_shape[1:3] != shape[1:3]:
        return None
    values = count_values(model) / (shape[1] * shape[2])
    field: ReceptiveField | None = receptive_field(model)
    if field is not None and all(side % field.stride == 0 for side in shape[1:3]):
        return PictureModel(without_size(model), None, field.stride, field.reach, values)
    if is_tileable(model):
        return PictureModel(model, (shape[1], shape[2]), 1, min(shape[1:3]) // 8, values)
    return None


def _positions(side: int, tile: int, overlap: int, unit: int) -> list[int]:
    """Where tiles begin along a side, so that they cover it: multiples of `unit`."""
    if tile >= side:
        return [0]
    step = max(unit, (tile - overlap) // unit * unit)
    last = -(-(side - tile) // unit) * unit
    return [*range(0, last, step), last]


def _weights(side: int, starts: list[int], tile: int, margin: int) -> np.ndarray:
    """How much each pixel of each tile counts along a side: 1 in total at each place.

    Between two tiles the weight passes linearly from one to the other, in the middle of their overlap; the
    `margin` of a tile next to it does not count.
    """
    weights = np.ones((len(starts), tile), np.float32)
    places = np.arange(tile) + 0.5
    for number, (first, second) in enumerate(pairwise(starts)):
        shared = first + tile - second
        ramp = max(1, shared - 2 * margin)
        passed = np.clip((places - (shared - ramp) / 2) / ramp, 0, 1)
        weights[number + 1] = np.minimum(weights[number + 1], passed)
        weights[number, tile - shared :] = np.minimum(weights[number, tile - shared :], 1 - passed[:shared])
    return _normalized(weights, side, starts, tile)


def _normalized(weights: np.ndarray, side: int, starts: list[int], tile: int) -> np.ndarray:
    """The weights divided by their sum at each place: more than two tiles may overlap."""
    total = np.zeros(max(side, starts[-1] + tile), np.float32)
    for start, row in zip(starts, weights, strict=True):
        total[start : start + tile] += row
    return np.stack(
        [
            row / np.maximum(total[start : start + tile], 1e-6)
            for start, row in zip(starts, weights, strict=True)
        ]
    )


def _cut(picture: np.ndarray, top: int, left: int, size: tuple[int, int]) -> np.ndarray:
    """A part of a picture; what is beyond its border is the mirror image of what is before it."""
    part = picture[top : top + size[0], left : left + size[1]]
    missing = [total - side for total, side in zip(size, part.shape[:2], strict=True)]
    if not any(missing):
        return part
    return np.pad(part, ((0, missing[0]), (0, missing[1]), (0, 0)), "symmetric")
