"""The format of folders of pictures, which become images of one shape."""

from collections import Counter
from pathlib import Path

from lib.common.errors import printable
from lib.data.formats.base import Format, Header, Images, Source
from lib.data.formats.picture_decoding import DecodedPictures, decode_pictures
from lib.data.formats.picture_fit import AS_THEY_ARE, PictureFit, describe_broken
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
        return Header(shape, len(train), test_count, train.labels is not None, train.label_error)

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
        train, *test = map(_images, parts, decoded)
        count = len(folder.files)
        broken = {file: error for part in decoded for file, error in part.broken.items()}
        remarks = sum((part.remarks for part in decoded), Counter[str]())
        notes = describe_broken(str(path), broken, count, fit)
        notes += describe_remarks(str(path), remarks, count - len(broken))
        if fit.size and (smaller := survey.count_smaller(shape)):
            notes += (f"{path}: {smaller:,} of {count:,} pictures are smaller than the images: enlarged",)
        return Source(train, test[0] if test else None, folder.notes + tuple(map(printable, notes)))


def _images(part: PictureList, decoded: DecodedPictures) -> Images:
    labels = None if part.labels is None else part.labels[decoded.kept]
    return Images(decoded.images, labels, part.classes, part.label_error)
