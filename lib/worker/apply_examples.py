"""Pictures that `apply` and `detect` show, the first and the worst ones, side by side and on a page."""

import io
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from lib.common.filesystem import atomic_write
from lib.evaluation import image_figures
from lib.worker.comparison_page import ComparedPicture, comparison_page

SHOWN_ERRORS = 10  # pictures with the largest errors in `worst.png`
FIRST, WORST = 4, 4  # pictures on the page and on the sheet: the first, and those with the largest errors
MAX_SIDE = 800  # of pictures on the page, in pixels
MIN_SIDE = 240  # smaller ones are enlarged, with visible pixels
THUMBNAIL = 128  # side of pictures of several sizes in `worst.png`
SHEET_SIDE = 360  # longer side of a picture on the sheet
LOSSLESS_PIXELS = 256 * 256  # up to which pictures are stored as PNG
JPEG_QUALITY = 90


class Example(NamedTuple):
    """A picture: its name, its error, a text, and its input, the outputs of all models, and the target.

    These are uint8 (height, width, 1 or 3).
    """

    name: str
    error: float
    text: str
    pictures: list[np.ndarray]


class Examples:
    """The examples of a job, and the files that show them.

    Args:
        heads: name of each of an example's pictures that are shown.
        first: number of pictures on the page that are the first ones.
        worst: number of pictures on it that are those with the largest errors.
    """

    def __init__(self, heads: list[str], first: int = FIRST, worst: int = WORST):
        self.heads = heads
        self._first_count, self._worst_count = first, worst
        self.first: list[Example] = []
        self.worst: list[Example] = []

    def add(self, examples: list[Example]) -> None:
        """Take more examples, in the order of the pictures."""
        examples = [example._replace(pictures=example.pictures[: len(self.heads)]) for example in examples]
        room = self._first_count - len(self.first)
        largest = sorted(self.worst + examples, key=lambda example: -np.nan_to_num(example.error))[
            : max(SHOWN_ERRORS, self._worst_count)
        ]
        chosen = {id(example) for example in [*examples[: max(0, room)], *largest]}
        reduced = {id(example): _reduced(example) for example in examples if id(example) in chosen}
        self.first += [reduced[id(example)] for example in examples[: max(0, room)]]
        self.worst = [reduced.get(id(example), example) for example in largest]

    def worst_rows(self) -> list[tuple[str, np.ndarray]]:
        """Return the rows of `worst.png`: names and images, uint8 (n, height, width, channels)."""
        worst = self.worst[:SHOWN_ERRORS]
        shapes = {picture.shape for example in worst for picture in example.pictures}
        channels = max(shape[2] for shape in shapes)
        sides = {shape[:2] for shape in shapes}
        is_reduced = len(sides) > 1 or max(map(max, sides)) > 2 * THUMBNAIL
        rows = []
        for index, head in enumerate(self.heads):
            images = [example.pictures[index] for example in worst]
            if is_reduced:
                images = [_thumbnail(image, channels) for image in images]
            elif len({image.shape for image in images}) > 1:  # gray and color
                images = [np.broadcast_to(image, (*image.shape[:2], channels)) for image in images]
            rows.append((head, np.stack(images)))
        return rows

    def write(self, folder: Path, title: str, order: str) -> list[tuple[str, np.ndarray]]:
        """Write `worst.png`, `comparison.png` and `comparison.html`, and return the rows of the first.

        Args:
            folder: where they are written.
            title: above all of them.
            order: what comes first in `worst.png`.

        Raises:
            RunFailed: a file cannot be written.
        """
        rows = self.write_worst(folder / "worst.png", f"{title}: {order}")
        shown = self._shown()
        columns = [[_on_sheet(picture) for picture in example.pictures] for example in shown]
        captions = [f"{example.name}\n{example.text}" for example in shown]
        image_figures.plot_comparisons(columns, self.heads, captions, folder / "comparison.png", title)
        self.write_page(folder / "comparison.html", title)
        return rows

    def write_worst(self, path: Path, title: str) -> list[tuple[str, np.ndarray]]:
        """Write the sheet of the worst pictures, and return its rows. Raises `RunFailed`."""
        rows = self.worst_rows()
        image_figures.plot_image_rows(rows, path, title)
        return rows

    def write_page(self, path: Path, title: str) -> None:
        """Write the page with a slider between pictures. Raises `RunFailed`."""
        compared = [
            ComparedPicture(example.name, example.text, [_encode(picture) for picture in example.pictures])
            for example in self._shown()
        ]
        with atomic_write(path) as partial:
            partial.write_text(comparison_page(title, self.heads, compared), encoding="utf-8")

    def _shown(self) -> list[Example]:
        """The first pictures, then the worst ones, each once."""
        examples = [*self.first, *self.worst[: self._worst_count]]
        return list({example.name: example for example in examples}.values())


def _reduced(example: Example) -> Example:
    return example._replace(pictures=[_at_most(picture, MAX_SIDE) for picture in example.pictures])


def _at_most(picture: np.ndarray, side: int) -> np.ndarray:
    """A picture with at most this longer side, as one that owns its memory."""
    if max(picture.shape[:2]) <= side:
        return picture.copy()
    return _resize(picture, side / max(picture.shape[:2]), Image.Resampling.LANCZOS)


def _resize(picture: np.ndarray, scale: float, method: Image.Resampling) -> np.ndarray:
    height, width = (max(1, round(side * scale)) for side in picture.shape[:2])
    image = Image.fromarray(picture[..., 0] if picture.shape[-1] == 1 else picture)
    return np.asarray(image.resize((width, height), method)).reshape(height, width, picture.shape[-1])


def _thumbnail(picture: np.ndarray, channels: int) -> np.ndarray:
    """A picture in the middle of a white square, as gray or color."""
    small = _at_most(picture, THUMBNAIL)
    square = np.full((THUMBNAIL, THUMBNAIL, channels), 255, np.uint8)
    top, left = ((THUMBNAIL - side) // 2 for side in small.shape[:2])
    square[top : top + small.shape[0], left : left + small.shape[1]] = small
    return square


def _on_sheet(picture: np.ndarray) -> np.ndarray:
    return _at_most(_enlarged(picture), SHEET_SIDE)


def _enlarged(picture: np.ndarray) -> np.ndarray:
    factor = MIN_SIDE // max(picture.shape[:2])
    return picture.repeat(factor, axis=0).repeat(factor, axis=1) if factor > 1 else picture


def _encode(picture: np.ndarray) -> tuple[str, bytes]:
    """A picture for the page: its media type and the content of its file."""
    picture = _enlarged(picture)
    image = Image.fromarray(picture[..., 0] if picture.shape[-1] == 1 else picture)
    content = io.BytesIO()
    if image.width * image.height <= LOSSLESS_PIXELS:
        image.save(content, "PNG")
        return "image/png", content.getvalue()
    image.save(content, "JPEG", quality=JPEG_QUALITY, subsampling=0)
    return "image/jpeg", content.getvalue()
