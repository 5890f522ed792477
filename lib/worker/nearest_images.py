"""The nearest training images of generated ones: found, as a sheet of pairs, and as a table."""

from pathlib import Path

import numpy as np

from lib.common.errors import Interrupted
from lib.common.serialization import write_csv
from lib.data.splits import Subset
from lib.evaluation import image_figures
from lib.evaluation.sample_quality.neighbors import COPY_PERCENTILE, nearest_images, typical_distances
from lib.runs.events import Stage
from lib.tasks.display import Display
from lib.worker.generate_messages import NearestImages
from lib.worker.messages import ItemProgress
from lib.worker.process import Channel

SHOWN = 48  # pairs in the sheet
SEED = 0  # of the test images whose distances are the typical ones


def find_nearest(channel: Channel, images: np.ndarray, train: Subset, test: Subset | None) -> NearestImages:
    """Return the nearest training images of generated ones, with the distances of test images beside them.

    Args:
        channel: receives the progress.
        images: uint8 or uint16 (n, height, width, channels).
        train: the training images.
        test: the test images, or None.

    Raises:
        Interrupted: Ctrl-C.
    """
    total = len(train) * (1 if test is None else 2)

    def report(done: int) -> None:
        if channel.stop_event.is_set():
            raise Interrupted("stopped before the training images were compared; nothing was written")
        channel.emit(ItemProgress(done, total, "training images"))

    channel.emit(Stage("comparing with the training images"))
    neighbors = nearest_images(images, train, report)
    positions, distances = train.indices[neighbors.positions].tolist(), neighbors.distances.tolist()
    if test is None or not len(test):
        return NearestImages(positions, distances)
    typical = typical_distances(test, train, SEED, lambda done: report(len(train) + done))
    limit = float(np.percentile(typical, COPY_PERCENTILE))
    return NearestImages(
        positions, distances, float(np.median(typical)), limit, int((neighbors.distances <= limit).sum())
    )


def write_nearest(
    nearest: NearestImages,
    shown: np.ndarray,
    train: Subset,
    names: list[str],
    display: Display,
    folder: Path,
    title: str,
) -> None:
    """Write `nearest.png`, a sheet of pairs, and `nearest.csv`.

    Args:
        nearest: of the images.
        shown: the images as figures show them, uint8 (n, height, width, 1 or 3).
        train: the training images.
        names: files of the images.
        display: how figures show images.
        folder: of the files.
        title: of the sheet.
    """
    rows = [
        [name, str(position + 1), f"{distance:.6f}"]
        for name, position, distance in zip(names, nearest.positions, nearest.distances, strict=True)
    ]
    write_csv(folder / "nearest.csv", ["image", "training_image", "rmse"], rows)
    neighbors = display.show(train.parent.images[nearest.positions[:SHOWN]])
    gap = np.full((*neighbors.shape[:2], 1, neighbors.shape[3]), 255, np.uint8)
    pairs = np.concatenate([shown[:SHOWN], gap, neighbors], axis=2)
    captions = [f"{distance:.3f}" for distance in nearest.distances[:SHOWN]]
    text = f"{title}\neach with its nearest training image and the distance"
    if nearest.typical is not None:
        text += f"; test images: {nearest.typical:.3f}"
    image_figures.plot_predictions(pairs, captions, folder / "nearest.png", text)
