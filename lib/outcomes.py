"""Where the pictures go that a model has made: PNG files, or for a data set one file of MNIST's format."""

import io
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image

from lib import idx
from lib.own import Own
from lib.written import make_folder, replacing


class Album:
    """Pictures as PNG files, written while the next ones are computed. Raises `RunFailed` where one cannot be written."""

    def __init__(self):
        self._pool = ThreadPoolExecutor()
        self._under_way: Iterator[None] = iter(())

    def __enter__(self) -> "Album":
        return self

    def __exit__(self, *_) -> None:
        self._pool.shutdown()
        list(self._under_way)  # raises what has gone wrong

    def add(self, images: np.ndarray, paths: Sequence[Path]) -> None:
        """Write uint8 images (n, height, width, channels) once those before are there."""
        list(self._under_way)
        for folder in {path.parent for path in paths}:
            make_folder(folder)
        self._under_way = self._pool.map(_save, images, paths)


@contextmanager
def outcomes(own: Own, place: Path) -> Iterator[Callable[[np.ndarray, np.ndarray], None]]:
    """A function that takes places in `own`, shape (n,), and what a model made of the images there, uint8.

    Of pictures it makes PNG files of the same names in the folder `place`; of a data set `place` with the suffix `.idx`, in which
    the outcomes stand in the same order: a file for each of a hundred thousand would take longer than the model.
    Raises `RunFailed` where they cannot be written.
    """
    if own.pictures:
        with Album() as album:
            yield lambda places, images: album.add(images, [place / _png(own.names, number) for number in places])
    else:
        with idx.growing(place.with_name(f"{place.name}.idx"), own.shape) as add:
            yield lambda places, images: add(images)


def _png(names: list[str], place: int) -> str:
    """The name of the outcome for a picture; a second one that differs in its format alone keeps that."""
    stem = Path(names[place]).with_suffix(".png")
    return f"{names[place]}.png" if place and Path(names[place - 1]).with_suffix(".png") == stem else str(stem)


def _save(image: np.ndarray, path: Path) -> None:
    content = io.BytesIO()
    Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image).save(content, "PNG", compress_level=1)
    with replacing(path, flushed=False) as partial:
        partial.write_bytes(content.getvalue())
