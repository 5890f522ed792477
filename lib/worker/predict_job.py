"""Job `predict`: labels and confidences of images from a saved classifier."""

from pathlib import Path

import numpy as np

from lib.common.serialization import pack_images, write_csv
from lib.data.user_images import UserImages
from lib.evaluation import image_figures
from lib.models import inference
from lib.tasks.display import Display
from lib.tasks.pixels import to_float
from lib.worker.image_output import ChunkProgress, emit_notes, job_folder
from lib.worker.messages import Predict, PredictResult
from lib.worker.process import Channel
from lib.worker.saved_models import load_classifier, require_finite

SHOWN_PREDICTIONS = 24  # images with their predicted labels in the figure


def predict(channel: Channel, request: Predict) -> None:
    """Classify images; write a table of labels with their confidence (the probability) and a figure."""
    # --- model and images
    path = Path(request.models[0])
    model, classes, shape, notes, value_range = load_classifier(path, request)
    user_images = UserImages(request.data, shape, request.fit, request.invert, value_range=value_range)
    emit_notes(channel, notes)
    progress = ChunkProgress(channel, user_images, request.limit, "pictures")
    # --- predictions
    table: list[list[str]] = []
    shown: list[np.ndarray] = []  # the first images, (height, width, channels)
    captions: list[str] = []  # predicted label and confidence of each
    correct: list[bool] = []  # for images with a known class
    with job_folder(channel, request.output, path.parent / "predicted") as folder:
        for positions, images, probabilities in progress.map(
            lambda images: inference.predict(model, to_float(images))
        ):
            require_finite(probabilities, [user_images.names[position] for position in positions], path)
            for position, image, scores in zip(positions, images, probabilities, strict=True):
                first, second = np.argsort(-scores, kind="stable")[:2]
                row = [user_images.names[position], classes[first], f"{scores[first]:.4f}"]
                row += [classes[second], f"{scores[second]:.4f}"]
                true_class = _class_name(user_images, position)
                if true_class is not None and true_class in classes:
                    correct.append(true_class == classes[first])
                    row.append(true_class)
                table.append(row)
                if len(shown) < SHOWN_PREDICTIONS:
                    shown.append(image)
                    captions.append(f"{classes[first]} ({scores[first]:.0%})")
    # --- table and figure
    columns = ["picture", "label", "confidence", "second", "second_confidence"]
    columns += ["true"] if correct else []
    write_csv(folder / "predictions.csv", columns, table)
    images = Display.of(None, np.stack(shown)).show(np.stack(shown))
    title = f"{user_images.source}, classified by {path}"
    image_figures.plot_predictions(images, captions, folder / "predictions.png", title)
    channel.emit(
        PredictResult(
            folder=str(folder),
            table=table,
            columns=columns,
            problems=user_images.unreadable,
            accuracy=sum(correct) / len(correct) if correct else None,
            known=len(correct),
            missing=progress.stop_note,
            pictures={"images": pack_images(images), "captions": captions},
        )
    )


def _class_name(user_images: UserImages, position: int) -> str | None:
    if user_images.labels is None or not user_images.classes:
        return None
    return user_images.classes[user_images.labels[position]]
