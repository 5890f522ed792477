"""Sessions without training: their menu. python -m pytest tests/cli/test_session.py"""

import io
import sys
from pathlib import Path

import pytest

import autoencoder
import classification
from lib.cli import commands
from lib.cli.menu import MenuEntry
from lib.cli.prompts import Answers
from lib.cli.session import FinishedRun, Session
from lib.common.errors import Interrupted, PromptCancelled
from lib.config.hyperparameters import HYPERPARAMETERS
from lib.evaluation.run_figures import menu_entries


@pytest.fixture
def session(monkeypatch):
    """A session whose runs end at once."""
    session = Session("autoencoder", "", ["-d", "digits"])

    def train(ask) -> bool:
        session.finished_runs.append(FinishedRun(Path("models/run"), {"status": "finished"}))
        return True

    monkeypatch.setattr(session, "_train", train)
    monkeypatch.setattr(session, "show_result", lambda: None)
    return session


@pytest.mark.parametrize(
    ("program", "keys"),
    [
        (
            autoencoder,
            "continue loss pictures latent samples generate evaluate apply explore encode compare search "
            "runs save",
        ),
        (classification, "loss right wrong report predict probe search runs"),
    ],
)
def test_the_menu_has_figures_and_commands_in_order(monkeypatch, program, keys):
    menus = []

    def choose(answers, title, choices, **options) -> str:
        menus.append([*choices])
        return "quit"

    def train(session, ask) -> bool:
        figures = menu_entries(HYPERPARAMETERS[session.answers.program]())
        session.finished_runs.append(FinishedRun(Path("models/run"), {"status": "finished"}, figures))
        return False

    monkeypatch.setattr(Answers, "choose", choose)
    monkeypatch.setattr(Session, "_train", train)
    program.main(["-d", "digits"])
    assert menus == [["again", *keys.split(), "quit"]]


def test_commands_of_packages_that_were_deleted_are_absent(monkeypatch):
    monkeypatch.setattr(commands, "PACKAGES", ("lib.cli", "lib.nowhere"))
    commands.all_commands.cache_clear()
    try:
        assert [*commands.commands_of("classification")] == ["predict", "probe", "runs"]
    finally:
        commands.all_commands.cache_clear()


@pytest.mark.parametrize(
    ("outcome", "expected"), [("finished", 0), ("failed", 1), ("interrupted", 130), (None, 1)]
)
def test_without_a_terminal_the_exit_status_is_that_of_the_last_run(session, monkeypatch, outcome, expected):
    outcomes = iter(["finished", outcome])

    def train(ask) -> bool:
        if (status := next(outcomes)) is None:
            return False  # the worker died
        session.finished_runs.append(FinishedRun(Path("models/run"), {"status": status}))
        return True

    monkeypatch.setattr(session, "_train", train)
    monkeypatch.setattr(session, "show_result", lambda: None)
    monkeypatch.setattr(sys, "stdin", io.StringIO("again\n"))
    assert session.run(lambda answers, worker: None, dict) == expected


def test_a_user_who_quits_at_a_terminal_has_succeeded(session, monkeypatch):
    monkeypatch.setattr(session, "_train", lambda ask: False)
    monkeypatch.setattr(session.answers, "has_terminal", True)
    monkeypatch.setattr(session.answers, "choose", lambda title, choices, at_end, **options: at_end)
    assert session.run(lambda answers, worker: None, dict) == 0


class StartedWorker:
    """Counts how often it is started and closed."""

    def __init__(self, group=None):
        self.starts = self.closes = 0

    def start(self) -> None:
        self.starts += 1

    def close(self) -> None:
        self.closes += 1


@pytest.mark.parametrize("has_terminal", [True, False])
def test_the_worker_of_the_next_job_starts_with_the_menu_of_a_terminal(monkeypatch, has_terminal):
    monkeypatch.setattr("lib.cli.session.Worker", StartedWorker)
    session = Session("autoencoder", "", ["-d", "digits"])
    keys, taken = iter(["probe", "quit"]), []
    monkeypatch.setattr(session, "_train", lambda ask: False)
    monkeypatch.setattr(session.answers, "has_terminal", has_terminal)
    monkeypatch.setattr(session.answers, "choose", lambda *choices, **options: next(keys))
    session.finished_runs.append(FinishedRun(Path("models/run"), {}))
    menu = {"probe": MenuEntry("Probe", lambda: taken.append(session.take_worker()))}
    session.run(lambda answers, worker: None, lambda: menu)
    assert [worker.starts for worker in taken] == [has_terminal]
    assert session._next_worker is not taken[0]
    assert (session._next_worker.starts, session._next_worker.closes) == (has_terminal, 1)


def test_a_run_that_cannot_be_continued_leads_back_to_the_menu(monkeypatch):
    monkeypatch.setattr("lib.cli.session.Worker", StartedWorker)
    session = Session("autoencoder", "", ["-d", "digits"])
    keys, trained, said = iter(["continue", "quit"]), [], []
    monkeypatch.setattr(session, "_train", lambda ask: trained.append(ask) or False)
    monkeypatch.setattr(session.answers, "has_terminal", True)
    monkeypatch.setattr(session.answers, "choose", lambda *choices, **options: next(keys))
    monkeypatch.setattr(session.display, "note", lambda text, *style: said.append(text))
    session.finished_runs.append(FinishedRun(Path("models/moved"), {"status": "finished"}))
    assert session.run(lambda answers, worker: None, dict) == 0
    assert len(trained) == 1
    assert "models/moved" in said[0]


@pytest.mark.parametrize(
    ("raised", "folder", "expected"),
    [
        (KeyboardInterrupt, None, Interrupted),
        (KeyboardInterrupt, "models/run", KeyboardInterrupt),  # that of a training
        (PromptCancelled, None, PromptCancelled),
    ],
)
def test_ctrl_c_before_training_is_named_and_starts_nothing(raised, folder, expected):
    session = Session("autoencoder", "", ["-d", "digits"])

    def ask(answers, worker):
        worker.folder = folder
        raise raised

    with pytest.raises(expected) as caught:
        session.run(ask, dict)
    assert type(caught.value) is expected
    assert str(caught.value) == ("stopped before training began" if expected is Interrupted else "")


def test_reconstructions_that_were_skipped_are_no_error(session, capsys):
    figures = menu_entries(HYPERPARAMETERS["autoencoder"]())
    session.finished_runs.append(FinishedRun(Path("models/run"), {}, figures))
    session.show_figure("reconstructions")
    assert "There are no reconstructions: the figures were skipped." in capsys.readouterr().out


def test_a_figure_lies_in_the_run_folder():
    assert FinishedRun(Path("models/run"), {}).figure_path("loss") == "models/run/figures/loss.png"
