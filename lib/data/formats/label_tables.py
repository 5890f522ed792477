"""Labels in text files: one in each line, or a column of a table in CSV."""

import csv
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from lib.common.errors import UserError, printable
from lib.data.formats.base import explain_read_errors, open_decompressed
from lib.data.formats.labels import Labels, labels_of_texts

MAX_BYTES = 1 << 28  # of a file; ten million lines of a name each
DELIMITERS = ",;\t"
COLUMN_NAMES = ("label", "labels", "class", "classes", "target", "targets", "category", "y")
BITS = {"0", "1", "0.0", "1.0", "0.", "1."}
ONE_HOT_LINE = re.compile(r"[01](\.0?)?( [01](\.0?)?)+ ?")
NUMBER = re.compile(r"[+-]?\d+(\.\d*)?(e[+-]?\d+)?", re.IGNORECASE | re.ASCII)


def read_label_table(path: Path) -> Labels:
    """Return the labels of a text file in UTF-8, plain or gzipped.

    Of several columns, it is the one called as in `COLUMN_NAMES`, else the last. The first line is a header
    if it has such a name, or if its text stands above numbers. Rows of zeros with a single one are one-hot.

    Raises:
        UserError: the file is too large, is no text, or its rows differ.
    """
    with explain_read_errors(path), open_decompressed(path) as file:
        content = file.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise UserError(f"{path}: more than {MAX_BYTES:,} bytes, too large for a file of labels")
    try:
        if b"\0" in content:
            raise ValueError
        lines = [line for line in content.decode("utf-8-sig").splitlines() if line.strip()]
    except ValueError:
        raise UserError(f"{path}: is neither a known label format nor UTF-8 text") from None
    if not lines:
        raise UserError(f"{path}: contains no labels")
    delimiter = next((character for character in DELIMITERS if character in lines[0]), None)
    if delimiter is None and not ONE_HOT_LINE.fullmatch(lines[0]):
        return _labels_of_column(path, lines)
    rows = list(_rows(path, lines, delimiter or " "))
    if (labels := _labels_of_one_hot_rows(path, rows)) is not None:
        return labels
    if delimiter is None:
        return _labels_of_column(path, lines)
    header, *rows = rows
    column = next((number for number, name in enumerate(header) if _is_column_name(name)), -1)
    title = "the last column" if column == -1 else f"the column {printable(header[column].strip())}"
    labels = _labels_of_column(path, [header[column], *(row[column] for row in rows)])
    note = f"{path}: the labels are read from {title}, in row order; other columns are ignored"
    return replace(labels, notes=(note,))


def _labels_of_one_hot_rows(path: Path, rows: list[list[str]]) -> Labels | None:
    """Return the labels of rows of zeros with a single one, below a header with the classes or without it."""
    names = rows[0] if not set(rows[0]) <= BITS else []
    rows = rows[1:] if names else rows
    is_table = len(rows) > 0 and len(rows[0]) > 1 and not any(map(_is_column_name, names))
    if not is_table or not all(set(row) <= BITS for row in rows):
        return None
    table = np.array(rows).astype(float)
    if not (table.sum(axis=1) == 1).all():
        return None
    classes = tuple(printable(name.strip()) for name in names)
    note = f"{path}: the rows are read as one-hot labels of {len(rows[0])} classes"
    return Labels(table.argmax(axis=1), classes, (note,))


def _rows(path: Path, lines: Iterable[str], delimiter: str) -> Iterator[list[str]]:
    """Yield the rows of a table, which have as many columns as the first. Raises `UserError` for others."""
    width = None
    with explain_read_errors(path):
        for number, row in enumerate(csv.reader(lines, delimiter=delimiter), 1):
            if not row:
                continue
            width = width or len(row)
            if len(row) != width:
                raise UserError(
                    f"{path}: row {number:,} has {len(row):,} columns, but the first has {width:,}"
                )
            yield row


def _is_column_name(text: str) -> bool:
    return text.strip().lower() in COLUMN_NAMES


def _labels_of_column(path: Path, texts: list[str]) -> Labels:
    """Return the labels of a column; its first text is left out where it is a header."""
    first, *others = (text.strip() for text in texts)
    is_text_above_numbers = others and not NUMBER.fullmatch(first) and all(map(NUMBER.fullmatch, others))
    if _is_column_name(first) or is_text_above_numbers:
        texts = others
    if not texts:
        raise UserError(f"{path}: contains no labels below the header")
    return labels_of_texts(path, texts)
