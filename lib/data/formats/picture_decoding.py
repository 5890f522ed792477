"""Decoding of all pictures of a folder into one array, or from the cache of an earlier run."""

import math
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from lib.common.errors import UserError
from lib.data.formats.base import allocate
from lib.data.formats.deep_pictures import load_deep, measure_picture
from lib.data.formats.depths import Values, choose_range, describe_range, join_values
from lib.data.formats.picture_cache import DAMAGED, CacheEntry, entry_name, load_entry, store_entry
from lib.data.formats.picture_fit import PictureFit
from lib.data.formats.picture_patches import load_patches
from lib.data.formats.picture_threads import CHUNK_SIZE, map_pictures
from lib.data.formats.pictures import Picture, load_fitted
from lib.data.value_range import BYTES, ValueRange
from lib.tasks.settings import ImageShape

MAX_CHUNK_BYTES, MIN_CHUNK_SIZE = 1 << 27, 4  # of images that are decoded at once


@dataclass(frozen=True)
class DecodedPictures:
    """Pictures as images of one shape.

    Attributes:
        images: uint8 or uint16 (n, height, width, channels); patches of a picture stand together.
        kept: position of each picture among the files.
        broken: error of each file that cannot be read.
        remarks: number of pictures with each remark of `lib.data.formats.pictures.Picture`.
    """

    images: np.ndarray
    kept: list[int]
    broken: dict[Path, str]
    remarks: Counter[str]


def decode_pictures(
    folder: Path, files: Sequence[Path], files_digest: str, shape: ImageShape, fit: PictureFit
) -> DecodedPictures:
    """Return pictures as images of one shape.

    Args:
        folder: named in errors.
        files: the pictures.
        files_digest: of `digest_files`, by which the cache knows them.
        shape: (height, width, channels) of the images.
        fit: how other sizes become this one, and whether the cache is used; its range of values is that of
            the images, None where all are gray or color of 8 bits.

    Raises:
        UserError: none of the pictures can be read, or there is no room for the images.
    """
    patches = (fit.patches, fit.seed, str(folder)) if fit.patches else ()
    depth = (repr(fit.value_range),) if fit.value_range else ()
    name = entry_name(files_digest, "images", len(files), shape, fit.mode, *patches, *depth)
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


def _from_entry(entry: CacheEntry, count: int, shape: ImageShape, fit: PictureFit) -> DecodedPictures:
    """The pictures of an entry. Raises one of `DAMAGED` if it cannot be that of `count` pictures."""
    content, images = entry.content, entry.images
    kept = np.array(content["kept"], np.int64)
    remarks = {str(key): int(number) for key, number in content["remarks"].items()}
    image_count = len(kept) * fit.images_per_picture
    if images is None or images.shape != (image_count, *shape) or kept.min() < 0 or kept.max() >= count:
        raise ValueError("other pictures")
    broken = {Path(file): str(error) for file, error in content["broken"].items()}
    return DecodedPictures(images, kept.tolist(), broken, Counter(remarks))


def _decode(folder: Path, files: Sequence[Path], shape: ImageShape, fit: PictureFit) -> DecodedPictures:
    per_picture = fit.images_per_picture
    dtype = fit.value_range.dtype if fit.value_range else np.dtype(np.uint8)
    try:
        images = allocate(folder, (len(files) * per_picture, *shape), dtype)
    except UserError as error:
        raise UserError(f"{error}, or fewer --patches" if fit.patches else str(error)) from None
    kept: list[int] = []
    broken: dict[Path, str] = {}
    remarks: Counter[str] = Counter()
    chunk_size = max(MIN_CHUNK_SIZE, min(CHUNK_SIZE, MAX_CHUNK_BYTES // (per_picture * math.prod(shape))))
    for index, (file, picture) in enumerate(map_pictures(_loader(folder, shape, fit), files, chunk_size)):
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


def _loader(folder: Path, shape: ImageShape, fit: PictureFit) -> Callable[[Path], Picture]:
    """The function that makes images of a picture."""
    if fit.patches:
        patches = partial(load_patches, folder=folder, count=fit.patches, seed=fit.seed)
        return partial(patches, shape=shape, fit_mode=fit.mode, value_range=fit.value_range)
    if fit.value_range:
        return partial(load_deep, shape=shape, fit_mode=fit.mode, value_range=fit.value_range)
    return partial(load_fitted, shape=shape, fit_mode=fit.mode)


def find_value_range(
    folder: Path, files: Sequence[Path], files_digest: str, fit: PictureFit
) -> tuple[ValueRange, str]:
    """Return the range of the values of all pictures, and a note on it.

    Args:
        folder: named in errors.
        files: the pictures, which are decoded.
        files_digest: of `digest_files`, by which the cache knows them.
        fit: the range that is wanted, and whether the cache is used.

    Raises:
        UserError: all values are the same.
    """
    name = entry_name(files_digest, "values")
    values = None
    if fit.use_cache and (entry := load_entry(name)):
        with suppress(*DAMAGED):
            low, high, *others = (entry.content[key] for key in Values._fields)
            values = Values(float(low), float(high), *map(bool, others))
    if values is None:
        start = time.monotonic()
        values = join_values(
            found for _, found in map_pictures(measure_picture, files) if isinstance(found, Values)
        )
        if fit.use_cache and values:
            store_entry(name, time.monotonic() - start, values._asdict())
    if values is None:
        return BYTES, ""
    value_range = choose_range(folder, values, fit.value_range)
    return value_range, f"{folder}: {describe_range(values, value_range)}"
