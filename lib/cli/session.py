"""The session of a program: prompts, training in a child process, result, menu, and again."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lib.cli.commands import Menu, available_menu
from lib.cli.parser import TrainParser
from lib.cli.prompts import Answers
from lib.common.errors import INTERRUPTED, Interrupted, PromptCancelled, RunFailed, UserError
from lib.common.terminal_state import muted_keyboard
from lib.config.hyperparameters import Hyperparameters
from lib.config.process_group import ProcessGroup
from lib.data import datasets
from lib.data.formats.registry import read_labels
from lib.runs import records, run_folder
from lib.runs.resume import describe_progress, find_resumable, has_checkpoint, require_resumable
from lib.worker.process import Worker

if TYPE_CHECKING:
    from lib.cli.display import Display

AGAIN, QUIT = "again", "quit"
# Exit status of the program, by the status of its last run.
EXIT_STATUS = {records.FINISHED: 0, records.FAILED: 1, records.INTERRUPTED: INTERRUPTED}

AskHyperparameters = Callable[[Answers, Worker], Hyperparameters]


@dataclasses.dataclass(frozen=True)
class FinishedRun:
    """A run that ended in this session, finished or interrupted, as the worker reported it.

    Attributes:
        folder: the run folder.
        record: content of `run.json`.
        pictures: packed images and latent codes for the menu, by name; only of the last run.
    """

    folder: Path
    record: dict
    pictures: dict

    def figure_path(self, name: str) -> str:
        """Return the path of a figure of the run."""
        return str(self.folder / records.FIGURES_FOLDER / f"{name}.png")


class Session:
    """One start of a program, with any number of runs.

    Args:
        program: `autoencoder` or `classification`.
        description: first paragraph of `--help`.
        arguments: the command line after the program.

    Attributes:
        answers: values of the settings, and prompts for the others.
        process_group: processes that train together, with `--distributed`.
        finished_runs: the runs that ended, the last one last.

    Raises:
        UserError: the command line is wrong.
    """

    def __init__(self, program: str, description: str, arguments: list[str]):
        self.args = TrainParser(program, description).parse(arguments)
        self.answers = Answers(program, self.args)
        self.process_group = (
            None if self.args.distributed is None else ProcessGroup.parse(self.args.distributed)
        )
        if self._has_several_processes and self.answers.interactive:
            raise UserError(
                "--distributed with several processes needs --no-input or --yes: all must be given the same "
                "answers"
            )
        if self._has_several_processes and self.args.resume:
            raise UserError(
                "--resume is for one process: what --distributed began on several goes on with the devices "
                "of one"
            )
        self.finished_runs: list[FinishedRun] = []
        self._started_count = 0

    @cached_property
    def display(self) -> Display:
        """The display. It is made late because rich takes a while to import and no prompt needs it."""
        from lib.cli.display import Display

        return Display()

    @property
    def last_run(self) -> FinishedRun:
        return self.finished_runs[-1]

    @property
    def _has_several_processes(self) -> bool:
        return self.process_group is not None and self.process_group.world_size > 1

    def run(self, ask: AskHyperparameters, show: Callable[[], None], menu: Menu) -> int:
        """Ask, train, show the result and offer the menu, until the user quits.

        Args:
            ask: asks for the hyperparameters; sends the worker `open` as soon as the data set is known.
            show: shows the last run.
            menu: text and action of each key; running again and quitting are added.

        Returns:
            The exit status: that of the last run, but 0 when a user at a terminal quits.
        """
        menu = available_menu(self.answers.program, menu)
        while True:
            try:
                has_ended = self._train(ask)
            except PromptCancelled:
                if not self.finished_runs:
                    raise
                has_ended = False  # with earlier results, canceling a prompt leads back to the menu
            if has_ended and self.process_group and not self.process_group.is_leader:
                count = self.process_group.world_size
                self.display.result(f"The run is kept by process 1 of {count}.")
                return 0
            if has_ended:
                show()
            status = EXIT_STATUS[self.last_run.record["status"]] if has_ended else 1
            if not self.answers.interactive:
                return status
            while (key := self._choose_action(menu)) not in (AGAIN, QUIT):
                self._perform(menu[key][1])
            if key == QUIT:
                return 0 if self.answers.has_terminal else status

    def _choose_action(self, menu: Menu) -> str:
        texts = {key: text for key, (text, _) in menu.items()} if self.finished_runs else {}
        choices = {AGAIN: "Run again with other hyperparameters"} | texts | {QUIT: "Quit"}
        return self.answers.choose("What next?", choices, at_end=QUIT)

    def _perform(self, action: Callable[[], None]) -> None:
        """Run the action of a menu entry; on a terminal, errors and canceled prompts return to the menu."""
        try:
            action()
        except (UserError, RunFailed) as error:
            if not self.answers.has_terminal:
                raise
            self.display.note(str(error), "bold red")
        except PromptCancelled:
            pass
        except Interrupted as error:
            if not self.answers.has_terminal:
                raise
            self.display.note(f"{str(error)[:1].upper()}{str(error)[1:]}", "bold")

    def _train(self, ask: AskHyperparameters) -> bool:
        """Ask for the hyperparameters and train; return whether the run ended with a result."""
        with Worker(self.process_group) as worker:
            if self.args.resume and not self._started_count:
                hp = require_resumable(Path(self.args.resume), self.answers.program)
                resumed = self.args.resume
                worker.send("open", hyperparameters=hp.to_json())
            else:
                hp = ask(self.answers, worker)
                resumed = self._choose_resumed_folder(hp)
            self.answers.use_as_defaults(hp)
            is_numbered = self._started_count > 0
            self._started_count += 1
            worker.send(
                "train",
                hyperparameters=hp.to_json(),
                output=self.args.output,
                numbered=is_numbered,
                resume=resumed,
            )
            return self._follow(worker)

    def _follow(self, worker: Worker) -> bool:
        """Show the progress of a training; return whether it ended with a result."""
        self.display.show_status("starting Keras and loading the data …")
        try:
            with muted_keyboard():
                event = worker.follow(self.display)
        except (UserError, RunFailed) as error:
            # Wrong arguments end the program, unless there are results of earlier runs.
            if isinstance(error, UserError) and not (self.answers.has_terminal and self.finished_runs):
                raise
            self.display.close()
            self.display.note(f"The run failed: {error}", "bold red")
            self._abort(worker, records.FAILED, str(error))
            return False
        except Interrupted as error:
            if not self.answers.has_terminal:
                raise
            self.display.close()
            self.display.note(f"Interrupted: {error}.", "bold")
            return False
        except KeyboardInterrupt:
            self._abort(worker, records.INTERRUPTED, "left with a second Ctrl-C")
            raise
        finally:
            self.display.close()
        # The images of earlier runs are not shown again: free their memory.
        self.finished_runs = [dataclasses.replace(run, pictures={}) for run in self.finished_runs]
        self.finished_runs.append(FinishedRun(Path(event["folder"]), event["record"], event["pictures"]))
        return True

    def _choose_resumed_folder(self, hp: Hyperparameters) -> str | None:
        """The folder of an interrupted run with the same hyperparameters, if the user resumes it."""
        folder = find_resumable(hp, None if self._started_count else self.args.output)
        if folder is None or self._has_several_processes:  # the other processes would not know the folder
            return None
        text = f"{folder} was asked for the same, and interrupted {describe_progress(folder, hp)}"
        if self.answers.interactive and self.answers.has_terminal:
            choices = {
                "on": "Go on with it, from its last whole epoch",
                "anew": "Begin anew, in another folder",
            }
            return str(folder) if self.answers.choose(f"{text}.", choices, at_end="anew") == "on" else None
        if self.args.output:  # a new run cannot begin in the same folder
            self.display.note(f"{text}; going on with it.")
            return str(folder)
        self.display.note(f"{text}; to go on with it: python {hp.program}.py --resume {folder}")
        return None

    def _abort(self, worker: Worker, status: str, reason: str) -> None:
        """Kill the worker and write the status of its run."""
        worker.kill()
        if worker.folder:
            folder = Path(worker.folder)
            run_folder.close_record(folder, status, reason)
            if has_checkpoint(folder):
                self.display.note(f"To go on with it: python {self.answers.program}.py --resume {folder}")


def draw_comparison(display: Display, points: dict, metric: str, path: str) -> None:
    """Show a metric of several runs against the hyperparameters that differ, and draw it as a figure.

    Args:
        display: the display.
        points: as `lib.runs.records.metric_points` returns them.
        metric: name of the metric.
        path: the figure's file.
    """
    display.show_metric_bars(points, metric)
    display.show_status("drawing …")
    with muted_keyboard(), Worker() as worker:
        try:
            worker.send("compare", points=points, metric=metric, path=path)
            worker.follow(display)
        finally:
            display.close()
    display.result(path, unwrapped=True)


def ask_dataset(answers: Answers) -> str:
    """Return the name or path of a data set of images to train on.

    Raises:
        UserError: it cannot be read, and was not typed at a prompt.
    """
    if answers.is_open("dataset"):
        return answers.ask_path("dataset", datasets.offered_datasets(), datasets.require_readable)
    return answers.ask_path("dataset", {}, datasets.require_trainable)


def ask_labeled_data(answers: Answers) -> dict[str, Any]:
    """Return data set, files of labels as far as it has none itself, and saved model, by setting.

    Raises:
        UserError: one of them cannot be read, and was not typed at a prompt.
    """
    values = {"dataset": ask_dataset(answers)}
    images_of = {"labels": values["dataset"], "test_labels": answers.provided.get("testset")}
    for name, images in images_of.items():
        header = datasets.peek(images) if images else None
        if name in answers.provided or (header and not header.labeled):
            error = header.label_error if header else ""
            values[name] = answers.ask_path(name, {}, read_labels, hint=error and f"{error}, or ")
    shape = datasets.peek(values["dataset"]).shape
    values["model"] = answers.ask_path(
        "model",
        records.list_saved_models(shape) if answers.is_open("model") else {},
        run_folder.require_model_file,
        hint="train one on these images with autoencoder.py first, or ",
    )
    return values


def ask_remaining_settings(
    answers: Answers,
    values: dict[str, Any],
    worker: Worker,
    describe: Callable[[Hyperparameters], str] = lambda hp: "",
) -> Hyperparameters:
    """Offer the menus of all further settings, and return the hyperparameters of the run.

    Args:
        answers: the session's answers.
        values: answers so far, by setting.
        worker: has opened the data; it is restarted if a change means that they are read differently.
        describe: describes a run in a line, or raises `UserError` for one that cannot be built.
    """
    from lib.cli.advanced_prompts import ask_advanced_settings

    opened = answers.data_settings(values)
    values = ask_advanced_settings(answers, values, describe)
    data = answers.data_settings(values)
    if data != opened:
        worker.close()
        worker.send("open", hyperparameters=data.to_json())
    return answers.hyperparameters(values)
