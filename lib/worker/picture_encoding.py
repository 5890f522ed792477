"""Encoding of pictures as PNG, or as TIFF with 2 or more than 3 channels or in floating point.

Pillow writes 16 bits in gray only, and no TIFF of other than 1, 3 or 4 channels.
"""

import io
import struct
import zlib

import numpy as np
from PIL import Image

PNG_MARK = b"\x89PNG\r\n\x1a\n"
PNG_COLOR_TYPES = {1: 0, 3: 2}  # by the number of channels
PNG_UP = 2  # the filter of all rows: differences to the row above
# Tags of TIFF 6.0, and their values.
WIDTH, LENGTH, BITS, COMPRESSION, PHOTOMETRIC, STRIP_OFFSETS = 256, 257, 258, 259, 262, 273
SAMPLES, ROWS_PER_STRIP, STRIP_BYTES, PLANAR, EXTRA_SAMPLES, SAMPLE_FORMAT = 277, 278, 279, 284, 338, 339
DEFLATE, BLACK_IS_ZERO, RGB = 8, 1, 2
SAMPLE_FORMATS = {"u": 1, "i": 2, "f": 3}  # by NumPy's kind


def is_png(dtype: np.dtype, channels: int) -> bool:
    """Return whether pictures of a type and a number of channels can be PNG files."""
    return dtype.kind == "u" and channels in PNG_COLOR_TYPES


def picture_suffix(dtype: np.dtype, channels: int) -> str:
    """Return the suffix of the files that `encode_picture` makes."""
    return ".png" if is_png(dtype, channels) else ".tif"


def encode_picture(image: np.ndarray) -> bytes:
    """Return the content of a PNG file, or of a TIFF file where `is_png` says so.

    Args:
        image: (height, width, channels), uint8, uint16 or float32.
    """
    channels = image.shape[-1]
    if not is_png(image.dtype, channels):
        return _encode_tiff(image)
    if image.dtype == np.uint8:
        content = io.BytesIO()
        Image.fromarray(image[..., 0] if channels == 1 else image).save(content, "PNG", compress_level=1)
        return content.getvalue()
    return _encode_png16(image)


def _encode_png16(image: np.ndarray) -> bytes:
    height, width, channels = image.shape
    rows = np.ascontiguousarray(image.astype(">u2")).view(np.uint8).reshape(height, -1)
    differences = np.diff(rows, axis=0, prepend=np.zeros_like(rows[:1]))
    filtered = np.concatenate([np.full((height, 1), PNG_UP, np.uint8), differences], axis=1)
    header = struct.pack(">IIBBBBB", width, height, 16, PNG_COLOR_TYPES[channels], 0, 0, 0)
    chunks = (b"IHDR", header), (b"IDAT", zlib.compress(filtered.tobytes(), 1)), (b"IEND", b"")
    return PNG_MARK + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in chunks
    )


def _encode_tiff(image: np.ndarray) -> bytes:
    """Return a TIFF of one strip: header, directory, lists of more than four bytes, pixels."""
    height, width, channels = image.shape
    pixels = zlib.compress(np.ascontiguousarray(image, image.dtype.newbyteorder("<")).tobytes(), 1)
    bits, kind = 8 * image.dtype.itemsize, SAMPLE_FORMATS[image.dtype.kind]
    colors = 3 if channels == 3 else 1
    tags: dict[int, tuple[str, list[int]]] = {
        WIDTH: ("I", [width]),
        LENGTH: ("I", [height]),
        BITS: ("H", [bits] * channels),
        COMPRESSION: ("H", [DEFLATE]),
        PHOTOMETRIC: ("H", [RGB if colors == 3 else BLACK_IS_ZERO]),
        STRIP_OFFSETS: ("I", [0]),
        SAMPLES: ("H", [channels]),
        ROWS_PER_STRIP: ("I", [height]),
        STRIP_BYTES: ("I", [len(pixels)]),
        PLANAR: ("H", [1]),
        SAMPLE_FORMAT: ("H", [kind] * channels),
    }
    if channels > colors:
        tags[EXTRA_SAMPLES] = "H", [0] * (channels - colors)  # of no stated meaning
    end = 8 + 2 + 12 * len(tags) + 4
    lists = {tag: struct.pack(f"<{len(values)}{code}", *values) for tag, (code, values) in tags.items()}
    offsets, extra = {}, b""
    for tag, content in lists.items():
        if len(content) > 4:
            offsets[tag] = end + len(extra)
            extra += content + b"\0" * (len(content) % 2)
    lists[STRIP_OFFSETS] = struct.pack("<I", end + len(extra))
    directory = b"".join(
        struct.pack("<HHI", tag, 3 if tags[tag][0] == "H" else 4, len(tags[tag][1]))
        + (struct.pack("<I", offsets[tag]) if tag in offsets else lists[tag].ljust(4, b"\0"))
        for tag in sorted(tags)
    )
    return struct.pack("<2sHIH", b"II", 42, 8, len(tags)) + directory + b"\0" * 4 + extra + pixels
