"""The format of folders of pictures, which become images of one shape."""

from collections import Counter
from pathlib import Path

import numpy as np

from lib.common.errors import printable
from lib.common.formatting import format_shape
from lib.data.formats.base import Format, Header, Images, Source
from lib.data.formats.picture_decoding import DecodedPictures, decode_pictures
from lib.data.formats.picture_fit import AS_THEY_ARE, PictureFit, PictureSurvey, describe_broken
from lib.data.formats.picture_lists import PictureList, list_pictures
from lib.data.formats.pictures import describe_remarks


class ImageFolderFormat(Format):
    """A folder of pictures, in subfolders by class where they are labeled."""

    order = 90

    @staticmethod
    def recognizes(path: Path) -> bool:
        return path.is_dir()

    @staticmethod
    def peek(path: Path, fit: PictureFit = AS_THEY_ARE) -> Header:
        folder = list_pictures(path)
        train, test_count = folder.train, len(folder.test) if folder.test else 0
        shape = folder.survey(fit.use_cache).image_shape(path, fit)
        each = fit.images_per_picture
        return Header(
            shape, len(train) * each, test_count * each, train.labels is not None, train.label_error
        )

    @staticmethod
    def read(path: Path, fit: PictureFit = AS_THEY_ARE) -> Source:
        folder = list_pictures(path)
        survey = folder.survey(fit.use_cache)
        shape = survey.image_shape(path, fit)
        parts = [part for part in (folder.train, folder.test) if part]
        names = (f"{folder.digest} {number}" for number in range(len(parts)))
        decoded = [
            decode_pictures(path, part.files, name, shape, fit)
            for part, name in zip(parts, names, strict=True)
        ]
        train, *test = (_images(*part, fit) for part in zip(parts, decoded, strict=True))
        count = len(folder.files)
        broken = {file: error for part in decoded for file, error in part.broken.items()}
        remarks = sum((part.remarks for part in decoded), Counter[str]())
        notes = describe_broken(str(path), broken, count, fit)
        notes += describe_remarks(str(path), remarks, count - len(broken))
        if fit.size and (smaller := survey.count_smaller(shape)):
            notes += (f"{path}: {smaller:,} of {count:,} pictures are smaller than the images: enlarged",)
        notes += _describe_patches(path, survey, shape, fit)
        return Source(train, test[0] if test else None, folder.notes + tuple(map(printable, notes)))


def _images(part: PictureList, decoded: DecodedPictures, fit: PictureFit) -> Images:
    each = fit.images_per_picture
    labels = None if part.labels is None else np.repeat(part.labels[decoded.kept], each)
    files = tuple(part.files[index] for index in decoded.kept for _ in range(each))
    return Images(decoded.images, labels, part.classes, part.label_error, files)


def _describe_patches(
    folder: Path, survey: PictureSurvey, shape: tuple[int, int, int], fit: PictureFit
) -> tuple[str, ...]:
    """Return notes on the patches, if there are any."""
    if not fit.patches:
        return ()
    count = survey.sizes.total()
    size = format_shape(shape[:2])
    notes = [f"{folder}: {fit.patches:,} random patches of {size} from each of {count:,} pictures"]
    if repeating := survey.count_repeating(shape, fit):
        notes.append(
            f"{folder}: {repeating:,} of {count:,} pictures are too small for {fit.patches:,} different "
            "patches: some are alike"
        )
    return tuple(notes)
