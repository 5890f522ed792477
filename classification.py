#!/usr/bin/env python3
"""Latent Lab's program for classifiers: prompts, training, result, menu. Other commands are in `lib/cli`."""

import sys
from functools import partial
from typing import Any

from lib.cli import commands
from lib.cli.conversation import ask_in_order
from lib.cli.menu import Menu, MenuEntry
from lib.cli.prompts import Answers
from lib.cli.run_questions import DataLoading, ask_remaining_settings, labeled_data_steps
from lib.cli.session import Session
from lib.cli.streams import prepare_streams
from lib.common.errors import exit_status
from lib.config.hyperparameters import Hyperparameters
from lib.data import dataset_names
from lib.data.formats.picture_fit import PictureFit
from lib.worker.process import Worker

DESCRIPTION = "Latent Lab: train a classifier on a saved encoder: first the new layers, then all layers."


def main(arguments: list[str] | None = None) -> int:
    """Run the program.

    Args:
        arguments: the command line after the program; by default that of this process.

    Returns:
        The exit status.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    if (status := commands.run_named_command("classification", arguments)) is not None:
        return status
    session = Session(
        "classification", DESCRIPTION, arguments, partial(commands.commands_of, "classification")
    )
    return session.run(ask, make_menu=lambda: make_menu(session))


def make_menu(session: Session) -> Menu:
    """Return the menu: the report of the last run, and commands."""
    entries = {"report": MenuEntry("Show the report again", session.show_result)}
    return entries | commands.command_menu(session)


def describe_images(hp: Hyperparameters) -> str:
    """Require that the images can have the size and color of the settings; nothing is described."""
    dataset_names.peek(hp.require("dataset"), PictureFit.of(hp))
    return ""


def ask(answers: Answers, worker: Worker) -> Hyperparameters:
    """Ask for data, labels, saved model and the four main settings, and offer the others."""
    values: dict[str, Any] = {}
    loading = DataLoading(answers, worker)

    def ask_setting(name: str) -> None:
        values[name] = answers.ask(name)
        worker.raise_pending_error()

    ask_in_order(
        answers,
        [
            *labeled_data_steps(answers, values),
            lambda: loading.request(values),
            *(partial(ask_setting, name) for name in answers.asked_settings),
            lambda: ask_remaining_settings(answers, values, loading, describe_images),
        ],
    )
    return answers.hyperparameters(values)


if __name__ == "__main__":
    prepare_streams()
    sys.exit(exit_status("classification.py", main))
