"""Where the pictures go that a model has made: PNG files, or for a data set one file of MNIST's format."""

import io
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import numpy as np
from PIL import Image

from lib.common.errors import Interrupted
from lib.common.filesystem import atomic_write, make_folder
from lib.data.formats.idx import idx_writer
from lib.data.user_images import UserImages
from lib.worker.process import Channel


class PngWriter:
    """Pictures as PNG files, written while the next ones are computed. Raises `RunFailed` where one cannot be
    written.
    """

    def __init__(self):
        self._pool = ThreadPoolExecutor()
        self._under_way: Iterator[None] = iter(())

    def __enter__(self) -> "PngWriter":
        return self

    def __exit__(self, *_) -> None:
        self._pool.shutdown()
        list(self._under_way)  # raises what has gone wrong

    def add(self, images: np.ndarray, paths: Sequence[Path]) -> None:
        """Write uint8 images (n, height, width, channels) once those before are there."""
        list(self._under_way)
        for folder in {path.parent for path in paths}:
            make_folder(folder)
        self._under_way = self._pool.map(_write_png, images, paths)


@contextmanager
def open_image_output(own: UserImages, place: Path) -> Iterator[Callable[[np.ndarray, np.ndarray], None]]:
    """A function that takes places in `own`, shape (n,), and what a model made of the images there, uint8.

    Of pictures it makes PNG files of the same names in the folder `place`; of a data set `place` with the
    suffix `.idx`, in which the outcomes stand in the same order: a file for each of a hundred thousand would
    take longer than the model. Raises `RunFailed` where they cannot be written.
    """
    if own.pictures:
        with PngWriter() as album:
            yield lambda places, images: album.add(
                images, [place / _png_name(own.names, number) for number in places]
            )
    else:
        with idx_writer(place.with_name(f"{place.name}.idx"), own.shape) as add:
            yield lambda places, images: add(images)


def _png_name(names: list[str], place: int) -> str:
    """The name of the outcome for a picture; a second one that differs in its format alone keeps that."""
    stem = Path(names[place]).with_suffix(".png")
    return (
        f"{names[place]}.png" if place and Path(names[place - 1]).with_suffix(".png") == stem else str(stem)
    )


def _write_png(image: np.ndarray, path: Path) -> None:
    content = io.BytesIO()
    Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image).save(content, "PNG", compress_level=1)
    with atomic_write(path, flushed=False) as partial:
        partial.write_bytes(content.getvalue())


Result = TypeVar("Made")


class ChunkProgress:
    """Chunks of images on their way through models. The program is told how many are done, from none on.

    After Ctrl-C nothing more begins, and what was under way is dropped: it may be half done.
    """

    def __init__(self, program: Channel, own: UserImages, request: dict, what: str):
        self.program, self.own, self.what = program, own, what
        self.limit, self.of = request["limit"], min(request["limit"] or len(own), len(own))
        self.done = 0  # images that are through, or cannot be read
        self._under_way, self._told = 0, -1

    def through(
        self, work: Callable[[np.ndarray], Result]
    ) -> Iterator[tuple[np.ndarray, np.ndarray, Result]]:
        """The places of a chunk, its images (n, height, width, channels), uint8, and what `work` makes of
        these.

        Raises `Interrupted` where there is nothing to keep.
        """
        self._tell(0)
        for places, images in self.own.chunks(self.limit):
            self._under_way = len(images)
            made = None if self.program.stopped.is_set() else work(images)
            if made is None or self.program.stopped.is_set():
                break
            yield places, images, made
            self.done = int(places[-1]) + 1
            self._tell(self.done)
        else:
            self.done = self.of  # with those at the end that cannot be read
            self._tell(self.done)
        if not self.done:
            raise Interrupted(f"stopped before the first {self.what} were done; nothing is written")

    def part(self, number: int, of: int) -> Callable[[float], None]:
        """What part `number`, of so many that take long, tells its share to, of the chunk that is under way."""
        return lambda share: self._tell(self.done + int(self._under_way * (number + share) / of))

    @property
    def missing(self) -> str:
        """How much is kept, where that is not all."""
        stopped = self.program.stopped.is_set() and self.done < self.of
        return f"{self.done:,} of {self.of:,} {self.what} are done" if stopped else ""

    def _tell(self, done: int) -> None:
        if done != self._told:
            self._told = done
            self.program.tell("progress", done=done, of=self.of, what=self.what)
