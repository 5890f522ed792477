"""Errors in images of more than 8 bits and of other channels than gray and color."""

import struct
import sys
from pathlib import Path
from unittest import mock

import numpy as np

from lib.data.formats import deep_pictures, registry
from lib.data.formats.image_folder import ImageFolderFormat
from lib.data.formats.picture_fit import PictureFit
from lib.worker.picture_encoding import encode_picture


def array(values: np.ndarray):
    np.save("a.npy", values)
    registry.read_source(Path("a.npy"))


def channels(count: int, side: int = 4) -> bytes:
    return encode_picture(np.zeros((side, side, count), np.uint16))


def picture(content: bytes, needed: int = 5):
    Path("a.tif").write_bytes(content)
    deep_pictures.load_deep(Path("a.tif"), (4, 4, needed))


def folder(*contents: bytes, **fit):
    Path("p").mkdir()
    for number, content in enumerate(contents):
        Path(f"p/{number}.tif").write_bytes(content)
    ImageFolderFormat.peek(Path("p"), PictureFit(**fit))


def without_tifffile():
    with mock.patch.dict(sys.modules, tifffile=None):
        picture(channels(5))


def different_pages():
    import tifffile

    with tifffile.TiffWriter("a.tif") as writer:
        writer.write(np.zeros((4, 4), np.uint16), description='{"shape": [2, 4, 4]}', metadata=None)
        writer.write(np.zeros((4, 5), np.uint16), metadata=None)
    deep_pictures.read_values(Path("a.tif"))


def complex_numbers():
    import tifffile

    tifffile.imwrite(
        "a.tif", np.zeros((4, 4, 5), np.complex64), photometric="minisblack", planarconfig="contig"
    )
    deep_pictures.read_values(Path("a.tif"))


def with_width(content: bytes, width: int) -> bytes:
    entry = struct.pack("<HHI", 256, 4, 1)
    return content.replace(entry + struct.pack("<I", 4), entry + struct.pack("<I", width))


CASES = {
    "data/formats/depths": [
        (
            lambda: array(np.where(np.arange(3 * 16).reshape(3, 4, 4) == 22, np.nan, 0.5)),
            "a.npy",
            "contains NaN or infinity, first in image 2, row 2, column 3; replace such values",
        ),
        (
            lambda: array(np.full((3, 4, 4), 700.5)),
            "a.npy",
            "its values range from 700.5 to 700.5; images need a darkest and a brightest value: set",
        ),
    ],
    "data/formats/tiff_channels": [
        (lambda: picture(channels(17)), "a.tif", "has 17 channels; images have 1 to 16"),
        (
            lambda: picture(with_width(channels(5), 1 << 28)),
            "a.tif",
            "more than 268,435,455 values, too large for one picture",
        ),
        (
            without_tifffile,
            "a.tif",
            "is a TIFF of 5 channels: run pip install tifffile, or save all pictures as one .npy",
        ),
        (lambda: picture(channels(5)[:-9]), "a.tif", "cannot be read as a TIFF of 5 channels ("),
    ],
    "data/formats/deep_pictures": [
        (lambda: picture(channels(5), needed=3), "a.tif", "has 5 channels, not 3"),
        (different_pages, "a.tif", "its pages have different sizes or types"),
        (complex_numbers, "a.tif", "is complex64; pictures are integers or floating point"),
    ],
    "data/formats/picture_fit": [
        (
            lambda: folder(channels(5), channels(3)),
            "p",
            "the pictures have 5 channels or color; use pictures of one kind",
        ),
        (
            lambda: folder(channels(5), color="gray"),
            "--color gray",
            "has no meaning for pictures of 5 channels",
        ),
    ],
}
