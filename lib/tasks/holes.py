"""Holes in images: their kinds, drawn at random or read from a folder of masks, and the value of `--missing`.

A hole is a mask, bool (n, height, width), True where pixels are missing. Each has at least one missing and
one known pixel.
"""

from __future__ import annotations  # types that name np.random would load it before the first prompt

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from lib.common.value_types import FloatInterval, FloatRange, IntRange, OneOf, ValueType
from lib.tasks.augmentation import random_intervals
from lib.tasks.halves import SIDES

BOXES = 4  # rectangles of a hole at most
MAX_ASPECT_RATIO = 2  # of a rectangle, width by height or height by width
STROKES = 64  # of a hole at most
STROKE_WIDTHS = 1 / 20, 1 / 6  # range of their widths, as fractions of the shorter side
STROKE_PIECES = 3, 8  # straight ones
PATCHES_PER_SIDE = 8  # of the default patch size, along the shorter side
CACHED_FOLDERS = 4  # of masks in memory
BLOCK, CACHED_BLOCKS = 64, 256  # holes of validation and test images that are drawn, and kept, together
FRACTIONS = FloatInterval(FloatRange(0, 1, open_low=True, open_high=True))
PATCH_SIZES = IntRange(1, 4096)


class HoleRequest(NamedTuple):
    """Holes to draw: their fractions (n,) above 0 and below 1, (height, width), and the side of a patch."""

    fractions: np.ndarray
    sides: tuple[int, int]
    patch: int


def _draw_center(request: HoleRequest, rng: np.random.Generator) -> np.ndarray:
    masks = np.zeros((len(request.fractions), *request.sides), bool)
    for mask, fraction in zip(masks, request.fractions, strict=True):
        rows, columns = (_center_slice(side, fraction) for side in request.sides)
        mask[rows, columns] = True
    return masks


def _center_slice(side: int, fraction: float) -> slice:
    size = min(max(round(side * fraction), 1), max(side - 1, 1))
    return slice((side - size) // 2, (side - size) // 2 + size)


def _draw_boxes(request: HoleRequest, rng: np.random.Generator) -> np.ndarray:
    count, (height, width) = len(request.fractions), request.sides
    numbers = rng.integers(1, BOXES + 1, count)
    masks = np.zeros((count, height, width), bool)
    for number in range(BOXES):
        areas = request.fractions * height * width / numbers
        ratios = np.exp(rng.uniform(-np.log(MAX_ASPECT_RATIO), np.log(MAX_ASPECT_RATIO), count))
        rows = random_intervals(np.sqrt(areas * ratios), height, rng)
        columns = random_intervals(np.sqrt(areas / ratios), width, rng)
        masks |= (number < numbers)[:, None, None] & rows[:, :, None] & columns[:, None, :]
    return masks


def _draw_strokes(request: HoleRequest, rng: np.random.Generator) -> np.ndarray:
    """Thick lines as of Yu et al., "Free-form image inpainting with gated convolution" (2019)."""
    from PIL import Image, ImageDraw

    height, width = request.sides
    images = [Image.new("L", (width, height)) for _ in request.fractions]
    masks = np.zeros((len(images), height, width), bool)
    unfinished = np.arange(len(images))
    for _ in range(STROKES):
        strokes = _strokes(len(unfinished), request.sides, rng)
        for index, (points, thickness) in zip(unfinished, strokes, strict=True):
            canvas, radius = ImageDraw.Draw(images[index]), thickness / 2
            canvas.line([value for point in points for value in point], fill=255, width=thickness)
            for x, y in points if thickness > 2 else ():
                canvas.ellipse((x - radius, y - radius, x + radius, y + radius), fill=255)
            masks[index] = np.asarray(images[index])
        areas = masks[unfinished].mean(axis=(1, 2))
        unfinished = unfinished[areas < request.fractions[unfinished]]
        if not len(unfinished):
            break
    return masks


def _strokes(
    count: int, sides: tuple[int, int], rng: np.random.Generator
) -> Iterator[tuple[list[list[float]], int]]:
    """Yield the points (x, y) of `count` strokes, whose straight pieces turn at random, and their widths."""
    shorter = min(sides)
    thicknesses = (shorter * rng.uniform(*STROKE_WIDTHS, count)).round().astype(int).clip(1)
    pieces = rng.integers(*STROKE_PIECES, count, endpoint=True)
    turns = rng.normal(0, np.pi / 3, (count, STROKE_PIECES[1]))
    turns[:, 0] = rng.uniform(0, 2 * np.pi, count)
    angles, lengths = turns.cumsum(axis=1), shorter * rng.uniform(0.1, 0.5, turns.shape)
    steps = lengths[..., None] * np.stack([np.cos(angles), np.sin(angles)], axis=-1)
    starts = rng.uniform(0, 1, (count, 1, 2)) * sides[::-1]
    points = np.concatenate([starts, starts + steps.cumsum(axis=1)], axis=1).tolist()
    for stroke, number, thickness in zip(points, pieces.tolist(), thicknesses.tolist(), strict=True):
        yield stroke[: number + 1], thickness


def _draw_patches(request: HoleRequest, rng: np.random.Generator) -> np.ndarray:
    (height, width), size = request.sides, request.patch
    rows, columns = -(-height // size), -(-width // size)
    patches = rows * columns
    hidden = (request.fractions * patches).round().clip(1, max(patches - 1, 1))
    ranks = rng.random((len(hidden), patches)).argsort(axis=1).argsort(axis=1)
    masks = (ranks < hidden[:, None]).reshape(-1, rows, columns)
    return masks.repeat(size, axis=1).repeat(size, axis=2)[:, :height, :width]


class HoleKind(NamedTuple):
    """A kind of hole: its function, its default fraction, and whether it consists of patches."""

    draw: Callable[[HoleRequest, np.random.Generator], np.ndarray]
    fraction: float
    has_patches: bool = False


HOLE_KINDS = {
    "center": HoleKind(_draw_center, 0.5),  # of each side; the other fractions are of the area
    "boxes": HoleKind(_draw_boxes, 0.25),
    "strokes": HoleKind(_draw_strokes, 0.25),
    "random": HoleKind(_draw_patches, 0.75, has_patches=True),
}


@dataclass(frozen=True)
class MissingPart(ValueType):
    """The value of `--missing`: a side, a hole with its fraction and patch size, or a folder of masks.

    The path of a folder has a separator, so that a record is read alike where there is no such folder.
    """

    @property
    def description(self) -> str:
        words = ", ".join((*SIDES, *HOLE_KINDS))
        return f"{words} (also with a fraction: center:0.25, random:0.75) or a folder of masks"

    @property
    def choices(self) -> list[str]:
        """The values that a menu offers."""
        return [*SIDES, *map(self.read, HOLE_KINDS)]

    def read(self, value) -> str:
        if not isinstance(value, str) or value in SIDES:
            return OneOf(SIDES).read(value)
        kind, *parameters = value.strip().split(":")
        if kind in HOLE_KINDS and os.sep not in value:
            return _canonical_hole(kind, *parameters)
        path = os.path.expanduser(value.strip())
        if "\0" in path or not (os.sep in path or os.path.isdir(path)):
            raise ValueError
        return path if os.sep in path else os.path.join(os.curdir, path)


def _canonical_hole(kind: str, fraction: str = "", patch: str = "") -> str:
    entry = HOLE_KINDS[kind]
    fractions = FRACTIONS.format(FRACTIONS.parse(fraction or entry.fraction))
    if not patch:
        return f"{kind}:{fractions}"
    if not entry.has_patches:
        raise ValueError
    return f"{kind}:{fractions}:{PATCH_SIZES.parse(patch)}"


def mask_folder(missing: str) -> str:
    """Return the folder of masks that a value of `--missing` names, or ""."""
    return missing if os.sep in missing else ""


def patch_size(missing: str, sides: tuple[int, int]) -> int:
    """Return the side of the patches of holes, in pixels.

    Args:
        missing: canonical value of `--missing`.
        sides: (height, width) of the images.
    """
    _, *parameters = missing.split(":")
    return int(parameters[1]) if len(parameters) > 1 else max(1, round(min(sides) / PATCHES_PER_SIDE))


def draw_holes(missing: str, sides: tuple[int, int], count: int, rng: np.random.Generator) -> np.ndarray:
    """Return holes drawn at random.

    Args:
        missing: canonical value of `--missing` that names a kind of hole or a folder.
        sides: (height, width) of the images.
        count: number of holes.
        rng: source of the holes.

    Returns:
        bool (n, height, width), True where pixels are missing.
    """
    if folder := mask_folder(missing):
        loaded = load_masks(folder, sides)
        return loaded.take(rng.integers(0, len(loaded), count))
    kind, fractions = missing.split(":")[:2]
    low, high = FRACTIONS.parse(fractions)
    drawn = np.full(count, low) if low == high else rng.uniform(low, high, count)
    masks = HOLE_KINDS[kind].draw(HoleRequest(drawn, sides, patch_size(missing, sides)), rng)
    return _with_both(masks, rng)


def _with_both(masks: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The masks, with one pixel changed where all are missing or none is."""
    flat = masks.reshape(len(masks), -1)
    for index in np.flatnonzero(flat.all(axis=1) | ~flat.any(axis=1)):
        position = rng.integers(flat.shape[1])
        flat[index, position] = ~flat[index, position]
    return flat.reshape(masks.shape)


def fixed_holes(missing: str, sides: tuple[int, int], indices: np.ndarray, seed: int) -> np.ndarray:
    """Return the holes of images of a validation or test set: the same in every batch, score and figure.

    Args:
        missing: as in `draw_holes`; masks of a folder are taken in their order.
        sides: (height, width) of the images.
        indices: positions of the images in the data set, (n,).
        seed: of the run.

    Returns:
        bool (n, height, width).
    """
    if folder := mask_folder(missing):
        loaded = load_masks(folder, sides)
        return loaded.take(np.asarray(indices) % len(loaded))
    indices = np.asarray(indices)
    masks = np.zeros((len(indices), *sides), bool)
    for block in np.unique(indices // BLOCK):
        rows = indices // BLOCK == block
        masks[rows] = _draw_block(missing, sides, seed, int(block)).take(indices[rows] % BLOCK)
    return masks


@lru_cache(CACHED_BLOCKS)
def _draw_block(missing: str, sides: tuple[int, int], seed: int, block: int) -> Masks:
    holes = draw_holes(missing, sides, BLOCK, np.random.default_rng((seed, block)))
    return Masks(np.packbits(holes.reshape(BLOCK, -1), axis=1), sides)


# --- folders of masks


@dataclass(frozen=True)
class Masks:
    """The masks of a folder, in the order of their names.

    Attributes:
        bits: uint8 (masks, bytes), eight pixels a byte.
        sides: (height, width).
        notes: sentences for the user about scaled and skipped masks.
    """

    bits: np.ndarray
    sides: tuple[int, int]
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.bits)

    def take(self, which: np.ndarray) -> np.ndarray:
        """Return some masks, bool (n, height, width)."""
        size = self.sides[0] * self.sides[1]
        return np.unpackbits(self.bits[which], axis=1, count=size).astype(bool).reshape(-1, *self.sides)


# Reads a folder of masks as `Masks` of some (height, width). Set by `lib.data.formats.masks`, since tasks
# know no file formats.
MASK_READERS: list[Callable[[str, tuple[int, int]], Masks]] = []


@lru_cache(CACHED_FOLDERS)
def load_masks(folder: str, sides: tuple[int, int]) -> Masks:
    """Return the masks of a folder for images of (height, width) `sides`.

    Raises:
        UserError: there is no such folder, or it has no mask with a hole.
    """
    return MASK_READERS[-1](folder, sides)
