"""Sessions without training: their menu. python -m pytest tests/cli/test_session.py"""

import io
import re
import sys
from pathlib import Path

import pytest

import autoencoder
import classification
from lib.cli import commands, menu
from lib.cli.session import FinishedRun, Session
from lib.common.errors import UserError
from tests.harness.terminal_session import PROJECT


@pytest.fixture
def session(monkeypatch):
    """A session whose runs end at once."""
    session = Session("autoencoder", "", ["-d", "digits"])

    def train(ask) -> bool:
        session.finished_runs.append(FinishedRun(Path("models/run"), {"status": "finished"}, {}))
        return True

    monkeypatch.setattr(session, "_train", train)
    return session


@pytest.mark.parametrize("program", [autoencoder, classification])
def test_every_entry_of_a_menu_has_its_function(program):
    source = (PROJECT / f"{program.__name__}.py").read_text(encoding="utf-8")
    names = re.findall(r'menu_action\("(\w+)"', source)
    assert {"search", "list_runs"} < set(names)
    assert not [name for name in names if not callable(getattr(menu, name, None))]


def test_a_menu_lacks_commands_whose_package_was_deleted(session, monkeypatch):
    chosen = []
    entries = {name: (name, lambda name=name: chosen.append(name)) for name in ("search", "runs", "loss")}
    monkeypatch.setattr(sys, "stdin", io.StringIO("search\nruns\n"))
    assert session.run(lambda answers, worker: None, lambda: None, entries) == 0
    assert chosen == ["search", "runs"]
    monkeypatch.setattr(commands, "_is_installed", lambda module: "search" not in module)
    monkeypatch.setattr(sys, "stdin", io.StringIO("search\n"))
    with pytest.raises(UserError, match="'search' is not one of again, runs, loss, quit"):
        session.run(lambda answers, worker: None, lambda: None, entries)


@pytest.mark.parametrize(
    ("outcome", "expected"), [("finished", 0), ("failed", 1), ("interrupted", 130), (None, 1)]
)
def test_without_a_terminal_the_exit_status_is_that_of_the_last_run(session, monkeypatch, outcome, expected):
    outcomes = iter(["finished", outcome])

    def train(ask) -> bool:
        if (status := next(outcomes)) is None:
            return False  # the worker died
        session.finished_runs.append(FinishedRun(Path("models/run"), {"status": status}, {}))
        return True

    monkeypatch.setattr(session, "_train", train)
    monkeypatch.setattr(sys, "stdin", io.StringIO("again\n"))
    assert session.run(lambda answers, worker: None, lambda: None, {}) == expected


def test_a_user_who_quits_at_a_terminal_has_succeeded(session, monkeypatch):
    monkeypatch.setattr(session, "_train", lambda ask: False)
    monkeypatch.setattr(session.answers, "has_terminal", True)
    monkeypatch.setattr(session.answers, "choose", lambda title, choices, at_end: at_end)
    assert session.run(lambda answers, worker: None, lambda: None, {}) == 0


def test_a_figure_lies_in_the_run_folder():
    assert FinishedRun(Path("models/run"), {}, {}).figure_path("loss") == "models/run/figures/loss.png"
