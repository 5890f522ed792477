"""Changes of a data set's files between two moments, by their sizes and times of change."""

import os
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from lib.common.reading import walk_folders

MAX_FILES = 100_000  # watched in a folder, so that a million pictures take no time

FileState = tuple[int, int]  # size in bytes, time of the last change in nanoseconds


def file_states(paths: list[Path]) -> dict[str, FileState]:
    """Return the states of files, and of the files in folders, at any depth; hidden ones are left out."""
    files = (name for path in paths for name in islice(_list_files(path), MAX_FILES))
    return {name: state for name in files if (state := _state(name)) is not None}


def changed_files(before: dict[str, FileState]) -> list[str]:
    """Return the files that have another state than before, or are gone; new files are no change."""
    return [name for name, state in before.items() if _state(name) != state]


def describe_changes(changed: list[str]) -> str:
    """Return the beginning of a sentence about changed files, such as `a.npy was changed`."""
    if len(changed) == 1:
        return f"{changed[0]} was {'changed' if os.path.exists(changed[0]) else 'removed'}"
    others = f"{len(changed) - 1:,} other file{'s' if len(changed) > 2 else ''}"
    are_there = all(map(os.path.exists, changed))
    return f"{changed[0]} and {others} were changed{'' if are_there else ' or removed'}"


def _list_files(path: Path) -> Iterator[str]:
    if not path.is_dir():
        yield str(path)
        return
    for folder, subfolders, files in walk_folders(path):
        subfolders[:] = [name for name in subfolders if not name.startswith(".")]
        yield from (os.path.join(folder, name) for name in files if not name.startswith("."))


def _state(name: str) -> FileState | None:
    try:
        status = os.stat(name)
    except (OSError, ValueError):
        return None
    return status.st_size, status.st_mtime_ns
