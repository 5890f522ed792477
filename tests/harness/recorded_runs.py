"""Run folders with made-up results, and damaged records, for tests of lists and reports of runs."""

import itertools
import json
import math
from pathlib import Path

from lib.config.hyperparameters import HYPERPARAMETERS
from lib.runs import run_folder

_minutes = itertools.count(1)  # each run starts a minute after the one before, and takes a second longer

# Values that are wrong for most keys of a record.
WRONG_VALUES = [
    None,
    True,
    -1,
    10**400,
    1e999,
    "text",
    "\x1b[31m\ud800\n",
    [],
    [[]],
    [None],
    {},
    {"a": [1]},
    [1, "a"],
    {"test": "x"},
]


def record_run(
    name: str, score: float | None = 0.01, status: str = "finished", program: str = "autoencoder", **settings
) -> Path:
    """Create a run folder below models/ as the worker leaves it, and return it.

    Args:
        name: name of the folder.
        score: test MSE or accuracy; None for a run that was never tested.
        status: status in the record.
        program: `autoencoder` or `classification`.
        settings: hyperparameters.
    """
    minute = next(_minutes)
    dataset = settings.pop("dataset", "digits")
    is_classifier = program == "classification"
    settings |= {"model": "models/a/autoencoder.h5"} if is_classifier else {}
    hp = HYPERPARAMETERS[program](dataset=dataset, **settings)
    run = run_folder.Run.create(f"models/{name}", hp, dataset)
    curves = {"loss": [0.5, 0.25], "val_loss": [0.4, 0.3]}
    run.update(
        started=f"2026-03-01T{minute // 60 % 24:02}:{minute % 60:02}:00+0000",
        dataset={
            "name": dataset,
            "sha256": "5f2c" * 16,
            "shape": [8, 8, 1],
            "classes": ["cat", "dog"],
            "sizes": {"train": 80, "validation": 10, "test": 10},
        },
        environment={
            "device": "CPU: made up",
            "keras": "3.15.1",
            "backend": "tensorflow",
            "python": "3.11.7",
        },
        history={"head": curves, "everything": curves} if is_classifier else curves,
    )
    if score is not None:
        run.update(**(_classifier_results(score) if is_classifier else _autoencoder_results(score)))
    run.update(timing={"seconds": 60 + minute, "images_per_second": 900.0}, status=status)
    return run.folder


def _classifier_results(accuracy: float) -> dict:
    row = {"precision": 0.5, "recall": 0.25, "f1-score": 0.125, "support": 5.0}
    return {
        "metrics": {
            "test_loss": 0.3,
            "test_accuracy": accuracy,
            "correct": 9,
            "incorrect": 1,
            "parameters": 99,
            "report": {"cat": row, "dog": row, "accuracy": accuracy, "macro avg": row},
            "confusion_matrix": [[5, 0], [1, 4]],
        },
        "baselines": {
            "most_frequent_accuracy": 0.5,
            "logistic_regression_accuracy": 0.75,
            "images_learned_from": 80,
        },
    }


def _autoencoder_results(mse: float) -> dict:
    return {
        "metrics": {
            "test_loss": mse,
            "test_mse": mse,
            "test_psnr": round(-10 * math.log10(mse), 1),
            "latent_size": 32,
            "parameters": 1234,
        },
        "baselines": {
            "constant_mse": 0.07,
            "constant_psnr": 11.5,
            "pca_mse": 0.02,
            "pca_psnr": 17.0,
            "pca_components": 32,
        },
    }


def listed_names(output: str) -> list[str]:
    """Return the names of the runs in the table that the command `runs` prints, from top to bottom."""
    rows = [line.split("│") for line in output.splitlines() if line.startswith("│")]
    return [row[2].strip() for row in rows]


def damaged_records(record: dict) -> list[dict]:
    """Return copies of a record; in each, one key or one key of a section is absent or has a wrong value."""
    damaged = []
    for key, value in record.items():
        parts = [None, *value] if isinstance(value, dict) else [None]
        for number, part in enumerate(parts):
            wrong_values = WRONG_VALUES if key != "hyperparameters" else WRONG_VALUES[number % 5 :: 5]
            for wrong in ("absent", *wrong_values):
                copy = json.loads(json.dumps(record))
                owner, last = (copy, key) if part is None else (copy[key], part)
                owner[last] = wrong
                if wrong == "absent":
                    del owner[last]
                damaged.append(copy)
    return damaged
