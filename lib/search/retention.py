"""Models of the best trials only: those of all other trials are removed, and their records stay."""

from __future__ import annotations

import re
from pathlib import Path

from lib.common.errors import RunFailed, UserError
from lib.common.filesystem import write_json
from lib.runs import records
from lib.search.state import ENDED_STATES, StudyState

TRIAL_FOLDER = re.compile(r"trial-\d+(-\d+)?")
REMOVED_PATTERNS = ("*.h5", f"{records.FIGURES_FOLDER}/*.png")


def remove_models(folder: Path, state: StudyState, count: int) -> None:
    """Remove models and figures of all ended trials except the best ones.

    A run's record lists the remaining files before anything is removed, so that an interruption leaves files
    that the next call removes, and never a record of files that are not there.

    Args:
        folder: the folder of the search; nothing outside its folders of trials is touched.
        state: the trials.
        count: number of trials that keep their models.
    """
    best = [trial for _, trial in state.ranked[:count]]
    kept = {trial.user_attrs.get("folder") for trial in state.trials if trial.state not in ENDED_STATES}
    kept |= {trial.user_attrs.get("folder") for trial in best}
    for trial in state.ended:
        path = trial.user_attrs.get("folder")
        if path is not None and path not in kept and _is_trial_folder(path, folder):
            for run in [Path(path), *Path(path).glob("fold-*")]:
                _remove_files(run)


def _is_trial_folder(path: str, folder: Path) -> bool:
    """Return whether a path is the folder of a trial, on this machine and in this search."""
    if Path(path).parent != folder or not TRIAL_FOLDER.fullmatch(Path(path).name):
        return False
    return Path(path).is_dir() and not Path(path).is_symlink()


def _remove_files(run: Path) -> None:
    files = [path for pattern in REMOVED_PATTERNS for path in run.glob(pattern)]
    if not files or run.is_symlink() or (run / records.FIGURES_FOLDER).is_symlink():
        return
    try:
        record = records.load_record(run)
        names = {path.relative_to(run).as_posix() for path in files}
        remaining = [name for name in record.get("files", []) if name not in names]
        write_json(run / records.RECORD_FILE, record | {"files": remaining})
        for path in files:
            path.unlink(missing_ok=True)  # another worker removes the same
    except (UserError, RunFailed, OSError):
        return  # what cannot be removed stays
