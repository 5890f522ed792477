"""Random patches of a picture, at its native resolution."""

from __future__ import annotations

import hashlib
import math
import os
from pathlib import Path
from typing import Any

import numpy as np

from lib.data.formats.deep_pictures import join_planes, open_planes
from lib.data.formats.picture_files import name_below, open_picture
from lib.data.formats.pictures import Picture, decode
from lib.data.value_range import ValueRange
from lib.tasks.pixels import to_images

Size = tuple[int, int]  # height, width


def load_patches(
    file: Path,
    folder: Path,
    shape: tuple[int, int, int],
    fit_mode: str,
    count: int,
    seed: int,
    value_range: ValueRange | None = None,
) -> Picture:
    """Return random crops of a picture, which is decoded once.

    Their positions differ from each other where the picture is large enough. They follow the seed and the
    path of the picture without suffix, so that they stay the same when other pictures are added, and are the
    same in both pictures of a pair.

    Args:
        file: the picture.
        folder: the folder of the data set, which the path is relative to.
        shape: (height, width, channels) of a patch.
        fit_mode: how a picture is treated that is too small, see `enlarged_size`.
        count: number of patches.
        seed: of the positions.
        value_range: as for `load_deep`; None for gray and color of 8 bits.

    Returns:
        A picture whose pixels are uint8 or uint16 (count, height, width, channels).

    Raises:
        UserError: the file is no picture that can be decoded.
    """
    patch_size = shape[:2]
    planes, remarks = (
        _open(file, shape[2]) if value_range is None else open_planes(file, shape[2], value_range)
    )
    enlarged = enlarged_size((planes[0].height, planes[0].width), patch_size, fit_mode)
    positions = _draw_positions(enlarged, patch_size, count, _position_rng(file, folder, seed))
    patches = np.empty((count, *shape), np.uint8 if value_range is None else value_range.dtype)
    for patch, position in zip(patches, positions, strict=True):
        pixels = join_planes([_crop(plane, position, patch_size, enlarged, fit_mode) for plane in planes])
        patch[:] = pixels.reshape(shape) if value_range is None else to_images(pixels, value_range.dtype)
    return Picture(patches, remarks, (planes[0].height, planes[0].width))


def crop_mask_patches(
    mask: Any, file: Path, folder: Path, shape: tuple[int, int, int], fit_mode: str, count: int, seed: int
) -> np.ndarray:
    """Return crops of the mask of a picture at the places of its patches.

    Args:
        mask: Pillow image of the size of the picture.
        file: the picture; the other arguments are as in `load_patches`.
        folder: the folder of the data set.
        shape: (height, width, …) of a patch.
        fit_mode: how a picture is treated that is too small.
        count: number of patches.
        seed: of the positions.

    Returns:
        uint8 (count, height, width).
    """
    from PIL import Image

    patch_size = shape[:2]
    enlarged = enlarged_size((mask.height, mask.width), patch_size, fit_mode)
    positions = _draw_positions(enlarged, patch_size, count, _position_rng(file, folder, seed))
    nearest = Image.Resampling.NEAREST
    return np.stack(
        [_crop(mask, position, patch_size, enlarged, fit_mode, nearest) for position in positions]
    )


def _position_rng(file: Path, folder: Path, seed: int) -> np.random.Generator:
    path_digest = hashlib.sha256(os.fsencode(name_below(folder, file))).digest()
    return np.random.default_rng([seed, int.from_bytes(path_digest[:8])])


def _open(file: Path, channels: int) -> tuple[list[Any], tuple[str, ...]]:
    with open_picture(file) as opened:
        image, remarks = decode(opened, file)
        return [image.convert("RGB" if channels == 3 else "L")], remarks


def enlarged_size(size: Size, patch_size: Size, fit_mode: str) -> Size:
    """Return the size of the picture that patches are cropped from: its own, unless it is too small.

    Args:
        size: of the picture.
        patch_size: of the patches.
        fit_mode: "crop" scales a picture that is too small until it covers a patch; "stretch" scales only
            the side that is too short; "pad" adds a black border.
    """
    (height, width), (patch_height, patch_width) = size, patch_size
    if fit_mode != "crop":
        return max(height, patch_height), max(width, patch_width)
    scale = max(patch_height / height, patch_width / width, 1)
    return max(round(height * scale), patch_height), max(round(width * scale), patch_width)


def count_positions(size: Size, patch_size: Size) -> int:
    """Return the number of places of a patch in a picture that is not smaller."""
    return math.prod(side - patch_side + 1 for side, patch_side in zip(size, patch_size, strict=True))


def _draw_positions(size: Size, patch_size: Size, count: int, rng: np.random.Generator) -> np.ndarray:
    """Return (top, left) of each patch, int64 (count, 2); all places once before one is used again."""
    places = count_positions(size, patch_size)
    repeated = [np.arange(places)] * (count // places)
    rest = rng.choice(places, count % places, replace=False)
    drawn = np.concatenate([*repeated, rest])
    return np.stack(np.divmod(drawn, size[1] - patch_size[1] + 1), axis=1)


def _crop(
    image,
    position: np.ndarray,
    patch_size: Size,
    enlarged: Size,
    fit_mode: str,
    resampling: int | None = None,
):
    """Return a patch as a Pillow image. No picture is enlarged as a whole, which could fill the memory."""
    from PIL import Image

    top, left = map(int, position)
    bottom, right = top + patch_size[0], left + patch_size[1]
    if fit_mode == "pad":
        border_y, border_x = (enlarged[0] - image.height) // 2, (enlarged[1] - image.width) // 2
        # Pillow fills with black beyond the picture.
        return image.crop((left - border_x, top - border_y, right - border_x, bottom - border_y))
    if enlarged == (image.height, image.width):
        return image.crop((left, top, right, bottom))
    resampling = Image.Resampling.LANCZOS if resampling is None else resampling
    y, x = image.height / enlarged[0], image.width / enlarged[1]
    box = (left * x, top * y, min(right * x, image.width), min(bottom * y, image.height))
    return image.resize((patch_size[1], patch_size[0]), resampling, box)
