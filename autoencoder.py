#!/usr/bin/env python3
"""Latent Lab's program for autoencoders: prompts, training, result, menu. Other commands are in `lib/cli`."""

import sys
from functools import partial
from typing import Any

from lib.cli import commands
from lib.cli.conversation import ask_in_order
from lib.cli.jobs import draw_comparison
from lib.cli.menu import Menu, MenuEntry
from lib.cli.picture_questions import ask_picture_size, picture_fit
from lib.cli.preset_choices import adapt_preset
from lib.cli.prompts import Answers
from lib.cli.run_questions import DataLoading, ask_dataset, ask_remaining_settings
from lib.cli.session import Session
from lib.cli.streams import prepare_streams
from lib.common.errors import UserError, exit_status
from lib.config.architecture import Architecture
from lib.config.architecture_planner import plan_architecture
from lib.config.hyperparameters import AutoencoderHyperparameters, Hyperparameters
from lib.config.memory_estimate import describe_plan
from lib.config.suited_defaults import ImageSet
from lib.data import dataset_names
from lib.data.formats.picture_fit import PictureFit
from lib.data.splits import training_count
from lib.runs import records, run_folder
from lib.tasks.metrics import run_score
from lib.worker.process import Worker

DESCRIPTION = (
    "Latent Lab: train a convolutional autoencoder, inspect the results, change the settings, run again."
)
NETWORK_QUESTIONS = ("layers", "kernel_size", "kernels")  # that are previewed and checked

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
    session = Session("autoencoder", DESCRIPTION, arguments, partial(commands.commands_of, "autoencoder"))
    return session.run(ask, make_menu=lambda: make_menu(session))


def make_menu(session: Session) -> Menu:
    """Return the menu: commands, and the runs of the session."""
    entries = {
        "compare": MenuEntry("Compare the runs of this session", partial(compare, session), order=40),
        "save": MenuEntry("Save under another name", partial(save, session), order=90),
    }
    return entries | commands.command_menu(session)


def ask(answers: Answers, worker: Worker) -> Hyperparameters:
    """Ask for the data set and the five main settings, and offer the others."""
    questions = NetworkQuestions(answers, worker)
    settings = (partial(questions.ask_setting, name) for name in answers.asked_settings)
    data = (questions.ask_dataset, questions.ask_size, questions.begin_reading)
    ask_in_order(answers, [*data, *settings, questions.ask_others])
    return answers.hyperparameters(questions.values)


class NetworkQuestions:
    """Questions of which each refuses a value with which no network can be built, with the bound that works.

    Attributes:
        values: the answers so far, by setting.
    """

    def __init__(self, answers: Answers, worker: Worker):
        self.values: dict[str, Any] = {}
        self._answers, self._worker = answers, worker
        self._loading = DataLoading(answers, worker)

    def ask_dataset(self) -> None:
        """Ask for the data set."""
        self.values["dataset"] = ask_dataset(self._answers)

    def ask_size(self) -> None:
        """Ask for the size of the images, if pictures of several sizes are to be brought to one."""
        ask_picture_size(self._answers, self.values)

    def begin_reading(self) -> None:
        """Let the worker read the data; the defaults follow the images."""
        names = ("dataset", "size", "skip_broken")
        values = {name: self.values[name] for name in names if name in self.values}
        dataset, fit = self.values["dataset"], picture_fit(self._answers, values)
        header = dataset_names.peek(dataset, fit)
        if "testset" in self._answers.provided:
            dataset_names.peek(self._answers.provided["testset"], fit)
        self._header = header
        adapt_preset(self._answers, dataset, header)
        data = self._loading.request(values)
        self._answers.images = ImageSet(header.shape, training_count(header, data))

    def ask_setting(self, name: str) -> None:
        """Ask for one of the main settings."""
        self.values.pop(name, None)
        is_of_network = name in NETWORK_QUESTIONS
        self.values[name] = self._answers.ask(
            name,
            check=partial(self._check, name) if is_of_network else lambda value: None,
            preview=partial(self._preview, name) if is_of_network else None,
            default=_default_that_fits(self._answers, name, self.values),
        )
        self._worker.raise_pending_error()

    def ask_others(self) -> None:
        """Offer the menus of all other settings."""
        ask_remaining_settings(self._answers, self.values, self._loading, self._describe)

    def _describe(self, hp: Hyperparameters) -> str:
        self._header = dataset_names.peek(hp.require("dataset"), PictureFit.of(hp))
        return describe_plan(self._plan_network(hp))

    def _plan(self, assumed: dict, name: str, value) -> Architecture:
        values = assumed | self.values | {name: value}
        return self._plan_network(self._answers.hyperparameters(values))

    def _plan_network(self, hp: Hyperparameters) -> Architecture:
        assert isinstance(hp, AutoencoderHyperparameters)
        return plan_architecture(hp, self._header.shape, len(self._header.class_counts))

    def _preview(self, name: str, value) -> str:
        return describe_plan(self._plan({}, name, value))

    def _check(self, name: str, value) -> None:
        errors = []
        for network in SMALLEST_NETWORKS:
            provided = {key: self._answers.provided[key] for key in network if key in self._answers.provided}
            try:
                self._plan(network | provided, name, value)
                return
            except UserError as error:
                errors.append(error)
        raise errors[0]


def _default_that_fits(answers: Answers, name: str, values: dict[str, Any]):
    """A default that fits the values so far: `--kernels 8,12,16` means 3 layers."""
    defaults = answers.defaults_with(values)
    if name == "layers":
        per_layer = [key for key, setting in answers.settings.items() if setting.is_per_layer]
        lengths = [len(answers.provided[key] or ()) for key in per_layer if key in answers.provided]
        return max(lengths) if max(lengths, default=0) > 1 else defaults["layers"]
    kernels = answers.provided.get("kernels", defaults["kernels"])
    if name == "kernels" and len(kernels) not in (1, values["layers"]) and len(set(kernels)) > 1:
        return kernels[:1]
    return defaults[name]


def compare(session: Session) -> None:
    """Show the test score against each hyperparameter that differs between the session's runs of one task."""
    last = session.last_run.record
    task, metric = last.get("task"), run_score("autoencoder", last["metrics"])
    score = metric.test_key
    same_task = [
        run
        for run in session.finished_runs
        if run.record.get("task") == task and score in run.record["metrics"]
    ]
    if count := len(session.finished_runs) - len(same_task):
        session.display.result(
            f"{count} of another task {'is' if count == 1 else 'are'} not shown: errors are not comparable."
        )
    runs = [(run.folder, run.record) for run in same_task]
    runs.sort(key=lambda run: metric.cost(run[1]["metrics"][score]))
    differing = records.differing_hyperparameters([record for _, record in runs])
    session.display.show_run_comparison(runs, differing, score)
    if not differing:
        session.display.result("The runs do not differ yet: run again with other hyperparameters.")
        return
    finished = [record for _, record in runs if record["status"] == records.FINISHED]
    if len(finished) < 2:
        session.display.result("Fewer than two runs have finished: there is nothing to plot yet.")
        return
    points = records.metric_points(finished, differing, score)
    path = session.last_run.figure_path("comparison")
    draw_comparison(session.display, points, score, path, session.take_worker())


def save(session: Session) -> None:
    """Copy the last run, or its model, to a name from a prompt."""
    name = session.answers.ask_text(
        "New name (name.h5 copies the model, any other name the whole run into models/)",
        run_folder.require_free_name,
    )
    session.wait_for_figures()
    session.display.result(f"saved as {run_folder.copy_run(session.last_run.folder, name)}")


if __name__ == "__main__":
    prepare_streams()
    sys.exit(exit_status("autoencoder.py", main))
