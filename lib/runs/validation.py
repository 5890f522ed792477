"""Records that others may have changed: made sound where many are shown, refused by the key where one was
asked for.
"""

import math

from lib.common.errors import printable
from lib.common.formatting import abbreviate

TEXTS = ("program", "status", "task", "command", "started", "error")
SECTIONS = ("dataset", "hyperparameters", "history", "metrics", "baselines", "timing", "environment")
METRIC_TABLES = ("report", "confusion_matrix")  # the metrics that are no number
MAX_INTEGER = 2**63  # no number of ours is larger, and a float cannot hold any that somebody makes up


def find_fault(record: dict) -> str:
    """The first key of a record that holds what it cannot, and what it might hold; nothing where there is
    none.
    """
    for key, value, what, fits in _typed_values(record):
        if not fits(value):
            return f"{key} must be {what}, not {abbreviate(value)}"
    return ""


def _typed_values(record: dict):
    """Every key whose kind is known: its name, its value, what that must be, and the test of it."""
    for name in TEXTS:
        yield name, record.get(name, ""), "text", _is_text
    for name in SECTIONS:
        yield name, record.get(name, {}), "an object", _is_object
    data, settings, history = (record.get(name, {}) for name in ("dataset", "hyperparameters", "history"))
    for name in ("name", "sha256"):
        yield f"dataset.{name}", data.get(name, ""), "text", _is_text
    yield (
        "dataset.shape",
        data.get("shape", []),
        "a list of whole numbers",
        lambda value: _is_list_of(value, _is_whole),
    )
    yield (
        "dataset.classes",
        data.get("classes", []),
        "a list of texts",
        lambda value: _is_list_of(value, _is_text),
    )
    yield "dataset.sizes", data.get("sizes", {}), "an object", _is_object
    for name, size in data.get("sizes", {}).items():
        yield f"dataset.sizes.{name}", size, "a whole number", _is_whole
    for name, value in settings.items():
        yield f"hyperparameters.{name}", value, "a number, a text, yes or no, or a list of them", _is_setting
    for name, curve in history.items():
        yield (
            f"history.{name}",
            curve,
            "a list, or an object of lists",
            lambda value: isinstance(value, list | dict),
        )
    for section in ("metrics", "baselines", "timing"):
        for name, value in record.get(section, {}).items():
            if name not in METRIC_TABLES:
                yield (
                    f"{section}.{name}",
                    value,
                    "a number",
                    _is_psnr if name.endswith("_psnr") else _is_score,
                )


def _is_text(value) -> bool:
    return isinstance(value, str)


def _is_object(value) -> bool:
    return isinstance(value, dict)


def _is_whole(value) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) <= MAX_INTEGER


def _is_score(value) -> bool:
    return isinstance(value, float) or _is_whole(value)  # NaN too: a training that diverged has written it


def _is_psnr(value) -> bool:
    return value is None or _is_score(value)  # none is that of no error at all


def _is_setting(value) -> bool:
    scalar = value is None or isinstance(value, bool | str) or _is_score(value)
    return scalar or _is_list_of(value, lambda part: _is_score(part) or _is_list_of(part, _is_whole))


def _is_list_of(value, fits) -> bool:
    return isinstance(value, list) and all(map(fits, value))


def sanitize(record: dict) -> dict:
    """A record whose parts are what they should be, and absent where they are not; no number in it is NaN or
    infinite.
    """
    record = {sanitize_value(key): sanitize_value(value) for key, value in record.items()}
    for name in SECTIONS:
        record[name] = record[name] if isinstance(record.get(name), dict) else {}
    for name in TEXTS:
        if not isinstance(record.get(name, ""), str):
            del record[name]
    data, metrics = record["dataset"], record["metrics"]
    record["dataset"] = {key: data[key] for key in ("name", "sha256") if isinstance(data.get(key), str)} | {
        "shape": [side for side in _list(data.get("shape")) if isinstance(side, int)],
        "sizes": _numeric_entries(data.get("sizes")),
        "classes": [name for name in _list(data.get("classes")) if isinstance(name, str)],
    }
    report, matrix = metrics.get("report"), _list(metrics.get("confusion_matrix"))
    for name in ("metrics", "baselines", "timing"):
        record[name] = {
            key: value for key, value in _numeric_entries(record[name]).items() if key not in METRIC_TABLES
        }
    if isinstance(report, dict):
        rows = {
            name: {"f1-score": row} if is_number(row) else _numeric_entries(row)
            for name, row in report.items()
        }
        record["metrics"]["report"] = rows
    if matrix and all(
        isinstance(row, list) and len(row) == len(matrix) and all(map(is_number, row)) for row in matrix
    ):
        record["metrics"]["confusion_matrix"] = matrix
    return record


def _numeric_entries(value) -> dict:
    """Those entries of what should be a dict that are numbers; a PSNR may be `None`, which is that of no
    error at all.
    """
    items = value.items() if isinstance(value, dict) else ()
    return {
        key: entry for key, entry in items if is_number(entry) or (entry is None and key.endswith("_psnr"))
    }


def is_number(value) -> bool:
    """Whether it is a number; yes and no are none."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def _list(value) -> list:
    return value if isinstance(value, list) else []


def sanitize_value(value):
    """JSON without what would harm a terminal or a page: control characters, halves of characters, numbers
    that are none.
    """
    kind = type(value)
    if kind is float:  # the most frequent first: a thousand records have some hundred thousand of them
        return value if math.isfinite(value) else None
    if kind is str:
        return printable(value)
    if kind is list:
        return [sanitize_value(part) for part in value]
    if kind is dict:
        return {sanitize_value(key): sanitize_value(part) for key, part in value.items()}
    return None if kind is int and abs(value) > MAX_INTEGER else value
