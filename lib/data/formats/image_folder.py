"""The format of folders of pictures, which become images of one shape."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np

from lib.common.errors import printable
from lib.common.formatting import format_shape
from lib.data.formats.base import Format, Header, Images, Source
from lib.data.formats.depths import NO_EFFECT
from lib.data.formats.picture_decoding import DecodedPictures, decode_pictures, find_value_range
from lib.data.formats.picture_fit import AS_THEY_ARE, PictureFit, PictureSurvey, describe_broken
from lib.data.formats.picture_lists import PictureFolder, PictureList, list_pictures
from lib.data.formats.pictures import describe_remarks
from lib.data.value_range import ANY


class ImageFolderFormat(Format):
    """A folder of pictures, in subfolders by class where they are labeled."""

    order = 90

    @staticmethod
    def recognizes(path: Path) -> bool:
        return path.is_dir()

    @staticmethod
    def peek(path: Path, fit: PictureFit = AS_THEY_ARE) -> Header:
        folder = list_pictures(path, fit.ignored)
        train, test_count = folder.train, len(folder.test) if folder.test else 0
        shape = folder.survey(fit.use_cache).image_shape(path, fit)
        each = fit.images_per_picture
        return Header(
            *(shape, len(train) * each, test_count * each, train.labels is not None, train.label_error),
            train.count_classes(each),
        )

    @staticmethod
    def read(path: Path, fit: PictureFit = AS_THEY_ARE) -> Source:
        folder = list_pictures(path, fit.ignored)
        decoded, fit, notes = decode_folder(path, folder, fit)
        train, *test = (images_of_pictures(*part, fit) for part in zip(folder.parts, decoded, strict=True))
        return Source(train, test[0] if test else None, notes, fit.range_of_images)


def _with_known_range(
    path: Path, folder: PictureFolder, fit: PictureFit
) -> tuple[PictureFit, tuple[str, ...]]:
    """Return the fit with the range of the pictures, None for gray and color of 8 bits, and notes on it."""
    survey = folder.survey(fit.use_cache)
    if survey.is_deep:
        value_range, note = find_value_range(path, folder.files, folder.digest, fit)
        return replace(fit, value_range=value_range), (note,) if note else ()
    unused = fit.value_range is not None and fit.value_range.kind == ANY
    return replace(fit, value_range=None), (f"{path}: {NO_EFFECT}",) if unused else ()


def decode_folder(
    path: Path, folder: PictureFolder, fit: PictureFit
) -> tuple[list[DecodedPictures], PictureFit, tuple[str, ...]]:
    """Return the decoded pictures of each part of a folder, the fit with the range of values, and notes.

    Args:
        path: the folder.
        folder: its pictures.
        fit: how they become images of one shape.

    Raises:
        UserError: the pictures have several sizes and none is chosen, or too many cannot be read.
    """
    survey = folder.survey(fit.use_cache)
    shape = survey.image_shape(path, fit)
    fit, range_notes = _with_known_range(path, folder, fit)
    decoded = [
        decode_pictures(path, part.files, f"{folder.digest} {number}", shape, fit)
        for number, part in enumerate(folder.parts)
    ]
    broken = {file: error for part in decoded for file, error in part.broken.items()}
    count = len(folder.files) - len(broken)
    remarks = sum((part.remarks for part in decoded), Counter[str]())
    notes = describe_broken(str(path), broken, len(folder.files), fit)
    notes += describe_remarks(str(path), remarks, count)
    if fit.size and (smaller := survey.count_smaller(shape)):
        notes += (f"{path}: {smaller:,} of {count:,} pictures are smaller than the images: enlarged",)
    notes += range_notes + _describe_patches(path, survey, shape, count, fit)
    return decoded, fit, folder.notes + tuple(map(printable, notes))


def images_of_pictures(part: PictureList, decoded: DecodedPictures, fit: PictureFit) -> Images:
    """Return the images of decoded pictures, with the labels of those that could be read."""
    each = fit.images_per_picture
    labels = None if part.labels is None else np.repeat(part.labels[decoded.kept], each)
    files = tuple(part.files[index] for index in decoded.kept for _ in range(each))
    return Images(decoded.images, labels, part.classes, part.label_error, files)


def _describe_patches(
    folder: Path, survey: PictureSurvey, shape: tuple[int, int, int], count: int, fit: PictureFit
) -> tuple[str, ...]:
    """Return notes on the patches of so many pictures, if there are any."""
    if not fit.patches:
        return ()
    size = format_shape(shape[:2])
    notes = [f"{folder}: {fit.patches:,} random patches of {size} from each of {count:,} pictures"]
    if repeating := survey.count_repeating(shape, fit):
        notes.append(
            f"{folder}: {repeating:,} of {count:,} pictures are too small for {fit.patches:,} different "
            "patches: some are alike"
        )
    return tuple(notes)
