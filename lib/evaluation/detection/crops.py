"""Detection in pictures of any size by a model that was trained on crops of pictures."""

from itertools import product

import numpy as np

from lib.evaluation.detection.detecting_model import DetectingModel
from lib.evaluation.detection.detector import Examined

OVERLAP = 4  # neighboring crops share a part of this size: a quarter of their side
PIXELS_AT_ONCE = 2**20


def crop_positions(sides: tuple[int, int], crop: tuple[int, int]) -> list[tuple[int, int]]:
    """Return the first row and column of each of the crops that cover a picture.

    Args:
        sides: (height, width) of the picture.
        crop: those of a crop, which may be larger.
    """
    rows, columns = (_starts(side, size) for side, size in zip(sides, crop, strict=True))
    return list(product(rows, columns))


def _starts(side: int, size: int) -> list[int]:
    """Starts of crops along a side, evenly spaced, the last one at the end of the picture."""
    if side <= size:
        return [0]
    step = max(1, size - size // OVERLAP)
    count = -(-(side - size) // step) + 1
    return [round(number * (side - size) / (count - 1)) for number in range(count)]


def examine_in_crops(model: DetectingModel, picture: np.ndarray, crop: tuple[int, int]) -> Examined:
    """Return the map and the score of a picture at its own size.

    Each crop is examined by itself. The score is the highest of all crops; where crops overlap, the map has
    the greater value.

    Args:
        model: takes crops.
        picture: uint8 or uint16 (height, width, channels). One that is smaller than a crop is continued by
            its mirror image.
        crop: (height, width) of the images that the model takes.

    Returns:
        A map float32 (1, height, width) and a score float64 (1,).
    """
    sides = picture.shape[:2]
    missing = [max(0, size - side) for size, side in zip(crop, sides, strict=True)]
    padded = np.pad(picture, ((0, missing[0]), (0, missing[1]), (0, 0)), "symmetric")
    positions = crop_positions(padded.shape[:2], crop)
    heat, score = np.full(padded.shape[:2], -np.inf, np.float32), -np.inf
    batch = max(1, PIXELS_AT_ONCE // (crop[0] * crop[1]))
    for start in range(0, len(positions), batch):
        part = positions[start : start + batch]
        places = [np.s_[top : top + crop[0], left : left + crop[1]] for top, left in part]
        examined = model.examine(np.stack([padded[place] for place in places]))
        for place, of_crop in zip(places, examined.maps, strict=True):
            heat[place] = np.maximum(heat[place], of_crop)
        score = max(score, float(examined.scores.max()))
    return Examined(heat[None, : sides[0], : sides[1]], np.array([score]))
