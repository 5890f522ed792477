"""Exceptions with a message for the user, and their exit statuses."""

import re
import sys
from collections.abc import Callable

from lib.common.text_layout import wrap_for

# Parts of the messages of Python, NumPy, TensorFlow, JAX and the operating system when memory is exhausted,
# on a processor or a GPU.
MEMORY_MESSAGES = (
    *("MemoryError", "bad_alloc", "OOM when", "ResourceExhausted", "RESOURCE_EXHAUSTED", "ut of memory"),
    *("Cannot allocate memory", "failed to map segment", "Unable to allocate"),
)
MEMORY_ADVICE = "use a smaller batch size or fewer kernels"
OUT_OF_MEMORY = f"not enough memory; {MEMORY_ADVICE}"
MAX_MESSAGE = 2000  # characters of a message; a path has up to 4,096, a name in a file any number
INTERRUPTED = 130  # 128 + SIGINT, as shells report it
STOPPED_BEFORE_TRAINING = "stopped before training began"


def printable(text: str) -> str:
    """Return the text on one line and without control characters.

    Names of files, and of keys in them, are foreign data: an escape sequence in a message would control the
    terminal. Unprintable whitespace becomes a space, every other unprintable character U+FFFD.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else " " if c.isspace() else "\ufffd" for c in text)


def shorten(text: str, length: int) -> str:
    """Return the text, or its beginning and its end around an ellipsis where it is longer than `length`."""
    if len(text) <= length:
        return text
    end = (length - 3) // 3
    return f"{text[: length - 3 - end]} … {text[len(text) - end :]}"


class ReportedError(Exception):
    """Base class of the errors that users see as one line, without a traceback."""

    exit_status: int

    def __init__(self, message: str):
        super().__init__(shorten(printable(message), MAX_MESSAGE))


class UserError(ReportedError):
    """Wrong arguments or data; the message states the cause, the place and the remedy."""

    exit_status = 2


class RunFailed(ReportedError):
    """A run that started and could not finish."""

    exit_status = 1


class Interrupted(ReportedError):
    """A run that was stopped before it had a result."""

    exit_status = INTERRUPTED


class PromptCancelled(KeyboardInterrupt):
    """A prompt that was left with Ctrl-C or Ctrl-D; the action that it belongs to has not started."""


def exit_status(name: str, program: Callable[[], int]) -> int:
    """Run a program and return its exit status; its errors become one line on standard error.

    Args:
        name: name of the program, at the beginning of that line.
        program: function that returns an exit status.

    Returns:
        The status of `program`; 1 after `RunFailed` or `MemoryError`, 2 after `UserError`, 130 after an
        interruption. Other exceptions are bugs and propagate.
    """
    try:
        try:
            return program()
        finally:
            sys.stdout.flush()  # results that cannot be written are an error of the program too
    except ReportedError as error:
        _print_error(f"{name}: {error}")
        return error.exit_status
    except MemoryError:
        _print_error(f"{name}: not enough memory; close other programs, or use less data")
        return 1
    except KeyboardInterrupt as error:
        _print_error(f"{name}: {str(error) or 'interrupted'}")
        return INTERRUPTED


def _print_error(text: str) -> None:
    """Print a line to standard error; on a terminal it is broken between words."""
    print(wrap_for(text, sys.stderr), file=sys.stderr)


def is_out_of_memory(text: str) -> bool:
    """Return whether an error message reports exhausted memory."""
    return any(part in text for part in MEMORY_MESSAGES)


def reason(error: BaseException) -> str:
    """Return the message of an exception of another library, as the end of a sentence.

    It is the first line, without error numbers, file names and the final period.
    """
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    if isinstance(error, MemoryError):
        return "it needs more memory than is available"
    empty = "it ends too early" if isinstance(error, EOFError) else "no reason given"
    text = getattr(error, "strerror", None) or str(error).strip() or empty
    inner = re.search(r"(?:\[Errno -?\d+\] |error message = ')([^:\]'\"]+)", text)
    return (inner[1] if inner else text.splitlines()[0]).rstrip(".:")


def describe_failure(error: BaseException) -> str:
    """Return a line about a failed run: the message of `UserError` and `RunFailed`, else class and reason."""
    if isinstance(error, UserError | RunFailed):
        return str(error)
    if is_out_of_memory(f"{type(error).__name__}: {error}"):
        return OUT_OF_MEMORY
    return f"{type(error).__name__}: {reason(error)}"
