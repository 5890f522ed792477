"""Simulated defects: parts of normal pictures that are replaced, for networks that learn to repair them.

An entry of `DEFECTS` is all that a kind of defect needs: the value of `--defects`, prompts and documents read
it. A defect has a region, a content that replaces the pixels there, and an opacity (CutPaste: Li et al. 2021;
DRAEM: Zavrtanik et al. 2021).
"""

from __future__ import annotations  # types that name np.random would load it before the first prompt

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from lib.tasks.augmentation import random_intervals

MAX_ASPECT_RATIO = 3  # of a region, width by height or height by width
BLOB_CELLS = 4  # of the coarse noise that gives a blob its outline, along each side
LINE_WIDTHS = 0.02, 0.12  # range of the widths of lines, as fractions of the shorter side


@dataclass(frozen=True)
class Defect:
    """A kind of defect.

    Attributes:
        help: what replaces the pixels, for help and documents.
        fill: function of pictures, float32 (n, height, width, channels) in 0..1, and a random generator that
            returns such pictures, which replace the pixels in the regions.
        is_line: whether its regions are thin lines, not rectangles and blobs.
    """

    help: str
    fill: Callable[[np.ndarray, np.random.Generator], np.ndarray]
    is_line: bool = False


def moved_pixels(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Other pictures of the batch, moved and some of them mirrored; with one picture alone, itself."""
    count, height, width, _ = pixels.shape
    source = rng.permutation(count)
    rows = (np.arange(height) + rng.integers(0, height, (count, 1))) % height
    columns = (np.arange(width) + rng.integers(0, width, (count, 1))) % width
    rows = np.where(rng.random((count, 1)) < 0.5, rows, rows[:, ::-1])
    columns = np.where(rng.random((count, 1)) < 0.5, columns, columns[:, ::-1])
    return pixels[source[:, None, None], rows[:, :, None], columns[:, None, :]]


def noise(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Values that are drawn for each pixel, uniformly between 0 and 1."""
    return rng.random(pixels.shape, np.float32)


def one_color(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """One value for each channel, that of a random pixel of the batch or any between 0 and 1."""
    count, height, width, channels = pixels.shape
    places = rng.integers(0, count, count), rng.integers(0, height, count), rng.integers(0, width, count)
    colors = np.where(rng.random((count, 1)) < 0.5, pixels[places], rng.random((count, channels), np.float32))
    return np.broadcast_to(colors[:, None, None, :], pixels.shape)


DEFECTS = {
    "paste": Defect("parts of other pictures and of other places", moved_pixels),
    "noise": Defect("uniform noise", noise),
    "blank": Defect("areas of one color", one_color),
    "scratch": Defect("lines of one color", one_color, is_line=True),
}


@dataclass(frozen=True)
class DefectSettings:
    """The defects that are drawn.

    Attributes:
        kinds: names of `DEFECTS`; each defect is one of them.
        sizes: range of the side of a region, as a fraction of the picture's sides.
        opacities: range of the share by which the content replaces the pixels.
        count: the most defects of a picture, which has one to so many.
    """

    kinds: Sequence[str]
    sizes: tuple[float, float]
    opacities: tuple[float, float]
    count: int = 3


def add_defects(
    pixels: np.ndarray, settings: DefectSettings, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Return pictures with simulated defects, and where these are.

    Args:
        pixels: float32 (n, height, width, channels) in 0..1.
        settings: of the defects.
        rng: source of the defects.

    Returns:
        float32 array of the same shape in 0..1, and bool (n, height, width), True where a pixel was replaced.
    """
    result, changed = pixels.copy(), np.zeros(pixels.shape[:3], bool)
    numbers = rng.integers(1, settings.count + 1, len(pixels))
    for number in range(settings.count):
        kinds = rng.integers(0, len(settings.kinds), len(pixels))
        for index, name in enumerate(settings.kinds):
            chosen = np.flatnonzero((kinds == index) & (number < numbers))
            if not len(chosen):
                continue
            kind, clean = DEFECTS[name], pixels[chosen]
            regions = _draw_regions(clean.shape[:3], settings.sizes, kind.is_line, rng)
            opacities = rng.uniform(*settings.opacities, (len(chosen), 1, 1)).astype(np.float32)
            weights = (regions * opacities)[..., None]
            result[chosen] += weights * (kind.fill(clean, rng) - result[chosen])
            changed[chosen] |= regions
    return result, changed


def _draw_regions(
    shape: tuple[int, int, int], sizes: tuple[float, float], is_line: bool, rng: np.random.Generator
) -> np.ndarray:
    """Regions of defects, bool (n, height, width)."""
    count, height, width = shape
    if is_line:
        return _draw_lines(shape, rng)
    drawn = rng.uniform(*sizes, count)
    ratios = np.exp(rng.uniform(-0.5, 0.5, count) * np.log(MAX_ASPECT_RATIO))
    rows = random_intervals(np.maximum(drawn * ratios * height, 1), height, rng)
    columns = random_intervals(np.maximum(drawn / ratios * width, 1), width, rng)
    rectangles = rows[:, :, None] & columns[:, None, :]
    is_blob = rng.random(count) < 0.5
    outlines = _smooth_noise(int(is_blob.sum()), (height, width), rng) > 0
    rectangles[is_blob] &= outlines
    return rectangles


def _smooth_noise(count: int, sides: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """Normal noise on a coarse grid, interpolated linearly, float32 (n, height, width)."""
    grid = rng.standard_normal((count, BLOB_CELLS + 1, BLOB_CELLS + 1), np.float32)
    rows, columns = (_interpolation(side) for side in sides)
    return rows @ grid @ columns.T


def _interpolation(side: int) -> np.ndarray:
    """Weights of the grid's points for each pixel along a side, float32 (side, points)."""
    places = np.linspace(0, BLOB_CELLS, side)[:, None]
    return np.maximum(0, 1 - np.abs(places - np.arange(BLOB_CELLS + 1))).astype(np.float32)


def _draw_lines(shape: tuple[int, int, int], rng: np.random.Generator) -> np.ndarray:
    """Bent lines through the picture: pixels near a parabola whose axis has a random direction."""
    count, height, width = shape
    y, x = np.mgrid[:height, :width].astype(np.float32)
    centers = rng.uniform(0.1, 0.9, (2, count, 1, 1)).astype(np.float32)
    angles, bends = rng.uniform(0, 2 * np.pi, (count, 1, 1)), rng.normal(0, 0.5, (count, 1, 1))
    shorter = min(height, width)
    down, right = y - centers[0] * height, x - centers[1] * width
    along = right * np.cos(angles) + down * np.sin(angles)
    across = down * np.cos(angles) - right * np.sin(angles) + bends * along**2 / shorter
    widths = np.maximum(rng.uniform(*LINE_WIDTHS, (count, 1, 1)) * shorter, 1)
    lengths = rng.uniform(0.1, 0.5, (count, 1, 1)) * shorter
    return (np.abs(across) <= widths / 2) & (np.abs(along) <= lengths)
