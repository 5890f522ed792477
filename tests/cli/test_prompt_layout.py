"""Prompts that fit the terminal. python -m pytest tests/cli/test_prompt_layout.py"""

import io
import re
from pathlib import Path

import numpy as np
import pytest
import questionary
from prompt_toolkit.application import create_app_session
from prompt_toolkit.data_structures import Size
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output.vt100 import Vt100_Output

from lib.cli import advanced_prompts, prompt_layout, terminal_prompts
from lib.cli.parser import TrainParser
from lib.cli.prompts import Answers
from lib.common.errors import UserError
from lib.common.text_layout import cell_width

LEFT, ENTER, DOWN, CURSOR = "\x1b[D", "\r", "\x1b[B", "\x1b[1;1R"  # where it is
WORDS = "help that is far longer than the terminal is wide and so takes several lines of it"


class Screen:
    """What prompts show on a terminal of a given size, and the keys that are pressed.

    Attributes:
        size: the size, which may be changed.
        frames: the lines of the screen after each redraw, without the last one.
        pending: keys that are still to be pressed, one after each redraw.
        text: everything that was written to the terminal.
    """

    def __init__(self, keys):
        self.keys = keys
        self.pending: list[str] = []
        self.text = io.StringIO()
        self.size = Size(rows=24, columns=80)
        self.frames: list[list[str]] = []

    def record(self, app) -> None:
        screen = app.renderer.last_rendered_screen
        if screen is not None:
            rows = range(screen.height)
            columns = range(self.size.columns)
            lines = ["".join(screen.data_buffer[y][x].char for x in columns).rstrip() for y in rows]
            self.frames.append(lines)
        if self.pending and not app.is_done:
            self.keys.send_text(self.pending.pop(0))


@pytest.fixture
def screen(monkeypatch):
    """A terminal for prompts."""
    with create_pipe_input() as keys:
        screen = Screen(keys)
        output = Vt100_Output(screen.text, lambda: screen.size, term="xterm")
        run = terminal_prompts._run_prompt

        def recorded(prompt):
            prompt.application.after_render += screen.record
            return run(prompt)

        monkeypatch.setattr(terminal_prompts, "_run_prompt", recorded)
        monkeypatch.setattr(terminal_prompts, "_output_options", dict)
        monkeypatch.setattr(prompt_layout, "terminal_columns", lambda stream: screen.size.columns)
        with create_app_session(input=keys, output=output):
            yield screen


def choose(screen: Screen, *keys: str, **options):
    screen.pending = list(keys)
    return terminal_prompts.prompt_choice(**options)


@pytest.mark.parametrize("columns", [20, 33, 80, 200])
def test_labels_are_cut_with_an_ellipsis_and_the_help_is_whole(screen, columns):
    screen.size = Size(rows=24, columns=columns)
    choices = {"a": "first  1  one", "b": f"second  2  {WORDS}"}
    assert choose(screen, DOWN, ENTER, title="Which?", choices=choices, details={"b": WORDS}) == "b"
    shown = screen.frames[-1]
    assert all(cell_width(line) <= columns for line in shown)
    label = next(line for line in shown if "second" in line)
    assert label.endswith(("…", WORDS))
    below = " ".join(" ".join(shown[shown.index(label) + 1 :]).split())
    assert below == WORDS
    assert "second" in screen.text.getvalue().rpartition("Which?")[2]


def test_a_label_that_is_cut_is_its_own_help(screen):
    screen.size = Size(rows=24, columns=40)
    choose(screen, ENTER, title="Which?", choices={"a": WORDS, "b": "short"})
    shown = screen.frames[-1]
    assert " ".join(" ".join(shown[3:]).split()) == WORDS


def test_a_menu_leaves_what_was_shown_before_it_and_has_a_scroll_bar(screen):
    choices = {str(number): f"entry {number}" for number in range(13)}
    choose(screen, ENTER, title="What next?", choices=choices, kept_lines=9)
    assert len(screen.frames[-1]) == 14  # all entries, and the question
    choose(screen, ENTER, title="What next?", choices=choices, kept_lines=15)
    assert len(screen.frames[-1]) == 8
    assert screen.frames[-1][1].endswith("^")
    assert screen.frames[-1][-1].endswith("v")


def test_a_long_question_and_the_message_for_a_wrong_answer_are_broken_between_words(screen):
    screen.size = Size(rows=24, columns=30)

    def check(text: str) -> None:
        if text != "y":
            raise UserError(WORDS)

    screen.pending = ["n", ENTER, "\x15", "y", ENTER]
    assert terminal_prompts.prompt_text(f"{WORDS}?", check, help_text=WORDS) == "y"
    words = set(WORDS.split()) | {"?", f"{WORDS.split()[-1]}?", "n", "y"}
    for lines in screen.frames:
        assert all(cell_width(line) <= 30 for line in lines)
        assert {word for line in lines for word in line.split()} <= words
    assert any(" ".join(" ".join(lines).split()).count(WORDS) == 2 for lines in screen.frames)


@pytest.mark.parametrize("columns", [30, 80, 120])
def test_the_keys_of_a_list_are_broken_between_words(screen, columns):
    screen.size = Size(rows=24, columns=columns)
    screen.pending = [" ", ENTER]
    title = "Which hyperparameters should vary?"
    assert terminal_prompts.prompt_several(title, {"a": "layers", "b": "epochs"}, {}, 1, False) == ["a"]
    shown = screen.frames[0]
    assert all(cell_width(line) <= columns for line in shown)
    text = " ".join(" ".join(shown).split())
    assert text.startswith(f"? {title} (Space: select, Enter: next, letters: filter) »")


def test_every_setting_has_its_whole_help_below_the_menu(screen, monkeypatch):
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    answers = Answers("autoencoder", TrainParser("autoencoder", "").parse(["-d", "digits"]))
    group = advanced_prompts.GROUPS
    settings = {}

    def choose_last(title, choices, default, details, **options):
        settings.update(details or {})
        return advanced_prompts.BACK

    monkeypatch.setattr(advanced_prompts, "prompt_choice", choose_last)
    for name in group:
        advanced_prompts._choose_setting(answers, {"dataset": "digits"}, name, advanced_prompts.BACK)
    assert {"layers", "epochs", "task", "limit"} <= settings.keys()
    for details in settings.values():
        choose(screen, ENTER, title="Change?", choices={"a": f"a  1  {details}"}, details={"a": details})
        shown = screen.frames[-1]
        assert all(cell_width(line) <= 80 for line in shown)
        assert " ".join(" ".join(shown[2:]).split()) == details


@pytest.mark.parametrize(("source", "has_pictures"), [("digits", False), ("mine", True), ("x.npy", False)])
def test_settings_of_pictures_are_offered_for_pictures_alone(source, has_pictures):
    Path("mine").mkdir()
    np.save("x.npy", np.zeros((3, 8, 8), np.uint8))
    answers = Answers("autoencoder", TrainParser("autoencoder", "").parse([]))
    hp = answers.hyperparameters({"dataset": source})
    offered = {setting.name for setting in advanced_prompts._applicable_settings(hp, "data")}
    pictures = {"size", "fit", "color", "skip_broken", "cache", "patches", "group"}
    assert offered & pictures == (pictures if has_pictures else set())
    assert {"limit", "split"} <= offered


def test_the_list_of_a_menu_is_that_of_questionary():
    """`fit_menu` changes the layout of questionary 2.1.1, which has no option for it."""
    menu = questionary.select("?", ["a"])
    windows = menu.application.layout.find_all_windows()
    assert any(isinstance(window.content, prompt_layout.InquirerControl) for window in windows)
    assert isinstance(menu.application.layout.container, prompt_layout.HSplit)


@pytest.mark.parametrize("columns", [40, 80])
def test_the_preview_shows_every_size_whole(screen, columns):
    screen.size = Size(rows=24, columns=columns)
    preview = "latent 16, 49.0× smaller than the image · 176,753 parameters · 28×28×1 → 14×14×32 → 16"
    screen.pending = [CURSOR + "3", *[LEFT] * 3, ENTER]
    terminal_prompts.prompt_text(
        "Kernels", int, toolbar=lambda: terminal_prompts.preview_text(int, lambda value: preview)
    )
    shown = screen.frames[-1]
    assert all(cell_width(line) <= columns for line in shown)
    assert preview in " ".join(" ".join(shown).split())
    assert {"28×28×1", "14×14×32"} <= {word for line in shown for word in line.split()}


def test_the_default_of_a_menu_looks_like_the_other_choices(screen):
    screen.pending = [DOWN, ENTER]
    assert terminal_prompts.prompt_choice("Which?", {"a": "first", "b": "second"}, default="a") == "b"
    assert "second" in screen.text.getvalue()
    assert not re.search(r"\x1b\[[0-9;]*\b7m", screen.text.getvalue())  # no reverse video
