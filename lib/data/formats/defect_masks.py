"""Masks of defects: pictures in a separate folder, matched with the pictures that they belong to."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from lib.common.errors import UserError, printable
from lib.common.formatting import format_shape
from lib.data.formats.base import allocate
from lib.data.formats.mask_folders import MaskFolder
from lib.data.formats.masks import list_masks, read_mask
from lib.data.formats.picture_files import open_picture, picture_shape
from lib.data.formats.picture_fit import PictureFit
from lib.data.formats.picture_patches import crop_mask_patches
from lib.data.formats.picture_threads import map_pictures
from lib.data.formats.pictures import decode, fit_image
from lib.tasks.holes import Masks
from lib.tasks.settings import ImageShape

LOSSY_FORMATS = {"JPEG", "WEBP", "AVIF", "HEIF"}  # whose black may be a little above 0
Key = tuple[str, ...]  # a path without suffix, as its parts


@dataclass(frozen=True)
class DefectMasks:
    """The defective pixels of images, as far as they are known.

    Attributes:
        masks: those that were read, packed.
        rows: int64 (n,), the mask of each image; -1 where it has none.
        is_known: bool (n,), False for images with defects whose places are not known.
    """

    masks: Masks
    rows: np.ndarray
    is_known: np.ndarray

    @property
    def has_defects(self) -> np.ndarray:
        """Whether the mask of an image has a defective pixel, bool (n,)."""
        is_white = np.array(self.masks.bits.any(axis=1))
        return (self.rows >= 0) & is_white[self.rows]

    def take(self, positions: np.ndarray | slice | list[int]) -> np.ndarray:
        """Return the defective pixels of some images.

        Args:
            positions: of the images, (n,).

        Returns:
            bool (n, height, width), all False for an image without a mask.
        """
        rows = self.rows[positions]
        taken = np.zeros((len(rows), *self.masks.sides), bool)
        taken[rows >= 0] = self.masks.take(rows[rows >= 0])
        return taken


class Matches(NamedTuple):
    """The mask of each picture that has one, and the masks that belong to no picture."""

    of_picture: dict[Path, Path]
    unmatched: list[Path]


def match_defect_masks(
    folder: Path, masks: Sequence[Path], ending: str, defective: Sequence[Path], others: Sequence[Path]
) -> Matches:
    """Return the mask of each defective picture, by the names below the folder of the masks.

    The mask `scratch/000_mask.png` or `scratch/000.png` belongs to the picture whose path ends in
    `scratch/000`, whatever the suffix; the mask `000_mask.png` to the only defective picture that is called
    `000`.

    Args:
        folder: of the masks.
        masks: pictures in the folder.
        ending: end of the names of masks, before the suffix.
        defective: pictures with defects.
        others: pictures without; their masks are ignored.

    Raises:
        UserError: a mask belongs to several pictures, or a picture has several masks.
    """
    keys = {mask: _key(mask.relative_to(folder)) for mask in masks}
    depths = {len(key) for key in keys.values()}
    by_key, normal = _index_by_ends(defective, depths), _index_by_ends(others, depths)
    matches = Matches({}, [])
    for mask, key in keys.items():
        names = (key, (*key[:-1], key[-1].removesuffix(ending)))
        owners = next((by_key[name] for name in names if name in by_key), [])
        if len(owners) > 1:
            raise UserError(
                f"{mask}: is the mask of several pictures, {owners[0]} and {owners[1]}; put the masks into "
                "subfolders like those of the pictures"
            )
        if not owners:
            matches.unmatched.extend([mask] if not any(name in normal for name in names) else [])
            continue
        if (other := matches.of_picture.get(owners[0])) is not None:
            raise UserError(f"{other} and {mask}: are both masks of {owners[0]}; remove one of them")
        matches.of_picture[owners[0]] = mask
    return matches


def _key(path: Path) -> Key:
    return tuple(unicodedata.normalize("NFC", part) for part in path.with_suffix("").parts)


def _index_by_ends(files: Sequence[Path], depths: set[int]) -> dict[Key, list[Path]]:
    """The pictures by the last parts of their paths, as many as masks have below their folder."""
    index: dict[Key, list[Path]] = {}
    for file in files:
        key = _key(file)
        for depth in depths:
            if depth <= len(key):
                index.setdefault(key[-depth:], []).append(file)
    return index


def read_defect_masks(
    folder: MaskFolder,
    ending: str,
    files: Sequence[Path],
    is_defective: np.ndarray,
    all_files: Iterable[Path],
    images_folder: Path,
    shape: ImageShape,
    fit: PictureFit,
) -> tuple[DefectMasks | None, tuple[str, ...]]:
    """Return the masks of images from pictures, fitted as these are, and notes.

    Args:
        folder: of the masks.
        ending: end of their names, before the suffix.
        files: the picture that each image was made of, (n,).
        is_defective: bool (n,), whether an image has defects.
        all_files: all pictures of the data set; masks of those without defects are ignored.
        images_folder: of the pictures.
        shape: (height, width, channels) of the images.
        fit: how pictures become images; patches of one stand together.

    Returns:
        None in place of masks where none has the name of a picture, which only a folder that was found by
        its name may have.

    Raises:
        UserError: the folder has no pictures, or those of the data set, no mask has the name of a picture,
            or a mask cannot be read, has another size than its picture, or belongs to several.
    """
    try:
        masks = list_masks(str(folder.path))
    except UserError as error:
        if folder.is_named:
            raise
        return None, (printable(str(error)),)
    each = fit.images_per_picture
    pictures, defects = files[::each], is_defective[::each]
    defective = [file for file, is_bad in zip(pictures, defects, strict=True) if is_bad]
    _require_masks(folder.path, masks, all_files)
    others = list({*all_files} - {*defective})
    root = folder.path if folder.path.is_dir() else folder.path.parent
    matches = match_defect_masks(root, masks, ending, defective, others)
    if not matches.of_picture:
        text = _describe_no_match(folder.path, len(masks), ending, defective[0])
        if folder.is_named:
            raise UserError(text)
        return None, (printable(text),)
    bits, black = _read_matched(matches.of_picture, images_folder, shape, fit)
    rows, is_known = np.full(len(files), -1), ~is_defective
    numbers = {file: number for number, file in enumerate(matches.of_picture) if file not in black}
    for position, file in enumerate(pictures):
        if file in numbers:
            images = np.arange(position * each, (position + 1) * each)
            rows[images] = numbers[file] * each + np.arange(each)
            is_known[images] = True
    unknown = [file for file in defective if file not in numbers]
    notes = _describe(folder.path, matches, black, unknown, len(defective))
    return DefectMasks(Masks(bits, shape[:2]), rows, is_known), tuple(map(printable, notes))


def _require_masks(folder: Path, masks: Sequence[Path], files: Iterable[Path]) -> None:
    """Raise `UserError` if a mask is one of the pictures of the data set."""
    own = {os.path.realpath(file) for file in files}
    if shared := [mask for mask in masks if os.path.realpath(mask) in own]:
        raise UserError(
            f"{folder}: {shared[0]} is a picture of the data set, not a mask; --masks requires a folder of "
            "masks"
        )


def _describe_no_match(folder: Path, count: int, ending: str, picture: Path) -> str:
    name = Path(picture.parent.name, picture.stem)
    return (
        f"{folder}: none of the {count:,} masks has the name of a picture with defects; the mask of "
        f"{picture} is {name}{ending}.png or {name}.png in this folder (--masks, --mask-ending)"
    )


def _describe(
    folder: Path, matches: Matches, black: Sequence[Path], unknown: Sequence[Path], count: int
) -> list[str]:
    notes = [f"{folder}: {count - len(unknown):,} of {count:,} pictures with defects have masks"]
    if unknown:
        notes[0] += f"; scores of pixels skip the others, such as {unknown[0]}"
    if black:
        notes.append(f"{folder}: without a white pixel, so no mask: {_list_some(black, matches.of_picture)}")
    if matches.unmatched:
        notes.append(f"{folder}: no picture with defects has the name of {_list_some(matches.unmatched)}")
    return notes


def _list_some(files: Sequence[Path], renamed: Mapping[Path, Path] | None = None) -> str:
    first = (renamed or {}).get(files[0], files[0])
    return f"{first}{f' and {len(files) - 1:,} more' if len(files) > 1 else ''}"


# --- pixels


def _read_matched(
    masks: Mapping[Path, Path], images_folder: Path, shape: ImageShape, fit: PictureFit
) -> tuple[np.ndarray, list[Path]]:
    """Return the packed masks of pictures, uint8 (images, bytes), and the pictures whose mask is black."""
    pictures, each = list(masks), fit.images_per_picture
    bits = allocate(images_folder, (len(pictures) * each, -(-shape[0] * shape[1] // 8)))
    black = []
    load = partial(_load_mask, masks=masks, images_folder=images_folder, shape=shape, fit=fit)
    for number, (picture, rows) in enumerate(map_pictures(load, pictures)):
        if isinstance(rows, UserError):
            raise rows
        bits[number * each : (number + 1) * each] = 0 if rows is None else rows
        if rows is None:
            black.append(picture)
    return bits, black


def _load_mask(
    picture: Path, masks: Mapping[Path, Path], images_folder: Path, shape: ImageShape, fit: PictureFit
) -> np.ndarray | None:
    """Return the packed mask of each image of a picture, uint8 (images, bytes); None for a black one."""
    from PIL import Image

    with open_picture(picture) as opened:
        size = picture_shape(opened)[:2]
    defects = _defective_pixels(masks[picture])
    if defects.shape != size:
        raise UserError(
            f"{masks[picture]}: the mask is {format_shape(defects.shape)}, its picture {picture} is "
            f"{format_shape(size)}; give both one size"
        )
    if not defects.any():
        return None
    mask = Image.fromarray(np.where(defects, np.uint8(255), np.uint8(0)))
    if fit.patches:
        fitted = crop_mask_patches(mask, picture, images_folder, shape, fit.mode, fit.patches, fit.seed)
    else:
        fitted = np.asarray(fit_image(mask, shape, fit.mode, Image.Resampling.BOX))[None]
    return np.packbits(fitted.reshape(len(fitted), -1) > 0, axis=1)


def _defective_pixels(file: Path) -> np.ndarray:
    """Return the white pixels of a mask, bool (height, width); where none is white, those that are not black.

    So class numbers such as 1 and 2 count, except in formats that blur.
    """
    mask = read_mask(file).missing
    if mask.any():
        return mask
    with open_picture(file) as opened:
        is_lossy = opened.format in LOSSY_FORMATS
        return mask if is_lossy else np.asarray(decode(opened, file).image.convert("L")) > 0
