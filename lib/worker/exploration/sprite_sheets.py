"""Small pictures in sheets, each one picture file: thousands of files would be slow to open."""

import io
import math
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
from PIL import Image, features

from lib.worker.html_pages import data_uri

SHEET_SIDE = 1024  # pixels of a sheet at most, so that a browser decodes one in a few milliseconds
JPEG_BLOCK = 8  # pixels of which JPEG encodes each block by itself
JPEG_OPTIONS = {"quality": 85, "subsampling": 0, "optimize": True}
LOSSY_GAIN = 2  # how much smaller a lossy sheet must be
MIN_SIDE, MAX_SIDE = 32, 128  # of small pictures, which are those of the model where these are smaller
MAX_PIXELS = 10_240_000  # of all small pictures together, where that leaves the smallest side


def thumbnail_size(height: int, width: int, count: int) -> tuple[int, int]:
    """Return height and width of small versions of `count` pictures of a size."""
    side = min(MAX_SIDE, max(MIN_SIDE, math.isqrt(MAX_PIXELS // max(1, count))))
    scale = min(1, side / max(height, width))
    return max(1, round(height * scale)), max(1, round(width * scale))


def make_thumbnails(pictures: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Return pictures, uint8 (n, height, width, 1 or 3), reduced to (height, width) `size`."""
    if pictures.shape[1:3] == size:
        return pictures
    resized = [
        np.asarray(_to_image(picture).resize(size[::-1], Image.Resampling.BOX), np.uint8)
        for picture in pictures
    ]
    return np.stack(resized).reshape(len(pictures), *size, pictures.shape[3])


class Encoding(NamedTuple):
    """How a sheet is encoded: media type, Pillow's name and options, multiple of the sides of a cell."""

    media_type: str
    name: str
    options: dict[str, Any]
    block: int = 1


LOSSLESS = (
    Encoding("image/webp", "WEBP", {"lossless": True, "quality": 80, "method": 4})
    if features.check("webp")
    else Encoding("image/png", "PNG", {"optimize": True})
)
LOSSY = Encoding("image/jpeg", "JPEG", JPEG_OPTIONS, JPEG_BLOCK)


class SpriteSheets(NamedTuple):
    """Sheets of pictures of one size, row by row.

    Attributes:
        size: (height, width) of a picture.
        cell: of the cell whose top left the picture is.
        columns, rows: pictures along the sides of a sheet.
        media_type: of the files.
        files: their contents.
    """

    size: tuple[int, int]
    cell: tuple[int, int]
    columns: int
    rows: int
    media_type: str
    files: list[bytes]

    def to_json(self) -> dict[str, Any]:
        """Return the sheets as the page reads them."""
        (height, width), (cell_height, cell_width) = self.size, self.cell
        return {
            "width": width,
            "height": height,
            "cellWidth": cell_width,
            "cellHeight": cell_height,
            "columns": self.columns,
            "rows": self.rows,
            "files": [data_uri(self.media_type, file) for file in self.files],
        }


def make_sheets(pictures: np.ndarray) -> SpriteSheets:
    """Return sheets of pictures, uint8 (n, height, width, 1 or 3), n at least 1.

    They are stored without loss, unless the first sheet becomes less than half as large as JPEG.
    """
    exact = _Layout(pictures.shape[1:3], LOSSLESS)
    reduced = _Layout(pictures.shape[1:3], LOSSY)
    first = pictures[: min(exact.count, reduced.count)]
    is_lossy = LOSSY_GAIN * len(reduced.encode(first)) < len(exact.encode(first))
    layout = reduced if is_lossy else exact
    starts = range(0, len(pictures), layout.count)
    files = [layout.encode(pictures[start : start + layout.count]) for start in starts]
    media_type = layout.encoding.media_type
    return SpriteSheets(layout.size, layout.cell, layout.columns, layout.rows, media_type, files)


class _Layout:
    """Places of pictures in a sheet with an encoding."""

    def __init__(self, size: Iterable[int], encoding: Encoding):
        self.size: tuple[int, int] = tuple(size)  # type: ignore[assignment]
        self.encoding = encoding
        height, width = (-(-side // encoding.block) * encoding.block for side in self.size)
        self.cell = height, width
        self.rows, self.columns = max(1, SHEET_SIDE // height), max(1, SHEET_SIDE // width)
        self.count = self.rows * self.columns

    def encode(self, pictures: np.ndarray) -> bytes:
        """The file of at most `count` pictures; the rest of a cell repeats the edge, which costs least."""
        paddings = [(0, cell - side) for cell, side in zip(self.cell, self.size, strict=True)]
        cells = np.pad(pictures, [(0, 0), *paddings, (0, 0)], mode="edge")
        rows = -(-len(cells) // self.columns)
        missing = rows * self.columns - len(cells)
        cells = np.concatenate([cells, np.zeros((missing, *cells.shape[1:]), np.uint8)])
        cells = cells.reshape(rows, self.columns, *cells.shape[1:]).swapaxes(1, 2)
        sheet = cells.reshape(rows * self.cell[0], self.columns * self.cell[1], -1)
        content = io.BytesIO()
        _to_image(sheet).save(content, self.encoding.name, **self.encoding.options)
        return content.getvalue()


def _to_image(picture: np.ndarray) -> Image.Image:
    return Image.fromarray(np.ascontiguousarray(picture[..., 0] if picture.shape[-1] == 1 else picture))
