"""Estimated duration and size of a search, before it starts."""

from __future__ import annotations

import statistics
from contextlib import suppress
from pathlib import Path

from lib.common.errors import UserError
from lib.common.formatting import format_gigabytes, format_megabytes
from lib.common.memory import free_memory
from lib.config.architecture import Architecture
from lib.config.architecture_planner import plan_architecture
from lib.config.hyperparameters import AutoencoderHyperparameters, Hyperparameters
from lib.config.memory_estimate import NOTABLE_BYTES, estimate_memory
from lib.data import dataset_names
from lib.data.formats.picture_fit import PictureFit
from lib.runs import records
from lib.runs.validation import is_number
from lib.search.options import SearchOptions

MAX_POINTS = 200  # of the space that are averaged over
MODEL_COPIES = 2  # of the weights in the files of a run: the whole autoencoder, and its two parts
WEIGHT_BYTES = 4
OTHER_BYTES = 200_000  # figures, record and log of a trial


def describe_estimate(options: SearchOptions) -> str:
    """Return number of trials, minutes and size of a search, as far as they are known."""
    points = _sample_points(options)
    architectures = _architectures(points)
    run = _newest_run(options)
    parts = [f"{options.budget:,} trials" if options.budget else f"trials for {options.minutes:,} min"]
    if (minutes := _minutes(options, points, run)) is not None:
        parts.append(f"about {minutes:,.0f} min" if minutes >= 1 else "less than 1 min")
    if (size := _trial_bytes(architectures, run)) is not None:
        counts = [count for count in (options.keep, options.budget) if count]
        unit = "of models and figures" if counts else "per trial"
        parts.append(f"about {format_megabytes(size * options.folds * min(counts, default=1))} {unit}")
    if (memory := _memory(architectures)) >= NOTABLE_BYTES:
        parts.append(
            f"up to {format_gigabytes(memory)} of memory, {format_gigabytes(free_memory())} are free"
        )
    return ", ".join(parts)


def _sample_points(options: SearchOptions) -> list[Hyperparameters]:
    """Return the hyperparameters of points of the space that can be built."""
    points = []
    for values in options.points(MAX_POINTS):
        with suppress(UserError):
            points.append(options.hyperparameters(values))
    return points


def _newest_run(options: SearchOptions) -> tuple[Path, dict] | None:
    """Return the newest finished run of the program on the same data set below the folder of models."""
    name = dataset_names.short_name(options.values["dataset"])
    runs = [
        (folder, record)
        for folder, record in records.list_records()
        if record.get("program") == options.answers.program
        and record.get("status") == records.FINISHED
        and record["dataset"].get("name") == name
    ]
    return max(runs, key=lambda run: run[1].get("started", ""), default=None)


def _minutes(
    options: SearchOptions, points: list[Hyperparameters], run: tuple[Path, dict] | None
) -> float | None:
    """Return the duration of all trials at the speed of an earlier run, if there is one."""
    if run is None or not options.budget or not points:
        return None
    _, record = run
    seconds = record["timing"].get("seconds")
    epochs = record["hyperparameters"].get("epochs")
    if not seconds or not is_number(epochs) or epochs < 1:
        return None
    phases = record["history"].values()
    curves = [curve for phase in phases if (curve := list(filter(is_number, phase.get("seconds", ()))))]
    # The first epoch of each phase, evaluation and figures take as long for any number of epochs.
    epoch_seconds = sum(map(statistics.median, curves)) if curves else seconds / epochs
    other_seconds = max(0, seconds - epoch_seconds * epochs)
    mean_epochs = statistics.mean(point.epochs for point in points)
    minutes = options.budget * options.folds * (other_seconds + mean_epochs * epoch_seconds) / 60
    return min(minutes, options.minutes or minutes)


def _architectures(points: list[Hyperparameters]) -> list[Architecture]:
    """Return the architectures of autoencoders; none for classifiers."""
    networks = [point for point in points if isinstance(point, AutoencoderHyperparameters)]
    if not networks:
        return []
    shape = dataset_names.peek(networks[0].require("dataset"), PictureFit.of(networks[0])).shape
    return [plan_architecture(point, shape) for point in networks]


def _memory(architectures: list[Architecture]) -> int:
    """Return the most memory that a trial needs, as far as it is known."""
    needs = (
        estimate_memory(architecture).of_batch(architecture.hp.batch_size) for architecture in architectures
    )
    return max(needs, default=0)


def _trial_bytes(architectures: list[Architecture], run: tuple[Path, dict] | None) -> float | None:
    """Return the mean size of a run of a trial: from its weights, for classifiers from an earlier run."""
    if architectures:
        parameters = statistics.mean(architecture.parameters for architecture in architectures)
        return MODEL_COPIES * WEIGHT_BYTES * parameters + OTHER_BYTES
    if run is None:
        return None
    folder, _ = run
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
