"""Records as they lie on disk, of any version and edited by hand: listed, made sound, and set beside one another.

`listed` is the door: behind it every part of a record is what it should be or absent, and what is absent shows as –.
"""

import datetime
import math
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from lib import runs
from lib.errors import UserError
from lib.fields import settings
from lib.results import BASELINES, CLASSIFY

MISSING = "–"
FINISHED = "finished"
METRICS = {"autoencoder": ("test_mse", "MSE", 5), "classification": ("test_accuracy", "accuracy", 4)}  # words, decimals
SECTIONS = ("dataset", "hyperparameters", "history", "metrics", "baselines", "timing", "environment")
LARGEST_WHOLE = 2**63  # no number of ours is larger, and a float cannot hold any that somebody makes up
OPTIONS = {
    task: [s.name for s in settings("autoencoder") if (s.metadata["only"] or {}).get("task") == task] for task in BASELINES
}  # the settings of a task without which two of its scores cannot be compared


@dataclass(frozen=True)
class Entry:
    """A run among others: its name below the folder that was looked through, its own folder, and its record, made sound."""

    name: str
    folder: Path
    record: dict

    @property
    def status(self) -> str:
        return self.record.get("status", MISSING)

    @property
    def task(self) -> str:
        return CLASSIFY if self.record.get("program") == "classification" else self.record.get("task", MISSING)

    @cached_property
    def kind(self) -> str:
        """The task with what makes it another: `denoise 0.4`, `complete top`, `reconstruct VAE`."""
        hp = self.record["hyperparameters"]
        options = [runs.typed(name, hp[name]) for name in OPTIONS.get(self.task, ()) if name in hp]
        return " ".join([self.task, *options, *(["VAE"] if hp.get("variational") is True else [])])

    @property
    def dataset(self) -> str:
        """The data set by its name, or by the path that was asked for where it was never opened."""
        asked = self.record["hyperparameters"].get("dataset")
        return self.record["dataset"].get("name") or (Path(asked).name if isinstance(asked, str) else "") or MISSING

    @property
    def group(self) -> tuple:
        """What two runs must share for the better score to mean anything: the task, and the images it was tested on."""
        data = self.record["dataset"]
        return self.kind, self.dataset, data.get("sha256"), data.get("sizes", {}).get("test")

    @property
    def metric(self) -> str:
        return METRICS.get(self.record.get("program"), METRICS["autoencoder"])[0]

    @property
    def score(self) -> float | None:
        return self.record["metrics"].get(self.metric)

    @property
    def counts(self) -> bool:
        """Whether it takes part where runs are compared."""
        return self.status == FINISHED and self.score is not None

    @property
    def started(self) -> float | None:
        """Seconds since 1970."""
        try:
            return datetime.datetime.fromisoformat(self.record.get("started", "")).timestamp()
        except (ValueError, OverflowError, OSError):
            return None

    @property
    def phases(self) -> dict[str, dict[str, list]]:
        """The history of each phase: a list of numbers, one per epoch, by name. An autoencoder has one phase, without a name."""
        history = self.record["history"]
        parts = {name: part for name, part in history.items() if isinstance(part, dict)} or {"": history}
        return {
            phase: {name: [n if _is_number(n) else None for n in part] for name, part in curves.items() if isinstance(part, list)}
            for phase, curves in parts.items()
        }

    @property
    def epochs(self) -> str:
        """How many epochs it was trained for, in each of its phases."""
        return " + ".join(str(len(curves["loss"])) for curves in self.phases.values() if "loss" in curves) or MISSING

    def better(self, score: float) -> float:
        """A number that is the smaller, the better the score is."""
        return -score if self.metric.endswith("accuracy") else score

    def best_baseline(self) -> tuple[str, float] | None:
        """The trivial method that does best on the same test images, and its score."""
        kind, found = self.metric.removeprefix("test_"), self.record["baselines"]
        known = [name for name in BASELINES.get(self.task, ()) if f"{name}_{kind}" in found and name != "scratch"]
        name = min(known, key=lambda name: self.better(found[f"{name}_{kind}"]), default=None)
        return name and (name, found[f"{name}_{kind}"])

    def rank(self, key: str) -> tuple | None:
        """Where it stands by a hyperparameter, a metric, a baseline or a timing; `None` where its record has none."""
        section = self._section(key)
        return section and runs.rank(key, section[key])

    def text(self, key: str) -> str:
        """What the record has under that key, in words."""
        section = self._section(key)
        if section is self.record["hyperparameters"]:
            return runs.typed(key, section[key]) or MISSING
        return number(section[key]) if section else MISSING

    def _section(self, key: str) -> dict | None:
        sections = (self.record[name] for name in ("hyperparameters", "metrics", "baselines", "timing"))
        return next((section for section in sections if key in section), None)


def listed(folder: Path) -> tuple[list[Entry], list[Path]]:
    """Every run at a folder or below it, the oldest first, and the records there that cannot be read."""
    entries, unreadable = [], []
    for path in runs.folders(folder):
        try:
            entries.append(entry(path, folder))
        except UserError:
            unreadable.append(path / runs.RECORD)
    return sorted(entries, key=lambda entry: (entry.started or 0, entry.name)), unreadable


def entry(path: Path, top: Path) -> Entry:
    """The run of a folder, named as from `top`. Raises `UserError` when its record cannot be read."""
    name = path.relative_to(top).as_posix() if path != top else path.resolve().name
    try:
        return Entry(clean(name), path, sound(runs.load(path)))
    except RecursionError:
        raise UserError(f"{path / runs.RECORD}: is no record of a run") from None


def sound(record: dict) -> dict:
    """A record whose parts are what they should be, and absent where they are not; no number in it is NaN or infinite."""
    record = {key: clean(value) for key, value in record.items()}
    for name in SECTIONS:
        record[name] = record[name] if isinstance(record.get(name), dict) else {}
    for name in ("program", "status", "task", "command", "started", "error"):
        if not isinstance(record.get(name, ""), str):
            del record[name]
    data, metrics = record["dataset"], record["metrics"]
    record["dataset"] = {key: data[key] for key in ("name", "sha256") if isinstance(data.get(key), str)} | {
        "shape": [side for side in _list(data.get("shape")) if isinstance(side, int)],
        "sizes": _numbers(data.get("sizes")),
        "classes": [name for name in _list(data.get("classes")) if isinstance(name, str)],
    }
    report, matrix = metrics.get("report"), _list(metrics.get("confusion_matrix"))
    record["metrics"] = _numbers(metrics)
    if isinstance(report, dict):
        rows = {name: {"f1-score": row} if _is_number(row) else _numbers(row) for name, row in report.items()}
        record["metrics"]["report"] = rows
    if matrix and all(isinstance(row, list) and len(row) == len(matrix) and all(map(_is_number, row)) for row in matrix):
        record["metrics"]["confusion_matrix"] = matrix
    record["baselines"], record["timing"] = _numbers(record["baselines"]), _numbers(record["timing"])
    return record


def best(entries: list[Entry]) -> dict[tuple, Entry]:
    """The best finished run of each group."""
    found = {}
    for one in entries:
        if one.counts and (one.group not in found or one.better(one.score) < one.better(found[one.group].score)):
            found[one.group] = one
    return found


def number(value) -> str:
    """A number as it is shown where nothing else is known of it; the only thing without a number is the PSNR of no error."""
    return "∞" if value is None else f"{value:,}" if isinstance(value, int) else f"{value:.5g}"


def scored(program: str | None, score: float | None) -> str:
    """A score with as many decimals as everywhere."""
    return MISSING if score is None else f"{score:.{METRICS.get(program, METRICS['autoencoder'])[2]}f}"


def _numbers(value) -> dict:
    """Those entries of what should be a dict that are numbers; a PSNR may be `None`, which is that of no error at all."""
    items = value.items() if isinstance(value, dict) else ()
    return {key: entry for key, entry in items if _is_number(entry) or (entry is None and key.endswith("_psnr"))}


def _is_number(value) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _list(value) -> list:
    return value if isinstance(value, list) else []


def clean(value):
    """JSON without what would harm a terminal or a page: control characters, halves of characters, numbers that are none."""
    if isinstance(value, str):
        if value.isprintable():
            return value
        return "".join(c if c.isprintable() else " " if c.isspace() else "\ufffd" for c in value)
    if isinstance(value, list):
        return [clean(part) for part in value]
    if isinstance(value, dict):
        return {clean(key): clean(part) for key, part in value.items()}
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return None if isinstance(value, int) and abs(value) > LARGEST_WHOLE else value
