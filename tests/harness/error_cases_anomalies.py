"""What provokes each error about the detection of anomalies, by module: (what to do, what is named, what is
said).
"""

from pathlib import Path
from unittest import mock

import h5py
import numpy as np

from lib.config.hyperparameters import AutoencoderHyperparameters
from lib.data import datasets
from lib.evaluation.detection.detector_record import load_detector
from lib.models.saving import detector_files
from lib.worker.autoencoder_job import AutoencoderJob
from tests.harness.detectors import SHAPE, save_detecting_autoencoder
from tests.harness.in_process_worker import RecordingChannel
from tests.worker.test_model_jobs import save_autoencoder


def damaged(value) -> None:
    """Read a detector with one array replaced."""
    save_detecting_autoencoder(Path("a.h5"))
    with h5py.File("a.h5", "a") as file:
        del file[f"{detector_files.GROUP}/squared_mean"]
        file[f"{detector_files.GROUP}/squared_mean"] = np.float32(value)
    load_detector(Path("a.h5"), SHAPE[:2])


def too_large() -> None:
    with mock.patch.object(detector_files, "MAX_VALUES", 100):
        damaged(np.zeros(SHAPE[:2]))


def without_detector() -> None:
    save_autoencoder(Path("a.h5"))
    load_detector(Path("a.h5"), (8, 8))


def trained(**values) -> None:
    np.save("good.npy", np.zeros((12, 8, 8, 1), np.uint8))
    hp = AutoencoderHyperparameters(dataset="good.npy", task="anomaly", layers=1, **values)
    AutoencoderJob(RecordingChannel(), hp, datasets.load_dataset(hp), None)


# A value other than the default of each option.
OPTIONS = {
    "defects": "noise",
    "defect_size": 0.3,
    "defect_opacity": 0.5,
    "defect_count": 5,
    "error_map": "scales",
    "score_area": 0.5,
    "code_weight": 1,
    "code_distance": "mahalanobis",
    "false_alarms": 0.1,
    "normal": "3",
    "masks": "masks",
    "mask_ending": "_gt",
    "defective": "bad",
}

CASES = {
    "config/hyperparameters": [
        *(
            (
                lambda name=name, value=value: AutoencoderHyperparameters(**{name: value}),
                name.replace("_", " "),
                f"{'have' if name.endswith('s') else 'has'} no effect without --task anomaly",
            )
            for name, value in OPTIONS.items()
        ),
        (
            lambda: AutoencoderHyperparameters(task="anomaly", split="90/0/10"),
            "a detector",
            "requires a validation set: set --split 80/10/10",
        ),
    ],
    "models/saving/detector_files": [
        (too_large, "a.h5", "has more than 100 numbers"),
        (lambda: damaged(np.full(SHAPE[:2], np.nan)), "a.h5", "has NaN or infinity"),
    ],
    "evaluation/detection/detector_record": [
        (without_detector, "a.h5", "has no threshold; train one with --task anomaly"),
        (
            lambda: damaged(np.zeros((3, 3))),
            "a.h5",
            "does not fit the model, is damaged or of another version",
        ),
    ],
    "evaluation/detection/detecting_model": [
        (trained, "good", "1 normal validation image cannot give a threshold; the minimum is 3"),
    ],
}
