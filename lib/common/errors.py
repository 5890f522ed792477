"""What can go wrong, and the one place where it becomes a line on the screen and an exit status."""

import re
import sys
from collections.abc import Callable

# What libraries and systems say when memory is wanting, on a processor or a GPU.
MEMORY_MESSAGES = (
    *("MemoryError", "bad_alloc", "OOM when", "ResourceExhausted", "RESOURCE_EXHAUSTED", "ut of memory"),
    *("Cannot allocate memory", "failed to map segment", "Unable to allocate"),
)
MEMORY_ADVICE = "a smaller batch size or fewer kernels need less"
OUT_OF_MEMORY = f"not enough memory; {MEMORY_ADVICE}"
INTERRUPTED = 130  # 128 + SIGINT, as shells report it


def printable(text: str) -> str:
    """Text that stays on its line and gives a terminal no orders: a file, or a key in one, may be called
    anything.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else " " if c.isspace() else "\ufffd" for c in text)


class ReportedError(Exception):
    """An error that is told to a person, in one line."""

    def __init__(self, message: str):
        super().__init__(printable(message))


class UserError(ReportedError):
    """Wrong arguments or data (exit status 2); the message says what, where and what to do."""


class RunFailed(ReportedError):
    """A run that started and could not finish (exit status 1)."""


class Interrupted(ReportedError):
    """A run that was stopped before there was anything to keep (exit status 130)."""


class PromptCancelled(KeyboardInterrupt):
    """A question that was left with Ctrl-C or Ctrl-D: what it was asked for has not begun."""


def exit_status(name: str, program: Callable[[], int]) -> int:
    """Run `program` and turn its errors into one line on standard error and DESIGN's exit status."""
    try:
        return program()
    except UserError as error:
        print(f"{name}: {error}", file=sys.stderr)
        return 2
    except RunFailed as error:
        print(f"{name}: {error}", file=sys.stderr)
        return 1
    except (Interrupted, KeyboardInterrupt) as error:
        print(f"{name}: {str(error) or 'interrupted'}", file=sys.stderr)
        return INTERRUPTED


def is_out_of_memory(text: str) -> bool:
    """Whether what somebody says means that memory is wanting."""
    return any(word in text for word in MEMORY_MESSAGES)


def reason(error: BaseException) -> str:
    """What a foreign exception says, as the end of a sentence: one line, without the system's numbers and
    paths.
    """
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    empty = "it ends too early" if isinstance(error, EOFError) else "no reason given"
    text = getattr(error, "strerror", None) or str(error).strip() or empty
    inner = re.search(r"(?:\[Errno -?\d+\] |error message = ')([^:\]'\"]+)", text)
    return (inner[1] if inner else text.splitlines()[0]).rstrip(".:")


def describe_failure(error: BaseException) -> str:
    if isinstance(error, UserError | RunFailed):
        return str(error)
    if is_out_of_memory(f"{type(error).__name__}: {error}"):
        return OUT_OF_MEMORY
    return f"{type(error).__name__}: {reason(error)}"
