"""Messages between the program and its child process: requests, and events besides those of a run.

A message is a frozen dataclass, and one line of JSON in the pipe, which names its class. A further job needs
a subclass of `JobRequest` and one of `JobResult`, which may be anywhere in `lib`.
"""

import importlib
import json
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, TypeVar

from lib.common.errors import RunFailed
from lib.common.typed_json import dump_fields, read_fields
from lib.config.hyperparameters import Hyperparameters
from lib.config.process_group import ProcessGroup
from lib.runs.events import Event, RunEnded
from lib.runs.views import FigureViews

M = TypeVar("M", bound="Request | Event")
Pictures = dict[str, Any]  # packed images, by name
EVENT_PREFIX = b'{"event": "lib.'  # of each line that is an event


# Requests


@dataclass(frozen=True)
class Request:
    """Base of all requests of the program to its child process."""


@dataclass(frozen=True)
class Open(Request):
    """Read the data of a run, while the user still answers prompts; `group` trains together."""

    hyperparameters: Hyperparameters
    group: ProcessGroup | None = None


@dataclass(frozen=True)
class Train(Request):
    """Train a run on the data that is open.

    Attributes:
        hyperparameters: all settings.
        output: a new run folder; None for a name by time and data set.
        numbered: the folder's name gets a number where there is one of that name.
        resume: the folder of an interrupted run, which is continued.
        trial: score on validation images and leave the test set unused.
        background: emit `RunResult` before the figures are drawn.
    """

    hyperparameters: Hyperparameters
    output: str | None = None
    numbered: bool = False
    resume: str | None = None
    trial: bool = False
    background: bool = False


@dataclass(frozen=True)
class Stop(Request):
    """End the job under way after the current batch; `why` is empty after Ctrl-C."""

    why: str = ""


@dataclass(frozen=True)
class JobRequest(Request):
    """A request for anything but a training.

    Attributes:
        job: the dotted name of the function of (channel, request) that carries it out in the child process.
            Only there is its module imported, unless the request is defined in the same one.
    """

    job: ClassVar[str]


@dataclass(frozen=True)
class Compare(JobRequest):
    """Plot a metric of several runs against each hyperparameter that differs, as `metric_points` has them."""

    job = "lib.worker.main.draw_comparison"

    points: dict[str, list[tuple[str, float]]]
    metric: str
    path: str


@dataclass(frozen=True)
class Download(JobRequest):
    """Download a published data set into the cache of Keras."""

    job = "lib.worker.main.download_dataset"

    dataset: str


@dataclass(frozen=True, kw_only=True)
class ModelRequest(JobRequest):
    """Use saved models.

    Attributes:
        models: their files.
        data: pictures or a data set; None where the job needs none.
        output: a new folder or file; None for a name next to the model.
        fit, invert: how pictures become images of the model's shape.
        limit: the number of images; None for all.
        size: (height, width) of images, for models of any size.
        encoder_layer, decoder_layer: names of the layers of the code; None to find them.
    """

    models: tuple[str, ...]
    data: str | None = None
    output: str | None = None
    fit: str = "crop"
    invert: bool = False
    limit: int | None = None
    size: tuple[int, int] | None = None
    encoder_layer: str | None = None
    decoder_layer: str | None = None


@dataclass(frozen=True, kw_only=True)
class Apply(ModelRequest):
    """Apply autoencoders to images.

    Attributes:
        missing: the hole to complete, as `--missing` of a training names it; None for transparent pixels.
        refine: number of steps by which codes are refined.
        output_size: `own` or `model`; None for the own size of pictures where that is possible.
    """

    job = "lib.worker.apply_job.apply"

    data: str
    refine: int | None = None
    missing: str | None = None
    output_size: str | None = None


@dataclass(frozen=True, kw_only=True)
class Encode(ModelRequest):
    """Write the latent codes of images; `refine` is the number of steps by which they are refined."""

    job = "lib.worker.encode_job.encode"

    data: str
    output: str
    refine: int | None = None


@dataclass(frozen=True, kw_only=True)
class Predict(ModelRequest):
    """Classify images."""

    job = "lib.worker.predict_job.predict"

    data: str


@dataclass(frozen=True)
class Probe(JobRequest):
    """Probe the encoder of a saved model with fractions of the labels, `shares`."""

    job = "lib.worker.probe_job.probe"

    hyperparameters: Hyperparameters
    shares: tuple[float, ...]
    output: str | None = None


# Events besides those of a run


@dataclass(frozen=True)
class Ready(Event):
    """The data is read, and the training may begin."""

    device: str


@dataclass(frozen=True)
class LivePictures(Event):
    """Validation images after an epoch: inputs, outputs and, where these are no inputs, targets."""

    pictures: Pictures


@dataclass(frozen=True)
class ItemProgress(Event):
    """How many of how many items are done; `what` names them in the plural."""

    done: int
    of: int
    what: str


@dataclass(frozen=True)
class FiguresDrawn(Event):
    """Figures of a run are drawn; `views` are what the menu shows of them."""

    views: FigureViews


@dataclass(frozen=True)
class Stopping(Event):
    """The first Ctrl-C; the program's own event."""


@dataclass(frozen=True)
class Failed(Event):
    """The job has failed, with one sentence for the user."""

    kind: Literal["user", "run", "interrupted"]
    message: str


@dataclass(frozen=True)
class JobResult(Event):
    """The last event of a job; the base of all results."""


@dataclass(frozen=True)
class TrainingFinished(JobResult, RunEnded, FiguresDrawn):
    """A training has ended and its figures are drawn; `views` are those of all of them."""


@dataclass(frozen=True)
class Compared(JobResult):
    """The figure of a comparison is drawn."""

    path: str


@dataclass(frozen=True)
class Downloaded(JobResult):
    """A data set is in the cache of Keras."""

    dataset: str


@dataclass(frozen=True, kw_only=True)
class PartialResult(JobResult):
    """A result of which Ctrl-C may have left out a part; `missing` says which, or is empty."""

    folder: str
    missing: str


@dataclass(frozen=True, kw_only=True)
class TableResult(PartialResult):
    """A table of images.

    Attributes:
        table, columns: its rows, and the names of its columns.
        problems: messages about images that cannot be read, by file.
    """

    table: list[list[str]]
    columns: list[str]
    problems: dict[str, str]


ERROR = "MSE"  # what a table of `apply` lists, except for transparent pixels


@dataclass(frozen=True, kw_only=True)
class ApplyResult(TableResult):
    """Errors of autoencoders.

    Attributes:
        mean: the mean squared error of each model, or the mean of another `measure`.
        measure: what the values of the table are.
        task: that the models were trained for.
        names: of the models.
        refined: each model is followed by the same one with refined codes.
        files: of the outputs, in the folder.
        sheet, page: paths of the pictures side by side, and of the page with a slider.
        own_size: outputs have the pictures' own size, not that of the model.
        heads, pictures: name and images of each row of the figure.
    """

    mean: list[float]
    measure: str = ERROR
    sheet: str
    page: str
    own_size: bool
    task: str
    names: list[str]
    refined: bool
    files: list[str]
    heads: list[str]
    pictures: Pictures


@dataclass(frozen=True, kw_only=True)
class PredictResult(TableResult):
    """Labels of images; `accuracy` is that on the `known` ones whose label is known."""

    accuracy: float | None
    known: int
    pictures: Pictures


@dataclass(frozen=True, kw_only=True)
class EncodeResult(PartialResult):
    """Files of `count` latent codes; `refined` has the errors before and after refinement."""

    files: list[str]
    count: int
    shape: list[int]
    problems: dict[str, str]
    refined: list[float] | None


@dataclass(frozen=True, kw_only=True)
class ProbeResult(PartialResult):
    """The content of `probe.json`."""

    record: dict[str, Any]


# One line of JSON each


def encode_message(message: Request | Event) -> bytes:
    """Return the line of a message."""
    kind = "event" if isinstance(message, Event) else "request"
    name = f"{type(message).__module__}.{type(message).__qualname__}"
    return dump_fields(message, **{kind: name}).encode() + b"\n"


def decode_message(line: bytes | str, base: type[M]) -> M:
    """Return the message in a line.

    Args:
        line: as `encode_message` returns it.
        base: `Event` or `Request`, of which it must be one.

    Raises:
        RunFailed: it is no such message, a key is unknown or missing, or a value has another type.
        UserError: its hyperparameters are invalid.
        ValueError: it is no JSON.
    """
    content, kind = json.loads(line), base.__name__.lower()
    name = content.pop(kind, "") if isinstance(content, dict) else ""
    cls: Any = None
    with suppress(ImportError, AttributeError):
        cls = find_object(str(name))
    if not (isinstance(cls, type) and issubclass(cls, base)):
        raise RunFailed(f"the {kind} {name!r} is unknown; start the program again")
    return read_fields(cls, content, f"{kind} {cls.__name__}")


def find_object(name: str) -> Any:
    """Return the object of a dotted name in `lib`. Raises `ImportError` or `AttributeError`."""
    module, _, attribute = name.rpartition(".")
    if not module.startswith("lib."):
        raise ImportError(name)
    return getattr(importlib.import_module(module), attribute)
