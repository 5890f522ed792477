"""Colors of heat maps over pictures, the same in figures and in the files of `detect`."""

from functools import cache

import numpy as np

OPACITY = 0.9  # of the color of the highest values; it rises from 0 at the lowest
COLORS = 0.3, 1.0  # part of Matplotlib's color map plasma: from purple over orange to yellow
LEVELS = 256


@cache
def color_table() -> np.ndarray:
    """Red, green, blue and opacity by level, uint16 (256, 4) in 0..255."""
    from matplotlib import colormaps

    table = colormaps["plasma"](np.linspace(*COLORS, LEVELS))
    table[:, 3] = np.linspace(0, OPACITY, LEVELS)
    return (table * 255).round().astype(np.uint16)


def heat_levels(heat: np.ndarray, limits: tuple[float, float]) -> np.ndarray:
    """Return the levels of a map, float32 in 0..`LEVELS` - 1.

    Args:
        heat: float32 (…).
        limits: values without color, and of the full color.
    """
    low, high = limits
    return np.clip((heat - low) / (high - low), 0, 1).astype(np.float32) * (LEVELS - 1)


def blend_colors(picture: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """Return a picture with colors over it, uint8 (height, width, 3).

    Args:
        picture: uint8 (height, width, 1 or 3).
        levels: of `heat_levels`, (height, width).
    """
    shades = color_table()[levels.round().astype(np.uint8)]
    return ((picture * (255 - shades[..., 3:]) + shades[..., :3] * shades[..., 3:] + 127) // 255).astype(
        np.uint8
    )
