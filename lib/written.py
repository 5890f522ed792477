"""Files that appear only when they are whole: written beside their place, flushed to the disk, then renamed."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from lib.errors import RunFailed, reason

PARTIAL = ".partial"  # in the name of what is not whole yet


@contextmanager
def replacing(path: Path, flushed: bool = True) -> Iterator[Path]:
    """A path to write to, which takes the place of `path` when the block is done: whoever reads sees the old file or the new.

    What is one of thousands, and would be made again after a power cut, need not be `flushed` to the disk.
    Raises `RunFailed` with the system's reason when it cannot be written; then nothing is left of it, and what stood at
    `path` stays.
    """
    partial = path.with_name(f"{path.stem}.{os.getpid()}{PARTIAL}{path.suffix}")  # another process may write the same file
    try:
        yield partial
        if flushed:
            with partial.open("rb+") as file:
                os.fsync(file.fileno())
        os.replace(partial, path)
    except OSError as error:
        raise cannot_write(path, error) from None
    finally:
        with suppress(OSError):
            partial.unlink()


def write_json(path: Path, content: dict) -> None:
    """A dictionary as a JSON file. Raises `RunFailed` as `replacing` does."""
    with replacing(path) as partial:
        partial.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def make_folder(folder: Path) -> Path:
    """A folder that is there, with those above it. Raises `RunFailed` when it cannot be made."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise cannot_write(folder, error) from None
    return folder


def cannot_write(path: Path | str, error: Exception) -> RunFailed:
    """The sentence for a file or folder that could not be written, with the reason and what to do."""
    return RunFailed(f"{path}: cannot be written ({reason(error)}); free some space, or choose another folder with --output")
