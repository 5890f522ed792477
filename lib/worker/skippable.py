"""Computations in native code, which Ctrl-C skips without waiting for their end."""

import threading
from collections.abc import Callable
from concurrent import futures
from typing import TypeVar

Result = TypeVar("Result")

CHECK_INTERVAL = 0.05  # seconds


def run_unless_stopped(compute: Callable[[], Result], stop_event: threading.Event) -> Result | None:
    """Return what a function returns, or None as soon as the event is set.

    The function then goes on in its thread until it, or this process, ends.
    """
    outcome: futures.Future[Result] = futures.Future()

    def run() -> None:
        try:
            outcome.set_result(compute())
        except BaseException as error:
            outcome.set_exception(error)

    if not stop_event.is_set():
        threading.Thread(target=run, daemon=True).start()
    while not stop_event.is_set():
        if futures.wait([outcome], CHECK_INTERVAL).done:
            return outcome.result()
    return None
