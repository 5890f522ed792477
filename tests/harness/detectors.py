"""An untrained autoencoder with a detector in a file, for tests."""

from pathlib import Path

import keras
import numpy as np

from lib.config.architecture_planner import plan_architecture
from lib.config.hyperparameters import AutoencoderHyperparameters
from lib.evaluation.detection.detecting_model import DetectingModel, ScoredModel
from lib.evaluation.detection.detector import Scoring, fit_detector
from lib.evaluation.detection.detector_record import save_detector
from lib.models.autoencoder import build_autoencoder
from lib.models.saving.model_files import save_model

KINDS = ("structure", "squared")
SHAPE = (12, 10, 1)


def random_images(count: int = 40) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, *SHAPE), np.uint8)


def save_detecting_autoencoder(path: Path) -> DetectingModel:
    """Save an autoencoder with a detector for images of `SHAPE`, and return both."""
    hp = AutoencoderHyperparameters(
        task="anomaly", layers=1, kernels=4, latent_dim=6, error_map=KINDS, code_weight=0.5
    )
    keras.utils.set_random_seed(0)
    model = build_autoencoder(plan_architecture(hp, SHAPE))
    scored = ScoredModel(model, hp, Scoring(KINDS, 0.1, 0.5))
    parts = scored.parts(random_images())
    detector = fit_detector(scored.scoring, lambda: [parts], parts.codes, 0.1, lambda: ())
    save_model(model, path, hp)
    save_detector(path, detector)
    return DetectingModel(model, hp, detector)
