"""Keys of prompts: Esc for the question before, Ctrl-D for the end, one Enter for a path."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lib.common.errors import PromptCancelled

if TYPE_CHECKING:
    from questionary import Question

ESCAPE_SECONDS = 0.1  # after which a lone Esc is no longer taken for the beginning of another key


class GoBack(Exception):
    """A prompt that was left with Esc, for the question before."""


class PromptClosed(PromptCancelled):
    """A prompt that was left with Ctrl-D."""


def add_keys(prompt: Question, can_go_back: bool, is_menu: bool = False, is_path: bool = False) -> None:
    """Add the keys to a prompt.

    Args:
        prompt: a prompt of questionary.
        can_go_back: whether Esc ends it with `GoBack`.
        is_menu: whether it is a menu; a text prompt itself ends with Ctrl-D where no text is typed.
        is_path: whether it asks for a path; then Enter accepts it while completions are shown, too.
    """
    from prompt_toolkit.key_binding import KeyBindings, merge_key_bindings
    from prompt_toolkit.keys import Keys

    application = prompt.application
    bindings = KeyBindings()

    def close(event) -> None:
        event.app.exit(exception=EOFError)

    def go_back(event) -> None:
        event.app.erase_when_done = True
        event.app.exit(exception=GoBack)

    def accept_path(event) -> None:
        event.current_buffer.complete_state = None
        if event.current_buffer.validate(set_cursor=True):
            event.app.exit(result=event.current_buffer.text)

    if is_menu:
        bindings.add(Keys.ControlD)(close)
    if can_go_back:
        application.ttimeoutlen = ESCAPE_SECONDS
        bindings.add(Keys.Escape, eager=True)(go_back)
    if is_path:
        bindings.add(Keys.Enter, eager=True)(accept_path)
    existing = [application.key_bindings] if application.key_bindings else []
    application.key_bindings = merge_key_bindings([*existing, bindings])
