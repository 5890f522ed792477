"""The run folder and the ledger: names, atomic `run.json`, `answers.json`, listing, copies under another
name.
"""

import os
import shutil
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from lib.common.errors import RunFailed, UserError, reason
from lib.common.filesystem import PARTIAL_MARK, acquire_lock, cannot_write, make_folder, write_json
from lib.config.hyperparameters import Hyperparameters
from lib.runs.records import (
    ANSWERS,
    CHECKPOINT,
    FINISHED,
    LOCK,
    MODELS_FOLDER,
    RECORD,
    RUNNING,
    load_record,
    read_record,
)

HDF5 = b"\x89HDF\r\n\x1a\n"


class Run:
    """A run folder and its record. Every change of the record is on disk, whole, when `update` returns."""

    def __init__(self, folder: Path, record: dict):
        self.folder, self.record = folder, record

    @classmethod
    def create(cls, output: str | None, hp: Hyperparameters, dataset: str, numbered: bool = False) -> "Run":
        """Make the folder `output`, or a new one below models/; `UserError` where a run would be overwritten.

        `numbered`: the first of OUTPUT-2, OUTPUT-3, … that is free, for a further run with the same
        `--output`.
        """
        if output and not numbered:
            folder = _claim(Path(output))
        elif output:
            folder = _claim_numbered(Path(output), first=2)
        else:
            name = f"{time.strftime('%Y%m%d-%H%M%S')}-{dataset}-{hp.task if hp.program == 'autoencoder' else 'classify'}"
            folder = _claim_numbered(MODELS_FOLDER / name)
        try:
            (folder / "figures").mkdir()  # of two that found the folder empty only one can make this
        except FileExistsError:
            raise _not_empty_error(folder) from None
        except OSError as error:
            raise cannot_write(folder, error) from None
        run = cls(folder, {"program": hp.program, "status": RUNNING})
        run.hold()
        write_json(folder / ANSWERS, hp.to_json())
        run.update(
            task=hp.task,
            hyperparameters=hp.to_json(),
            command=hp.command(),
            started=time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        )
        return run

    @classmethod
    def reopen(cls, folder: Path, sha256: str) -> "Run":
        """Go on with a run, on the images that it began with, as their checksum says. Raises `UserError`."""
        run = cls(folder, load_record(folder))
        began_with = run.record.get("dataset", {}).get("sha256")
        if began_with not in (None, sha256):
            raise UserError(
                f"{folder}: began with other images than those that its data set holds now; begin a new run"
            )
        run.hold()
        for rest in folder.rglob(
            f"*{PARTIAL_MARK}*"
        ):  # of files that were being written when the process was killed
            rest.unlink()
        for key in ("error", "metrics", "baselines", "timing", "files"):  # of the model as it was then
            run.record.pop(key, None)
        run.update(status=RUNNING)
        return run

    def hold(self) -> None:
        """Keep the folder for this process until it ends, however it ends. Raises `UserError` when another
        one has it.
        """
        lock = make_folder(self.folder / CHECKPOINT) / LOCK
        try:
            self._lock = acquire_lock(lock)
        except BlockingIOError:
            raise UserError(
                f"{self.folder}: another process is training this run; wait until it ends"
            ) from None
        except OSError as error:
            raise cannot_write(lock, error) from None

    def update(self, **changes) -> None:
        self.record |= changes
        write_json(self.folder / RECORD, self.record)

    def finish(self) -> None:
        """The record says last that all is there; then what only an unfinished run needs goes."""
        self.update(status=FINISHED)
        self.leave(for_good=True)

    def leave(self, for_good: bool) -> None:
        """Let others have the folder; `for_good` ends what the run could have gone on from."""
        os.close(self._lock)
        if for_good:
            shutil.rmtree(self.folder / CHECKPOINT, ignore_errors=True)

    def figure(self, name: str) -> Path:
        return self.folder / "figures" / f"{name}.png"

    def files(self) -> list[str]:
        """What the folder holds for good, as paths relative to it."""
        found = (path for path in self.folder.rglob("*") if path.is_file() and CHECKPOINT not in path.parts)
        return sorted({path.relative_to(self.folder).as_posix() for path in found} | {RECORD})


def require_model_file(path: Path | str) -> None:
    """Refuse, without reading it all, what cannot be a saved model: no file, or not HDF5. Raises `UserError`."""
    path = Path(path)
    try:
        with path.open("rb") as file:
            start = file.read(len(HDF5))
    except FileNotFoundError:
        raise UserError(
            f"{path}: no such file; train an autoencoder first, or give its path with -model"
        ) from None
    except OSError as error:
        raise UserError(
            f"{path}: cannot be read ({reason(error)}); give an autoencoder.h5 or encoder.h5"
        ) from None
    if start != HDF5:
        raise UserError(f"{path}: is no .h5 model; give an autoencoder.h5 or encoder.h5")


def close_record(folder: Path, status: str, reason: str) -> None:
    """Close the record of a run that is over; one that was finished stays as it is, and so does what cannot
    be written.
    """
    with suppress(UserError, RunFailed):
        run = Run(Path(folder), read_record(folder))
        if run.record["status"] == RUNNING:
            run.update(status=status, error=reason)


def copy_run(folder: Path, name: str) -> Path:
    """Copy a run under another name: NAME.h5 takes the model alone, any other name the whole folder (below
    models/).

    What exists is never overwritten: `UserError`. The copy appears under its name only when it is whole.
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
                os.link(
                    copy, target
                )  # unlike a renaming it never takes the place of a file that somebody else made just now
            else:
                shutil.copytree(folder, copy, ignore=shutil.ignore_patterns(CHECKPOINT))
                os.rename(copy, target)
    except (OSError, ValueError) as error:  # a name may hold what no name of a file can
        _require_free(target)  # somebody may have made it just now
        raise UserError(f"{target}: cannot be written ({reason(error)}); choose another name") from None
    return target


def require_free_name(name: str) -> Path:
    """The path that a name for a copy means; `UserError` when there is something already."""
    if not name.strip():
        raise UserError("a name is needed")
    target = Path(name.strip()).expanduser()
    if target.parent == Path(".") and target.suffix != ".h5":
        target = MODELS_FOLDER / target
    _require_free(target)
    return target


def _require_free(target: Path) -> None:
    if target.exists():
        raise UserError(f"{target} exists already; choose another name")


def main_model_file(folder: Path) -> str:
    """The file that holds all that a run learned."""
    return "classifier.h5" if load_record(folder).get("program") == "classification" else "autoencoder.h5"


def make_output_folder(folder: Path) -> Path:
    """A folder that may be there already, such as that of a search. Raises `UserError` when it cannot be
    made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{folder}: cannot be made ({reason(error)}); choose another --output") from None
    return folder


def _claim(folder: Path) -> Path:
    if any(make_output_folder(folder).iterdir()):
        raise _not_empty_error(folder)
    return folder


def _not_empty_error(folder: Path) -> UserError:
    return UserError(f"{folder}: is not empty, and a run is never overwritten; choose another --output")


def new_output_folder(output: str | None, usual: Path) -> Path:
    """A folder of its own for what a saved model makes: `output`, which must be new or empty, or `usual`,
    numbered if taken.
    """
    return _claim(Path(output)) if output else _claim_numbered(usual)


def _claim_numbered(folder: Path, first: int = 1) -> Path:
    for attempt in range(first, 1000):
        candidate = folder if attempt == 1 else folder.with_name(f"{folder.name}-{attempt}")
        try:
            candidate.mkdir(parents=True)
            return candidate
        except FileExistsError:
            continue
        except OSError as error:
            raise UserError(
                f"{candidate}: cannot be made ({reason(error)}); choose a folder with --output"
            ) from None
    raise UserError(f"{folder}: a thousand runs of this name exist; choose another --output")
