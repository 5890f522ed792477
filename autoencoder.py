#!/usr/bin/env python3
"""Latent Lab's program for autoencoders: prompts, training, result, menu. Other commands are in `lib/cli`."""

import sys
from functools import partial
from typing import Any

from lib.cli import commands
from lib.cli.prompts import Answers
from lib.cli.session import Session, ask_dataset, ask_remaining_settings, draw_comparison
from lib.cli.streams import prepare_streams
from lib.common.errors import UserError, exit_status
from lib.config.architecture import Architecture, describe_architecture
from lib.config.architecture_planner import plan_architecture
from lib.config.fields import PER_LAYER
from lib.config.hyperparameters import Hyperparameters
from lib.config.suited_defaults import ImageSet
from lib.data import datasets
from lib.data.splits import training_count
from lib.runs import records, run_folder
from lib.worker.process import Worker

DESCRIPTION = (
    "Latent Lab: train a convolutional autoencoder, look at what it learned, change your mind, run again."
)
METRIC = "test_mse"

# Values assumed for settings that are still open when another one is checked: the networks that fit the most
# images. A kernel of 1×1 fits everywhere but needs pooling to halve an image, which dense codes do not allow;
# one of 2×2 can halve it with its stride.
SMALLEST_NETWORKS = (
    {"layers": 1, "kernel_size": ((1, 1),), "kernels": (1,)},
    {"layers": 1, "kernel_size": ((2, 2),), "kernels": (1,)},
)


def main(arguments: list[str] | None = None) -> int:
    """Run the program.

    Args:
        arguments: the command line after the program; by default that of this process.

    Returns:
        The exit status.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    if (status := commands.run_named_command("autoencoder", arguments)) is not None:
        return status
    session = Session("autoencoder", commands.program_description("autoencoder", DESCRIPTION), arguments)
    return session.run(
        ask,
        show=lambda: session.display.show_autoencoder_result(
            session.last_run.folder, session.last_run.record
        ),
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
            "runs": (
                "List all recorded runs, and write a report",
                commands.menu_action("list_runs", session),
            ),
            "save": ("Save under another name", lambda: save(session)),
        },
    )


def ask(answers: Answers, worker: Worker) -> Hyperparameters:
    """Ask for the data set and the five main settings, and offer the others.

    A value with which no network can be built is refused with the bound that works.
    """
    dataset = ask_dataset(answers)
    header = datasets.peek(dataset)
    image_shape = header.shape
    if "testset" in answers.provided:
        datasets.peek(answers.provided["testset"])
    values: dict[str, Any] = {"dataset": dataset}
    data = answers.data_settings(values)
    worker.send("open", hyperparameters=data.to_json())
    answers.suit_defaults(ImageSet(image_shape, training_count(header, data)))

    def plan(assumed: dict, name: str, value) -> Architecture:
        return plan_architecture(answers.hyperparameters(assumed | values | {name: value}), image_shape)

    def preview(name: str, value) -> str:
        return describe_architecture(plan({}, name, value))

    def check(name: str, value) -> None:
        errors = []
        for network in SMALLEST_NETWORKS:
            provided = {key: answers.provided[key] for key in network if key in answers.provided}
            try:
                plan(network | provided, name, value)
                return
            except UserError as error:
                errors.append(error)
        raise errors[0]

    for name in ("layers", "kernel_size", "kernels"):
        values[name] = answers.ask(
            name,
            check=partial(check, name),
            preview=partial(preview, name),
            default=_default_that_fits(answers, name, values),
        )
        worker.raise_pending_error()
    for name in ("epochs", "batch_size"):
        values[name] = answers.ask(name, default=answers.defaults_with(values)[name])
        worker.raise_pending_error()
    return ask_remaining_settings(
        answers, values, worker, lambda hp: describe_architecture(plan_architecture(hp, image_shape))
    )


def _default_that_fits(answers: Answers, name: str, values: dict[str, Any]):
    """A default that fits the values so far: `--kernels 8,12,16` means 3 layers."""
    defaults = answers.defaults_with(values)
    if name == "layers":
        lengths = [len(answers.provided[key] or ()) for key in PER_LAYER if key in answers.provided]
        return max(lengths) if max(lengths, default=0) > 1 else defaults["layers"]
    kernels = answers.provided.get("kernels", defaults["kernels"])
    if name == "kernels" and len(kernels) not in (1, values["layers"]) and len(set(kernels)) > 1:
        return kernels[:1]
    return defaults[name]


def show_loss(session: Session) -> None:
    """Show the loss curves of the last run."""
    run = session.last_run
    session.display.show_loss_curves({"training": run.record["history"]}, run.figure_path("loss"))


def show_reconstructions(session: Session) -> None:
    """Show test images and their reconstructions by the last run."""
    run = session.last_run
    session.display.show_image_strip(run.pictures["strip"], run.figure_path("reconstructions"))


def compare(session: Session) -> None:
    """Show the test MSE against each hyperparameter that differs between the session's runs of one task."""
    task = session.last_run.record.get("task")
    same_task = [run for run in session.finished_runs if run.record.get("task") == task]
    if count := len(session.finished_runs) - len(same_task):
        session.display.result(
            f"{count} of another task {'is' if count == 1 else 'are'} left out: errors do not compare."
        )
    runs = sorted(((run.folder, run.record) for run in same_task), key=lambda run: run[1]["metrics"][METRIC])
    differing = records.differing_hyperparameters([record for _, record in runs])
    session.display.show_run_comparison(runs, differing, METRIC)
    if not differing:
        session.display.result("Nothing differs between them yet: run again with other hyperparameters.")
        return
    finished = [record for _, record in runs if record["status"] == records.FINISHED]
    if len(finished) < 2:
        session.display.result("Fewer than two of them came to their end: there is nothing to draw yet.")
        return
    points = records.metric_points(finished, differing, METRIC)
    draw_comparison(session.display, points, METRIC, session.last_run.figure_path("comparison"))


def save(session: Session) -> None:
    """Copy the last run, or its model, to a name from a prompt."""
    name = session.answers.ask_text(
        "New name (name.h5 copies the model, any other name the whole run into models/)",
        run_folder.require_free_name,
    )
    session.display.result(f"saved as {run_folder.copy_run(session.last_run.folder, name)}")


if __name__ == "__main__":
    prepare_streams()
    sys.exit(exit_status("autoencoder.py", main))
