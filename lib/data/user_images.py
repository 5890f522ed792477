"""The images that a user gives to a saved model: pictures of any size, fitted to the model, or a data set."""

from collections import Counter
from collections.abc import Collection, Iterator
from pathlib import Path

import numpy as np

from lib.common.errors import UserError, printable
from lib.common.formatting import format_shape
from lib.data import dataset_names, datasets
from lib.data.formats.base import Images, Source, exists, require_file_or_folder
from lib.data.formats.deep_pictures import find_depth, join_planes, load_deep, open_planes, read_header
from lib.data.formats.masks import load_hole, match_masks
from lib.data.formats.picture_files import PICTURE_SUFFIXES
from lib.data.formats.picture_fit import AS_THEY_ARE
from lib.data.formats.picture_lists import PictureFolder, PictureList, list_pictures, printable_names
from lib.data.formats.picture_threads import map_ahead
from lib.data.formats.pictures import Picture, describe_remarks, load_fitted
from lib.data.formats.registry import is_published_folder, peek_source
from lib.data.named_datasets import NAMED_DATASETS
from lib.data.unscaled_pictures import UnscaledPicture, load_unscaled
from lib.data.value_range import BYTES, ValueRange
from lib.tasks.display import Display
from lib.tasks.holes import fixed_holes, mask_folder
from lib.tasks.pixels import to_images, white_of

TRANSPARENT = "transparent"
CHUNK_SIZE = 512  # images in memory at once
DECODED_AHEAD = 3  # pictures of their own size


class UserImages:
    """Images for a saved model, in order, each with a name.

    Pictures are read in chunks while they are needed, so that memory does not grow with their number.

    Args:
        source: a folder of pictures, one picture, or the name or path of a data set. Of one with a test set,
            only the test images are taken.
        shape: (height, width, channels) of the images that the model takes.
        fit_mode: how pictures are brought to that shape, see `load_fitted`.
        invert: whether to replace each pixel v by white - v.
        include_training: whether to take the training images too, before the test images.
        value_range: of the images that the model was trained on, which images of more than 8 bits get.
        holes: what is missing, with a further channel that is 255 there: the `TRANSPARENT` pixels of
            pictures, masks in a folder, or a hole that is drawn (as `--missing` names them); or None.
        seed: of holes that are drawn.

    Attributes:
        names: the path of each picture below its folder, without characters that cannot be printed, and
            unique; of a data set, the number of each image, from 1 on.
        paths: the path of each picture below its folder as it is; empty for a data set.
        labels: int64 (n,), or None where unknown. Of pictures, the subfolders are the classes.
        classes: the class name of each label; empty where unknown.
        value_range: the values of black and white in the images.
        notes: sentences for the user about how a data set was read, or which files were left out; those about
            the values of pictures are added by `chunks`.
        unreadable: the error of each picture that could not be read, by its name; complete after `chunks`.
        sides: height and width of each picture itself, int32 (n, 2), of those that `chunks` has yielded.

    Raises:
        UserError: there are no images, or those of a data set have another shape.
    """

    def __init__(
        self,
        source: str,
        shape: tuple[int, int, int],
        fit_mode: str = "crop",
        invert: bool = False,
        include_training: bool = False,
        value_range: ValueRange = BYTES,
        holes: str | None = None,
        seed: int = 0,
    ):
        self.source = source
        self.shape = shape
        self.fit_mode = fit_mode
        self.invert = invert
        self.value_range = value_range
        self.holes, self.seed = holes, seed
        self.unreadable: dict[str, str] = {}
        self.notes: tuple[str, ...] = ()
        self.names: list[str]
        self.labels: np.ndarray | None
        self.classes: tuple[str, ...]
        self.paths: list[Path] = []
        self._files: tuple[Path, ...] = ()
        self._masks: list[Path] | None = None
        self._images: Images | None = None
        self._rows: np.ndarray | None = None  # of `_images` that are selected; None for all
        self._depth: ValueRange | None = None  # of pictures; None for gray and color of 8 bits
        if (pictures := find_pictures(source)) is not None:
            self._take_pictures(pictures, include_training)
        else:
            like_training = AS_THEY_ARE.with_range_of(value_range)
            self._take_images(datasets.load_source(source, like_training), include_training)
        self.sides = np.full((len(self), 2), shape[:2], np.int32)

    def _take_pictures(self, pictures: PictureFolder, include_training: bool) -> None:
        part = _all_pictures(pictures) if include_training else pictures.test or pictures.train
        self.notes = pictures.notes
        if pictures.test and not include_training:
            self.notes += (printable(f"{self.source}: using the pictures of the test set"),)
        folder = Path(self.source) if Path(self.source).is_dir() else Path(self.source).parent
        self.paths = [file.relative_to(folder) for file in part.files]
        self.names = list(printable_names(path.as_posix() for path in self.paths))
        self.labels, self.classes, self._files = part.labels, part.classes, part.files
        self._depth, note = find_depth(self.source, self._files, self.shape[2], self.value_range)
        self.value_range = self._depth or BYTES
        self.notes += (printable(note),) if note else ()
        if self.holes and mask_folder(self.holes):
            self._masks = match_masks(self.holes, self.paths)

    def _take_images(self, loaded: Source, include_training: bool) -> None:
        images = all_images(self.source, loaded) if include_training else loaded.test or loaded.train
        _require_shape(self.source, images, self.shape)
        width = len(str(len(images)))
        self.names = [f"{number:0{width}}" for number in range(1, len(images) + 1)]
        self.labels, self.classes, self.notes = images.labels, images.classes, loaded.notes
        self._images, self.value_range = images, loaded.value_range

    def __len__(self) -> int:
        return len(self.names)

    @property
    def from_files(self) -> bool:
        """True where each image is a picture file, False for the images of a data set."""
        return self._images is None

    def select(self, positions: np.ndarray) -> None:
        """Leave only some of the images.

        Args:
            positions: of those that stay, int64 (n,), rising.
        """
        self.names = [self.names[position] for position in positions]
        self.labels = None if self.labels is None else self.labels[positions]
        self.sides = self.sides[positions]
        if self._images is not None:
            self._rows = positions if self._rows is None else self._rows[positions]
            return
        self.paths = [self.paths[position] for position in positions]
        self._files = tuple(self._files[position] for position in positions)
        if self._masks is not None:
            self._masks = [self._masks[position] for position in positions]

    def restore(self, pixels: np.ndarray) -> np.ndarray:
        """Return outputs of a model with the depth and the range of these images.

        Args:
            pixels: (n, height, width, channels) in 0..1.

        Returns:
            As `ValueRange.restore`; uint8 for images of 8 bits.
        """
        return self.value_range.restore(to_images(pixels, self.value_range.dtype))

    def chunks(self, limit: int | None = None) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield the images in chunks; pictures that cannot be read are left out and listed in `unreadable`.

        The next chunk is decoded while the caller works on one.

        Args:
            limit: number of images, from the first on; None for all.

        Yields:
            Positions of images in `names`, int64 (n,), and the images, uint8 or uint16 (n, height, width,
            channels).

        Raises:
            UserError: none of the pictures can be read.
        """
        count = min(limit or len(self), len(self))
        remarks: Counter[str] = Counter()
        chunks = (np.arange(start, min(start + CHUNK_SIZE, count)) for start in range(0, count, CHUNK_SIZE))
        if self._images is not None:
            for positions in chunks:
                rows = positions if self._rows is None else self._rows[positions]
                images = self._images.images[rows]
                images = white_of(images.dtype) - images if self.invert else images
                yield positions, self._with_holes(images, positions)
            return
        for positions, pictures in map_ahead(self._load_picture, chunks):
            readable = [picture is not None for picture in pictures]
            remarks.update(remark for picture in pictures if picture for remark in picture.remarks)
            if any(readable):
                images = np.stack([p.pixels for p in pictures if p is not None])
                yield positions[readable], self._with_holes(images, positions[readable])
        self._finish(remarks, count)

    def unscaled_pictures(
        self, limit: int | None = None
    ) -> Iterator[tuple[np.ndarray, list[UnscaledPicture]]]:
        """Yield pictures at their own size, one by one, as `chunks` does; the next ones are decoded ahead.

        Args:
            limit: number of pictures, from the first on; None for all.

        Yields:
            The position of a picture in `names`, int64 (1,), and a list of the picture.

        Raises:
            UserError: none of the pictures can be read.
        """
        count = min(limit or len(self), len(self))
        remarks: Counter[str] = Counter()
        chunks = (np.arange(index, index + 1) for index in range(count))
        for positions, (picture,) in map_ahead(self._load_unscaled, chunks, DECODED_AHEAD):
            if picture is not None:
                remarks.update(picture.remarks)
                yield positions, [picture]
        self._finish(remarks, count)

    def find_sides(self, position: int) -> tuple[int, int] | None:
        """Return the height and width of a picture by its header; None if it cannot be read."""
        try:
            return read_header(self._files[position])[0][:2]
        except UserError:
            return None

    def load_for_display(self, position: int, display: Display) -> UnscaledPicture:
        """Return a picture at its own size, or an image of a data set, as it is shown: not inverted.

        Args:
            position: in `names`.
            display: of the images.

        Returns:
            The picture, opaque, with one or three channels.

        Raises:
            UserError: it cannot be read any more.
        """
        if self._images is not None:
            row = position if self._rows is None else self._rows[position]
            return UnscaledPicture(display.show(self._images.images[row : row + 1])[0], ())
        file = self._files[position]
        if self._depth is None:
            return load_unscaled(file, 3)._replace(alpha=None)
        planes, remarks = open_planes(file, self.shape[2], self._depth)
        return UnscaledPicture(display.show_pixels(join_planes(planes)[None])[0], remarks)

    def _finish(self, remarks: Counter[str], count: int) -> None:
        """Require that one of `count` pictures could be read, and note the remarks on them."""
        if self.unreadable and len(self.unreadable) == count:
            raise UserError(
                f"{self.source}: none of the {count:,} pictures can be read; "
                f"{next(iter(self.unreadable.values()))}"
            )
        self.notes += tuple(map(printable, describe_remarks(self.source, remarks, count)))

    def _with_holes(self, images: np.ndarray, positions: np.ndarray) -> np.ndarray:
        """The images with the channel of holes that are drawn; pictures have all others already."""
        if not self.holes or self.holes == TRANSPARENT or self._masks:
            return images
        masks = fixed_holes(self.holes, self.shape[:2], positions, self.seed)
        return np.concatenate([images, 255 * masks[..., None].astype(images.dtype)], axis=-1)

    def _load_unscaled(self, position: int) -> UnscaledPicture | None:
        file = self._files[position]
        try:
            picture = load_unscaled(file, self.shape[2], self.invert)
            self.sides[position] = picture.pixels.shape[:2]
            return picture._replace(hole=self._own_size_hole(position, picture.pixels.shape[:2]))
        except UserError as error:
            self.unreadable[self.names[position]] = str(error)
            return None

    def _own_size_hole(self, position: int, sides: tuple[int, ...]) -> np.ndarray | None:
        """The missing pixels of a picture of (height, width) `sides`, bool (height, width)."""
        if not self.holes:
            return None
        if self.holes == TRANSPARENT or self._masks:
            mask = self._masks[position] if self._masks else None
            return load_hole(self._files[position], (sides[0], sides[1], 1), "stretch", mask) > 0
        drawn = fixed_holes(self.holes, self.shape[:2], np.array([position]), self.seed)[0]
        rows, columns = (
            np.arange(side) * size // side for side, size in zip(sides, drawn.shape, strict=True)
        )
        return drawn[rows[:, None], columns]

    def _load_picture(self, position: int) -> Picture | None:
        file, mask = self._files[position], self._masks[position] if self._masks else None
        try:
            options = (file, self.shape, self.fit_mode, self.invert)
            picture = load_fitted(*options) if self._depth is None else load_deep(*options, self._depth)
            self.sides[position] = picture.sides
            if mask is None and self.holes != TRANSPARENT:
                return picture
            hole = load_hole(file, self.shape, self.fit_mode, mask)[..., None].astype(picture.pixels.dtype)
            return picture._replace(pixels=np.concatenate([picture.pixels, hole], axis=-1))
        except UserError as error:
            self.unreadable[self.names[position]] = str(error)
            return None


def _require_shape(source: str, images: Images, shape: tuple[int, int, int]) -> None:
    if images.images.shape[1:] != tuple(shape):
        raise UserError(
            f"{source}: the images are {format_shape(images.images.shape[1:])}, the model takes "
            f"{format_shape(shape)}; only pictures in a folder are resized"
        )


def all_images(source: str, loaded: Source) -> Images:
    """Return the training images of the data set `source`, then its test images. Raises `UserError`."""
    train, test = loaded.train, loaded.test
    if test is None:
        return train
    datasets.require_same_shape(source, train, test)
    images = np.concatenate([train.images, test.images])
    labels = None
    if train.labels is not None and test.labels is not None:
        labels = np.concatenate([train.labels, test.labels])
    return Images(images, labels, train.classes)


def _all_pictures(pictures: PictureFolder) -> PictureList:
    """Return the pictures of the training set, then those of the test set."""
    train, test = pictures.train, pictures.test
    if test is None:
        return train
    files = train.files + test.files
    if train.labels is None or test.labels is None:
        return PictureList(files)
    return PictureList(files, np.concatenate([train.labels, test.labels]), test.classes)


def find_pictures(source: str, ignored: Collection[str] = ()) -> PictureFolder | None:
    """Return the pictures of a path; None for the name of a data set, or one in another format.

    Args:
        source: a name or a path.
        ignored: folders as for `list_pictures`.

    Raises:
        UserError: it is a folder that holds neither pictures nor a data set, or neither file nor folder.
    """
    path = Path(source)
    if not are_pictures(source):
        return None
    return PictureFolder(PictureList((path,))) if path.is_file() else list_pictures(path, ignored)


def are_pictures(source: str) -> bool:
    """Return whether a path is a picture, or a folder that is no data set in another format.

    Args:
        source: a name or a path; the name of a data set is no path.

    Raises:
        UserError: it is neither file nor folder.
    """
    path = Path(source)
    if source in NAMED_DATASETS or not exists(path):
        return False
    require_file_or_folder(path)
    return path.suffix.lower() in PICTURE_SUFFIXES if path.is_file() else not is_published_folder(path)


def require_user_images(source: str) -> None:
    """Raise `UserError` unless `source` is pictures or a data set, judged without reading the images."""
    if not source.strip():
        raise UserError("enter a folder, a data set or a name")
    if find_pictures(source) is None and (path := dataset_names.locate(source)) is not None:
        peek_source(path)
