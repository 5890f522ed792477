"""Workarounds of `lib.cli._compat`, each with the reason for which it is needed: delete one whose test fails.

python -m pytest tests/cli/test_compat.py
"""

import pytest
import questionary
from prompt_toolkit.application import create_app_session
from prompt_toolkit.input import DummyInput
from prompt_toolkit.keys import Keys
from prompt_toolkit.output import DummyOutput

from lib.cli import _compat


@pytest.fixture(autouse=True)
def no_terminal():
    with create_app_session(input=DummyInput(), output=DummyOutput()):
        yield


def validation_windows(prompt) -> list:
    """The windows of a text prompt that show the message of its validator."""
    prompt.application.current_buffer.validate()
    windows = prompt.application.layout.find_all_windows()
    return [
        window
        for window in windows
        if hasattr(window.content, "text")
        and callable(window.content.text)
        and "ValidationToolbar" in window.content.text.__qualname__
    ]


def test_the_validation_message_is_cut_without_the_workaround():
    prompt = questionary.text("?", validate=lambda text: "a long message")
    (window,) = validation_windows(prompt)
    assert window.height == 1
    assert not window.wrap_lines()
    _compat.wrap_validation_message(prompt)
    assert window.height is None
    assert window.wrap_lines()
    assert window.dont_extend_height()


def handled_keys(prompt) -> set:
    return {key for binding in prompt.application.key_bindings.bindings for key in binding.keys}


@pytest.mark.parametrize("make_menu", [questionary.select, questionary.checkbox])
def test_a_menu_does_not_handle_the_interrupt_signal_without_the_workaround(make_menu):
    prompt = make_menu("?", ["a", "b"])
    assert Keys.SIGINT not in handled_keys(prompt)
    _compat.interrupt_on_signal(prompt)
    assert Keys.SIGINT in handled_keys(prompt)
