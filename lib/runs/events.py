"""Events of a run, from the process that trains to the log of the run and to the screen."""

from dataclasses import dataclass
from typing import Any

from lib.runs.views import FigureEntry


@dataclass(frozen=True)
class Event:
    """Base of all events that a job reports while it works; they hold only what JSON can carry."""


@dataclass(frozen=True)
class RunStarted(Event):
    """A job has its folder, and the device that computes."""

    folder: str
    device: str


@dataclass(frozen=True)
class PhaseStarted(Event):
    """A phase of a training begins.

    Attributes:
        number, of: which of how many phases it is, from 1.
        why: its reason, in words.
        epochs: its last one, at most; 0 where the time limit decides.
        images: of an epoch.
        plan: the network in a line, or "".
        kept: whether Ctrl-C keeps the weights that are trained.
        minutes: its time limit, if it has one.
    """

    number: int
    of: int
    why: str
    epochs: int
    images: int
    plan: str = ""
    kept: bool = True
    minutes: float | None = None


@dataclass(frozen=True)
class Step(Event):
    """A part of an epoch is trained; at most ten a second. `epoch` counts from 1, `speed` is images/s."""

    epoch: int
    images: int
    loss: float
    speed: float


@dataclass(frozen=True)
class TrainingMeasured(Event):
    """The first batches of a training are measured; the very first, which compile the network, do not count.

    Attributes:
        batches: number of batches.
        epoch_seconds: duration of an epoch at their speed, without validation.
        epochs: that are left; 0 where the time limit decides.
        memory: bytes that the process occupies.
    """

    batches: int
    epoch_seconds: float
    epochs: int
    memory: int


@dataclass(frozen=True)
class EpochEnded(Event):
    """An epoch is trained and validated; `numbers` are its losses, other metrics and `seconds`, by name."""

    epoch: int
    speed: float
    numbers: dict[str, float]


@dataclass(frozen=True)
class Stage(Event):
    """Work begins that has no progress of its own."""

    text: str


@dataclass(frozen=True)
class Note(Event):
    """A sentence for the user."""

    text: str


@dataclass(frozen=True)
class RunEnded(Event):
    """A training has ended.

    Attributes:
        folder: the run folder.
        record: the content of `run.json`, empty where another process writes it.
        figures: the menu entries of the figures of such runs.
    """

    folder: str
    record: dict[str, Any]
    figures: tuple[FigureEntry, ...] = ()


@dataclass(frozen=True)
class RunResult(RunEnded):
    """The result of a run is known; its figures may be missing yet."""
