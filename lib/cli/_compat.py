"""Workarounds for limits of other libraries, which change objects that those do not offer for changing.

`tests/cli/test_compat.py` fails when one of them is no longer needed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from questionary import Question


def wrap_validation_message(question: Question) -> None:
    """Show the error message of a text prompt in as many lines as it needs.

    The validation toolbar of prompt_toolkit 3.0.53 has one line and cuts the rest; neither it nor
    questionary 2.1.1 has an option for that. The other bars of one line are not used by the prompts.
    """
    from prompt_toolkit.filters import to_filter

    for window in question.application.layout.find_all_windows():
        if window.height == 1:
            window.height = None
            window.wrap_lines = to_filter(True)
            window.dont_extend_height = to_filter(True)


def interrupt_on_signal(question: Question) -> None:
    """Let SIGINT end a prompt with `KeyboardInterrupt`.

    While a prompt runs, prompt_toolkit 3.0.53 turns the signal into a key press `Keys.SIGINT`, for which the
    menus of questionary 2.1.1 have no key binding: they know Ctrl-C only as a key. But Ctrl-C arrives as a
    signal if it is pressed before the prompt has put the terminal into raw mode.
    """
    from prompt_toolkit.key_binding import KeyBindings, merge_key_bindings
    from prompt_toolkit.keys import Keys

    bindings = KeyBindings()
    bindings.add(Keys.SIGINT)(lambda event: event.app.exit(exception=KeyboardInterrupt))
    application = question.application
    existing = [application.key_bindings] if application.key_bindings else []
    application.key_bindings = merge_key_bindings([*existing, bindings])
