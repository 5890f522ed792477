"""Computations that Ctrl-C skips. python -m pytest tests/worker/test_skippable.py"""

import threading

import pytest

from lib.worker.skippable import run_unless_stopped


def test_the_result_or_the_exception_of_a_function_is_passed_on():
    stop_event = threading.Event()
    assert run_unless_stopped(lambda: 5, stop_event) == 5
    for error in (ValueError, TimeoutError):
        with pytest.raises(error):
            run_unless_stopped(lambda error=error: exec("raise error", {"error": error}), stop_event)


def test_a_function_is_left_as_soon_as_the_event_is_set():
    stop_event, ends = threading.Event(), threading.Event()
    threading.Timer(0.1, stop_event.set).start()
    assert run_unless_stopped(ends.wait, stop_event) is None
    ends.set()
    assert run_unless_stopped(lambda: 5, stop_event) is None
