"""Interrupted runs that are resumed, and finished ones that are trained for more epochs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from lib.cli.prompts import Answers
from lib.config.hyperparameters import HYPERPARAMETERS, Hyperparameters
from lib.runs.continuation import continued_settings
from lib.runs.resume import describe_progress, find_resumable

if TYPE_CHECKING:
    from lib.cli.display import Display

RESUME, NEW = "resume", "new"


def ask_for_more_epochs(answers: Answers, folder: Path) -> Hyperparameters:
    """Ask how long a finished run is to be trained further, and return the settings of the run that does it.

    Args:
        answers: the session's answers.
        folder: the run folder.
    """
    values = continued_settings(folder, answers.program, {"continues": str(folder)})
    epochs = answers.settings["epochs"]
    text = answers.ask_text("More epochs", epochs.parse, default=epochs.format(values["epochs"]))
    return HYPERPARAMETERS[answers.program](**values | {"epochs": epochs.parse(text)})


def choose_resumed_folder(
    answers: Answers, display: Display, hp: Hyperparameters, output: str | None
) -> str | None:
    """Return the folder of an interrupted run with the same hyperparameters, if it is to be resumed.

    Args:
        answers: the session's answers, which ask on a terminal.
        display: elsewhere it says what is done.
        hp: settings of the run that begins.
        output: the folder that it is to have, if the user names one.
    """
    folder = find_resumable(hp, output)
    if folder is None:
        return None
    text = f"{folder} has the same settings and was interrupted {describe_progress(folder, hp)}"
    if answers.interactive and answers.has_terminal:
        choices = {
            RESUME: "Continue it after its last complete epoch",
            NEW: "Start a new run in another folder",
        }
        return str(folder) if answers.choose(f"{text}.", choices, at_end=NEW) == RESUME else None
    if output:  # a new run cannot begin in the same folder
        display.note(f"{text}; continuing it.")
        return str(folder)
    display.note(f"{text}.")
    show_resume_command(display, answers.program, folder)
    return None


def show_resume_command(display: Display, program: str, folder: Path) -> None:
    """Print the command that continues an interrupted run."""
    display.command(f"python {program}.py --resume {folder}", "To continue it:", is_note=True)
