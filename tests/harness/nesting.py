"""Folders in folders, deeper than Python's recursion goes."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def nested_folders(depth: int, record: str = "") -> Iterator[None]:
    """Context with `d/d/d/…` below the working folder, each folder above the last with a run.json.

    The folders are removed at the end: pytest, which recurses, could not.

    Args:
        depth: number of folders.
        record: content of the records; "" for none.
    """
    for _ in range(depth):
        if record:
            Path("run.json").write_text(record)
        os.mkdir("d")
        os.chdir("d")
    for _ in range(depth):
        os.chdir("..")
    try:
        yield
    finally:
        for _ in range(depth):
            os.chdir("d")
        for _ in range(depth):
            os.chdir("..")
            os.rmdir("d")
            Path("run.json").unlink(missing_ok=True)
