"""Settings that bring the pictures of a folder to one shape, and the survey of their sizes and colors."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from lib.common.errors import UserError
from lib.common.formatting import format_channels, format_shape
from lib.config.hyperparameters import Hyperparameters
from lib.data.formats.deep_pictures import read_header
from lib.data.formats.mask_folders import ignored_folders
from lib.data.formats.picture_cache import DAMAGED, entry_name, load_entry, store_entry
from lib.data.formats.picture_patches import count_positions, enlarged_size
from lib.data.formats.picture_threads import CHUNK_SIZE, map_pictures
from lib.data.value_range import ANY, BYTES, BYTES_KIND, ValueRange
from lib.tasks.registry import join_names
from lib.tasks.settings import ImageShape

MAX_SURVEYS = 4  # in memory
SHOWN_FILES = 5  # broken ones, in one note
PROPOSED_SIDES = (64, 48, 32, 28, 16)  # the first that most pictures have is proposed


@dataclass(frozen=True)
class PictureFit:
    """Size, fitting and color of the images from a folder of pictures.

    Attributes:
        size: (height, width) of all images; None for that of the pictures, which must be one.
        mode: one of `FIT_MODES`: how pictures of other sizes are brought to that size.
        color: `rgb`, `gray`, or `auto` for color if any picture has color.
        skip_broken: whether any number of pictures that cannot be read are skipped; else at most 1 %.
        use_cache: whether images are kept in `picture_cache`, and taken from it.
        patches: number of random crops of each picture, each an image; 0 for one resized image.
        seed: of the positions of these crops.
        value_range: the values of black and white in images of more than 8 bits, as for `normalize_source`;
            None to find them.
        ignored: folders, without links, whose pictures are not listed, such as masks.
    """

    size: tuple[int, int] | None = None
    mode: str = "crop"
    color: str = "auto"
    skip_broken: bool = False
    use_cache: bool = True
    patches: int = 0
    seed: int = 0
    value_range: ValueRange | None = None
    ignored: tuple[str, ...] = ()

    @classmethod
    def of(cls, hp: Hyperparameters) -> PictureFit:
        """Return what the settings of a run say."""
        limits = hp.pixel_range
        return cls(
            *(hp.size, hp.fit, hp.color, hp.skip_broken, hp.cache, hp.patches or 0, hp.seed),
            None if limits is None else ValueRange(*limits, ANY),
            ignored_folders(hp),
        )

    @property
    def images_per_picture(self) -> int:
        """The number of images that each picture gives."""
        return self.patches or 1

    def changes(self, shape: ImageShape) -> bool:
        """Return whether images of this shape have another size or color than the one that is chosen."""
        return self.size not in (None, shape[:2]) or self.color not in ("auto", _color_of(shape))

    def with_color_of(self, shape: tuple[int, ...]) -> PictureFit:
        """Return the same for a test set, whose images are gray or in color as those of this shape are."""
        return replace(self, color=_color_of(shape)) if self.color == "auto" else self

    @property
    def range_of_images(self) -> ValueRange:
        """The values of black and white in the pictures, if they have more than 8 bits; else 0 and 255."""
        return self.value_range if self.value_range and self.value_range.is_deep else BYTES

    def with_range_of(self, value_range: ValueRange) -> PictureFit:
        """Return the same for images that get the range of others, such as a test set."""
        return replace(self, value_range=value_range) if value_range.is_deep else self


def _color_of(shape: tuple[int, ...]) -> str:
    return {1: "gray", 3: "rgb"}.get(shape[-1], "auto")


AS_THEY_ARE = PictureFit()


@dataclass(frozen=True)
class PictureSurvey:
    """The sizes and colors of the pictures of a folder, by their headers.

    Attributes:
        shapes: number of pictures of each (height, width, channels).
        broken: error of each file that is no picture, by its path.
        kinds: number of pictures of each kind of `ValueRange`.
    """

    shapes: Counter[ImageShape]
    broken: dict[Path, str]
    kinds: Counter[str] = field(default_factory=Counter)

    def to_json(self) -> dict[str, Any]:
        """Return the survey as JSON can hold it."""
        broken = {str(file): error for file, error in self.broken.items()}
        shapes = [[*shape, count] for shape, count in self.shapes.items()]
        return {"shapes": shapes, "broken": broken, "kinds": dict(self.kinds)}

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> PictureSurvey:
        """The inverse of `to_json`."""
        shapes = {(int(h), int(w), int(c)): int(count) for h, w, c, count in content["shapes"]}
        kinds = Counter({str(kind): int(count) for kind, count in content["kinds"].items()})
        return cls(Counter(shapes), {Path(file): error for file, error in content["broken"].items()}, kinds)

    @property
    def is_deep(self) -> bool:
        """Whether a picture has more than 8 bits, or may have them."""
        return bool(self.kinds.keys() - {BYTES_KIND})

    @cached_property
    def sizes(self) -> Counter[tuple[int, int]]:
        """The number of pictures of each (height, width)."""
        sizes: Counter[tuple[int, int]] = Counter()
        for (height, width, _), count in self.shapes.items():
            sizes[height, width] += count
        return sizes

    def image_shape(self, folder: Path, fit: PictureFit) -> ImageShape:
        """Return the shape of all images of the folder.

        Raises:
            UserError: the pictures have several sizes and none is chosen, or none can be read.
        """
        if not self.shapes:
            raise UserError(
                f"{folder}: none of the {len(self.broken):,} pictures can be read; "
                f"{next(iter(self.broken.values()))}"
            )
        if fit.size is None and fit.patches:
            raise UserError(
                f"{folder}: --patches requires the size of the patches, such as --size {self.proposed_side()}"
            )
        if fit.size is None and len(self.sizes) > 1:
            smallest, *_, largest = sorted(self.sizes, key=math.prod)
            raise UserError(
                f"{folder}: the pictures have {len(self.sizes):,} sizes, {format_shape(smallest)} to "
                f"{format_shape(largest)}; give one for all images, such as --size {self.proposed_side()}"
            )
        height, width = fit.size or next(iter(self.sizes))
        return height, width, self._channels(folder, fit)

    def _channels(self, folder: Path, fit: PictureFit) -> int:
        counts = {channels for _, _, channels in self.shapes}
        if counts <= {1, 3}:
            return 3 if fit.color == "rgb" or (fit.color == "auto" and 3 in counts) else 1
        listed = join_names(sorted(map(format_channels, counts)))
        if len(counts) > 1:
            raise UserError(f"{folder}: the pictures have {listed}; use pictures of one kind")
        if fit.color != "auto":
            raise UserError(f"{folder}: --color {fit.color} has no meaning for pictures of {listed}")
        return counts.pop()

    def proposed_side(self) -> int:
        """Return the side of square images that is proposed: at least half of the pictures have it."""
        shorter = sorted(side for shape, count in self.shapes.items() for side in [min(shape[:2])] * count)
        median = shorter[len(shorter) // 2]
        return next((side for side in PROPOSED_SIDES if side <= median), median)

    def count_smaller(self, shape: ImageShape) -> int:
        """Return how many pictures are smaller than images of this shape, so that they are enlarged."""
        return sum(count for (h, w), count in self.sizes.items() if h < shape[0] or w < shape[1])

    def count_repeating(self, shape: ImageShape, fit: PictureFit) -> int:
        """Return how many pictures have fewer places for a patch of this shape than patches."""
        size = shape[:2]
        return sum(
            count
            for picture_size, count in self.sizes.items()
            if count_positions(enlarged_size(picture_size, size, fit.mode), size) < fit.patches
        )


def survey_pictures(
    files: tuple[Path, ...],
    files_digest: str,
    report: Callable[[int], None] = lambda count: None,
    use_cache: bool = True,
) -> PictureSurvey:
    """Return the sizes and colors of pictures, from their headers.

    Args:
        files: the pictures.
        files_digest: of `digest_files`; pictures of the same digest are not opened again.
        report: called with the number of pictures that have been opened.
        use_cache: whether to keep the survey on disk, and to take it from there.
    """
    name = entry_name(files_digest, "survey")
    if name in _surveys:
        return _surveys[name]
    survey = None
    if use_cache and (entry := load_entry(name)):
        with suppress(*DAMAGED):
            survey = PictureSurvey.from_json(entry.content)
    if survey is None:
        start = time.monotonic()
        survey = _survey(files, report)
        if use_cache:
            store_entry(name, time.monotonic() - start, survey.to_json())
    while len(_surveys) >= MAX_SURVEYS:
        del _surveys[next(iter(_surveys))]
    _surveys[name] = survey
    return survey


_surveys: dict[str, PictureSurvey] = {}  # of this process


def _survey(files: tuple[Path, ...], report: Callable[[int], None]) -> PictureSurvey:
    shapes: Counter[ImageShape] = Counter()
    broken: dict[Path, str] = {}
    kinds: Counter[str] = Counter()
    for count, (file, header) in enumerate(map_pictures(read_header, files), 1):
        if isinstance(header, UserError):
            broken[file] = str(header)
        else:
            shapes[header[0]] += 1
            kinds[header[1]] += 1
        if count % CHUNK_SIZE == 0 or count == len(files):
            report(count)
    return PictureSurvey(shapes, broken, kinds)


def describe_broken(folder: str, broken: dict[Path, str], count: int, fit: PictureFit) -> tuple[str, ...]:
    """Return a note on the pictures of a folder that cannot be read, as `describe_skipped` does.

    Args:
        folder: the folder of the pictures.
        broken: error of each by its path.
        count: number of all pictures.
        fit: as for `describe_skipped`.

    Raises:
        UserError: too many cannot be read.
    """
    return describe_skipped(folder, "pictures cannot be read", list(broken), count, fit, "repair")


def describe_skipped(
    source: str, what: str, files: Sequence[Path], count: int, fit: PictureFit, remedy: str = "correct"
) -> tuple[str, ...]:
    """Return a note on pictures that are skipped; none if there are none.

    Args:
        source: where they are.
        what: of which kind they are, after their number.
        files: the pictures.
        count: number of all of this kind.
        fit: says whether more than 1 % may be skipped; one always may.
        remedy: what may be done to them.

    Raises:
        UserError: they are too many.
    """
    if not files:
        return ()
    names = ", ".join(map(str, files[:SHOWN_FILES]))
    others = f" and {len(files) - SHOWN_FILES:,} more" if len(files) > SHOWN_FILES else ""
    text = f"{source}: {len(files):,} of {count:,} {what}"
    if len(files) > max(1, count // 100) and not fit.skip_broken:
        raise UserError(f"{text}: {names}{others}; {remedy} or remove them, or skip them with --skip-broken")
    return (f"{text} and {'is' if len(files) == 1 else 'are'} skipped: {names}{others}",)
