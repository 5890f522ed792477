"""The run folder and the ledger: names, atomic `run.json`, `answers.json`, listing, copies under another
name.
"""

import json
import os
from glob import glob
from pathlib import Path

from lib.common.errors import UserError, reason
from lib.common.filesystem import PARTIAL_MARK, is_locked
from lib.common.formatting import format_decimal
from lib.config.fields import FORMER_NAMES, format_json_value
from lib.data.formats.base import exists
from lib.runs.validation import sanitize

MODELS_FOLDER = Path("models")
RECORD, ANSWERS, CHECKPOINT, LOCK = "run.json", "answers.json", "checkpoint", "lock"
RUNNING, FINISHED, INTERRUPTED, FAILED = STATUSES = ("running", "finished", "interrupted", "failed")


def load_record(folder: Path) -> dict:
    """The record of a run. Raises `UserError` when there is none that can be read.

    One that says `running` while no process holds its folder was killed: it comes as `interrupted`.
    """
    record = read_record(folder)
    if record["status"] != RUNNING or is_locked(Path(folder) / CHECKPOINT / LOCK):
        return record
    record = read_record(folder)  # it may have finished in between
    return (
        record | {"status": INTERRUPTED, "error": "its process was killed"}
        if record["status"] == RUNNING
        else record
    )


def read_record(folder: Path) -> dict:
    path = Path(folder) / RECORD
    if exists(path) and not path.is_file():  # a pipe would be waited for, and a device read for ever
        raise UserError(f"{path}: is no file; a run folder holds one")
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; a run folder holds one") from None
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"{path}: cannot be read as JSON ({reason(error)})") from None
    if not isinstance(record, dict) or "status" not in record:
        raise UserError(f"{path}: is no record of a run")
    return _rename_former_keys(record)


# Names of baselines in records of earlier versions; those of hyperparameters are in `lib.config.fields.FORMER_NAMES`.
_FORMER_BASELINES = {
    "mean_colour": "mean_color",
    "neighbours": "neighbors",
    "nearest_neighbours": "nearest_neighbors",
}


def _rename_former_keys(record: dict) -> dict:
    """Return a record of any version with the keys of this one."""
    renamed = dict(record)
    if isinstance(settings := record.get("hyperparameters"), dict):
        renamed["hyperparameters"] = {FORMER_NAMES.get(key, key): value for key, value in settings.items()}
    if isinstance(baselines := record.get("baselines"), dict):
        renamed["baselines"] = {}
        for key, value in baselines.items():
            name, _, quantity = key.rpartition("_")
            key = f"{_FORMER_BASELINES[name]}_{quantity}" if name in _FORMER_BASELINES else key
            renamed["baselines"][key] = value
    return renamed


def list_records(folder: Path = MODELS_FOLDER) -> list[tuple[Path, dict]]:
    """Every readable run right below a folder, the oldest first, and what searches there have found, their
    records made sound.
    """
    found = []
    # not Path.glob: it raises when a folder goes while it looks, such as one that a copy is made in
    names = [name for where in ("*", "*/winner-*") for name in glob(f"{where}/{RECORD}", root_dir=folder)]
    for path in sorted((Path(folder, name) for name in names), key=lambda path: path.parent.name):
        try:
            found.append((path.parent, sanitize(load_record(path.parent))))
        except (UserError, RecursionError):
            continue  # somebody else's file, or half a copy: not ours to judge in a list
    return found


def find_run_folders(top: Path) -> list[Path]:
    """Every folder with a record, at `top` or however deep below it, by name; half a copy is none."""
    found = []
    for folder, below, files in os.walk(top):
        hidden = (".", *(("figures", CHECKPOINT) if RECORD in files else ()))
        below[:] = [name for name in below if not name.startswith(hidden) and not name.endswith(PARTIAL_MARK)]
        if RECORD in files:
            found.append(Path(folder))
    return sorted(found)


def list_saved_models(image: tuple[int, int, int], folder: Path = MODELS_FOLDER) -> dict[str, str]:
    """The autoencoders of recorded runs for images of this shape (height, width, channels), newest first:
    path and what it is.
    """
    found = []
    for run, record in list_records(folder):
        file, (data, hp, metrics) = (
            run / "autoencoder.h5",
            (record[name] for name in ("dataset", "hyperparameters", "metrics")),
        )
        if file.is_file() and data["shape"] == list(image) and "test_mse" in metrics:
            task = "VAE" if hp.get("variational") else format_recorded("task", hp.get("task", "reconstruct"))
            size = ", ".join(
                f"{format_recorded(name, hp[name])} {name}" for name in ("layers", "kernels") if name in hp
            )
            what = ", ".join(
                filter(
                    None, (data.get("name"), task, size, f"test MSE {format_decimal(metrics['test_mse'])}")
                )
            )
            found.append((file.stat().st_mtime, str(file), what))
    return {path: what for _, path, what in sorted(found, reverse=True)}


def differing_hyperparameters(records: list[dict]) -> list[str]:
    """The hyperparameters that are not the same in all of these runs."""
    asked = [record["hyperparameters"] for record in records]
    names = dict.fromkeys(name for hp in asked for name in hp)
    return [name for name in names if any(hp.get(name) != asked[0].get(name) for hp in asked)]


def metric_points(records: list[dict], names: list[str], metric: str) -> dict[str, list[tuple[str, float]]]:
    """For each hyperparameter its value, as typed, and the metric of every run, in the order of the values."""
    found = {}
    for name in names:
        pairs = [(record["hyperparameters"].get(name), record["metrics"][metric]) for record in records]
        found[name] = [
            (format_recorded(name, value) or "–", score)
            for value, score in sorted(pairs, key=lambda pair: sort_rank(name, pair[0]))
        ]
    return found


def format_recorded(name: str, plain) -> str:
    """A hyperparameter as a person would type it; as it stands in the record, where it is none that we know."""
    try:
        return format_json_value(name, plain)
    except (UserError, KeyError):
        return plain if isinstance(plain, str) else json.dumps(plain, ensure_ascii=False)


def sort_rank(name: str, plain) -> tuple:
    """Where a value stands among others: numbers first, number by number where there is one per layer, then
    words.
    """
    flat = [plain]
    while any(isinstance(part, list) for part in flat):
        flat = [number for part in flat for number in (part if isinstance(part, list) else [part])]
    if all(isinstance(number, int | float) and not isinstance(number, bool) for number in flat):
        return 0, tuple(flat), ""
    return 1, (), format_recorded(name, plain)
