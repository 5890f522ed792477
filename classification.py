#!/usr/bin/env python3
"""Latent Lab: stack fully connected layers on a saved encoder, train them, then everything, and report."""

import sys
from pathlib import Path

from lib import verbs
from lib.errors import exit_status
from lib.hyperparameters import Hyperparameters
from lib.process import Worker
from lib.questions import Answers
from lib.session import Session, pick_labelled, settled


def main(words: list[str] | None = None) -> int:
    words = sys.argv[1:] if words is None else words
    if (status := verbs.called("classification", words)) is not None:
        return status
    session = Session("classification", verbs.described("classification", __doc__), words)
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
            "predict": ("Predict pictures of your own", verbs.from_menu("predict", session)),
            "probe": ("Probe the encoder with 1, 10 and 100 % of the labels", verbs.from_menu("probe", session)),
            "search": ("Search for better hyperparameters", verbs.from_menu("search", session)),
            "runs": ("List all recorded runs, and write a report", verbs.from_menu("runs", session)),
        },
    )


def ask(answers: Answers, worker: Worker) -> Hyperparameters:
    """The data and the saved model, then the head and its training."""
    values = pick_labelled(answers)
    worker.send("open", hyperparameters=answers.data(values).to_json())
    for name in ("fc_units", "dropout", "epochs", "batch_size"):
        values[name] = answers.ask(name)
        worker.check()
    return settled(answers, values, worker)


def show_loss(session: Session) -> None:
    histories = session.last["record"]["history"]
    named = {f"phase {number}, {name}": history for number, (name, history) in enumerate(histories.items(), 1)}
    session.display.curves(named, str(Path(session.last["folder"]) / "figures" / "loss.png"))


def show_examples(session: Session, kind: str) -> None:
    examples = session.last["pictures"][kind]
    if not examples["captions"]:
        session.display.result(f"There are no {kind} predictions.")
        return
    session.display.gallery(examples, str(Path(session.last["folder"]) / "figures" / f"{kind}.png"))


if __name__ == "__main__":
    sys.exit(exit_status("classification.py", main))
