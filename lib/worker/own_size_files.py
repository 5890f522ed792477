"""Writing of pictures of their own size, with the names of the originals: JPEGs as JPEG, others as PNG."""

import io
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from lib.common.filesystem import atomic_write, make_folder
from lib.data.unscaled_pictures import UnscaledPicture

JPEG_SUFFIXES = (".jpg", ".jpeg", ".jpe", ".jfif")
KEPT_SUFFIXES = (*JPEG_SUFFIXES, ".png")  # of pictures whose outputs have the same format
JPEG_QUALITY = 95
PENDING = 2  # pictures that wait to be written

Write = Callable[[Path, np.ndarray, UnscaledPicture], None]


@contextmanager
def own_size_writer() -> Iterator[Write]:
    """Context of a function that writes pictures in threads, which work while the next ones are computed.

    Yields:
        A function of a path, the pixels of a picture, uint8 (height, width, channels), and the picture that
        they were made from, whose transparency, profile and metadata are kept. Missing folders are created.

    Raises:
        RunFailed: from that function or at the end, a file cannot be written.
    """
    pending: deque[Future] = deque()

    def write(path: Path, pixels: np.ndarray, original: UnscaledPicture) -> None:
        while len(pending) > PENDING:
            pending.popleft().result()
        make_folder(path.parent)
        pending.append(pool.submit(_write, path, pixels, original))

    with ThreadPoolExecutor() as pool:
        yield write
        while pending:
            pending.popleft().result()


def _write(path: Path, pixels: np.ndarray, original: UnscaledPicture) -> None:
    content = encode_like(pixels, original, is_jpeg=path.suffix.lower() in JPEG_SUFFIXES)
    with atomic_write(path, fsync=False) as partial:
        partial.write_bytes(content)


def encode_like(pixels: np.ndarray, original: UnscaledPicture, is_jpeg: bool) -> bytes:
    """Return the content of a JPEG, or else a PNG.

    Args:
        pixels: uint8 (height, width, channels), 1 or 3 channels.
        original: the picture whose transparency (in a PNG), color profile and metadata are kept.
        is_jpeg: which of the two.
    """
    image = Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)
    options: dict[str, Any] = {}
    if original.profile and pixels.shape == original.pixels.shape:
        options["icc_profile"] = original.profile
    content = io.BytesIO()
    if is_jpeg:
        if original.exif:
            options["exif"] = original.exif
        sampling = original.sampling if pixels.shape[-1] == 3 else 0
        image.save(content, "JPEG", quality=JPEG_QUALITY, subsampling=sampling, **options)
        return content.getvalue()
    if original.alpha is not None:
        image.putalpha(Image.fromarray(original.alpha))
    image.save(content, "PNG", compress_level=1, **options)
    return content.getvalue()
