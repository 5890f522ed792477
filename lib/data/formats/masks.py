"""Missing pixels of pictures: the white ones of masks in a folder, or transparent ones."""

from collections import Counter
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from lib.common.errors import UserError, printable
from lib.common.formatting import format_shape
from lib.data.formats.base import explain_read_errors, require_file_or_folder
from lib.data.formats.picture_files import name_below, open_picture, picture_shape
from lib.data.formats.picture_lists import list_pictures
from lib.data.formats.picture_matching import index_by_name
from lib.data.formats.picture_threads import map_pictures
from lib.data.formats.pictures import decode, fit_image, read_alpha
from lib.tasks.holes import MASK_READERS, Masks

OPAQUE = 128  # alpha from which a pixel is known, and gray value of a mask from which it is missing
MAX_MASK_BYTES = 1 << 28  # of a folder, in memory


class Mask(NamedTuple):
    """A mask, bool (height, width), True where pixels are missing; and (height, width) of its file."""

    missing: np.ndarray
    size: tuple[int, int]


def load_hole(
    file: Path, shape: tuple[int, int, int], fit_mode: str = "crop", mask: Path | None = None
) -> np.ndarray:
    """Return the missing pixels of a picture, fitted as `load_fitted` of `pictures` fits the picture.

    Args:
        file: the picture.
        shape: (height, width, …) of the result.
        fit_mode: as for `load_fitted`.
        mask: a picture of the mask, scaled to the size of the picture where it has another; None: transparent
            pixels are missing.

    Returns:
        uint8 (height, width), 255 where pixels are missing, else 0.

    Raises:
        UserError: a file is no picture that can be decoded.
    """
    from PIL import Image

    with open_picture(file) as opened:
        if mask is None:
            missing = transparent_pixels(opened)
        else:
            height, width, _ = picture_shape(opened)
            missing = _mask_image(mask, (width, height))
        if missing is None:
            return np.zeros(shape[:2], np.uint8)
        # Linearly, so that each pixel that a part of the mask falls into is above 0.
        fitted = np.asarray(fit_image(missing, shape, fit_mode, Image.Resampling.BILINEAR))
        return np.where(fitted > 0, np.uint8(255), np.uint8(0))


def _mask_image(file: Path, size: tuple[int, int]) -> Any:
    from PIL import Image

    mask = Image.fromarray(np.where(read_mask(file).missing, np.uint8(255), np.uint8(0)))
    return mask if mask.size == size else mask.resize(size, Image.Resampling.NEAREST)


def match_masks(folder: str, pictures: Sequence[Path]) -> list[Path]:
    """Return the mask of each picture: the one of its name, whatever the suffixes, or the only one.

    Args:
        folder: of the masks, or the path of one mask.
        pictures: their paths below their folder.

    Raises:
        UserError: there is no such folder, a picture has no mask, or two masks have one name.
    """
    path, files = Path(folder), list_masks(folder)
    if len(files) == 1:
        return [files[0]] * len(pictures)
    positions = index_by_name(path, files)
    names = [name_below(Path(), picture) for picture in pictures]
    absent = [picture for picture, name in zip(pictures, names, strict=True) if name not in positions]
    if absent:
        raise UserError(
            f"{folder}: {len(absent):,} of {len(pictures):,} pictures have no mask of their name, such as "
            f"{printable(str(absent[0]))}; give one mask for all, or one for each picture"
        )
    return [files[positions[name]] for name in names]


def list_masks(folder: str) -> tuple[Path, ...]:
    """Return the pictures of a folder, or the only one, sorted. Raises `UserError` where there are none."""
    path = Path(folder)
    with explain_read_errors(path):
        require_file_or_folder(path)
        return (path,) if path.is_file() else tuple(sorted(list_pictures(path).files))


def transparent_pixels(image: Any) -> Any:
    """Return where an opened picture is transparent, as a Pillow image of mode L, 255 there and 0 elsewhere.

    Args:
        image: as `open_picture` yields it.

    Returns:
        The upright image, or None for a picture without transparency.
    """
    from PIL import Image

    if image.mode in ("I", "F") or image.mode.startswith("I;") or (alpha := read_alpha(image)) is None:
        return None
    return Image.fromarray(np.where(np.asarray(alpha) < OPAQUE, np.uint8(255), np.uint8(0)))


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
    files = list_masks(folder)
    limit = max(1, MAX_MASK_BYTES // -(-sides[0] * sides[1] // 8))
    rows: list[np.ndarray] = []
    counts: Counter[str] = Counter()
    for _, mask in map_pictures(partial(read_mask, sides=sides), files[:limit]):
        if isinstance(mask, UserError):
            raise mask
        counts["scaled"] += mask.size != sides
        kind = "empty" if not mask.missing.any() else "full" if mask.missing.all() else "used"
        counts[kind] += 1
        if kind == "used":
            rows.append(np.packbits(mask.missing))
    if not rows:
        raise UserError(
            f"{folder}: none of the {len(files):,} masks has both missing (white or transparent) and known "
            f"(black) pixels"
        )
    return Masks(np.stack(rows), sides, tuple(map(printable, _describe(folder, counts, files, limit, sides))))


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
        image = transparent_pixels(opened)
        if image is None or not np.asarray(image).any():
            image = decode(opened, file).image.convert("L")
        size = image.height, image.width
        if sides not in (None, size):
            image = image.resize((sides[1], sides[0]), Image.Resampling.NEAREST)
        return Mask(np.asarray(image) >= OPAQUE, size)


MASK_READERS.append(read_masks)
