"""Run records: names of the files in a run folder, reading `run.json` of any version, listing, comparing."""

import json
from glob import glob
from pathlib import Path

from lib.common.errors import UserError
from lib.common.filesystem import PARTIAL_MARK, is_locked
from lib.common.reading import MAX_RECORD_BYTES, read_json, walk_folders
from lib.config.data_settings import FIT_MODES
from lib.config.program_settings import find_setting, former_names, rename_former_keys
from lib.config.regularizations import recorded_label
from lib.runs.validation import ONLY_PHASE, sanitize
from lib.tasks import default_task
from lib.tasks.metrics import describe_score, run_score

MODELS_FOLDER = Path("models")

# Names in a run folder; the lock is in the checkpoint folder.
RECORD_FILE = "run.json"
ANSWERS_FILE = "answers.json"
LOG_FILE = "log.txt"
FIGURES_FOLDER = "figures"
CHECKPOINT_FOLDER = "checkpoint"
LOCK_FILE = "lock"

# The history of a record: a value per epoch for each quantity (`loss`, `val_loss`, ..., `seconds`), by phase.
Curves = dict[str, list]  # of one phase
SCRATCH_PHASE = "scratch"  # of another network, which begins with random weights for comparison

# Values of `status` in a record.
RUNNING = "running"
FINISHED = "finished"
INTERRUPTED = "interrupted"
FAILED = "failed"
STATUSES = (RUNNING, FINISHED, INTERRUPTED, FAILED)


def load_record(folder: Path) -> dict:
    """Return the record of a run, with the keys of this version.

    Args:
        folder: the run folder.

    Returns:
        The content of `run.json`, not validated beyond being an object with a status. The status `running`
        becomes `interrupted` if no process holds the folder's lock: the process was killed.

    Raises:
        UserError: there is no record, or it cannot be read.
    """
    record = read_record(folder)
    if record["status"] != RUNNING or is_locked(Path(folder) / CHECKPOINT_FOLDER / LOCK_FILE):
        return record
    record = read_record(folder)  # it may have finished in between
    if record["status"] != RUNNING:
        return record
    return record | {"status": INTERRUPTED, "error": "the process was killed"}


def read_record(folder: Path) -> dict:
    """Return the record as stored, with the keys of this version. Raises `UserError` as `load_record`."""
    path = Path(folder) / RECORD_FILE
    try:
        record = read_json(path, MAX_RECORD_BYTES)
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; every run folder contains one") from None
    if not isinstance(record, dict) or "status" not in record:
        raise UserError(f"{path}: is not a run record")
    return _from_json(record)


# Names of baselines in earlier versions; `former_names` has those of hyperparameters.
_FORMER_BASELINES = {
    "mean_colour": "mean_color",
    "neighbours": "neighbors",
    "nearest_neighbours": "nearest_neighbors",
}


def _from_json(record: dict) -> dict:
    """Return a record of any version with the keys of this one, and its history by phase."""
    renamed = dict(record)
    if isinstance(hyperparameters := record.get("hyperparameters"), dict):
        renamed["hyperparameters"] = rename_former_keys(hyperparameters)
    if isinstance(baselines := record.get("baselines"), dict):
        renamed["baselines"] = {present_key(key): value for key, value in baselines.items()}
    history = record.get("history")
    if isinstance(history, dict) and not any(isinstance(value, dict) for value in history.values()):
        renamed["history"] = {ONLY_PHASE: history} if history else {}
    return renamed


def to_json(record: dict) -> dict:
    """Return a record as `run.json` stores it: the curves of a run with one phase are its `history`."""
    history = record.get("history", {})
    return record | {"history": history[ONLY_PHASE]} if ONLY_PHASE in history else record


def main_curves(record: dict) -> Curves:
    """Return the curves of the last phase of a run's network, whose weights it keeps; {} without epochs."""
    phases = [curves for phase, curves in record.get("history", {}).items() if phase != SCRATCH_PHASE]
    return phases[-1] if phases else {}


def present_key(key: str) -> str:
    """Return the name in this version of a hyperparameter or a baseline of any version."""
    name, _, quantity = key.rpartition("_")
    return (
        f"{_FORMER_BASELINES[name]}_{quantity}" if name in _FORMER_BASELINES else former_names().get(key, key)
    )


def list_records(folder: Path = MODELS_FOLDER) -> list[tuple[Path, dict]]:
    """Return the run folders directly below a folder with their sanitized records, in order of their names.

    The best runs of searches (`SEARCH/winner-*`) are included. Records that cannot be read are left out.
    """
    # Not Path.glob: it raises when a folder vanishes during the search, such as the staging folder of a copy.
    patterns = (f"*/{RECORD_FILE}", f"*/winner-*/{RECORD_FILE}")
    folders = [Path(folder, name).parent for pattern in patterns for name in glob(pattern, root_dir=folder)]
    listed = []
    for run_folder in sorted(folders, key=lambda path: path.name):
        try:
            listed.append((run_folder, sanitize(load_record(run_folder))))
        except (UserError, RecursionError):
            continue
    return listed


def find_run_folders(top: Path) -> list[Path]:
    """Return every folder with a record, `top` itself or at any depth below it, sorted by path.

    Hidden folders and unfinished copies are skipped, and so are the subfolders of a run that hold no runs.
    """
    run_folders = []
    for folder, subfolders, files in walk_folders(top):
        is_run = RECORD_FILE in files
        skipped = (".", FIGURES_FOLDER, CHECKPOINT_FOLDER) if is_run else (".",)
        subfolders[:] = [
            name for name in subfolders if not name.startswith(skipped) and not name.endswith(PARTIAL_MARK)
        ]
        if is_run:
            run_folders.append(Path(folder))
    return sorted(run_folders)


def list_saved_models(image: tuple[int, int, int], folder: Path = MODELS_FOLDER) -> dict[str, str]:
    """Return the saved autoencoders of recorded runs for images of one shape, but for conditional ones.

    Args:
        image: (height, width, channels) of the images.
        folder: folder that holds run folders.

    Returns:
        Path of each model file and a description such as `digits, reconstruct, 2 layers, test MSE 0.01`,
        newest first.
    """
    models = []
    for run_folder, record in list_records(folder):
        path = run_folder / "autoencoder.h5"
        is_tested = run_score("autoencoder").test_key in record["metrics"]
        is_conditional = bool(record["hyperparameters"].get("conditional"))  # no classifier takes labels
        fits = record["dataset"]["shape"] == list(image) and not is_conditional
        if path.is_file() and is_tested and fits:
            models.append((path.stat().st_mtime, str(path), _describe_model(record)))
    return {path: description for _, path, description in sorted(models, reverse=True)}


def trained_size(dataset: str, folder: Path = MODELS_FOLDER) -> tuple[int, int] | None:
    """Return the image size of the newest saved autoencoder of a data set; None if there is none.

    Args:
        dataset: name of the data set in records.
        folder: folder that holds run folders.

    Returns:
        (height, width) of the images.
    """
    sizes = [
        (path.stat().st_mtime, record["dataset"]["shape"])
        for run_folder, record in list_records(folder)
        if record["dataset"].get("name") == dataset and (path := run_folder / "autoencoder.h5").is_file()
    ]
    shape: list = max(sizes, default=(0.0, []))[1]
    return (shape[0], shape[1]) if is_shape(shape) else None


def _describe_model(record: dict) -> str:
    hp = record["hyperparameters"]
    task = recorded_label(hp) or format_recorded("task", hp.get("task", default_task()))
    sizes = [_count(format_recorded(name, hp[name]), name) for name in ("layers", "kernels") if name in hp]
    score = describe_score("autoencoder", record["metrics"])
    return ", ".join(filter(None, (record["dataset"].get("name"), task, *sizes, score)))


def _count(number: str, plural: str) -> str:
    return f"{number} {plural[:-1] if number == '1' else plural}"


def trained_fit(folder: Path) -> str:
    """Return how pictures were brought to the size of a run's images; `crop` where no record says."""
    try:
        fit = read_record(folder)["hyperparameters"]["fit"]
    except (UserError, LookupError, TypeError):
        fit = None
    return fit if fit in FIT_MODES else FIT_MODES[0]


def trained_shape(folder: Path) -> tuple[int, ...]:
    """Return the (height, width, channels) of a run's images; empty where no record says."""
    try:
        shape = read_record(folder)["dataset"]["shape"]
    except (UserError, LookupError, TypeError):
        return ()
    return tuple(shape) if is_shape(shape) else ()


def is_conditional(folder: Path) -> bool:
    """Return whether a run's autoencoder is given the label of each image; false where no record says."""
    try:
        return read_record(folder)["hyperparameters"].get("conditional") is True
    except (UserError, LookupError, TypeError, AttributeError):
        return False


def is_shape(value: object) -> bool:
    """Return whether a value of a record is (height, width, channels)."""
    return isinstance(value, list) and len(value) == 3 and all(isinstance(side, int) for side in value)


def differing_hyperparameters(records: list[dict]) -> list[str]:
    """Return the names of the settings that are not the same in all of these records."""
    settings = [record["hyperparameters"] for record in records]
    names = dict.fromkeys(name for hp in settings for name in hp if name != "program")
    return [name for name in names if any(hp.get(name) != settings[0].get(name) for hp in settings)]


def metric_points(records: list[dict], names: list[str], metric: str) -> dict[str, list[tuple[str, float]]]:
    """Return the points of one chart per hyperparameter: a metric against the values of that hyperparameter.

    Args:
        records: records that all have the metric.
        names: names of hyperparameters.
        metric: key in `metrics`.

    Returns:
        For each name the pairs (value as text, metric), one per record, sorted by value.
    """
    points = {}
    for name in names:
        pairs = [(record["hyperparameters"].get(name), record["metrics"][metric]) for record in records]
        pairs.sort(key=lambda pair: value_sort_key(name, pair[0]))
        points[name] = [(format_recorded(name, value) or "–", score) for value, score in pairs]
    return points


def format_recorded(name: str, value) -> str:
    """Return the recorded value of a hyperparameter as its flag would be given, or as JSON if not valid."""
    try:
        return find_setting(name).format_json(value)
    except (UserError, KeyError):
        return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def value_sort_key(name: str, value) -> tuple:
    """Return a sort key for recorded values: numbers and lists of numbers first, then text."""
    numbers = [value]
    while any(isinstance(part, list) for part in numbers):
        numbers = [number for part in numbers for number in (part if isinstance(part, list) else [part])]
    if all(isinstance(number, int | float) and not isinstance(number, bool) for number in numbers):
        return 0, tuple(numbers), ""
    return 1, (), format_recorded(name, value)
