"""Images as JSON values, for the pipe between the program and its worker process, and CSV tables."""

import base64
import csv
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from lib.common.errors import printable
from lib.common.filesystem import atomic_write

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")  # of cells that a spreadsheet would evaluate


def pack_images(images: np.ndarray) -> dict:
    """Encode images as a JSON value.

    Args:
        images: uint8 array of any shape.

    Returns:
        A dict with `shape` and `data`, the bytes in base64.
    """
    return {"shape": images.shape, "data": base64.b64encode(np.ascontiguousarray(images).data).decode()}


def unpack_images(packed: dict) -> np.ndarray:
    """Return the images in a JSON value of `pack_images`, as a read-only uint8 array."""
    return np.frombuffer(base64.b64decode(packed["data"]), np.uint8).reshape(packed["shape"])


def write_csv(path: Path, columns: Iterable[str], rows: Iterable[Iterable[str]]) -> None:
    """Write a table atomically, as UTF-8 without control characters.

    Args:
        path: the file.
        columns: cells of the head.
        rows: cells of each row. Texts that a spreadsheet would evaluate as a formula begin with ' in the
            file; numbers stay as they are.

    Raises:
        RunFailed: the file cannot be written.
    """
    with atomic_write(path) as partial, partial.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(map(_harmless_cell, columns))
        writer.writerows(map(_harmless_cell, row) for row in rows)


def _harmless_cell(text: str) -> str:
    is_formula = text.startswith(FORMULA_STARTS) and not _is_number(text)
    return printable(f"'{text}" if is_formula else text)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
