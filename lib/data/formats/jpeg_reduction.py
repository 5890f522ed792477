"""Decoding of JPEGs at a half, a quarter or an eighth of their size, where fewer pixels are needed.

The decoder then computes fewer: of pictures of 800×600 that become 64×64, four times as many a second.
"""

from typing import Any

REDUCIBLE_FORMATS = ("JPEG", "MPO")  # Pillow's names
RESERVE = 2  # the decoded picture has at least this many times the sides that are needed
DIVISORS = (8, 4, 2)  # that JPEG's decoder knows
MAX_SHIFT = 0.1  # of pixels by rounded sizes, in pixels of the result


def reduce_jpeg(image: Any, height: int, width: int, fit_mode: str, turned: bool) -> None:
    """Let Pillow decode a JPEG at a fraction of its size, if `RESERVE` times the needed sides remain.

    Args:
        image: an opened Pillow image of one of `REDUCIBLE_FORMATS` that is not decoded yet.
        height: of the image that it is scaled to.
        width: of that image.
        fit_mode: as in `lib.data.formats.pictures.load_fitted`.
        turned: whether it lies on its side, as its orientation says.
    """
    if turned:
        height, width = width, height
    scales = (width / image.width, height / image.height)
    if fit_mode != "stretch":
        scales = ((max if fit_mode == "crop" else min)(scales),) * 2
    for divisor in DIVISORS:
        # The last row and column may be partly outside of the picture, which shifts all others.
        shifts = ((-side % divisor) * scale for side, scale in zip(image.size, scales, strict=True))
        if all(RESERVE * divisor * scale <= 1 for scale in scales) and max(shifts) <= MAX_SHIFT:
            image.draft(image.mode, (image.width // divisor, image.height // divisor))
            return
