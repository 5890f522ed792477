"""Reading of pairs: the images of two folders of pictures, or of two files in the same order."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from lib.common.errors import UserError, printable
from lib.common.formatting import format_shape
from lib.data.formats.base import Images, Source, allocate
from lib.data.formats.image_folder import decode_folder, images_of_pictures
from lib.data.formats.picture_decoding import DecodedPictures
from lib.data.formats.picture_fit import PictureFit
from lib.data.formats.picture_matching import Pair, PairedFolders, match_folders

CHUNK_SIZE = 1024  # images that are copied at once


def read_picture_pairs(inputs_path: Path, targets_path: Path, fit: PictureFit) -> Source:
    """Return the pictures of two folders as pairs; notes name those that are in none.

    Args:
        inputs_path: the folder of the degraded pictures, whose classes are the labels.
        targets_path: the folder of the clean ones.
        fit: how pictures become images; clean ones become gray or color as the degraded ones do.

    Returns:
        Images with `inputs`, in the order of the degraded pictures.

    Raises:
        UserError: more pictures are in no pair than `fit` allows, the images of the folders have two sizes,
            or a folder cannot be read.
    """
    folders = match_folders(inputs_path, targets_path, fit)
    target_fit, color_note = _fit_targets(folders, fit)
    decoded, fit, notes = decode_folder(inputs_path, folders.inputs, fit)
    target_fit = target_fit.with_range_of(fit.range_of_images)
    decoded_targets, target_fit, target_notes = decode_folder(targets_path, folders.targets, target_fit)
    if decoded[0].images.dtype != decoded_targets[0].images.dtype:
        raise UserError(
            f"{inputs_path} and {targets_path}: one has pictures of 8 bits, the other of more; convert one "
            "of them"
        )
    train, *test = [
        _join_pictures(images_of_pictures(part, own, fit), own, others, pairs, fit.images_per_picture)
        for part, own, others, pairs in zip(
            folders.inputs.parts, decoded, decoded_targets, folders.pairs, strict=True
        )
    ]
    pair_notes = tuple(map(printable, folders.notes + color_note))
    return Source(train, test[0] if test else None, pair_notes + notes + target_notes, fit.range_of_images)


def _fit_targets(folders: PairedFolders, fit: PictureFit) -> tuple[PictureFit, tuple[str, ...]]:
    """How clean pictures become images like the degraded ones, and a note on their color."""
    survey = folders.targets.survey(fit.use_cache)
    shape = folders.inputs.survey(fit.use_cache).image_shape(folders.inputs_path, fit)
    target_shape = survey.image_shape(folders.targets_path, fit)
    if target_shape[:2] != shape[:2]:
        raise UserError(
            f"{folders.targets_path}: the pictures are {format_shape(target_shape[:2])}, those of "
            f"{folders.inputs_path} are {format_shape(shape[:2])}; bring all to one size, such as "
            f"--size {target_shape[0]}x{target_shape[1]}"
        )
    note = (
        f"{folders.inputs_path}: all pictures are gray, so the clean ones become gray; set --color rgb to "
        "keep their color"
    )
    return fit.with_color_of(shape), (note,) if target_shape[2] > shape[2] else ()


def _join_pictures(
    inputs: Images, decoded: DecodedPictures, decoded_targets: DecodedPictures, pairs: list[Pair], each: int
) -> Images:
    """The pairs of which both pictures could be decoded; `each` is the number of images of a picture."""
    rows, target_rows = (
        {position: row for row, position in enumerate(part.kept)} for part in (decoded, decoded_targets)
    )
    found = [(rows[own], target_rows[other]) for own, other in pairs if own in rows and other in target_rows]
    first_rows = np.array(found, np.int64).reshape(-1, 1, 2) * each
    own_rows, other_rows = (first_rows + np.arange(each)[:, None]).reshape(-1, 2).T
    labels = None if inputs.labels is None else inputs.labels[own_rows]
    clean, degraded = _select(decoded_targets.images, other_rows), _select(inputs.images, own_rows)
    files = tuple(inputs.files[row] for row in own_rows.tolist())
    return replace(inputs, images=clean, labels=labels, files=files, inputs=degraded)


def _select(images: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Images in the order of the rows: a copy only where that is another order or not all."""
    if np.array_equal(rows, np.arange(len(images))):
        return images
    selected = allocate(Path("pairs"), (len(rows), *images.shape[1:]), images.dtype)
    for start in range(0, len(rows), CHUNK_SIZE):
        selected[start : start + CHUNK_SIZE] = images[rows[start : start + CHUNK_SIZE]]
    return selected


def join_sources(inputs_name: str, inputs: Source, targets_name: str, targets: Source) -> Source:
    """Return two data sets in the same order as pairs.

    Args:
        inputs_name: name or path of the degraded images.
        inputs: the degraded images, whose labels are used.
        targets_name: name or path of the clean images.
        targets: the clean images.

    Raises:
        UserError: their numbers or shapes differ, or only one has a test set.
    """
    if (inputs.test is None) != (targets.test is None):
        one, other = (inputs_name, targets_name) if inputs.test else (targets_name, inputs_name)
        raise UserError(f"{one}: has a test set, {other} has none; give both one")
    train = _join_images(inputs_name, inputs.train, targets_name, targets.train)
    test = None
    if inputs.test is not None and targets.test is not None:
        test = _join_images(inputs_name, inputs.test, targets_name, targets.test)
    return Source(train, test, inputs.notes + targets.notes, inputs.value_range)


def _join_images(inputs_name: str, inputs: Images, targets_name: str, targets: Images) -> Images:
    own, other = inputs.images, targets.images
    if own.shape[1:] != other.shape[1:] or own.dtype != other.dtype:
        shapes = [f"{format_shape(array.shape[1:])} {array.dtype}" for array in (other, own)]
        raise UserError(f"{targets_name}: the images are {shapes[0]}, those of {inputs_name} are {shapes[1]}")
    if len(own) != len(other):
        raise UserError(
            f"{targets_name}: {len(other):,} images for the {len(own):,} of {inputs_name}; pairs are matched "
            "by their order"
        )
    return replace(inputs, images=other, inputs=own)
