"""Plain text that fits a terminal: lines broken between words, an ellipsis where text is left out."""

import os
import re
import unicodedata
from typing import IO

ELLIPSIS = "…"
# The parts of a word that is wider than a line: up to a slash, up to another sign, single characters.
BREAKS = (r"[^/]*/|[^/]+", r"[^-_,=.]*[-_,=.]|[^-_,=.]+", r".")
MIN_COLUMNS = 10  # of a terminal; a smaller size is a wrong report


def cell_width(text: str) -> int:
    """Return how many columns of a terminal a text takes: 2 for wide characters, 0 for combining ones."""
    if text.isascii():
        return len(text)
    return sum(_character_width(character) for character in text)


def _character_width(character: str) -> int:
    if unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def wrap_words(text: str, width: int, indent: str = "") -> list[str]:
    """Return the lines of a text, each at most `width` columns wide.

    Lines are broken at spaces. A word that is wider than a line is a path or a name: it is broken after a
    slash, a part that is still too wide after a hyphen or another sign, and only then anywhere.

    Args:
        text: any text; its own line breaks stay.
        width: columns, at least 2 more than `indent` has.
        indent: what lines after a break begin with.
    """
    return [part.rstrip(" ") for line in text.split("\n") for part in _wrap_line(line, width, indent)]


def _wrap_line(line: str, width: int, indent: str) -> list[str]:
    lines = [""]
    for spaces, word in re.findall(r"( *)([^ ]+| +$)", line):
        is_broken = cell_width(indent + word) > width
        for number, part in enumerate(_break_word(word, width - cell_width(indent)) if is_broken else [word]):
            gap = "" if number else spaces
            if cell_width(lines[-1] + gap + part) <= width:
                lines[-1] += gap + part
            elif lines[-1].strip():
                lines.append(indent + part)
            else:  # the line begins with more spaces than there is room for
                lines[-1] = part
    return lines


def _break_word(word: str, width: int) -> list[str]:
    """The parts of a word that may stand on different lines, each at most `width` columns wide."""
    parts = [word]
    for pattern in BREAKS:
        parts = [
            piece
            for part in parts
            for piece in ([part] if cell_width(part) <= width else re.findall(pattern, part))
        ]
    return parts


def ellipsize(text: str, width: int, ellipsis: str = ELLIPSIS) -> str:
    """Return the text, or its beginning and an ellipsis where it is too wide.

    Args:
        text: a line.
        width: columns of the terminal.
        ellipsis: as the terminal's encoding has it.
    """
    if cell_width(text) <= width:
        return text
    while text and cell_width(text) > width - cell_width(ellipsis):
        text = text[:-1]
    return text.rstrip(" ") + ellipsis


def as_written(text: str, stream: IO[str]) -> str:
    """Return the text as a stream writes it: with replacements for the characters that its encoding lacks."""
    encoding, errors = getattr(stream, "encoding", None) or "utf-8", getattr(stream, "errors", None)
    try:
        return text.encode(encoding, errors or "strict").decode(encoding)
    except UnicodeError:
        return text


def terminal_columns(stream: IO[str]) -> int | None:
    """Return the width of the terminal that a stream leads to; None for a file or a pipe."""
    try:
        return max(MIN_COLUMNS, os.get_terminal_size(stream.fileno()).columns) if stream.isatty() else None
    except (OSError, ValueError, AttributeError):
        return None


def wrap_for(text: str, stream: IO[str]) -> str:
    """Return a text with line breaks between words if the stream leads to a terminal, else unchanged."""
    columns = terminal_columns(stream)
    return text if columns is None else "\n".join(wrap_words(as_written(text, stream), columns))
