"""Decoding of all pictures of a folder into one array, or from the cache of an earlier run."""

import math
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from lib.common.errors import UserError
from lib.data.formats.base import allocate
from lib.data.formats.picture_cache import DAMAGED, CacheEntry, entry_name, load_entry, store_entry
from lib.data.formats.picture_fit import CHUNK_SIZE, PictureFit, map_pictures
from lib.data.formats.picture_patches import load_patches
from lib.data.formats.pictures import load_fitted

MAX_CHUNK_BYTES, MIN_CHUNK_SIZE = 1 << 27, 4  # of images that are decoded at once


@dataclass(frozen=True)
class DecodedPictures:
    """Pictures as images of one shape.

    Attributes:
        images: uint8 (n, height, width, channels); where there are patches, those of a picture together.
        kept: position of each picture among the files.
        broken: error of each file that cannot be read.
        remarks: number of pictures with each remark of `lib.data.formats.pictures.Picture`.
    """

    images: np.ndarray
    kept: list[int]
    broken: dict[Path, str]
    remarks: Counter[str]


def decode_pictures(
    folder: Path, files: Sequence[Path], files_digest: str, shape: tuple[int, int, int], fit: PictureFit
) -> DecodedPictures:
    """Return pictures as images of one shape.

    Args:
        folder: named in errors.
        files: the pictures.
        files_digest: of `digest_files`, by which the cache knows them.
        shape: (height, width, channels) of the images.
        fit: how other sizes become this one, and whether the cache is used.

    Raises:
        UserError: none of the pictures can be read, or there is no room for the images.
    """
    patches = (fit.patches, fit.seed) if fit.patches else ()
    name = entry_name(files_digest, "images", len(files), shape, fit.mode, *patches)
    if fit.use_cache and (entry := load_entry(name, has_images=True)):
        with suppress(*DAMAGED):
            return _from_entry(entry, len(files), shape, fit)
    start = time.monotonic()
    decoded = _decode(folder, files, shape, fit)
    if fit.use_cache:
        broken_files = {str(file): error for file, error in decoded.broken.items()}
        content = {"kept": decoded.kept, "broken": broken_files, "remarks": dict(decoded.remarks)}
        store_entry(name, time.monotonic() - start, content, decoded.images)
    return decoded


def _from_entry(
    entry: CacheEntry, count: int, shape: tuple[int, int, int], fit: PictureFit
) -> DecodedPictures:
    """The pictures of an entry. Raises one of `DAMAGED` if it cannot be that of `count` pictures."""
    content, images = entry.content, entry.images
    kept, remarks = (
        np.array(content["kept"], np.int64),
        {str(key): int(n) for key, n in content["remarks"].items()},
    )
    image_count = len(kept) * fit.images_per_picture
    if images is None or images.shape != (image_count, *shape) or kept.min() < 0 or kept.max() >= count:
        raise ValueError("other pictures")
    broken = {Path(file): str(error) for file, error in content["broken"].items()}
    return DecodedPictures(images, kept.tolist(), broken, Counter(remarks))


def _decode(
    folder: Path, files: Sequence[Path], shape: tuple[int, int, int], fit: PictureFit
) -> DecodedPictures:
    per_picture = fit.images_per_picture
    try:
        images = allocate(folder, (len(files) * per_picture, *shape))
    except UserError as error:
        raise UserError(f"{error}, or fewer --patches" if fit.patches else str(error)) from None
    kept: list[int] = []
    broken: dict[Path, str] = {}
    remarks: Counter[str] = Counter()
    load = partial(load_fitted, shape=shape, fit_mode=fit.mode)
    if fit.patches:
        load = partial(
            load_patches, folder=folder, shape=shape, fit_mode=fit.mode, count=fit.patches, seed=fit.seed
        )
    chunk_size = max(MIN_CHUNK_SIZE, min(CHUNK_SIZE, MAX_CHUNK_BYTES // (per_picture * math.prod(shape))))
    for index, (file, picture) in enumerate(map_pictures(load, files, chunk_size)):
        if isinstance(picture, UserError):
            broken[file] = str(picture)
            continue
        start = len(kept) * per_picture
        images[start : start + per_picture] = picture.pixels
        kept.append(index)
        remarks.update(picture.remarks)
    if not kept:
        raise UserError(
            f"{folder}: none of the {len(files):,} pictures can be read; {next(iter(broken.values()))}"
        )
    return DecodedPictures(images[: len(kept) * per_picture], kept, broken, remarks)
