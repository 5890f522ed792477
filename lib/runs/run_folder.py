"""Run folders: creating, locking, updating, finishing and copying them; output folders of saved models."""

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from lib.common.errors import RunFailed, UserError, reason
from lib.common.filesystem import (
    PARTIAL_MARK,
    acquire_lock,
    cannot_write,
    make_folder,
    probe_folder,
    remedy,
    write_json,
)
from lib.common.reading import open_file, walk_folders
from lib.config.hyperparameters import Hyperparameters
from lib.runs import records
from lib.runs.run_log import append_lines

HDF5_SIGNATURE = b"\x89HDF\r\n\x1a\n"
AUTOENCODER_FILES = ("autoencoder.h5", "encoder.h5")
FIRST_MODELS = (*AUTOENCODER_FILES, "classifier.h5")  # that an autoencoder can begin with


class Run:
    """A run folder and its record, locked from `create` or `reopen` to `finish` or `release`.

    Attributes:
        folder: the run folder.
        record: content of `run.json`; `update` changes it and writes the file atomically.
    """

    def __init__(self, folder: Path, record: dict):
        self.folder, self.record = folder, record

    @classmethod
    def create(cls, output: str | None, hp: Hyperparameters, dataset: str, numbered: bool = False) -> "Run":
        """Create the folder of a new run, with its answers and a record that says `running`.

        Args:
            output: the folder, new or empty; None for a new one below models/, named by date and task.
            hp: all settings of the run.
            dataset: name of the data set, for the name of the folder.
            numbered: use the first free folder of OUTPUT-2, OUTPUT-3, … for a further run of the session.

        Raises:
            UserError: the folder is not empty or cannot be created.
            RunFailed: the answers or the record cannot be written.
        """
        folder = _claim_run_folder(output, hp, dataset, numbered)
        try:
            # Of two processes that see an empty folder, only one can create this.
            (folder / records.FIGURES_FOLDER).mkdir()
        except FileExistsError:
            raise _not_empty_error(folder) from None
        except OSError as error:
            raise cannot_write(folder, error) from None
        run = cls(folder, {"program": hp.program, "status": records.RUNNING})
        run.lock()
        write_json(folder / records.ANSWERS_FILE, hp.to_json())
        run.update(
            task=hp.task_name,
            hyperparameters=hp.to_json(),
            command=hp.command(),
            started=time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        )
        return run

    @classmethod
    def reopen(cls, folder: Path, sha256: str) -> "Run":
        """Continue an unfinished run: lock its folder and set its status to `running`.

        Results of the earlier attempt are removed from the record, and its partial files are deleted.

        Args:
            folder: folder of the run.
            sha256: checksum of the data set as it is now.

        Raises:
            UserError: no record, images that differ from those that the run began with, or a run in progress.
        """
        run = cls(folder, records.load_record(folder))
        recorded_sha256 = run.record.get("dataset", {}).get("sha256")
        if recorded_sha256 not in (None, sha256):
            raise UserError(f"{folder}: the data set has changed since this run started; start a new run")
        run.lock()
        for path in _files_below(folder):
            if PARTIAL_MARK in path.name:
                path.unlink()
        for key in ("error", "metrics", "baselines", "timing", "files"):
            run.record.pop(key, None)
        run.update(status=records.RUNNING)
        return run

    def lock(self) -> None:
        """Lock the folder until `release`, or until this process ends. Raises `UserError` if it is locked."""
        path = make_folder(self.folder / records.CHECKPOINT_FOLDER) / records.LOCK_FILE
        try:
            self._lock = acquire_lock(path)
        except BlockingIOError:
            raise UserError(
                f"{self.folder}: another process is training this run; wait until it has finished"
            ) from None
        except OSError as error:
            raise cannot_write(path, error) from None

    def update(self, **changes) -> None:
        """Set keys of the record and write `run.json` atomically. Raises `RunFailed` if that fails."""
        self.record |= changes
        write_json(self.folder / records.RECORD_FILE, records.to_json(self.record))

    def finish(self) -> None:
        """Set the status to `finished`, after everything else is written, and delete the checkpoint."""
        self.update(status=records.FINISHED)
        self.release(delete_checkpoint=True)

    def release(self, delete_checkpoint: bool) -> None:
        """Unlock the folder; without its checkpoint the run cannot be resumed."""
        os.close(self._lock)
        if delete_checkpoint:
            shutil.rmtree(self.folder / records.CHECKPOINT_FOLDER, ignore_errors=True)

    def figure_path(self, name: str) -> Path:
        """Return the path of the PNG file of a figure."""
        return self.folder / records.FIGURES_FOLDER / f"{name}.png"

    def list_files(self) -> list[str]:
        """Return the files of the folder without its checkpoint, as sorted paths relative to the folder."""
        paths = [path.relative_to(self.folder) for path in _files_below(self.folder) if path.is_file()]
        permanent = {path.as_posix() for path in paths if records.CHECKPOINT_FOLDER not in path.parts}
        return sorted(permanent | {records.RECORD_FILE})


def _files_below(top: Path) -> Iterator[Path]:
    return (Path(folder, name) for folder, _, files in walk_folders(top) for name in files)


def require_model_file(path: Path | str) -> None:
    """Check that a file can be a saved model, by its first bytes.

    Raises:
        UserError: the file does not exist, cannot be read or is not HDF5.
    """
    path = Path(path)
    try:
        with open_file(path) as file:
            signature = file.read(len(HDF5_SIGNATURE))
    except FileNotFoundError:
        raise UserError(
            f"{path}: no such file; train an autoencoder first, or pass its path with -model"
        ) from None
    except (OSError, ValueError) as error:  # ValueError: a name with a null character
        raise UserError(
            f"{path}: cannot be read ({reason(error)}); give an autoencoder.h5 or encoder.h5"
        ) from None
    if signature != HDF5_SIGNATURE:
        raise UserError(f"{path}: is not an .h5 model; give an autoencoder.h5 or encoder.h5")


def locate_model(path: str, names: tuple[str, ...], command: str) -> str:
    """Return the path of a saved model, checked by its first bytes.

    Args:
        path: an .h5 file, or a run folder.
        names: the files of a run folder that will do, the best first.
        command: the command that needs it, for the message.

    Raises:
        UserError: there is no such file, it is not HDF5, or the folder has no file for the command.
    """
    if os.path.isdir(path):
        found = [name for name in names if os.path.isfile(Path(path, name))]
        if not found:
            raise UserError(
                f"{path}: has no {' or '.join(names)}, which {command} needs; give another run folder, or an "
                f".h5 file"
            )
        path = str(Path(path) / found[0])
    require_model_file(path)
    return path


def close_record(folder: Path, status: str, error: str) -> None:
    """Set the final status of a run that ended without setting it, such as one whose process was killed.

    A record with another status than `running` stays as it is; one that cannot be read or written is left.

    Args:
        folder: the run folder.
        status: `interrupted` or `failed`.
        error: the reason, for the record.
    """
    with suppress(UserError, RunFailed):
        run = Run(Path(folder), records.read_record(folder))
        if run.record["status"] == records.RUNNING:
            run.update(status=status, error=error)
            append_lines(run.folder, [f"{status}: {error}"])


def copy_run(folder: Path, name: str) -> Path:
    """Copy a run under another name; the copy appears only when it is complete.

    Args:
        folder: the run folder.
        name: `NAME.h5` for a copy of the main model file, any other name for a copy of the folder, below
            models/ if the name has no parent folder.

    Returns:
        Path of the copy.

    Raises:
        UserError: the name is empty or taken, or the copy cannot be written.
    """
    target = require_free_name(name)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(
            prefix=f".{target.name}-", dir=target.parent, ignore_cleanup_errors=True
        ) as staging:
            copy = Path(staging) / target.name
            if target.suffix == ".h5":
                shutil.copyfile(folder / main_model_file(folder), copy)
                os.link(copy, target)  # unlike a rename, this never replaces a file created in the meantime
            else:
                shutil.copytree(folder, copy, ignore=shutil.ignore_patterns(records.CHECKPOINT_FOLDER))
                os.rename(copy, target)
    except (OSError, ValueError) as error:  # ValueError: a name with a null character
        _require_free(target)  # it may have been created in the meantime
        raise UserError(f"{target}: cannot be written ({reason(error)}); choose another name") from None
    return target


def require_free_name(name: str) -> Path:
    """Return the path of a copy with this name, as `copy_run` takes it. Raises `UserError` if it exists."""
    if not name.strip():
        raise UserError("enter a name for the copy")
    target = Path(name.strip()).expanduser()
    if target.parent == Path(".") and target.suffix != ".h5":
        target = records.MODELS_FOLDER / target
    _require_free(target)
    return target


def _require_free(target: Path) -> None:
    if target.exists():
        raise UserError(f"{target} exists already; choose another name")


def main_model_file(folder: Path) -> str:
    """Return the name of the file with the whole model of a run. Raises `UserError` without a record."""
    if records.load_record(folder).get("program") != "classification":
        return "autoencoder.h5"
    was_stopped = not (folder / "classifier.h5").exists()  # in phase 1
    return "classifier-head.h5" if was_stopped else "classifier.h5"


def make_output_folder(folder: Path) -> Path:
    """Create a folder unless it exists, such as that of a search. Raises `UserError` if that fails."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:  # ValueError: a name with a null character
        raise _cannot_make(folder, error) from None
    return folder


def _cannot_make(folder: Path, error: Exception) -> UserError:
    place = getattr(error, "filename", None) or folder  # it may be a parent folder that cannot be made
    return UserError(f"{place}: cannot be created ({reason(error)}); {remedy(error)}")


def new_output_folder(output: str | None, default: Path) -> Path:
    """Create a folder for the output of a saved model.

    Args:
        output: the folder, new or empty; None for the default.
        default: name of the default folder; -2, -3, … is appended if it exists.

    Raises:
        UserError: the folder is not empty or cannot be created.
    """
    return _claim_empty(Path(output)) if output else _claim_numbered(default)


def require_output_folder(output: str | None) -> None:
    """Check before long work that `new_output_folder` will create a folder.

    Raises:
        UserError: the folder is not empty or cannot be created.
    """
    if output and os.path.lexists(output):
        _claim_empty(Path(output))
    elif output:
        try:
            probe_folder(Path(output))
        except OSError as error:
            raise _cannot_make(Path(output), error) from None


def numbered_folder(folder: Path, number: int) -> Path:
    """Return FOLDER for number 1, FOLDER-2 for 2, and so on."""
    return folder if number == 1 else folder.with_name(f"{folder.name}-{number}")


def _claim_run_folder(output: str | None, hp: Hyperparameters, dataset: str, numbered: bool) -> Path:
    if output:
        return _claim_numbered(Path(output), first=2) if numbered else _claim_empty(Path(output))
    name = f"{time.strftime('%Y%m%d-%H%M%S')}-{dataset}-{hp.task_name}"
    return _claim_numbered(records.MODELS_FOLDER / name)


def _claim_empty(folder: Path) -> Path:
    try:
        is_empty = not any(make_output_folder(folder).iterdir())
    except OSError as error:
        raise _cannot_make(folder, error) from None
    if not is_empty:
        raise _not_empty_error(folder)
    return folder


def _claim_numbered(folder: Path, first: int = 1) -> Path:
    for number in range(first, 1000):
        candidate = numbered_folder(folder, number)
        try:
            candidate.mkdir(parents=True)
            return candidate
        except FileExistsError as error:
            if not os.path.lexists(candidate):  # it is a parent folder that cannot be made
                raise _cannot_make(candidate, error) from None
        except (OSError, ValueError) as error:
            raise _cannot_make(candidate, error) from None
    raise UserError(f"{folder}: there are already 1,000 runs with this name; choose another --output")


def _not_empty_error(folder: Path) -> UserError:
    return UserError(f"{folder}: is not empty, and runs are never overwritten; choose another --output")
