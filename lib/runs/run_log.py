"""Log of a run: the lines that a terminal shows about it, in `log.txt` of its folder."""

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from lib.common.errors import printable
from lib.common.formatting import format_decimal, format_gigabytes, format_minutes, metric_label
from lib.runs.events import (
    EpochEnded,
    Event,
    Note,
    PhaseStarted,
    RunResult,
    RunStarted,
    Stage,
    TrainingMeasured,
)
from lib.runs.records import LOG_FILE
from lib.runs.summary import result_lines
from lib.tasks.metrics import find_metric


class RunLog:
    """The log of one run. Called with an event of the run, it appends the lines about it.

    Args:
        folder: the run folder. The lines of an earlier attempt at the run stay.
    """

    def __init__(self, folder: Path):
        self._folder = folder
        self._epochs = 0

    def __call__(self, event: Event) -> None:
        if isinstance(event, PhaseStarted):
            self._epochs = event.epochs
        append_lines(self._folder, event_lines(event, self._epochs))


def append_lines(folder: Path, lines: Iterable[str]) -> None:
    """Append lines to the log of a run folder.

    What cannot be written is dropped: a log must not end a training. A folder may come from elsewhere, so a
    link is not followed, and a pipe not waited for.
    """
    text = "".join(f"{printable(line)}\n" for line in lines)
    with (
        suppress(OSError),
        open(
            folder / LOG_FILE, "a", encoding="utf-8", errors="backslashreplace", opener=_open_regular
        ) as file,
    ):
        file.write(text)


def _open_regular(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0), 0o666)


def event_lines(event: Event, epochs: int) -> list[str]:
    """Return the lines about an event of a run, none for what only a live display shows.

    Args:
        event: of the worker.
        epochs: number of epochs of the phase; 0 if a time limit ends it.
    """
    match event:
        case RunStarted():
            return [start_line(event)]
        case PhaseStarted():
            return [line for line in (event.plan, phase_line(event)) if line]
        case TrainingMeasured():
            return [measured_line(event)]
        case EpochEnded():
            return [epoch_line(event, epochs)]
        case Stage():
            return [f"{event.text} …"]
        case Note():
            return [event.text]
        case RunResult():
            return result_lines(event.record)
    return []


def start_line(event: RunStarted) -> str:
    """Return the device and the folder, in the first line about a run."""
    return f"{event.device}  →  {event.folder}"


def phase_line(event: PhaseStarted) -> str:
    """Return number and reason of a phase, or "" for the only one."""
    return f"Phase {event.number} of {event.of}: {event.why}." if event.of > 1 else ""


def measured_line(event: TrainingMeasured) -> str:
    """Return memory and duration of a training whose first batches are measured."""
    total = f", {event.epochs:,} epochs about {format_minutes(event.epochs * event.epoch_seconds)}"
    return (
        f"{format_gigabytes(event.memory)} of memory; an epoch takes about "
        f"{format_minutes(event.epoch_seconds)}{total if event.epochs > 1 else ''} "
        f"(measured on {event.batches} batches)"
    )


def epoch_line(event: EpochEnded, epochs: int) -> str:
    """Return the losses after an epoch, and the speed."""
    names = [name for name in event.numbers if (metric := find_metric(name)) and metric.in_epochs]
    names.sort(key=lambda name: name.removeprefix("val_") != "loss")  # the total loss before its terms
    losses = "   ".join(f"{metric_label(name)} {format_decimal(event.numbers[name])}" for name in names)
    number = f"{event.epoch:>{len(str(epochs))}}/{epochs}" if epochs else f"{event.epoch}"
    return f"epoch {number}   {losses}   {event.speed:,.0f} images/s"
