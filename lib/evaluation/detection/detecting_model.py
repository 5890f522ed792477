"""Class `DetectingModel`: an autoencoder with its detector, for batches of pictures."""

import math
from collections.abc import Iterator
from typing import NamedTuple

import keras
import numpy as np

from lib.common.errors import UserError
from lib.config.hyperparameters import AutoencoderHyperparameters
from lib.data.datasets import Dataset
from lib.data.splits import Subset, sample_subset
from lib.evaluation.detection.code_scores import MAX_CODES
from lib.evaluation.detection.detector import Detector, Examined, ScoreParts, Scoring, fit_detector
from lib.models.inference import predict
from lib.models.saving.graph_copy import GraphCopy
from lib.tasks import get_task, make_inference_pair

BATCH_SIZE = 64
MIN_VALIDATION = 3  # images: each is compared with what is normal in the others


class Predicted(NamedTuple):
    """Inputs and outputs of a network, float32 (n, height, width, channels), and codes where they count."""

    inputs: np.ndarray
    outputs: np.ndarray
    codes: np.ndarray | None


class ScoredModel:
    """An autoencoder that computes the parts of scores.

    Args:
        model: the autoencoder, from inputs to outputs of the same shape, with a nested model `encoder` where
            codes count.
        hp: its task.
        scoring: the definition of the score.
    """

    def __init__(self, model: keras.Model, hp: AutoencoderHyperparameters, scoring: Scoring):
        self.hp = hp
        self.scoring = scoring
        self._model = _with_code(model) if scoring.code_weight else model

    def predict(self, images: np.ndarray) -> Predicted:
        """Return inputs, outputs and codes of images, uint8 or uint16 (n, height, width, channels)."""
        inputs, _ = make_inference_pair(self.hp, images)
        if not self.scoring.code_weight:
            return Predicted(inputs, predict(self._model, inputs), None)
        return Predicted(inputs, *predict(self._model, inputs))

    def parts(self, images: np.ndarray) -> ScoreParts:
        """Return the parts of the score of images, uint8 or uint16 (n, height, width, channels)."""
        return self.scoring.parts(*self.predict(images))

    def batches(self, subset: Subset) -> Iterator[ScoreParts]:
        """Yield the parts of all images of a subset, batch by batch."""
        for start in range(0, len(subset), BATCH_SIZE):
            yield self.parts(subset.take(slice(start, start + BATCH_SIZE)))

    def codes(self, subset: Subset) -> np.ndarray | None:
        """Return the codes of images (n, size), or None where they do not count."""
        if not self.scoring.code_weight:
            return None
        batches = [parts.codes for parts in self.batches(subset)]
        return np.concatenate([codes.reshape(len(codes), -1) for codes in batches if codes is not None])


class DetectingModel(ScoredModel):
    """An autoencoder with its detector."""

    def __init__(self, model: keras.Model, hp: AutoencoderHyperparameters, detector: Detector):
        super().__init__(model, hp, detector.scoring)
        self.detector = detector

    @property
    def fits(self) -> bool:
        """Whether the codes of the detector, if they count, have the size of the model's."""
        codes = self.detector.codes
        if codes is None:
            return True
        if len(self._model.outputs) < 2:
            return False
        return len(codes.center) == math.prod(self._model.outputs[1].shape[1:])

    def examine(self, images: np.ndarray) -> Examined:
        """Return error maps and scores of images.

        Args:
            images: uint8 or uint16 (n, height, width, channels) of the shape that the model takes.

        Returns:
            Maps float32 (n, height, width) and scores float64 (n,): the greater, the less normal.
        """
        return self.judge(self.predict(images))

    def judge(self, predicted: Predicted) -> Examined:
        """Return error maps and scores of images with a prediction, as `examine` does."""
        return self.detector.examine(self.scoring.parts(*predicted))


def fit_to_dataset(model: keras.Model, hp: AutoencoderHyperparameters, dataset: Dataset) -> DetectingModel:
    """Return a trained autoencoder with a detector that is fitted to the validation images of its data set.

    Args:
        model: the autoencoder.
        hp: its task, with the options of the detection.
        dataset: normal images for training and validation, and defective ones where the user has some.
    """
    options = get_task(hp).detection(hp)
    scoring = Scoring(options.error_maps, options.area, options.code_weight, options.code_distance)
    scored = ScoredModel(model, hp, scoring)
    detector = fit_detector(
        scored.scoring,
        lambda: scored.batches(dataset.validation),
        scored.codes(sample_subset(dataset.train, MAX_CODES, hp.seed)),
        options.false_alarms,
        lambda: scored.batches(dataset.defective) if dataset.defective is not None else (),
    )
    return DetectingModel(model, hp, detector)


def require_validation(dataset: Dataset) -> None:
    """Raise `UserError` where a data set has too few validation images for a detector."""
    if (count := len(dataset.validation)) < MIN_VALIDATION:
        raise UserError(
            f"{dataset.name}: {count} normal validation image{'' if count == 1 else 's'} cannot give a "
            f"threshold; the minimum is {MIN_VALIDATION}: use more pictures or another --split"
        )


def _with_code(model: keras.Model) -> keras.Model:
    """The model with the code of its encoder, if it has one, as a second output."""
    graph = GraphCopy(copies_layers=False)
    outputs = graph.call_model(model, list(model.inputs))
    codes = [call.output for call in graph.calls if call.is_model and call.layer.name == "encoder"]
    return keras.Model(model.inputs, [outputs[0], *codes[:1]])
