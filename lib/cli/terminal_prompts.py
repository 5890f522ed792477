"""Prompts on a terminal: texts, paths and menus.

questionary is imported only for a prompt, so that everything else starts fast.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TextIO, cast

from lib.cli._compat import interrupt_on_signal, wrap_validation_message
from lib.cli.prompt_keys import PromptClosed, add_keys
from lib.cli.streams import TextOnly, has_all_characters
from lib.common.errors import PromptCancelled, UserError

if TYPE_CHECKING:
    from questionary import Question

PROMPT_INDENT = "  "  # of the lines of a question after the first
MENU_INSTRUCTION = "(arrow keys, Enter)"


def prompt_text(
    question: str,
    check: Callable[[str], object],
    help_text: str = "",
    toolbar: Callable[[], str] | None = None,
    is_path: bool = False,
    can_go_back: bool = False,
    **options: Any,
) -> str:
    """Ask for a text on the terminal until `check` raises no `UserError`; return it stripped.

    Args:
        question: text before the input.
        check: raises `UserError` with the message for a wrong input.
        help_text: shown below the input, unless `toolbar` is given.
        toolbar: describes what is typed, for the lines below the input.
        is_path: complete paths with the Tab key.
        can_go_back: whether Esc raises `GoBack`.
        options: further options of `questionary.text`.
    """
    import questionary

    from lib.cli.prompt_layout import wrap_to_terminal

    def expand(text: str) -> str:
        text = text.strip()
        return os.path.expanduser(text.rstrip(os.sep) or text) if is_path else text

    def validate(text: str) -> bool | str:
        result = validation_result(check, expand(text))
        return result if result is True else wrap_to_terminal(str(result))

    keys = ["Tab: complete"] if is_path else []
    keys += ["Esc: back"] if can_go_back else []

    def show_help() -> str:
        text = toolbar() if toolbar else wrap_to_terminal(help_text)
        return "\n".join(filter(None, (text, ", ".join(keys))))

    if toolbar or help_text or keys:
        options["bottom_toolbar"] = show_help
    make_prompt = questionary.path if is_path else questionary.text
    prompt = make_prompt(
        wrap_to_terminal(question, PROMPT_INDENT),
        validate=validate,
        validate_while_typing=False,
        **options,
        **_output_options(),
    )
    wrap_validation_message(prompt)
    add_keys(prompt, can_go_back, is_path=is_path)
    return expand(_run_prompt(prompt))


def prompt_choice(
    title: str,
    choices: dict[str, str],
    default: str | None = None,
    details: dict[str, str] | None = None,
    kept_lines: int = 0,
    can_go_back: bool = False,
) -> str:
    """Show a menu on the terminal; return the key of the choice.

    Args:
        title: the question.
        choices: text of each key.
        default: the key that is selected first.
        details: help of each key, shown below the menu for the one that is highlighted.
        kept_lines: lines above the menu that stay on the screen, as far as some of the menu remains.
        can_go_back: whether Esc raises `GoBack`.
    """
    import questionary

    from lib.cli.prompt_layout import fit_instruction, fit_menu, fitted_choices, wrap_to_terminal

    question = wrap_to_terminal(title, PROMPT_INDENT)
    listed = fitted_choices(choices, details or {}, question, _prompt_stream())
    instruction = "(arrow keys, Enter; Esc: back)" if can_go_back else MENU_INSTRUCTION
    instruction = fit_instruction(instruction, question)
    style = questionary.Style([("selected", "noreverse")])  # the default looks like the others
    menu = questionary.select(
        question, listed, default=default, instruction=instruction, style=style, **_output_options()
    )
    fit_menu(menu, kept_lines)
    add_keys(menu, can_go_back, is_menu=True)
    return _run_prompt(menu)


def prompt_several(
    title: str, choices: dict[str, str], details: dict[str, str], min_count: int, can_go_back: bool
) -> list[str]:
    """Show a menu of switches on the terminal; return the keys that are on.

    Args:
        title: the question.
        choices: text of each key.
        details: help of each key that has some.
        min_count: keys that must be on at least.
        can_go_back: whether Esc raises `GoBack`.
    """
    import questionary

    from lib.cli.prompt_layout import fit_instruction, fit_menu, fitted_choices, wrap_to_terminal

    def check(keys: list[str]) -> bool | str:
        return len(keys) >= min_count or f"select at least {min_count} with the space bar"

    question = wrap_to_terminal(title, PROMPT_INDENT)
    instruction = f"({'Esc: back, ' if can_go_back else ''}Space: select, Enter: next, letters: filter)"
    prompt = questionary.checkbox(
        question,
        fitted_choices(choices, details, question, _prompt_stream()),
        validate=check,
        use_search_filter=True,
        use_jk_keys=False,
        instruction=fit_instruction(instruction, question),
        **_output_options(),
    )
    fit_menu(prompt)
    add_keys(prompt, can_go_back, is_menu=True)
    return _run_prompt(prompt)


def _run_prompt(prompt: Question):
    """The answer. Raises `PromptCancelled` for Ctrl-C, a key or a signal, `PromptClosed` for Ctrl-D."""
    interrupt_on_signal(prompt)
    try:
        return prompt.unsafe_ask()
    except EOFError:
        raise PromptClosed from None
    except KeyboardInterrupt:
        raise PromptCancelled from None


def validation_result(check: Callable[[str], object], text: str) -> bool | str:
    """Return True, or the message of the `UserError` that `check` raises, as questionary expects it."""
    try:
        check(text)
    except UserError as error:
        return str(error).removeprefix(f"{text.strip()}: ")  # the line is short, and the text is above it
    return True


def preview_text(parse: Callable[[str], Any], preview: Callable[[Any], str]) -> str:
    """Return what the text that is being typed would mean, for the line below the prompt.

    Args:
        parse: the value of a text; it raises `UserError`, whose message is returned then.
        preview: says what a value means.
    """
    from prompt_toolkit.application import get_app

    from lib.cli.prompt_layout import wrap_to_terminal

    buffer = get_app().current_buffer
    if buffer.validation_error:
        return ""  # the message is shown already
    try:
        return wrap_to_terminal(preview(parse(buffer.text)))
    except UserError as error:
        return wrap_to_terminal(str(error))


def _output_options() -> dict[str, Any]:
    """Options that send prompts to standard error if results are redirected, with characters that it has."""
    stream = _prompt_stream()
    if stream is sys.stdout and has_all_characters(stream):
        return {}
    from prompt_toolkit.output import create_output

    return {"output": create_output(cast(TextIO, TextOnly(stream)))}


def _prompt_stream() -> TextIO:
    return sys.stdout if sys.stdout.isatty() else sys.stderr
