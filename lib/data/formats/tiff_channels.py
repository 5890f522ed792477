"""TIFF files with other channels than gray or color: as samples of each pixel, or as pages of one picture.

Their headers are read here; the pixels of the former by tifffile, an optional library.
"""

import re
import struct
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np

from lib.common.errors import UserError, reason
from lib.common.reading import open_file
from lib.data.formats.base import MAX_MESSAGE_LENGTH, element_count
from lib.tasks.settings import MAX_CHANNELS

SUFFIXES = (".tif", ".tiff")
# Tags of TIFF 6.0.
WIDTH, LENGTH, PHOTOMETRIC, DESCRIPTION, SAMPLES, EXTRA_SAMPLES = 256, 257, 262, 270, 277, 338
COLORS = {0: 1, 1: 1, 2: 3, 3: 1, 5: 4, 6: 3, 8: 3}  # samples of a pixel by its photometric interpretation
ALPHA = (1, 2)  # meanings of an extra sample
MAX_ENTRIES, MAX_DESCRIPTION = 1000, 1 << 16
MAX_VALUES = 3 * 89_478_485  # of one picture, as in color
SIZES = {2: ("s", 1), 3: ("H", 2), 4: ("I", 4), 16: ("Q", 8)}  # types of values
# What programs write into the description of a picture whose pages are its channels.
PAGES_ARE_CHANNELS = (
    r"(?s)ImageJ=.*\bchannels={count}\b(?!.*\b(slices|frames)=)",
    r'\s*\{{"shape": \[{count}, \d+, \d+\]',
    r'(?s).*"axes": "CYX"',
    r'(?s).*<Pixels\b(?=[^>]*\bSizeC="{count}")(?=[^>]*\bSizeZ="1")(?=[^>]*\bSizeT="1")',
)


class TiffChannels(NamedTuple):
    """The channels of a TIFF file: `height`, `width`, their number, and whether each is a page."""

    height: int
    width: int
    channels: int
    are_pages: bool


def find_channels(file: Path) -> TiffChannels | None:
    """Return the channels of a TIFF file; None for any other file, and for gray and color pictures.

    Raises:
        UserError: it has more channels or values than images can have.
    """
    if file.suffix.lower() not in SUFFIXES:
        return None
    try:
        with open_file(file) as stream:
            tiff = _find_channels(file, _Directories(stream))
    except (OSError, ValueError, LookupError, struct.error, OverflowError):
        return None  # an invalid file, which Pillow says
    if tiff is not None and tiff.height * tiff.width * tiff.channels > MAX_VALUES:
        raise UserError(f"{file}: more than {MAX_VALUES:,} values, too large for one picture")
    return tiff


def read_channels(file: Path, tiff: TiffChannels) -> np.ndarray:
    """Return the pixels of a TIFF file whose pixels have several samples.

    Args:
        file: the picture.
        tiff: as `find_channels` returns them.

    Returns:
        (height, width, channels) of any numeric type.

    Raises:
        UserError: tifffile is missing, or cannot read the file.
    """
    try:
        import tifffile
    except ImportError:
        raise UserError(
            f"{file}: is a TIFF of {tiff.channels} channels: run pip install tifffile, or save all "
            "pictures as one .npy"
        ) from None
    expected = (tiff.height, tiff.width, tiff.channels)
    try:
        with tifffile.TiffFile(file) as opened:
            page = opened.pages[0]
            if page.dtype is None or element_count(page.shape) != element_count(expected):
                raise ValueError(f"its pixels have the shape {page.shape}")
            values, is_planar = page.asarray(), page.axes.startswith("S")
    except Exception as error:  # an invalid file can raise any exception
        message = reason(error)[:MAX_MESSAGE_LENGTH]
        raise UserError(f"{file}: cannot be read as a TIFF of {tiff.channels} channels ({message})") from None
    if is_planar:
        values = np.moveaxis(values.reshape(tiff.channels, tiff.height, tiff.width), 0, -1)
    return values.reshape(expected)


def _find_channels(file: Path, directories: "_Directories") -> TiffChannels | None:
    first = directories.read(directories.first)
    if first is None:
        return None
    samples, photometric = (first.tags.get(tag, (default,))[0] for tag, default in ((SAMPLES, 1), (262, 1)))
    extra = samples - COLORS.get(photometric, samples)
    meanings = first.tags.get(EXTRA_SAMPLES, ())
    height, width = first.tags[LENGTH][0], first.tags[WIDTH][0]
    is_plain = extra <= 0 or (extra == 1 and (photometric == 2 or (meanings and meanings[0] in ALPHA)))
    if samples > MAX_CHANNELS:
        raise UserError(f"{file}: has {samples:,} channels; images have 1 to {MAX_CHANNELS}")
    if not is_plain:
        return TiffChannels(height, width, samples, False)
    count = directories.count_pages() if samples == 1 and first.description else 1
    if 2 <= count <= MAX_CHANNELS and any(
        re.match(pattern.format(count=count), first.description) for pattern in PAGES_ARE_CHANNELS
    ):
        return TiffChannels(height, width, count, True)
    return None


class _Directory(NamedTuple):
    tags: dict[int, tuple[int, ...]]
    description: str
    following: int


class _Directories:
    """The directories of a TIFF or BigTIFF file."""

    def __init__(self, stream: BinaryIO):
        self._stream = stream
        start = stream.read(16)
        order = {b"II": "<", b"MM": ">"}.get(start[:2])
        if order is None:
            raise ValueError("no TIFF")
        self._order = order
        version = struct.unpack(f"{order}H", start[2:4])[0]
        self._is_big = version == 43
        code, offset = ("Q", 8) if self._is_big else ("I", 4)
        self.first = struct.unpack_from(f"{order}{code}", start, offset)[0]

    def read(self, offset: int) -> _Directory | None:
        """Return the tags of a directory that are whole numbers, at most 16 of each; None for none."""
        if not offset:
            return None
        tags: dict[int, tuple[int, ...]] = {}
        description = ""
        entries, following = self._entries(offset)
        for tag, kind, count, value in entries:
            if tag not in (WIDTH, LENGTH, PHOTOMETRIC, DESCRIPTION, SAMPLES, EXTRA_SAMPLES):
                continue
            code, size = SIZES.get(kind, ("", 0))
            if not code or not count or count > (MAX_DESCRIPTION if code == "s" else MAX_CHANNELS):
                continue
            content = value[: count * size]
            if count * size > len(value):
                self._stream.seek(struct.unpack(f"{self._order}{'Q' if self._is_big else 'I'}", value)[0])
                content = self._stream.read(count * size)
            if code == "s":
                description = content.decode("latin-1") if tag == DESCRIPTION else description
            else:
                tags[tag] = struct.unpack(f"{self._order}{count}{code}", content)
        return _Directory(tags, description, following)

    def count_pages(self) -> int:
        """Return the number of directories, at most one more than images have channels."""
        count, offset = 0, self.first
        while offset and count <= MAX_CHANNELS:
            _, offset = self._entries(offset)
            count += 1
        return count

    def _entries(self, offset: int) -> tuple[list[tuple[int, int, int, bytes]], int]:
        """Return tag, type, count and value of each entry of a directory, and the offset of the next."""
        length, head, entry, link = (20, "Q", "HHQ8s", "Q") if self._is_big else (12, "H", "HHI4s", "I")
        self._stream.seek(offset)
        head_size = struct.calcsize(f"<{head}")
        count = struct.unpack(f"{self._order}{head}", self._stream.read(head_size))[0]
        if count > MAX_ENTRIES:
            raise ValueError("too many entries")
        content = self._stream.read(count * length)
        entries = list(struct.iter_unpack(f"{self._order}{entry}", content))
        rest = self._stream.read(struct.calcsize(f"<{link}"))
        return entries, struct.unpack(f"{self._order}{link}", rest)[0]
