#!/usr/bin/env python3
"""Latent Lab: stack fully connected layers on a saved encoder, train them, then everything, and report."""

import sys
from pathlib import Path

from lib.cli import commands
from lib.cli.prompts import Answers
from lib.cli.session import Session, ask_labeled_data, finish_answers
from lib.common.errors import exit_status
from lib.config.hyperparameters import Hyperparameters
from lib.worker.process import Worker


def main(words: list[str] | None = None) -> int:
    words = sys.argv[1:] if words is None else words
    if (status := commands.run_named_command("classification", words)) is not None:
        return status
    session = Session("classification", commands.program_description("classification", __doc__), words)
    return session.hold(
        ask,
        show=lambda: session.display.classifier_result(session.last["folder"], session.last["record"]),
        menu={
            "loss": ("Show the loss plots of both phases", lambda: show_loss(session)),
            "right": ("Show right predictions", lambda: show_examples(session, "right")),
            "wrong": ("Show wrong predictions", lambda: show_examples(session, "wrong")),
            "report": (
                "Show the report again",
                lambda: session.display.classifier_result(session.last["folder"], session.last["record"]),
            ),
            "predict": ("Predict pictures of your own", commands.menu_action("predict", session)),
            "probe": (
                "Probe the encoder with 1, 10 and 100 % of the labels",
                commands.menu_action("probe", session),
            ),
            "search": ("Search for better hyperparameters", commands.menu_action("search", session)),
            "runs": ("List all recorded runs, and write a report", commands.menu_action("runs", session)),
        },
    )


def ask(answers: Answers, worker: Worker) -> Hyperparameters:
    """The data and the saved model, then the head and its training."""
    values = ask_labeled_data(answers)
    worker.send("open", hyperparameters=answers.data(values).to_json())
    for name in ("fc_units", "dropout", "epochs", "batch_size"):
        values[name] = answers.ask(name)
        worker.check()
    return finish_answers(answers, values, worker)


def show_loss(session: Session) -> None:
    histories = session.last["record"]["history"]
    named = {
        f"phase {number}, {name}": history for number, (name, history) in enumerate(histories.items(), 1)
    }
    session.display.curves(named, str(Path(session.last["folder"]) / "figures" / "loss.png"))


def show_examples(session: Session, kind: str) -> None:
    examples = session.last["pictures"][kind]
    if not examples["captions"]:
        session.display.result(f"There are no {kind} predictions.")
        return
    session.display.gallery(examples, str(Path(session.last["folder"]) / "figures" / f"{kind}.png"))


if __name__ == "__main__":
    sys.exit(exit_status("classification.py", main))
