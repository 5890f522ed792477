#!/usr/bin/env python3
"""Latent Lab's program for classifiers: prompts, training, result, menu. Other commands are in `lib/cli`."""

import sys

from lib.cli import commands
from lib.cli.prompts import Answers
from lib.cli.session import Session, ask_labeled_data, ask_remaining_settings
from lib.cli.streams import prepare_streams
from lib.common.errors import exit_status
from lib.config.hyperparameters import Hyperparameters
from lib.worker.process import Worker

DESCRIPTION = (
    "Latent Lab: stack fully connected layers on a saved encoder, train them, then everything, and report."
)


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
        "classification", commands.program_description("classification", DESCRIPTION), arguments
    )
    return session.run(
        ask,
        show=lambda: show_result(session),
        menu={
            "loss": ("Show the loss plots of both phases", lambda: show_loss(session)),
            "right": ("Show right predictions", lambda: show_predictions(session, "right")),
            "wrong": ("Show wrong predictions", lambda: show_predictions(session, "wrong")),
            "report": ("Show the report again", lambda: show_result(session)),
            "predict": ("Predict pictures of your own", commands.menu_action("predict", session)),
            "probe": (
                "Probe the encoder with 1, 10 and 100 % of the labels",
                commands.menu_action("probe", session),
            ),
            "search": ("Search for better hyperparameters", commands.menu_action("search", session)),
            "runs": (
                "List all recorded runs, and write a report",
                commands.menu_action("list_runs", session),
            ),
        },
    )


def ask(answers: Answers, worker: Worker) -> Hyperparameters:
    """Ask for data, labels, saved model and the four main settings, and offer the others."""
    values = ask_labeled_data(answers)
    worker.send("open", hyperparameters=answers.data_settings(values).to_json())
    for name in ("fc_units", "dropout", "epochs", "batch_size"):
        values[name] = answers.ask(name)
        worker.raise_pending_error()
    return ask_remaining_settings(answers, values, worker)


def show_result(session: Session) -> None:
    """Show the classification report and the confusion matrix of the last run."""
    session.display.show_classifier_result(session.last_run.folder, session.last_run.record)


def show_loss(session: Session) -> None:
    """Show the loss curves of each phase of the last run."""
    run = session.last_run
    histories = {
        f"phase {number}, {name}": history
        for number, (name, history) in enumerate(run.record["history"].items(), 1)
    }
    session.display.show_loss_curves(histories, run.figure_path("loss"))


def show_predictions(session: Session, outcome: str) -> None:
    """Show test images of the last run with their predictions; `outcome` is `right` or `wrong`."""
    run = session.last_run
    examples = run.pictures[outcome]
    if not examples["captions"]:
        session.display.result(f"There are no {outcome} predictions.")
        return
    session.display.show_captioned_images(examples, run.figure_path(outcome))


if __name__ == "__main__":
    prepare_streams()
    sys.exit(exit_status("classification.py", main))
