"""Boxes and heat maps of the pictures of a job `detect`, drawn in threads while others are examined."""

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from lib.common.errors import UserError
from lib.common.filesystem import atomic_write, make_folder
from lib.data.unscaled_pictures import UnscaledPicture
from lib.tasks.display import Display
from lib.worker.detect_messages import ALL_MAPS, NO_MAPS
from lib.worker.detections import Detections
from lib.worker.heat_maps import draw_heat_map, largest_region
from lib.worker.output_names import output_names
from lib.worker.own_size_files import JPEG_SUFFIXES, KEPT_SUFFIXES, encode_like

FOLDER = "heat-maps"  # in the output folder
PENDING = 32  # pictures that wait for a thread
PENDING_BYTES = 2**28  # of their maps, which models of crops make at the pictures' own size


class HeatMaps:
    """Drawing of heat maps, with one scale of colors.

    Args:
        detections: get the boxes.
        limits: values without color, and of the full color.
        channels: that are shown of images that are neither gray nor color; None for the first three.
    """

    def __init__(self, detections: Detections, limits: tuple[float, float], channels: tuple[int, ...] | None):
        self._detections, self._limits, self._channels = detections, limits, channels
        self._display: Display | None = None

    def adapt_to(self, images: np.ndarray) -> None:
        """Choose from the first images, uint8 or uint16 (n, height, width, channels), how all are shown."""
        self._display = self._display or Display.of(self._channels, images)

    def find_box(self, position: int, heat: np.ndarray) -> None:
        """Find the box of a picture that is reported."""
        placement = self._detections.placement(position)
        region = largest_region(heat, self._limits, placement.image_box)
        self._detections.set_box(position, placement.to_picture(region))

    def draw(self, position: int, heat: np.ndarray) -> tuple[UnscaledPicture, np.ndarray]:
        """Return a picture, and the same with its heat map, and with its box if it is reported.

        Raises:
            UserError: the picture cannot be read again.
        """
        assert self._display is not None
        picture = self._detections.user_images.load_for_display(position, self._display)
        placement = self._detections.placement(position, picture.pixels.shape)
        box = self._detections.box(position)
        return picture, draw_heat_map(picture.pixels, heat, placement, self._limits, box)


class HeatMapWriter:
    """Boxes and files of heat maps, drawn in threads.

    Args:
        pool: the threads.
        heat_maps: draws them.
        detections: get the boxes and the names of the files.
        maps: of which pictures: `all`, `reported` or `none`.
        folder: the output folder.
    """

    def __init__(
        self, pool: ThreadPoolExecutor, heat_maps: HeatMaps, detections: Detections, maps: str, folder: Path
    ):
        self._pool, self._heat_maps, self._detections = pool, heat_maps, detections
        self._maps, self._folder = maps, folder
        self._pending: deque[Future[None]] = deque()
        user_images = detections.user_images
        if user_images.from_files:
            self._names = output_names(user_images.paths, KEPT_SUFFIXES)
        else:
            self._names = [Path(f"{name}.png") for name in user_images.names]

    def add(self, positions: np.ndarray, maps: np.ndarray) -> None:
        """Begin with pictures at these positions; their maps are float32 (n, height, width).

        Raises:
            RunFailed: a file cannot be written, of these or earlier ones.
        """
        for position, heat in zip(map(int, positions), maps, strict=True):
            if self._detections.is_anomaly(position) or self._maps == ALL_MAPS:
                self.wait(min(PENDING, PENDING_BYTES // heat.nbytes))
                self._pending.append(self._pool.submit(self._report, position, heat))

    def wait(self, pending: int = 0) -> None:
        """Wait until at most so many pictures are unfinished. Raises `RunFailed`."""
        while len(self._pending) > pending:
            self._pending.popleft().result()

    def _report(self, position: int, heat: np.ndarray) -> None:
        if self._detections.is_anomaly(position):
            self._heat_maps.find_box(position, heat)
        if self._maps == NO_MAPS:
            return
        name = self._names[position]
        try:
            picture, drawn = self._heat_maps.draw(position, heat)
        except UserError:  # removed meanwhile; its score stays
            return
        path = self._folder / FOLDER / name
        make_folder(path.parent)
        # Metadata may hold a preview of the picture; lines of one pixel need the full resolution of colors.
        original = picture._replace(exif=b"", sampling=0)
        content = encode_like(drawn, original, path.suffix.lower() in JPEG_SUFFIXES)
        with atomic_write(path, fsync=False) as partial:
            partial.write_bytes(content)
        self._detections.heat_maps[position] = f"{FOLDER}/{name.as_posix()}"


@contextmanager
def heat_map_writer(
    heat_maps: HeatMaps, detections: Detections, maps: str, folder: Path
) -> Iterator[HeatMapWriter]:
    """Context of a `HeatMapWriter` with these arguments; at its end all files are written.

    Raises:
        RunFailed: at the end, a file cannot be written.
    """
    with ThreadPoolExecutor() as pool:
        try:
            writer = HeatMapWriter(pool, heat_maps, detections, maps, folder)
            yield writer
            writer.wait()
        finally:
            pool.shutdown(cancel_futures=True)
