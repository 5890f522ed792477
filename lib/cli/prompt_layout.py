"""Layout of prompts on a terminal of any width: labels with an ellipsis, help in whole, no broken words.

Widths are read at every redraw, so that a prompt follows a terminal that is resized.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, TextIO, cast

from prompt_toolkit.application import get_app, get_app_or_none
from prompt_toolkit.filters import Condition, IsDone
from prompt_toolkit.layout import ConditionalContainer, Dimension, FormattedTextControl, HSplit, Window
from prompt_toolkit.layout.margins import ConditionalMargin, ScrollbarMargin
from questionary import Choice
from questionary.prompts.common import InquirerControl

from lib.common.text_layout import ELLIPSIS, as_written, cell_width, ellipsize, terminal_columns, wrap_words

if TYPE_CHECKING:
    from questionary import Question

DEFAULT_COLUMNS = 80  # where the terminal does not say
MIN_ROWS = 6  # of a menu that leaves room for what was shown before it
MARGIN = 7  # columns of a label's pointer, mark and scroll bar
MIN_ANSWER = 12  # columns of an answer beside its question
HELP_INDENT = "   "


def terminal_width() -> int:
    """Return the columns of the terminal that the current prompt, or the next one, is on."""
    app = get_app_or_none()
    if app is not None:
        return app.output.get_size().columns
    return terminal_columns(sys.stdout) or terminal_columns(sys.stderr) or DEFAULT_COLUMNS


def wrap_to_terminal(text: str, indent: str = "") -> str:
    """Return a text with line breaks between words, for the terminal that the current prompt is on."""
    return "\n".join(wrap_words(text, terminal_width(), indent))


def fit_instruction(instruction: str, question: str) -> str:
    """Return the instruction beside a question; it begins a line where it does not fit on the question's."""
    used = cell_width(question.rpartition("\n")[2]) + 3
    if used + cell_width(instruction) <= terminal_width():
        return instruction
    return "\n" + wrap_to_terminal(f"  {instruction}", "  ")


class FittedChoice(Choice):
    """A choice of a menu, whose label is as wide as the terminal allows.

    Args:
        text: the label; of columns separated by two spaces, the first alone is shown as the answer.
        key: the value of the choice.
        help_text: shown below the menu while the choice is highlighted; by default the label, if it is cut.
        question: text before the answer.
        stream: what the prompt is written to.
    """

    def __init__(self, text: str, key: str, help_text: str, question: str, stream: TextIO):
        self._text, self._help = as_written(text, stream), as_written(help_text, stream)
        self._question_width = cell_width(question.rpartition("\n")[2]) + 3
        self._ellipsis = as_written(ELLIPSIS, stream)
        super().__init__(text, key)

    @property
    def title(self) -> str:
        if not get_app().is_done:
            return ellipsize(self._text, terminal_width() - MARGIN, self._ellipsis)
        # A line as wide as the terminal would be followed by an empty one.
        answer, room = self._text.partition("  ")[0], terminal_width() - self._question_width - 1
        if room < min(MIN_ANSWER, cell_width(answer)):
            return f"\n  {ellipsize(answer, terminal_width() - 2, self._ellipsis)}"
        return ellipsize(answer, room, self._ellipsis)

    @title.setter
    def title(self, text: str) -> None:
        """Ignored: the label follows the width of the terminal."""

    @property
    def help_lines(self) -> list[str]:
        """The help, or the label if it is cut, as lines."""
        text = self._help or ("" if self.title == self._text else self._text)
        return wrap_words(HELP_INDENT + text, terminal_width() - 1, HELP_INDENT) if text else []


def fitted_choices(
    texts: dict[str, str], details: dict[str, str], question: str, stream: TextIO
) -> list[Choice]:
    """Return the choices of a menu.

    Args:
        texts: label of each key.
        details: help of each key that has some.
        question: above the menu.
        stream: the terminal.
    """
    return [FittedChoice(text, key, details.get(key, ""), question, stream) for key, text in texts.items()]


def fit_menu(menu: Question, kept_lines: int = 0) -> None:
    """Give a menu of `FittedChoice` a line of help, a scroll bar where it is too high, and a limited height.

    Args:
        menu: the menu.
        kept_lines: lines above it that stay on the screen, as far as `MIN_ROWS` of the menu remain.
    """
    windows = menu.application.layout.find_all_windows()
    window = next(window for window in windows if isinstance(window.content, InquirerControl))
    control = cast(InquirerControl, window.content)

    def help_lines() -> list[str]:
        choice = control.get_pointed_at()
        return choice.help_lines if isinstance(choice, FittedChoice) else []

    def max_rows() -> int:
        rows = get_app().output.get_size().rows - 2 - len(help_lines())
        return max(1, min(rows, max(MIN_ROWS, rows - kept_lines)))

    def list_height() -> Dimension:
        return Dimension(min=1, max=max_rows(), preferred=min(control.choice_count, max_rows()))

    is_cut = Condition(lambda: max_rows() < control.choice_count)
    window.height = list_height
    window.right_margins = [ConditionalMargin(ScrollbarMargin(display_arrows=True), filter=is_cut)]
    help_window = Window(
        FormattedTextControl(lambda: "\n".join(help_lines())),
        height=lambda: Dimension.exact(len(help_lines())),
        style="class:instruction",
    )
    has_help = Condition(lambda: bool(help_lines()))
    container = cast(HSplit, menu.application.layout.container)
    container.children.append(ConditionalContainer(help_window, filter=has_help & ~IsDone()))
