"""Pictures of latent codes that are decoded beforehand: on a grid, or along principal directions."""

import math
from typing import Any, NamedTuple

import keras
import numpy as np

from lib.common.errors import printable
from lib.evaluation import latent_space
from lib.evaluation.projections import LatentSpace, Projection, central_codes
from lib.tasks import get_task
from lib.tasks.display import Display
from lib.worker.exploration.sprite_sheets import make_thumbnails, thumbnail_size
from lib.worker.saved_models import LoadedAutoencoder, require_finite

GRID_SIDE = 40  # codes along the longer side of a grid
GRID_MARGIN = 0.05  # of the range of the codes, on each side
DIRECTIONS = 8
STEPS = np.linspace(-2.5, 2.5, 11)  # along a direction, in standard deviations of the codes
CENTERS = 16  # codes of images that directions begin at, besides the mean
MIN_SHARE = 1e-6  # of the variance, below which a direction is none of the codes
CHUNK = 64  # codes that are decoded at once, so that only small pictures stay in memory


class DecodedCodes(NamedTuple):
    """Pictures of codes.

    Attributes:
        pictures: uint8 (n, height, width, 1 or 3).
        content: which code each is of, as the page reads it.
        description: for the user.
    """

    pictures: np.ndarray
    content: dict[str, Any]
    description: str


class CodeDecoder(NamedTuple):
    """The part of an autoencoder that makes pictures of codes.

    Attributes:
        autoencoder: the whole.
        model: its decoder of codes alone, of a conditional one of codes and labels.
        class_name: of a conditional autoencoder, that of all pictures; else "".
        label: its number; None without one.
    """

    autoencoder: LoadedAutoencoder
    model: keras.Model
    class_name: str = ""
    label: int | None = None

    @property
    def code_shape(self) -> tuple[int, ...]:
        """The shape of a code."""
        return tuple(self.model.inputs[0].shape[1:])

    def describe(self, codes: str) -> str:
        """Return what is decoded, with the class."""
        return f"{codes}, class {printable(self.class_name)}" if self.class_name else codes


def decode_grid(decoder: CodeDecoder, plane: Projection, display: Display) -> DecodedCodes:
    """Return pictures of codes of one or two numbers, on a grid over the range of the codes.

    Args:
        decoder: decodes them.
        plane: the codes themselves, the second number of those of one number is of no meaning.
        display: of the images.
    """
    positions, size = plane.positions, math.prod(decoder.code_shape)
    low, high = positions.min(axis=0), positions.max(axis=0)
    margin = GRID_MARGIN * (high - low)
    spans = high - low + 2 * margin
    step = spans[:size].max() / GRID_SIDE
    columns = max(1, round(spans[0] / step))
    rows = max(1, round(spans[1] / step)) if size == 2 else 1
    left = (low[0] + high[0] - columns * step) / 2
    # A row of codes of one number covers all heights.
    cell_height = step if size == 2 else spans[1]
    top = (low[1] + high[1] + rows * cell_height) / 2
    x = left + step * (np.arange(columns) + 0.5)
    y = top - cell_height * (np.arange(rows) + 0.5)
    codes = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)[:, :size]
    content = {
        "columns": columns,
        "rows": rows,
        "left": float(left),
        "top": float(top),
        "cellWidth": float(step),
        "cellHeight": float(cell_height),
        "dimensions": size,
    }
    pictures = _decode(decoder, codes, display, len(codes))
    return DecodedCodes(pictures, {"grid": content}, decoder.describe(f"a grid of {columns}×{rows} codes"))


def decode_directions(decoder: CodeDecoder, space: LatentSpace, seed: int, display: Display) -> DecodedCodes:
    """Return pictures along the principal directions of codes, from their mean and from codes of images.

    Args:
        decoder: decodes them.
        space: the codes.
        seed: of the choice of images.
        display: of the images.
    """
    count = int((space.shares[:DIRECTIONS] > MIN_SHARE).sum())
    central, nearest = central_codes(space, CENTERS, seed)
    # (directions, steps, latent size)
    moves = STEPS[:, None] * space.spreads[:count, None, None] * space.axes[:count, None]
    moves = moves.astype(np.float32).reshape(-1, moves.shape[-1])
    # One center at a time: the codes of all would need much more memory than their pictures.
    centers = [space.mean, *(space.rows[index] for index in central)]
    total = len(centers) * len(moves)
    parts = [_decode(decoder, center + moves, display, total) for center in centers]
    content = {
        "steps": STEPS.tolist(),
        "shares": space.shares[:count].tolist(),
        "spreads": space.spreads[:count].tolist(),
        "centers": central.tolist(),
        "nearest": nearest.tolist(),
    }
    description = decoder.describe(
        f"{count} principal direction{'' if count == 1 else 's'}, {len(STEPS)} steps each, around the mean "
        f"and {len(central)} images"
    )
    return DecodedCodes(np.concatenate(parts), {"directions": content}, description)


def _decode(decoder: CodeDecoder, codes: np.ndarray, display: Display, total: int) -> np.ndarray:
    """Small pictures of codes, (n, latent size), of the size of `total` ones."""
    hp = decoder.autoencoder.hp
    codes = codes.astype(np.float32).reshape(-1, *decoder.code_shape)
    names = [f"decoded code {number}" for number in range(1, len(codes) + 1)]
    size: tuple[int, int] | None = None
    parts = []
    for start in range(0, len(codes), CHUNK):
        rows = codes[start : start + CHUNK]
        labels = None if decoder.label is None else np.full(len(rows), decoder.label, np.int32)
        outputs = latent_space.decode_codes(decoder.model, rows, hp.quantization, labels=labels)
        require_finite(outputs, names[start : start + CHUNK], decoder.autoencoder.path)
        pictures = display.show_pixels(get_task(hp).output_pixels(hp, outputs))
        size = size or thumbnail_size(pictures.shape[1], pictures.shape[2], total)
        parts.append(make_thumbnails(pictures, size))
    return np.concatenate(parts)
