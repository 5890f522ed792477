"""Standard streams of the programs, whatever their encoding and wherever they lead.

Characters that an encoding lacks are replaced, a byte order mark decides the encoding of answers, progress
that cannot be written is dropped, and results that cannot be written end the program.
"""

import codecs
import io
import os
import select
import sys
from typing import IO, TextIO

from lib.common.errors import RunFailed, reason

ERROR_HANDLER = "latent_lab.ascii"
# ASCII for the signs of the programs, of rich and of plotille; other characters are escaped.
REPLACEMENTS = {
    "±": "+-",
    "∞": "inf",
    "…": "...",
    "→": "->",
    **dict(zip("×·★»❯●○░▒▓█▀▄‘’“”\N{REPLACEMENT CHARACTER}", 'x.*>>*o.:*#"_\'\'""?', strict=True)),
    **dict.fromkeys("–—−‐‑‒", "-") | dict.fromkeys("\N{NO-BREAK SPACE}\N{BRAILLE PATTERN BLANK}", " "),
    **dict.fromkeys("─━═╌╍┄┅╴╶╸╺", "-") | dict.fromkeys("│┃║╵╷╹╻", "|"),
}
BOX_DRAWING, BRAILLE = range(0x2500, 0x2580), range(0x2801, 0x2900)
# The longer mark before the one that it begins with.
BYTE_ORDER_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    **dict.fromkeys((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE), "utf-32"),
    **dict.fromkeys((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE), "utf-16"),
}


def prepare_streams() -> None:
    """Replace `sys.stdin`, `sys.stdout` and `sys.stderr`, at the start of a program.

    A stream that was closed leads to the null device, so that no other file gets its number.
    """
    if sys.stdin is None:
        sys.stdin = open(os.devnull, encoding="utf-8")  # noqa: SIM115 (closed at the end of the program)
    elif not sys.stdin.isatty():
        sys.stdin = _Answers(sys.stdin)
    if sys.platform == "win32":  # its console is no file
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(errors=ERROR_HANDLER)
    else:
        # Results written to a file that is opened for reading fail, as they did for the closed stream.
        sys.stdout = _replaced(sys.stdout, _Results, os.O_RDONLY)
        sys.stderr = _replaced(sys.stderr, _Progress, os.O_WRONLY)


def _replaced(stream: TextIO | None, file_class: type[io.FileIO], null_mode: int) -> TextIO:
    descriptor = os.open(os.devnull, null_mode) if stream is None else stream.fileno()
    file = file_class(descriptor, "w", closefd=False)
    encoding = "utf-8" if stream is None else stream.encoding
    return io.TextIOWrapper(
        io.BufferedWriter(file),
        encoding,
        ERROR_HANDLER,
        line_buffering=file_class is _Progress
        or bool(getattr(stream, "line_buffering", False) or getattr(stream, "write_through", False)),
    )


class _Progress(io.FileIO):
    """Standard error. What cannot be written is dropped, since it must not end a training."""

    def write(self, data) -> int:
        try:
            written = super().write(data)
        except OSError:
            written = None
        return len(data) if written is None else written  # None: it would block


class _Results(io.FileIO):
    """Standard output. A failure ends the program; in silence if it is the reader that has gone."""

    _has_failed = False

    def write(self, data) -> int:
        if self._has_failed:  # the rest of a buffer
            return len(data)
        try:
            while (written := super().write(data)) is None:  # it would block
                select.select([], [self], [])
        except OSError as error:
            self._has_failed = True
            if isinstance(error, BrokenPipeError):
                raise SystemExit(1) from None
            raise RunFailed(
                f"the output cannot be written ({reason(error)}); redirect standard output elsewhere"
            ) from None
        return written


class _Answers(io.TextIOWrapper):
    """Standard input that is no terminal. A byte order mark decides the encoding."""

    def __init__(self, stream: TextIO):
        self._bytes = io.BufferedReader(io.FileIO(stream.fileno(), closefd=False))
        self._has_begun = False
        super().__init__(self._bytes, stream.encoding, "surrogateescape")

    def readline(self, size: int | None = -1, /) -> str:  # type: ignore[override]
        try:
            if not self._has_begun:
                self._has_begun = True
                self._detect_encoding()
            return super().readline(-1 if size is None else size)
        except OSError:
            return ""  # what cannot be read is no answer

    def _detect_encoding(self) -> None:
        start = self._bytes.peek(4)
        for mark, encoding in BYTE_ORDER_MARKS.items():
            if start.startswith(mark):
                self.reconfigure(encoding=encoding, errors="replace")
                return


class TextOnly:
    """A text stream without the attribute `buffer`.

    prompt_toolkit writes to the buffer where there is one, and then a question mark stands for every
    character that the encoding lacks.

    Args:
        stream: receives everything else.
    """

    def __init__(self, stream: TextIO):
        self._stream = stream

    def __getattr__(self, name: str):
        if name == "buffer":
            raise AttributeError(name)
        return getattr(self._stream, name)


def has_all_characters(stream: IO[str]) -> bool:
    """Return whether a stream's encoding is one of Unicode's."""
    return (getattr(stream, "encoding", None) or "utf-8").lower().startswith("utf")


def _replace(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(map(_in_ascii, error.object[error.start : error.end])), error.end


def _in_ascii(character: str) -> str:
    if character in REPLACEMENTS:
        return REPLACEMENTS[character]
    if ord(character) in BOX_DRAWING:
        return "+"
    if ord(character) in BRAILLE:
        return "*"
    return character.encode("ascii", "backslashreplace").decode()


codecs.register_error(ERROR_HANDLER, _replace)
