"""Output of jobs on saved models: their folder, PNG files or one data set, and progress."""

import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence, Sized
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

import numpy as np

from lib.common.errors import Interrupted, RunFailed, UserError
from lib.common.filesystem import atomic_write, make_folder
from lib.data.formats.idx import idx_writer
from lib.data.formats.npy_arrays import npy_writer
from lib.data.user_images import UserImages
from lib.runs import run_folder
from lib.runs.events import Note, RunStarted
from lib.training.backend import device_name
from lib.worker.messages import ItemProgress
from lib.worker.output_names import output_names
from lib.worker.picture_encoding import encode_picture, picture_suffix
from lib.worker.process import Channel


@contextmanager
def png_writer() -> Iterator[Callable[[np.ndarray, Sequence[Path]], None]]:
    """Context of a function that writes PNG files in threads, which work while the next images are computed.

    Yields:
        A function of images (n, height, width, channels) of a type of `encode_picture`, and of one path per
        image; missing folders are created. It waits until the previous images are written. Images that are no
        PNG become .tif files.

    Raises:
        RunFailed: from that function or at the end, a file cannot be written.
    """
    pending: Iterator[None] = iter(())

    def write(images: np.ndarray, paths: Sequence[Path]) -> None:
        nonlocal pending
        list(pending)  # raises the exceptions of the threads
        for folder in {path.parent for path in paths}:
            make_folder(folder)
        pending = pool.map(_write_png, images, paths)

    with ThreadPoolExecutor() as pool:
        yield write
        list(pending)


@contextmanager
def open_image_output(
    user_images: UserImages, path: Path
) -> Iterator[Callable[[np.ndarray, np.ndarray], None]]:
    """Context of a function that writes a model's outputs for the user's images.

    Outputs for a folder of pictures become PNG files with the same names below the folder `path`. Those for a
    data set become `path` with the suffix of `dataset_suffix`, in the same order: one file for each of a
    hundred thousand images would take longer than the model.

    Args:
        user_images: the images that the model is applied to.
        path: of the folder, or of the file without its suffix.

    Yields:
        A function of positions in `user_images`, shape (n,), and the outputs there, (n, height, width,
        channels) in 0..1. They are written with the depth and the range of the user's images.

    Raises:
        RunFailed: a file cannot be written.
    """
    if user_images.from_files:
        with png_writer() as write_pngs:
            names = output_names(user_images.paths)
            yield lambda positions, pixels: write_pngs(
                user_images.restore(pixels), [path / names[index] for index in positions]
            )
        return
    value_range, file = user_images.value_range, path.with_name(path.name + dataset_suffix(user_images))
    dtype = value_range.restore(np.zeros(1, value_range.dtype)).dtype
    with (
        npy_writer(file, user_images.shape, dtype)
        if value_range.is_deep
        else idx_writer(file, user_images.shape) as write
    ):
        yield lambda positions, pixels: write(user_images.restore(pixels))


def dataset_suffix(user_images: UserImages) -> str:
    """Return the suffix of a file of many images: IDX has no type for 16 bits without a sign."""
    return ".npy" if user_images.value_range.is_deep else ".idx"


def _write_png(image: np.ndarray, path: Path) -> None:
    path = path.with_suffix(picture_suffix(image.dtype, image.shape[-1]))
    with atomic_write(path, fsync=False) as partial:
        partial.write_bytes(encode_picture(image))


def emit_notes(channel: Channel, notes: Iterable[str]) -> None:
    """Send sentences for the user as notes, each once."""
    for note in dict.fromkeys(notes):
        channel.emit(Note(note))


Result = TypeVar("Result")
Chunk = TypeVar("Chunk", bound=Sized)


class ChunkProgress:
    """Iteration over chunks of the user's images, with events `ItemProgress` from 0 to the total.

    After Ctrl-C no further chunk begins, and the current one is dropped, since it may be incomplete.

    Args:
        channel: receives the events.
        user_images: the images.
        limit: process only so many; None for all.
        noun: what is counted, in the plural, for messages.
    """

    def __init__(self, channel: Channel, user_images: UserImages, limit: int | None, noun: str):
        self.channel = channel
        self.user_images = user_images
        self.limit = limit
        self.noun = noun
        self.total = min(limit or len(user_images), len(user_images))
        self.done = 0  # images that are processed, or cannot be read
        self._chunk_size = 0
        self._positions = np.zeros(0, np.int64)  # of the current chunk
        self._last_emitted = -1

    def map(
        self, process: Callable[..., Result], labels: np.ndarray | None = None
    ) -> Iterator[tuple[np.ndarray, np.ndarray, Result]]:
        """Apply a function to the images, chunk by chunk.

        Args:
            process: takes images, uint8 (n, height, width, channels), and their labels where these are given.
            labels: of all images, integers (total,).

        Yields:
            The positions of a chunk, shape (n,), its images, and what `process` returns for them.

        Raises:
            Interrupted: Ctrl-C before the first chunk is done.
        """
        chunks = self.user_images.chunks(self.limit)
        if labels is None:
            return self.map_chunks(chunks, process)
        return self.map_chunks(chunks, lambda images: process(images, labels[self._positions]))

    def map_chunks(
        self, chunks: Iterable[tuple[np.ndarray, Chunk]], process: Callable[[Chunk], Result]
    ) -> Iterator[tuple[np.ndarray, Chunk, Result]]:
        """Apply a function to chunks of the images.

        Args:
            chunks: positions of images, shape (n,), and what `process` takes of them.
            process: the function.

        Yields:
            Positions and content of a chunk, and what `process` returns for it.

        Raises:
            Interrupted: Ctrl-C before the first chunk is done.
        """
        notes = self.user_images.notes
        emit_notes(self.channel, notes)
        self._emit(0)
        for positions, images in chunks:
            self._chunk_size, self._positions = len(images), positions
            if self.channel.stop_event.is_set():
                break
            result = process(images)
            if self.channel.stop_event.is_set():
                break
            yield positions, images, result
            self.done = int(positions[-1]) + 1
            self._emit(self.done)
        else:
            self.done = self.total  # with images at the end that cannot be read
            self._emit(self.done)
        emit_notes(self.channel, self.user_images.notes[len(notes) :])  # about the values that were read
        if not self.done:
            raise Interrupted(f"stopped before the first {self.noun} were finished; nothing was written")

    def chunk_reporter(self, part: int, parts: int) -> Callable[[float], None]:
        """Return a function that reports progress within the current chunk.

        Args:
            part: index of one of the slow parts of the work on a chunk.
            parts: their number.

        Returns:
            A function of the fraction of this part that is done, 0 to 1.
        """
        return lambda fraction: self._emit(self.done + int(self._chunk_size * (part + fraction) / parts))

    @property
    def stop_note(self) -> str:
        """The number of images that are done, as a sentence, if Ctrl-C has stopped the work; else empty."""
        stopped = self.channel.stop_event.is_set() and self.done < self.total
        return f"{self.done:,} of {self.total:,} {self.noun} are finished" if stopped else ""

    def _emit(self, done: int) -> None:
        if done != self._last_emitted:
            self._last_emitted = done
            self.channel.emit(ItemProgress(done, self.total, self.noun))


@contextmanager
def job_folder(channel: Channel, output: str | None, default: Path) -> Iterator[Path]:
    """Context of a new output folder, `output` or a free name like `default`.

    It is removed if the job leaves it empty. A job that fails leaves no files, which would look like its
    result.
    """
    existed = bool(output) and Path(str(output)).exists()
    folder = run_folder.new_output_folder(output, default)
    channel.emit(RunStarted(str(folder), device_name()))
    try:
        yield folder
    except BaseException as error:
        if isinstance(error, RunFailed | UserError):
            _remove_files(folder)
        if not existed:
            with suppress(OSError):  # the folder is not empty
                folder.rmdir()
        raise


def _remove_files(folder: Path) -> None:
    for path in folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            with suppress(OSError):
                path.unlink()
