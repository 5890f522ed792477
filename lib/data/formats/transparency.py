"""Transparent pixels of pictures, and folders of masks: which pixels are missing."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from lib.common.errors import UserError, printable
from lib.common.formatting import format_shape
from lib.data.formats.base import explain_read_errors, require_file_or_folder
from lib.data.formats.picture_lists import list_pictures
from lib.data.formats.pictures import decode, open_picture, quiet_decoding
from lib.tasks.holes import MASK_READERS, Masks

OPAQUE = 128  # alpha from which a pixel is known, and gray value of a mask from which it is missing
MAX_MASK_BYTES = 1 << 28  # of a folder, in memory
CHUNK_SIZE = 512  # masks that are decoded at once


class Mask(NamedTuple):
    """A mask, bool (height, width), True where pixels are missing; and (height, width) of its file."""

    missing: np.ndarray
    size: tuple[int, int]


def transparent_pixels(image: Any, file: Path) -> Any:
    """Return where an opened picture is transparent, as a Pillow image of mode L, 255 there and 0 elsewhere.

    Args:
        image: as `open_picture` yields it.
        file: its path, named in errors.

    Returns:
        The upright image, or None for a picture without transparency.
    """
    from PIL import Image, ImageOps

    image.load()
    if not image.has_transparency_data:
        return None
    upright = ImageOps.exif_transpose(image)
    alpha = np.asarray((upright.convert("LA") if upright.mode == "La" else upright).convert("RGBA"))[..., 3]
    return Image.fromarray(np.where(alpha < OPAQUE, np.uint8(255), np.uint8(0)))


def read_masks(folder: str, sides: tuple[int, int]) -> Masks:
    """Return the masks of a folder of pictures, white or transparent where pixels are missing.

    Masks of another size are scaled to the nearest pixel. Those without a missing or without a known pixel
    are skipped.

    Args:
        folder: path of the folder, or of one picture.
        sides: (height, width) of the images.

    Raises:
        UserError: there is no such folder, a picture in it cannot be read, or no mask has a hole.
    """
    path = Path(folder)
    with explain_read_errors(path):
        require_file_or_folder(path)
        files = (path,) if path.is_file() else tuple(sorted(list_pictures(path).files))
    limit = max(1, MAX_MASK_BYTES // -(-sides[0] * sides[1] // 8))
    rows: list[np.ndarray] = []
    counts: Counter[str] = Counter()
    with ThreadPoolExecutor() as pool:
        for start in range(0, min(len(files), limit), CHUNK_SIZE):
            with quiet_decoding():
                masks = list(pool.map(partial(read_mask, sides=sides), files[start : start + CHUNK_SIZE]))
            counts["scaled"] += sum(mask.size != sides for mask in masks)
            counts["empty"] += sum(not mask.missing.any() for mask in masks)
            counts["full"] += sum(bool(mask.missing.all()) for mask in masks)
            rows += [np.packbits(mask.missing) for mask in masks if _has_both(mask.missing)]
    if not rows:
        raise UserError(
            f"{folder}: none of the {len(files):,} masks has both missing (white or transparent) and known "
            f"(black) pixels"
        )
    return Masks(np.stack(rows), sides, tuple(map(printable, _describe(folder, counts, files, limit, sides))))


def _has_both(missing: np.ndarray) -> bool:
    return bool(missing.any() and not missing.all())


def _describe(
    folder: str, counts: Counter[str], files: tuple[Path, ...], limit: int, sides: tuple[int, int]
) -> list[str]:
    total, notes = f"of {len(files):,} masks", []
    if scaled := counts["scaled"]:
        notes.append(f"{folder}: {scaled:,} {total} are scaled to {format_shape(sides)}")
    if skipped := counts["empty"] + counts["full"]:
        notes.append(
            f"{folder}: {skipped:,} {total} are skipped: {counts['empty']:,} have no missing pixel, "
            f"{counts['full']:,} no known one"
        )
    if len(files) > limit:
        notes.append(f"{folder}: the first {limit:,} {total} are used, which take 256 MiB")
    return notes


def read_mask(file: Path, sides: tuple[int, int] | None = None) -> Mask:
    """Return the mask in a picture.

    Args:
        file: the picture: white is missing; or, of one with transparent pixels, these are.
        sides: (height, width) of the result; None for those of the picture.

    Raises:
        UserError: the file is no picture that can be decoded.
    """
    from PIL import Image

    with open_picture(file) as opened:
        image = transparent_pixels(opened, file)
        if image is None or not np.asarray(image).any():
            image = decode(opened, file).image.convert("L")
        size = image.height, image.width
        if sides not in (None, size):
            image = image.resize((sides[1], sides[0]), Image.Resampling.NEAREST)
        return Mask(np.asarray(image) >= OPAQUE, size)


MASK_READERS.append(read_masks)
