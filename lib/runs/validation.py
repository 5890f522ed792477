"""Validation of run records, which may have been edited by hand.

`sanitize` drops what is invalid, for lists of runs; `validate` raises `UserError` naming the first invalid
key, for a single run.
"""

import math
from collections.abc import Callable, Iterator
from pathlib import Path

from lib.common.errors import UserError, printable
from lib.common.formatting import abbreviate
from lib.tasks.metrics import find_metric

TEXT_KEYS = ("program", "status", "task", "command", "started", "error")
SECTIONS = ("dataset", "hyperparameters", "history", "metrics", "baselines", "timing", "environment")
ONLY_PHASE = ""  # in the history of a run with one phase: of an autoencoder
NUMBER_SECTIONS = ("metrics", "baselines", "timing")
METRIC_TABLES = ("report", "confusion_matrix")  # the metrics that are not numbers
DEFECT_COUNTS = ("defective", "with_masks", "for_threshold")  # of images, in the section of the data set
MAX_INTEGER = 2**63  # the programs write none that is larger, and larger ones may overflow a float


def validate(record: dict, path: Path) -> None:
    """Check every known key of a record.

    Args:
        record: the record of a run.
        path: its file, for the error.

    Raises:
        UserError: a value has the wrong type; the message names its key.
    """
    if fault := find_fault(record):
        raise UserError(f"{path}: {fault}")


def find_fault(record: dict) -> str:
    """Return the first invalid key and what it must be, as a sentence, or "" for a valid record."""
    for key, value, expected in _values(record):
        if not IS_VALID[expected](value):
            return f"{key} must be {expected}, not {abbreviate(value)}"
    return ""


def _values(record: dict) -> Iterator[tuple[str, object, str]]:
    """Yield each key, its value and what it must be; sections first, because later steps read their items."""
    for key in TEXT_KEYS:
        yield key, record.get(key, ""), TEXT
    for key in SECTIONS:
        yield key, record.get(key, {}), OBJECT
    yield "detection", record.get("detection", {}), OBJECT
    dataset = record.get("dataset", {})
    for key in ("name", "sha256"):
        yield f"dataset.{key}", dataset.get(key, ""), TEXT
    yield "dataset.shape", dataset.get("shape", []), INTEGERS
    for key in ("classes", "notes"):
        yield f"dataset.{key}", dataset.get(key, []), TEXTS
    yield "dataset.sizes", dataset.get("sizes", {}), OBJECT
    for key, size in dataset.get("sizes", {}).items():
        yield f"dataset.sizes.{key}", size, INTEGER
    defects = dataset.get("defects", {})
    yield "dataset.defects", defects, OBJECT
    yield "dataset.defects.normal_classes", defects.get("normal_classes", []), TEXTS
    for key in DEFECT_COUNTS:
        yield f"dataset.defects.{key}", defects.get(key, 0), INTEGER
    for key, value in record.get("hyperparameters", {}).items():
        yield f"hyperparameters.{key}", value, SETTING
    history = record.get("history", {})
    curves = history.get(ONLY_PHASE)
    for key, curve in (curves if isinstance(curves, dict) else history).items():
        yield f"history.{key}", curve, CURVE
    for section in NUMBER_SECTIONS:
        for key, value in record.get(section, {}).items():
            if key not in METRIC_TABLES and not (value is None and _may_be_infinite(key)):
                yield f"{section}.{key}", value, NUMBER


def _is_curve(value: object) -> bool:
    """Return whether a value is a list of numbers, or an object of such lists, those of a phase."""
    curves = value.values() if isinstance(value, dict) else [value]
    return all(isinstance(curve, list) and all(map(_is_score_or_infinite, curve)) for curve in curves)


def _is_integer(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) <= MAX_INTEGER


def _is_score(value: object) -> bool:
    return isinstance(value, float) or _is_integer(value)  # NaN included: a run that diverged writes it


def _may_be_infinite(key: str) -> bool:
    """Return whether None stands for infinity, the PSNR of an error of 0, in a metric or a baseline."""
    metric = find_metric(key)
    return metric is not None and metric.derive is not None


def _is_score_or_infinite(value: object) -> bool:
    return value is None or _is_score(value)


def _is_setting(value: object) -> bool:
    if isinstance(value, list):
        return _is_text_list(value) or all(_is_score(item) or _is_integer_list(item) for item in value)
    return value is None or isinstance(value, bool | str) or _is_score(value)


def _is_integer_list(value: object) -> bool:
    return isinstance(value, list) and all(map(_is_integer, value))


def _is_text_list(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


# What a value must be, as a message says it.
TEXT, TEXTS, OBJECT = "text", "a list of strings", "an object"
INTEGER, INTEGERS, NUMBER = "a whole number", "a list of whole numbers", "a number"
SETTING = "a number, a string, a boolean, or a list of them"
CURVE = "a list of numbers, or an object of such lists"
IS_VALID: dict[str, Callable[[object], bool]] = {
    TEXT: lambda value: isinstance(value, str),
    TEXTS: _is_text_list,
    OBJECT: lambda value: isinstance(value, dict),
    INTEGER: _is_integer,
    INTEGERS: _is_integer_list,
    NUMBER: _is_score,
    SETTING: _is_setting,
    CURVE: _is_curve,
}


def is_number(value: object) -> bool:
    """Return whether a value is an int or a float; a bool is not."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def sanitize(record: dict) -> dict:
    """Return a record without its invalid values.

    Args:
        record: the record of a run, read from JSON.

    Returns:
        A record in which every section is an object, `dataset` has `shape`, `sizes` and `classes`,
        `history` has lists by phase, and every known value has its type or is absent. Numbers are finite;
        None as a PSNR stands for infinity.
    """
    record = {sanitize_value(key): sanitize_value(value) for key, value in record.items()}
    for key in SECTIONS:
        record[key] = record[key] if isinstance(record.get(key), dict) else {}
    for key in TEXT_KEYS:
        if not isinstance(record.get(key, ""), str):
            del record[key]
    record["dataset"] = _sanitize_dataset(record["dataset"])
    record["history"] = {
        phase: {name: curve for name, curve in curves.items() if isinstance(curve, list)}
        for phase, curves in record["history"].items()
        if isinstance(curves, dict)
    }
    metric_tables = _sanitize_metric_tables(record["metrics"])
    for section in NUMBER_SECTIONS:
        numbers = _keep_numbers(record[section])
        record[section] = {key: value for key, value in numbers.items() if key not in METRIC_TABLES}
    record["metrics"] |= metric_tables
    return record


def _sanitize_dataset(dataset: dict) -> dict:
    kept = {key: dataset[key] for key in ("name", "sha256") if isinstance(dataset.get(key), str)}
    if isinstance(defects := dataset.get("defects"), dict):
        counts = _keep_numbers({key: defects.get(key) for key in DEFECT_COUNTS})
        kept["defects"] = counts | {"normal_classes": _keep_texts(defects.get("normal_classes"))}
    return kept | {
        "shape": [side for side in _as_list(dataset.get("shape")) if isinstance(side, int)],
        "sizes": _keep_numbers(dataset.get("sizes")),
        "classes": _keep_texts(dataset.get("classes")),
        "notes": _keep_texts(dataset.get("notes")),
    }


def _sanitize_metric_tables(metrics: dict) -> dict:
    """Return the classification report and the confusion matrix, each only if it has its form."""
    tables: dict = {}
    if isinstance(report := metrics.get("report"), dict):
        tables["report"] = {
            name: {"f1-score": row} if is_number(row) else _keep_numbers(row) for name, row in report.items()
        }
    matrix = _as_list(metrics.get("confusion_matrix"))
    is_square = all(isinstance(row, list) and len(row) == len(matrix) for row in matrix)
    if matrix and is_square and all(is_number(count) for row in matrix for count in row):
        tables["confusion_matrix"] = matrix
    return tables


def _keep_numbers(section: object) -> dict:
    """Return the items of a section that are numbers; a PSNR may be None. Not a dict: no items."""
    items = section.items() if isinstance(section, dict) else ()
    return {
        key: value for key, value in items if is_number(value) or (value is None and _may_be_infinite(key))
    }


def _keep_texts(value: object) -> list[str]:
    return [text for text in _as_list(value) if isinstance(text, str)]


def _as_list(value: object) -> list:
    return value if isinstance(value, list) else []


def sanitize_value(value):
    """Return a JSON value that is harmless on a terminal and in a page.

    Control characters and lone surrogates are replaced in all texts; NaN, infinity and integers beyond
    ±2^63 become None.
    """
    json_type = type(value)
    if json_type is float:  # first, because most values are floats: some 100,000 in 1,000 records
        return value if math.isfinite(value) else None
    if json_type is str:
        return printable(value)
    if json_type is list:
        return [sanitize_value(item) for item in value]
    if json_type is dict:
        return {sanitize_value(key): sanitize_value(item) for key, item in value.items()}
    return None if json_type is int and abs(value) > MAX_INTEGER else value
