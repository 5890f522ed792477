"""Lists of recorded runs: finding, sorting and ranking entries with sanitized records.

Values that a record does not hold are shown as –.
"""

import datetime
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from operator import attrgetter
from pathlib import Path
from typing import Any

from lib.common.errors import UserError, shorten
from lib.common.formatting import MISSING, format_duration
from lib.common.suggestions import closest_name
from lib.config.program_settings import PROGRAMS, settings
from lib.config.regularizations import recorded_label
from lib.data.formats.base import exists
from lib.runs import records
from lib.runs.summary import task_baselines
from lib.runs.validation import find_fault, sanitize, sanitize_value
from lib.tasks import TASKS
from lib.tasks.classification import CLASSIFY, scratch
from lib.tasks.metrics import Metric, find_metric, run_score

STAR = "★"  # marks the best run of its group
MAX_LISTED_NAME = 200  # characters of such a name
MAX_LISTED = 5  # names in an error or a note before the rest is abbreviated
VALUE_SECTIONS = ("hyperparameters", "metrics", "baselines", "timing")  # runs can be sorted by their keys
HYPERPARAMETER_NAMES = {name for program in PROGRAMS for name in settings(program)}
# The hyperparameters of each task; scores of runs that differ in one of them do not compare.
TASK_OPTIONS = {
    name: [
        setting.name
        for setting in settings("autoencoder").values()
        if setting.only_when.get("task") == name and setting.name not in task.method_options
    ]
    for name, task in TASKS.items()
}


@dataclass(frozen=True)
class RunEntry:
    """A run in a list of runs.

    Attributes:
        name: path of the run folder relative to the folder that is listed.
        folder: path of the run folder.
        record: the sanitized record: values with the wrong type are absent.
        fault: the first invalid key of the record as stored, as a sentence, or "".
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
        is_classifier = self.record.get("program") == "classification"
        return CLASSIFY if is_classifier else self.record.get("task", MISSING)

    @cached_property
    def task_label(self) -> str:
        """The task with its options, such as `denoise 0.4`, `complete top` or `reconstruct VAE`."""
        hp = self.record["hyperparameters"]
        names = [name for name in TASK_OPTIONS.get(self.task, ()) if hp.get(name) is not None]
        options = [records.format_recorded(name, hp[name]) for name in names]
        return " ".join([self.task, *options, *filter(None, [recorded_label(hp)])])

    @property
    def dataset(self) -> str:
        """Name of the data set, or the last part of its path if it was never opened."""
        path = self.record["hyperparameters"].get("dataset")
        file_name = Path(path).name if isinstance(path, str) else ""
        return self.record["dataset"].get("name") or file_name or MISSING

    @property
    def group(self) -> tuple:
        """Task, data set, checksum, number of test images, metric; only scores within one group compare."""
        dataset = self.record["dataset"]
        test_size = dataset.get("sizes", {}).get("test")
        return self.task_label, self.dataset, dataset.get("sha256"), test_size, self.metric.key

    @property
    def metric(self) -> Metric:
        """The main metric, by which runs are ranked: the MSE, the accuracy or the AUROC."""
        return run_score(self.record.get("program", ""), self.record["metrics"])

    @property
    def score(self) -> float | None:
        """The main metric on the test set."""
        return self.record["metrics"].get(self.metric.test_key)

    @property
    def is_comparable(self) -> bool:
        """True if the run is finished and has a score."""
        return self.status == records.FINISHED and self.score is not None

    @property
    def start_time(self) -> float | None:
        """Start of the run in seconds since 1970."""
        try:
            return datetime.datetime.fromisoformat(self.record.get("started", "")).timestamp()
        except (ValueError, OverflowError, OSError):
            return None

    @property
    def start_text(self) -> str:
        """Start of the run to the minute, in the time zone of the machine that trained it."""
        return self.record.get("started", "")[:16].replace("T", " ") or MISSING

    @property
    def seconds(self) -> float | None:
        """Duration of the run in seconds."""
        return self.record["timing"].get("seconds")

    @property
    def duration_text(self) -> str:
        return MISSING if self.seconds is None else format_duration(self.seconds)

    @property
    def epochs_text(self) -> str:
        """Number of epochs trained in each phase, such as `10 + 5`."""
        counts = [str(len(curves["loss"])) for curves in self.record["history"].values() if "loss" in curves]
        return " + ".join(counts) or MISSING

    def best_baseline(self) -> tuple[str, float] | None:
        """Return name and score of the best baseline on the same test images, or None without baselines.

        Training the same network from random weights is not counted as a baseline.
        """
        baselines = self.record["baselines"]
        suffix = self.metric.key
        names = [baseline.name for baseline in task_baselines(self.task) if baseline != scratch]
        scores = {name: baselines[f"{name}_{suffix}"] for name in names if f"{name}_{suffix}" in baselines}
        return min(scores.items(), key=lambda item: self.metric.cost(item[1]), default=None)

    @property
    def best_baseline_text(self) -> str:
        """Label and score of the best baseline, such as `PCA 0.00231`."""
        baseline = self.best_baseline()
        if baseline is None:
            return MISSING
        name, score = baseline
        return f"{name.replace('_', ' ').replace('pca', 'PCA')} {score:.{self.metric.decimals}f}"

    @property
    def score_text(self) -> str:
        """Label and score, such as `MSE 0.00471`; a search trial has only a validation score."""
        metric, metrics = self.metric, self.record["metrics"]
        prefixes = {metric.test_key: "", f"validation_{metric.key}": "validation "}
        texts = (
            f"{prefix}{metric.label} {metrics[key]:.{metric.decimals}f}"
            for key, prefix in prefixes.items()
            if key in metrics
        )
        return next(texts, MISSING)

    def value_keys(self) -> list[str]:
        """Return all keys that `sort_key` and `value_text` have a value for."""
        return [
            key
            for section in VALUE_SECTIONS
            for key, value in self.record[section].items()
            if not _is_metric_table(section, value)
        ]

    def sort_key(self, key: str) -> tuple | None:
        """Return the sort key for a hyperparameter, metric, baseline or timing; None without a value.

        Metrics and baselines are sorted by their cost, so that the best run comes first.
        """
        section = self._section_with(key)
        if section is None:
            return None
        metric = None if section is self.record["hyperparameters"] else find_metric(key)
        return records.value_sort_key(key, metric.cost(section[key]) if metric else section[key])

    def value_text(self, key: str) -> str:
        """Return a hyperparameter, metric, baseline or timing as text."""
        section = self._section_with(key)
        if section is self.record["hyperparameters"]:
            return records.format_recorded(key, section[key]) or MISSING
        return format_number(section[key]) if section else MISSING

    def _section_with(self, key: str) -> dict | None:
        for name in VALUE_SECTIONS:
            section = self.record[name]
            if key in section and not _is_metric_table(name, section[key]):
                return section
        return None


# Sort keys of runs besides the keys of their records; None comes last.
SORT_KEYS: dict[str, Callable[[RunEntry], Any]] = {
    "date": attrgetter("start_time"),
    "name": attrgetter("name"),
    # Autoencoders before detectors, detectors before classifiers, the best first.
    "score": lambda entry: (
        None
        if entry.score is None
        else (entry.task == CLASSIFY, entry.metric.higher_is_better, entry.metric.cost(entry.score))
    ),
    "time": attrgetter("seconds"),
}


def list_entries(folder: Path) -> tuple[list[RunEntry], list[Path]]:
    """Return all runs in a folder, at any depth.

    Args:
        folder: a run folder, or one that contains run folders.

    Returns:
        The runs, oldest first, and the paths of records that cannot be read.
    """
    entries, unreadable = [], []
    for run_folder in records.find_run_folders(folder):
        try:
            entries.append(load_entry(run_folder, folder))
        except UserError:
            unreadable.append(run_folder / records.RECORD_FILE)
    return sorted(entries, key=lambda entry: (entry.start_time or 0, entry.name)), unreadable


def load_entry(folder: Path, top: Path) -> RunEntry:
    """Return the run of a folder.

    Args:
        folder: the run folder.
        top: folder that the name of the entry is relative to.

    Raises:
        UserError: the record cannot be read.
    """
    name = folder.relative_to(top).as_posix() if folder != top else folder.resolve().name
    try:
        record = records.load_record(folder)
        return RunEntry(sanitize_value(name), folder, sanitize(record), find_fault(record))
    except RecursionError:
        raise UserError(f"{folder / records.RECORD_FILE}: is not a run record") from None


def rank_entries(entries: Iterable[RunEntry]) -> dict[tuple, list[RunEntry]]:
    """Return the comparable runs of each group, best first."""
    groups: dict[tuple, list[RunEntry]] = {}
    for entry in entries:
        if entry.is_comparable:
            groups.setdefault(entry.group, []).append(entry)
    for members in groups.values():
        members.sort(key=lambda entry: entry.metric.cost(entry.score))
    return groups


def format_number(value: float | None) -> str:
    """Return a number of a record as text; None is a PSNR of infinity."""
    if value is None:
        return "∞"
    return f"{value:,}" if isinstance(value, int) else f"{value:.5g}"


def sort_entries(entries: list[RunEntry], key: str, reverse: bool) -> list[RunEntry]:
    """Return runs sorted by a name in `SORT_KEYS` or a key of their records.

    Args:
        entries: the runs.
        key: as `resolve_sort_key` returns it.
        reverse: reverse the order of the runs that have a value.

    Returns:
        The sorted runs; those without a value come last, in the order given.
    """
    keyed = [(SORT_KEYS[key](entry) if key in SORT_KEYS else entry.sort_key(key), entry) for entry in entries]
    with_value = [(value, entry) for value, entry in keyed if value is not None]
    with_value.sort(key=lambda pair: pair[0], reverse=reverse)
    return [entry for _, entry in with_value] + [entry for value, entry in keyed if value is None]


def find_entry(name: str, entries: list[RunEntry], top: Path) -> RunEntry:
    """Return the run with a name.

    Args:
        name: a run folder, the name of an entry, or a part of a name that no other entry has.
        entries: the runs to search.
        top: the folder that they were listed from, for the error.

    Raises:
        UserError: no run or several match, or the record of the run is invalid.
    """
    path = Path(name)
    matches = [entry for entry in entries if path == entry.folder or name == entry.name]
    if not matches and exists(path / records.RECORD_FILE):
        matches = [load_entry(path, path)]
    matches = matches or [entry for entry in entries if name == entry.folder.name]
    matches = matches or [entry for entry in entries if name in entry.name]
    if not matches:
        raise UserError(f"{name}: no run below {top} matches; give a run folder or part of its name")
    if len(matches) > 1:
        names = abbreviate_list(entry.name for entry in matches)
        raise UserError(f"{name}: matches {len(matches):,} runs ({names}); give more of the name")
    if matches[0].fault:
        raise UserError(f"{matches[0].folder / records.RECORD_FILE}: {matches[0].fault}")
    return matches[0]


def resolve_sort_key(name: str, entries: list[RunEntry]) -> str:
    """Return the key that `--sort` names: one of `SORT_KEYS`, a hyperparameter, or a key of some record.

    Raises:
        UserError: no run has such a key.
    """
    key = records.present_key(name.replace("-", "_"))
    known = sorted({key for entry in entries for key in entry.value_keys()} | HYPERPARAMETER_NAMES)
    if entries and key not in (*SORT_KEYS, *known):
        raise unknown_key_error("--sort", name, [*SORT_KEYS, *known])
    return key


def unknown_key_error(flag: str, key: str, known: list[str]) -> UserError:
    """Return the error for a key that no record has, with the closest known key or a list of them.

    Args:
        flag: that was given, such as `--sort`.
        key: its value.
        known: all keys.
    """
    close = closest_name(key, known)
    hint = f"did you mean {close}?" if close else f"available: {abbreviate_list(known, 2 * MAX_LISTED)}"
    return UserError(f"{flag} {key}: no run has this value; {hint}")


def abbreviate_list(items: Iterable, count: int = MAX_LISTED, separator: str = ", ") -> str:
    """Return the first items, separated by commas or otherwise, and how many more there are."""
    names = [shorten(sanitize_value(str(item)), MAX_LISTED_NAME) for item in items]
    return separator.join(names[:count]) + (f" and {len(names) - count:,} more" if len(names) > count else "")


def _is_metric_table(section: str, value) -> bool:
    """Return whether a value is the classification report or the confusion matrix."""
    return section == "metrics" and isinstance(value, dict | list)
