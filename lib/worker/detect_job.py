"""Job `detect`: verdicts on pictures by a model with a detector, with boxes and heat maps."""

from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np

from lib.common.serialization import pack_images
from lib.data.user_images import UserImages
from lib.evaluation.detection.crops import crop_positions, examine_in_crops
from lib.evaluation.detection.detecting_model import DetectingModel, Predicted
from lib.evaluation.detection.detector import Detector, Examined
from lib.evaluation.detection.detector_record import load_detector, unfit_detector
from lib.evaluation.detection.threshold import CHOSEN, FALSE_ALARMS, Threshold, threshold_for
from lib.worker.apply_examples import Example, Examples
from lib.worker.detect_messages import Detect, DetectResult
from lib.worker.detections import COLUMNS, Detections
from lib.worker.heat_map_files import HeatMaps, heat_map_writer
from lib.worker.image_output import ChunkProgress, emit_notes, job_folder
from lib.worker.process import Channel
from lib.worker.saved_models import LoadedAutoencoder, load_autoencoder, require_finite
from lib.worker.worst_maps import COUNT, WorstMaps

BATCH_PIXELS = 2**20  # of the images that are predicted at once: 64 of 128×128
HEADS = ["picture", "heat map"]
WORST_FILES = ("detections.html", "worst.png")  # the page and the sheet of the highest scores
SKIPPED = 0.01  # of a picture's area; less is not worth a note


class Batch(NamedTuple):
    """Images that are judged together; their number is the length.

    Attributes:
        images: uint8 or uint16 (n, height, width, channels); a picture at its own size for a model of crops.
        predicted: inputs and outputs, from a thread; None for a picture at its own size.
    """

    images: np.ndarray
    predicted: Future[Predicted] | None = None

    def __len__(self) -> int:
        return len(self.images)


def detect(channel: Channel, request: Detect) -> None:
    """Judge pictures by a saved model with a detector; write tables, heat maps, and the worst on a page.

    A picture is an anomaly if its score is above the threshold. While the network works on some pictures, the
    next ones are decoded, and earlier ones are judged, drawn and written.
    """
    # --- model and pictures
    loaded = load_autoencoder(request.models[0], request)
    height, width, _ = loaded.image_shape
    detector = load_detector(loaded.path, (height, width))
    assert isinstance(loaded.model, keras.Model)
    model = DetectingModel(loaded.model, loaded.hp, detector)
    if not model.fits:
        raise unfit_detector(loaded.path)
    user_images = UserImages(
        request.data, loaded.image_shape, request.fit, request.invert, value_range=loaded.saved.value_range
    )
    crops = count_crops(loaded, user_images)
    threshold = _choose_threshold(detector, request, max(1, crops))
    detections = Detections(user_images, threshold.value, request.fit, at_own_size=crops > 0)
    emit_notes(channel, _notes_before(loaded, request, user_images, threshold, crops))
    progress = ChunkProgress(channel, user_images, request.limit, "pictures")
    heat_maps = HeatMaps(detections, detector.map_range, loaded.hp.show_channels)
    worst = WorstMaps()

    with job_folder(channel, request.output, loaded.path.parent / "detected") as folder:
        # --- scores, boxes and heat maps
        with heat_map_writer(heat_maps, detections, request.maps, folder) as writer:
            if crops:
                batches = whole_pictures(user_images, request.limit)
            else:
                batches = predict_ahead(user_images.chunks(request.limit), model)
            for positions, batch, examined in progress.map_chunks(batches, partial(_judge, model)):
                names = [user_images.names[position] for position in positions]
                for values in examined:
                    require_finite(values, names, loaded.path)
                heat_maps.adapt_to(batch.images)
                detections.add(positions, examined.scores)
                writer.add(positions, examined.maps)
                worst.add(positions, examined.scores, examined.maps)
        emit_notes(channel, describe_skipped(detections))
        # --- tables and the worst pictures
        table = detections.rows()
        files = detections.write(folder, table)
        title = f"{user_images.source}, {detections.examined_count:,} pictures, {request.models[0]}"
        rows = _write_worst(worst.examples(detections, heat_maps), folder, title)
        files += WORST_FILES if rows else ()
    channel.emit(
        DetectResult(
            folder=str(folder),
            table=table,
            columns=COLUMNS,
            problems=user_images.unreadable,
            missing=progress.stop_note,
            threshold=threshold.value,
            rule=threshold.describe(),
            count=detections.examined_count,
            anomalies=detections.anomaly_count,
            heat_maps=len(detections.heat_maps),
            files=files,
            heads=[name for name, _ in rows],
            pictures={name: pack_images(images) for name, images in rows},
        )
    )


def _judge(model: DetectingModel, batch: Batch) -> Examined:
    if batch.predicted is None:
        return examine_in_crops(model, batch.images[0], model.detector.shape)
    return model.judge(batch.predicted.result())


def _write_worst(pictures: Iterable[Example], folder: Path, title: str) -> list[tuple[str, np.ndarray]]:
    """Write `WORST_FILES`, and return the rows of the sheet; none if the pictures were removed meanwhile."""
    examples = Examples(HEADS, first=0, worst=COUNT)
    for example in pictures:  # of which one at a time is in memory at its own size
        examples.add([example])
    if not examples.worst:
        return []
    page, sheet = (folder / name for name in WORST_FILES)
    examples.write_page(page, title)
    return examples.write_worst(sheet, f"{title}: highest scores")


def count_crops(loaded: LoadedAutoencoder, user_images: UserImages) -> int:
    """Return in how many crops a model of crops judges the first picture; 0 for other models."""
    if not loaded.hp.patches or not user_images.from_files or user_images.value_range.is_deep:
        return 0
    height, width, _ = loaded.image_shape
    sides = user_images.find_sides(0) or (height, width)
    return len(crop_positions(sides, (height, width)))


def whole_pictures(user_images: UserImages, limit: int | None) -> Iterator[tuple[np.ndarray, Batch]]:
    """Yield pictures at their own size with their positions, (1,)."""
    for positions, (picture,) in user_images.unscaled_pictures(limit):
        yield positions, Batch(picture.pixels[None])


def _choose_threshold(detector: Detector, request: Detect, crops: int) -> Threshold:
    """The threshold of the request; without one that of the detector.

    The share of false alarms of a picture that is judged in several crops is divided among these.
    """
    if request.threshold is not None:
        return Threshold(request.threshold, CHOSEN)
    share = request.false_alarms
    if share is None and crops > 1 and detector.threshold.rule == FALSE_ALARMS:
        share = detector.threshold.share
    return detector.threshold if share is None else threshold_for(detector.normal_scores, share / crops)


def predict_ahead(
    chunks: Iterable[tuple[np.ndarray, np.ndarray]], model: DetectingModel
) -> Iterator[tuple[np.ndarray, Batch]]:
    """Yield images in batches, of which a thread predicts the next one while the caller works on one.

    Args:
        chunks: positions, (n,), and images, uint8 or uint16 (n, height, width, channels).
        model: predicts them.
    """
    with ThreadPoolExecutor(1) as pool:
        waiting: tuple[np.ndarray, Batch] | None = None
        for positions, images in chunks:
            size = max(1, BATCH_PIXELS // (images.shape[1] * images.shape[2]))
            for start in range(0, len(images), size):
                part = images[start : start + size]
                coming = positions[start : start + size], Batch(part, pool.submit(model.predict, part))
                if waiting is not None:
                    yield waiting
                waiting = coming
        if waiting is not None:
            yield waiting


def describe_skipped(detections: Detections) -> list[str]:
    """Return a sentence about the parts of pictures that were cropped, if there are any."""
    skipped = detections.skipped_area()
    cropped = skipped[skipped > SKIPPED]
    if not cropped.size:
        return []
    count, total = len(cropped), len(skipped)
    return [
        f"{detections.user_images.source}: {count:,} of {total:,} pictures {'were' if count > 1 else 'was'} "
        f"cropped; {cropped.mean():.0%} of their area on average, {cropped.max():.0%} at most, was not "
        f"inspected (--fit pad and --fit stretch show the whole picture to the model)"
    ]


def _notes_before(
    loaded: LoadedAutoencoder, request: Detect, user_images: UserImages, threshold: Threshold, crops: int
) -> list[str]:
    """Sentences for the user about what differs from the training, and what is uncertain."""
    notes = list(loaded.notes)
    if crops:
        height, width, _ = loaded.image_shape
        notes.append(
            f"{loaded.path}: pictures are judged at their own size, in crops of {height}×{width} as in the "
            f"training: {crops:,} of the first picture, among which its share of false alarms is divided"
        )
    elif user_images.from_files and request.fit != loaded.hp.fit:
        notes.append(
            f"the threshold was chosen with --fit {loaded.hp.fit}: with --fit {request.fit} the share of "
            f"false alarms may be another"
        )
    if request.false_alarms is not None or crops > 1:
        notes += filter(None, [threshold.describe_shortage()])
    return notes
