"""Figures of classifiers: confusion matrix, correct and incorrect predictions."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from lib.common.serialization import pack_images
from lib.evaluation import figures, image_figures
from lib.evaluation.run_figures.base import RunFigures, figure
from lib.runs.views import CaptionedImages

PREDICTIONS = 24  # correct ones, and as many incorrect ones


@dataclass(frozen=True)
class ClassifierFigures(RunFigures):
    """Scores and data that the figures of a classifier are drawn from.

    Attributes:
        probabilities: of the test images, (n, classes).
    """

    probabilities: np.ndarray


@figure("confusion", program="classification")
def draw_confusion_matrix(figures_of: ClassifierFigures, path: Path) -> None:
    """The confusion matrix of the test images."""
    matrix, classes = figures_of.run.record["metrics"]["confusion_matrix"], figures_of.dataset.classes
    figures.plot_confusion_matrix(matrix, classes, path, figures_of.scored_title)


def _draw_predictions(figures_of: ClassifierFigures, path: Path, word: str) -> CaptionedImages | None:
    indices, captions = _select_predictions(figures_of, word == "correct")
    if not captions:
        return None
    images = figures_of.display.show(figures_of.dataset.test.take(indices))
    title = f"{word} predictions · {figures_of.scored_title}"
    image_figures.plot_predictions(images, captions, path, title)
    return CaptionedImages(pack_images(images), captions)


for _name, _word in (("right", "correct"), ("wrong", "incorrect")):
    figure(
        _name,
        f"Show {_word} predictions",
        program="classification",
        absent=f"There are no {_word} predictions.",
    )(partial(_draw_predictions, word=_word))


def _select_predictions(figures_of: ClassifierFigures, correct: bool) -> tuple[np.ndarray, list[str]]:
    """Test indices and captions of random correct predictions, or of the most confident wrong ones."""
    dataset, probabilities = figures_of.dataset, figures_of.probabilities
    labels, predicted = dataset.test.labels, probabilities.argmax(axis=1)
    indices = np.random.default_rng(figures_of.hp.seed).permutation(len(labels))  # as in `shown_images`
    indices = indices[(labels == predicted)[indices] == correct]
    if not correct:
        indices = indices[np.argsort(-probabilities[indices].max(axis=1), kind="stable")]
    indices = indices[:PREDICTIONS]
    captions = []
    for index in indices:
        caption = f"{dataset.classes[predicted[index]]} ({probabilities[index].max():.0%})"
        captions.append(caption if correct else f"{caption}, true: {dataset.classes[labels[index]]}")
    return indices, captions
