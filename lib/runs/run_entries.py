"""Recorded runs, of any version and edited by hand: listed, found, put in order, and ranked.

`listed` is the door: behind it every part of a record is what it should be or absent, and what is absent
shows as –.
"""

import datetime
import difflib
import math
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from lib.common.errors import UserError
from lib.common.formatting import format_duration
from lib.config.fields import display_name, settings
from lib.data.formats.base import exists
from lib.runs import records
from lib.runs.summary import BASELINE_LABELS, CLASSIFY
from lib.runs.validation import find_fault, sanitize, sanitize_value

MISSING, STAR = "–", "★"  # what a record does not hold; the best of its group
METRICS = {
    "autoencoder": ("test_mse", "MSE", 5),
    "classification": ("test_accuracy", "accuracy", 4),
}  # key, words, decimals
SECTIONS = ("hyperparameters", "metrics", "baselines", "timing")  # those whose parts have names of their own
HYPERPARAMETER_NAMES = {setting.name for setting in settings()}
SORT_KEYS = {
    "date": lambda entry: entry.started,
    "name": lambda entry: entry.name,
    "score": lambda entry: (
        None if entry.score is None else (entry.task == CLASSIFY, entry.better(entry.score))
    ),
    "time": lambda entry: entry.record["timing"].get("seconds"),
}
MAX_NAMED = 5  # of many things that an error or a remark names
TASK_OPTIONS = {
    task: [s.name for s in settings("autoencoder") if (s.metadata["only"] or {}).get("task") == task]
    for task in BASELINE_LABELS
}  # the settings of a task without which two of its scores cannot be compared


@dataclass(frozen=True)
class RunEntry:
    """A run among others: its name below the folder that was looked through, its own folder, and its record,
    made sound.

    `fault` says what had to be left out for that, by its key.
    """

    name: str
    folder: Path
    record: dict
    fault: str = ""

    @property
    def status(self) -> str:
        return self.record.get("status", MISSING)

    @property
    def task(self) -> str:
        return (
            CLASSIFY if self.record.get("program") == "classification" else self.record.get("task", MISSING)
        )

    @cached_property
    def kind(self) -> str:
        """The task with what makes it another: `denoise 0.4`, `complete top`, `reconstruct VAE`."""
        hp = self.record["hyperparameters"]
        options = [
            records.format_recorded(name, hp[name]) for name in TASK_OPTIONS.get(self.task, ()) if name in hp
        ]
        return " ".join([self.task, *options, *(["VAE"] if hp.get("variational") is True else [])])

    @property
    def dataset(self) -> str:
        """The data set by its name, or by the path that was asked for where it was never opened."""
        asked = self.record["hyperparameters"].get("dataset")
        return (
            self.record["dataset"].get("name")
            or (Path(asked).name if isinstance(asked, str) else "")
            or MISSING
        )

    @property
    def group(self) -> tuple:
        """What two runs must share for the better score to mean anything: the task, and the images it was
        tested on.
        """
        data = self.record["dataset"]
        return self.kind, self.dataset, data.get("sha256"), data.get("sizes", {}).get("test")

    @property
    def _metric(self) -> tuple[str, str, int]:
        return METRICS.get(self.record.get("program", ""), METRICS["autoencoder"])

    @property
    def metric(self) -> str:
        return self._metric[0]

    @property
    def score(self) -> float | None:
        return self.record["metrics"].get(self.metric)

    @property
    def counts(self) -> bool:
        """Whether it takes part where runs are compared."""
        return self.status == records.FINISHED and self.score is not None

    @property
    def started(self) -> float | None:
        """Seconds since 1970."""
        try:
            return datetime.datetime.fromisoformat(self.record.get("started", "")).timestamp()
        except (ValueError, OverflowError, OSError):
            return None

    @property
    def phases(self) -> dict[str, dict[str, list]]:
        """The history of each phase: a value per epoch, by name. An autoencoder has one phase, without a
        name.
        """
        history = self.record["history"]
        parts = {name: part for name, part in history.items() if isinstance(part, dict)} or {"": history}
        return {
            phase: {name: part for name, part in curves.items() if isinstance(part, list)}
            for phase, curves in parts.items()
        }

    @property
    def epochs(self) -> str:
        """How many epochs it was trained for, in each of its phases."""
        return (
            " + ".join(str(len(curves["loss"])) for curves in self.phases.values() if "loss" in curves)
            or MISSING
        )

    def better(self, score: float | None) -> float:
        """A number that is the smaller, the better the score is; none at all is the worst."""
        if score is None:
            return math.inf
        return -score if self.metric.endswith("accuracy") else score

    def best_baseline(self) -> tuple[str, float] | None:
        """The trivial method that does best on the same test images, and its score."""
        kind, found = self.metric.removeprefix("test_"), self.record["baselines"]
        known = [
            name
            for name in BASELINE_LABELS.get(self.task, ())
            if f"{name}_{kind}" in found and name != "scratch"
        ]
        name = min(known, key=lambda name: self.better(found[f"{name}_{kind}"]), default=None)
        return None if name is None else (name, found[f"{name}_{kind}"])

    @property
    def scored(self) -> str:
        """The score in words: `MSE 0.00471`; of a trial of a search that on its validation images."""
        metric, words, decimals = self._metric
        known = self.record["metrics"]
        named = {metric: words, metric.replace("test", "validation"): f"validation {words}"}
        return next(
            (f"{said} {known[name]:.{decimals}f}" for name, said in named.items() if name in known), MISSING
        )

    @property
    def rival(self) -> str:
        """The best baseline in words: `PCA 0.00231`."""
        found = self.best_baseline()
        return (
            f"{found[0].replace('_', ' ').replace('pca', 'PCA')} {found[1]:.{self._metric[2]}f}"
            if found
            else MISSING
        )

    @property
    def took(self) -> str:
        seconds = self.record["timing"].get("seconds")
        return MISSING if seconds is None else format_duration(seconds)

    @property
    def date(self) -> str:
        """When it was started, to the minute, by the clock of where it ran."""
        return self.record.get("started", "")[:16].replace("T", " ") or MISSING

    def known(self) -> list[str]:
        """Everything that `rank` and `text` have an answer for."""
        return [
            key
            for name in SECTIONS
            for key, value in self.record[name].items()
            if not _is_metric_table(name, value)
        ]

    def rank(self, key: str) -> tuple | None:
        """Where it stands by a hyperparameter, a metric, a baseline or a timing; `None` where its record has
        none.
        """
        section = self._section(key)
        return None if section is None else records.sort_rank(key, section[key])

    def text(self, key: str) -> str:
        """What the record has under that key, in words."""
        section = self._section(key)
        if section is self.record["hyperparameters"]:
            return records.format_recorded(key, section[key]) or MISSING
        return format_number(section[key]) if section else MISSING

    def _section(self, key: str) -> dict | None:
        held = (
            self.record[name] for name in SECTIONS if not _is_metric_table(name, self.record[name].get(key))
        )
        return next((section for section in held if key in section), None)


def list_entries(folder: Path) -> tuple[list[RunEntry], list[Path]]:
    """Every run at a folder or below it, the oldest first, and the records there that cannot be read."""
    entries, unreadable = [], []
    for path in records.find_run_folders(folder):
        try:
            entries.append(load_entry(path, folder))
        except UserError:
            unreadable.append(path / records.RECORD)
    return sorted(entries, key=lambda entry: (entry.started or 0, entry.name)), unreadable


def load_entry(path: Path, top: Path) -> RunEntry:
    """The run of a folder, named as from `top`. Raises `UserError` when its record cannot be read."""
    name = path.relative_to(top).as_posix() if path != top else path.resolve().name
    try:
        record = records.load_record(path)
        return RunEntry(sanitize_value(name), path, sanitize(record), find_fault(record))
    except RecursionError:
        raise UserError(f"{path / records.RECORD}: is no record of a run") from None


def rank_entries(entries: list[RunEntry]) -> dict[tuple, list[RunEntry]]:
    """The finished runs of each group, the best first."""
    found: dict[tuple, list[RunEntry]] = {}
    for one in entries:
        if one.counts:
            found.setdefault(one.group, []).append(one)
    return {group: sorted(members, key=lambda one: one.better(one.score)) for group, members in found.items()}


def display_key(key: str) -> str:
    """A key of a record as people say it: a hyperparameter by its words, a metric without its underscores."""
    return display_name(key) if key in HYPERPARAMETER_NAMES else key.replace("_", " ")


def format_number(value) -> str:
    """A number as it is shown where nothing else is known of it; the only thing without a number is the PSNR
    of no error.
    """
    return "∞" if value is None else f"{value:,}" if isinstance(value, int) else f"{value:.5g}"


def sort_entries(entries: list[RunEntry], by: str, backwards: bool) -> list[RunEntry]:
    """The runs by one of `SORTS` or by a key of their records; last come those that have none."""
    places = [(SORT_KEYS[by](entry) if by in SORT_KEYS else entry.rank(by), entry) for entry in entries]
    placed = sorted(
        ((place, entry) for place, entry in places if place is not None),
        key=lambda one: one[0],
        reverse=backwards,
    )
    return [entry for _, entry in placed] + [entry for place, entry in places if place is None]


def find_entry(name: str, entries: list[RunEntry], top: Path) -> RunEntry:
    """The run that is meant by a folder, or by a part of a name that no other has. Raises `UserError`, for
    nonsense in it too.
    """
    path = Path(name)
    exact = [one for one in entries if path == one.folder or name == one.name]
    if not exact and exists(path / records.RECORD):
        exact = [load_entry(path, path)]
    last = [one for one in entries if name == one.folder.name]
    found = exact or last or [one for one in entries if name in one.name]
    if not found:
        raise UserError(f"{name}: no run below {top} is called so; give a run folder, or a part of its name")
    if len(found) > 1:
        raise UserError(
            f"{name}: {len(found):,} runs are called so ({abbreviate_list(e.name for e in found)}); give "
            f"more of the name"
        )
    if found[0].fault:
        raise UserError(f"{found[0].folder / records.RECORD}: {found[0].fault}")
    return found[0]


def resolve_sort_key(asked: str, entries: list[RunEntry]) -> str:
    """What `--sort` means: one of `SORTS`, or the key of some record. Raises `UserError` for what no run has."""
    key = asked.replace("-", "_")
    known = sorted(
        {key for entry in entries for key in entry.known()} | {setting.name for setting in settings()}
    )
    if entries and key not in (*SORT_KEYS, *known):
        raise unknown_key_error("--sort", asked, [*SORT_KEYS, *known])
    return key


def unknown_key_error(flag: str, key: str, known) -> UserError:
    """The error for a key that is in no record, with what is meant, or what there is."""
    close = difflib.get_close_matches(key.replace("-", "_"), known, n=1)
    hint = f"did you mean {close[0]}?" if close else f"there are {abbreviate_list(known, 2 * MAX_NAMED)}"
    return UserError(f"{flag} {key}: no run has it; {hint}")


def abbreviate_list(things, count: int = MAX_NAMED) -> str:
    """The first of many things, and how many more there are."""
    names = [sanitize_value(str(thing)) for thing in things]
    return ", ".join(names[:count]) + (f" and {len(names) - count:,} more" if len(names) > count else "")


def _is_metric_table(section: str, value) -> bool:
    """Whether it is the report or the confusion matrix, which are no number."""
    return section == "metrics" and isinstance(value, dict | list)
