#!/usr/bin/env python3
"""Latent Lab: train a convolutional autoencoder, look at what it learned, change your mind, run again."""

import sys
from functools import partial
from pathlib import Path

from lib.cli import commands
from lib.cli.prompts import Answers
from lib.cli.session import Session, ask_dataset, draw_comparison, finish_answers
from lib.common.errors import UserError, exit_status
from lib.config.architecture import Architecture, describe_architecture
from lib.config.architecture_planner import plan_architecture
from lib.config.fields import PER_LAYER
from lib.config.hyperparameters import Hyperparameters
from lib.data import datasets
from lib.runs import records, run_folder
from lib.worker.process import Worker

METRIC = "test_mse"


def main(words: list[str] | None = None) -> int:
    words = sys.argv[1:] if words is None else words
    if (status := commands.run_named_command("autoencoder", words)) is not None:
        return status
    session = Session("autoencoder", commands.program_description("autoencoder", __doc__), words)
    return session.hold(
        ask,
        show=lambda: session.display.autoencoder_result(session.last["folder"], session.last["record"]),
        menu={
            "loss": ("Show the loss plot", lambda: show_loss(session)),
            "pictures": ("Show reconstructions", lambda: show_reconstructions(session)),
            "latent": ("Show the latent space", commands.menu_action("show_latent", session)),
            "samples": (
                "Show new images, decoded from drawn codes",
                commands.menu_action("show_samples", session),
            ),
            "generate": ("Draw and save more new images", commands.menu_action("generate", session)),
            "apply": ("Apply it to pictures of your own", commands.menu_action("apply", session)),
            "encode": ("Save the codes of pictures or a data set", commands.menu_action("encode", session)),
            "compare": ("Compare the runs so far", lambda: compare(session)),
            "search": ("Search for better hyperparameters", commands.menu_action("search", session)),
            "runs": ("List all recorded runs, and write a report", commands.menu_action("runs", session)),
            "save": ("Save under another name", lambda: save(session)),
        },
    )


def ask(answers: Answers, worker: Worker) -> Hyperparameters:
    """The data set, then the five questions; an answer that cannot be built is refused with what would work."""
    dataset = ask_dataset(answers)
    image = datasets.peek(dataset).shape
    if "testset" in answers.given:
        datasets.peek(answers.given["testset"])
    values = {"dataset": dataset}
    worker.send("open", hyperparameters=answers.data(values).to_json())

    def candidate(base: dict, name: str, value) -> Architecture:
        return plan_architecture(answers.hyperparameters(base | values | {name: value}), image)

    def check(name: str, value) -> None:
        known = {key: answers.given[key] for key in UNKNOWN[0] if key in answers.given}
        errors = []
        for unknown in UNKNOWN:
            try:
                candidate(unknown | known, name, value)
                return
            except UserError as error:
                errors.append(error)
        raise errors[0]

    for name in ("layers", "kernel_size", "kernels"):
        values[name] = answers.ask(
            name,
            check=partial(check, name),
            preview=lambda value, name=name: describe_architecture(candidate({}, name, value)),
            default=_fitting(answers, name, values),
        )
        worker.check()
    for name in ("epochs", "batch_size"):
        values[name] = answers.ask(name)
        worker.check()
    return finish_answers(
        answers, values, worker, lambda hp: describe_architecture(plan_architecture(hp, image))
    )


# What stands in for the questions not answered yet when an answer is checked: the least that can be asked of
# an image. A kernel of one pixel fits everywhere, but halves by a pool, which not every code allows; one of
# two halves by a stride.
UNKNOWN = ({"layers": 1, "kernel_size": 1, "kernels": (1,)}, {"layers": 1, "kernel_size": 2, "kernels": (1,)})


def _fitting(answers: Answers, name: str, values: dict):
    """A default that goes with what is known already: as many layers as `--kernels 8,12,16` names, and the
    other way round.
    """
    kernels = answers.given.get("kernels", answers.defaults["kernels"])
    if name == "layers":
        named = [len(answers.given[key] or ()) for key in PER_LAYER if key in answers.given]
        return max(named, default=0) if max(named, default=0) > 1 else None
    if name == "kernels" and len(kernels) not in (1, values["layers"]) and len(set(kernels)) > 1:
        return kernels[:1]
    return None


def show_loss(session: Session) -> None:
    folder = Path(session.last["folder"])
    session.display.curves(
        {"training": session.last["record"]["history"]}, str(folder / "figures" / "loss.png")
    )


def show_reconstructions(session: Session) -> None:
    folder = Path(session.last["folder"])
    session.display.strip(session.last["pictures"]["strip"], str(folder / "figures" / "reconstructions.png"))


def compare(session: Session) -> None:
    """The loss against each hyperparameter that differs between the runs of this session with the task of the
    last one.
    """
    alike = [
        run for run in session.finished if run["record"].get("task") == session.last["record"].get("task")
    ]
    if others := len(session.finished) - len(alike):
        session.display.result(
            f"{others} of another task {'is' if others == 1 else 'are'} left out: errors do not compare."
        )
    rows = sorted(
        ((run["folder"], run["record"]) for run in alike), key=lambda row: row[1]["metrics"][METRIC]
    )
    differing = records.differing_hyperparameters([record for _, record in rows])
    session.display.comparison(rows, differing, METRIC)
    if not differing:
        session.display.result("Nothing differs between them yet: run again with other hyperparameters.")
        return
    finished = [record for _, record in rows if record["status"] == "finished"]
    if len(finished) < 2:
        session.display.result("Fewer than two of them came to their end: there is nothing to draw yet.")
        return
    path = str(Path(session.last["folder"]) / "figures" / "comparison.png")
    draw_comparison(session.display, records.metric_points(finished, differing, METRIC), METRIC, path)


def save(session: Session) -> None:
    name = session.answers.text(
        "New name (name.h5 copies the model, any other name the whole run into models/)",
        run_folder.require_free_name,
    )
    session.display.result(f"saved as {run_folder.copy_run(Path(session.last['folder']), name)}")


if __name__ == "__main__":
    sys.exit(exit_status("autoencoder.py", main))
