"""Heat maps over pictures at their own size, with one scale of colors, and boxes around abnormal regions."""

import numpy as np
from PIL import Image

from lib.data.formats.picture_placement import Box, Placement
from lib.evaluation.detection.heat_colors import blend_colors, heat_levels

BAND_ROWS = 256  # of a picture that are colored at once
LINE_COLOR = (0, 255, 255)  # of boxes
SIDE_PER_LINE = 300  # pixels of a picture's shorter side for each pixel of a line's width
CORE, EDGE = 0.5, 0.3  # of the scale of colors: least values within and at the edge of an abnormal region


def largest_region(heat: np.ndarray, limits: tuple[float, float], inside: Box) -> Box:
    """Return the box around the largest abnormal region of a map.

    A region is all connected places above `EDGE` of the scale of colors, if one of them is above its `CORE`
    (hysteresis, as in Canny 1986), which one in 1,000 places of normal pictures is. Without such a place it
    is the region with the maximum.

    Args:
        heat: float32 (height, width).
        limits: values without color, and of the full color.
        inside: part of the map that is looked at.

    Returns:
        Left, top, right and bottom of the region, in pixels of the map.
    """
    from scipy import ndimage

    left, top, right, bottom = inside
    part = heat[top:bottom, left:right]
    low, high = limits
    core = min(low + CORE * (high - low), float(part.max()))
    edge = min(low + EDGE * (high - low), core)
    labels, _ = ndimage.label(part >= edge, np.ones((3, 3)))
    areas = np.bincount(labels.ravel())
    numbers = np.unique(labels[part >= core])
    largest = int(numbers[np.argmax(areas[numbers])])
    rows, columns = ndimage.find_objects(labels, largest)[-1]
    return left + columns.start, top + rows.start, left + columns.stop, top + rows.stop


def draw_heat_map(
    picture: np.ndarray,
    heat: np.ndarray,
    placement: Placement,
    limits: tuple[float, float],
    box: Box | None = None,
) -> np.ndarray:
    """Return a picture with a heat map over it.

    Args:
        picture: uint8 (height, width, 1 or 3).
        heat: the map of the image that the picture was fitted to, float32 (image height, image width).
        placement: of the picture in that image; what the image does not show stays as it is.
        limits: values without color, and of the full color.
        box: is drawn as a thin line around these pixels; None for no box.

    Returns:
        uint8 (height, width, 3).
    """
    image = Image.fromarray(heat_levels(heat, limits))
    drawn = np.repeat(picture, 3, axis=-1) if picture.shape[-1] == 1 else picture.copy()
    left, top, right, bottom = placement.picture_box
    for first in range(top, bottom, BAND_ROWS):
        last = min(bottom, first + BAND_ROWS)
        part = _with_area(placement.to_image((left, first, right, last)), image.size)
        enlarged = image.resize((right - left, last - first), Image.Resampling.BILINEAR, part)
        band = drawn[first:last, left:right]
        band[...] = blend_colors(band, np.asarray(enlarged))
    if box is not None:
        _draw_box(drawn, box)
    return drawn


def _with_area(
    part: tuple[float, float, float, float], size: tuple[int, int]
) -> tuple[float, float, float, float]:
    """A part of an image that is at least a hundredth of a pixel wide and high, as Pillow needs it."""
    left, top = min(part[0], size[0] - 0.01), min(part[1], size[1] - 0.01)
    return left, top, max(part[2], left + 0.01), max(part[3], top + 0.01)


def _draw_box(picture: np.ndarray, box: Box) -> None:
    """Draw a line around the pixels of a box, or on its edge where the picture ends."""
    height, width = picture.shape[:2]
    line = max(1, min(height, width) // SIDE_PER_LINE)
    left, top = max(0, box[0] - line), max(0, box[1] - line)
    right, bottom = min(width, box[2] + line), min(height, box[3] + line)
    picture[top : top + line, left:right] = LINE_COLOR
    picture[max(top, bottom - line) : bottom, left:right] = LINE_COLOR
    picture[top:bottom, left : left + line] = LINE_COLOR
    picture[top:bottom, max(left, right - line) : right] = LINE_COLOR
