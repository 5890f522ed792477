"""The session of a program: prompts, training in a child process, result, menu, and again."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lib.cli.commands import Menu, available_menu, command_names
from lib.cli.conversation import Step, ask_in_order
from lib.cli.parser import ProgramParser
from lib.cli.prompt_keys import GoBack, PromptClosed
from lib.cli.prompts import Answers
from lib.common.errors import (
    INTERRUPTED,
    STOPPED_BEFORE_TRAINING,
    Interrupted,
    PromptCancelled,
    RunFailed,
    UserError,
)
from lib.common.terminal_state import muted_keyboard
from lib.config.hyperparameters import Hyperparameters
from lib.config.process_group import ProcessGroup
from lib.data import datasets
from lib.data.formats.registry import read_labels
from lib.runs import records, run_folder
from lib.runs.events import RunResult
from lib.runs.resume import describe_progress, find_resumable, has_checkpoint, require_resumable
from lib.runs.views import FigureEntry, FigureViews
from lib.worker.messages import Compare, Compared, Open, Train, TrainingFinished
from lib.worker.process import Worker

if TYPE_CHECKING:
    from lib.cli.display import Display
    from lib.cli.figure_drawing import FigureDrawing

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
        figures: entries of its figures in the menu.
        views: what the menu shows of the figures that are drawn; only of the last run.
    """

    folder: Path
    record: dict
    figures: tuple[FigureEntry, ...] = ()
    views: FigureViews = dataclasses.field(default_factory=dict)

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
        self.args = ProgramParser(program, description, command_names(program)).parse(arguments)
        self.answers = Answers(program, self.args)
        self.process_group = (
            None if self.args.distributed is None else ProcessGroup.parse(self.args.distributed)
        )
        if self._has_several_processes and self.answers.interactive:
            raise UserError(
                "--distributed with several processes requires --no-input or --yes, because all need the "
                "same settings"
            )
        if self._has_several_processes and self.args.resume:
            raise UserError(
                "--resume requires a single process: a --distributed run is continued with the devices "
                "of one process"
            )
        self.finished_runs: list[FinishedRun] = []
        self._started_count = 0
        self._next_worker = Worker(self.process_group)
        self._drawing: FigureDrawing | None = None  # of the last run; only with a menu on a terminal

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
            menu: text and action of each key; running again, figures and quitting are added.

        Returns:
            The exit status: that of the last run, but 0 when a user at a terminal quits.
        """
        try:
            return self._run(ask, show, available_menu(self.answers.program, menu))
        finally:
            self._next_worker.close()
            self._finish_figures()

    def _run(self, ask: AskHyperparameters, show: Callable[[], None], menu: Menu) -> int:
        while True:
            try:
                has_ended = self._train(ask)
            except PromptCancelled:
                if not self.finished_runs:
                    raise
                has_ended = False  # with earlier results, canceling a prompt leads back to the menu
            if has_ended and self.process_group and not self.process_group.is_leader:
                count = self.process_group.world_size
                self.display.result(f"The run is saved by process 1 of {count}.")
                return 0
            if has_ended and self.args.json:
                print(
                    json.dumps({"folder": str(self.last_run.folder)} | records.to_json(self.last_run.record))
                )
            elif has_ended:
                show()
            status = EXIT_STATUS[self.last_run.record["status"]] if has_ended else 1
            if not self.answers.interactive:
                return status
            actions = self._figure_menu() | menu
            while (key := self._choose_action(actions)) not in (AGAIN, QUIT):
                self._perform(actions[key][1])
            if key == QUIT:
                return 0 if self.answers.has_terminal else status

    def _figure_menu(self) -> Menu:
        """The entries of the last run's figures."""
        figures = self.last_run.figures if self.finished_runs else ()
        return {figure.key: (figure.text, partial(self.show_figure, figure.name)) for figure in figures}

    def _choose_action(self, menu: Menu) -> str:
        texts = {key: text for key, (text, _) in menu.items()} if self.finished_runs else {}
        choices = {AGAIN: "Run again with other hyperparameters"} | texts | {QUIT: "Quit"}
        if self.answers.has_terminal:
            with suppress(UserError, RunFailed):  # an action that needs it says so
                self._next_worker.start()
        try:
            kept_lines = self.display.kept_lines if self.finished_runs else 0
            return self.answers.choose("What next?", choices, at_end=QUIT, kept_lines=kept_lines)
        except PromptClosed:
            return QUIT

    def _perform(self, action: Callable[[], None]) -> None:
        """Run the action of a menu entry; on a terminal, errors and canceled prompts return to the menu."""
        self.display.begin_view()
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

    def take_worker(self) -> Worker:
        """Return a worker for a job; during a menu it has started already, so that Keras is imported."""
        worker, self._next_worker = self._next_worker, Worker(self.process_group)
        return worker

    def has_figure(self, name: str) -> bool:
        """Return whether the last run has a figure, when it is drawn."""
        self.wait_for_figures(name)
        return name in self.last_run.views

    def show_figure(self, name: str) -> None:
        """Show a figure of the last run when it is drawn, or say that there is none."""
        run = self.last_run
        if self.has_figure(name):
            self.display.show_figure(run.views[name], run.figure_path(name))
        else:
            self.display.result(next(figure.absent for figure in run.figures if figure.name == name))

    def wait_for_figures(self, name: str = "") -> None:
        """Wait until a figure of the last run is drawn, or all of them are. Raises `PromptCancelled`."""
        if self._drawing is not None:
            self._drawing.wait(name)

    def _finish_figures(self) -> None:
        if self._drawing is not None:
            self._drawing.finish()

    @property
    def _draws_during_menu(self) -> bool:
        return self.answers.interactive and self.answers.has_terminal and not self.args.json

    def _train(self, ask: AskHyperparameters) -> bool:
        """Ask for the hyperparameters and train; return whether the run ended with a result."""
        with ExitStack() as stack:
            worker = stack.enter_context(self.take_worker())
            stack.enter_context(_named_interruption(worker))
            if self.args.resume and not self._started_count:
                hp = require_resumable(Path(self.args.resume), self.answers.program)
                resumed = self.args.resume
                worker.send(Open(hp))
            else:
                hp = ask(self.answers, worker)
                resumed = self._choose_resumed_folder(hp)
            self.answers.use_as_defaults(hp)
            self._finish_figures()  # of the run before: they would slow down the training
            is_numbered = self._started_count > 0
            self._started_count += 1
            worker.send(
                Train(
                    hp,
                    output=self.args.output,
                    numbered=is_numbered,
                    resume=resumed,
                    background=self._draws_during_menu,
                )
            )
            earlier_drawing = self._drawing
            has_ended = self._follow(worker)
            if self._drawing is not earlier_drawing:
                stack.pop_all()  # the worker goes on
            return has_ended

    def _follow(self, worker: Worker) -> bool:
        """Show the progress of a training; return whether it ended with a result."""
        self.display.show_status("starting Keras and loading the data …")
        try:
            with muted_keyboard():
                ending: RunResult | TrainingFinished
                if self._draws_during_menu:
                    ending, views = worker.follow(self.display, until=RunResult), {}
                else:
                    ending = worker.follow(self.display, until=TrainingFinished)
                    views = ending.views
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
            self._abort(worker, records.INTERRUPTED, "stopped by a second Ctrl-C")
            raise
        finally:
            self.display.close()
        # The images of earlier runs are not shown again: free their memory.
        self.finished_runs = [dataclasses.replace(run, views={}) for run in self.finished_runs]
        run = FinishedRun(Path(ending.folder), ending.record, ending.figures, views)
        self.finished_runs.append(run)
        if self._draws_during_menu:
            from lib.cli.figure_drawing import FigureDrawing

            self._drawing = FigureDrawing(run.folder, run.record, run.views, worker, self.display)
        return True

    def _choose_resumed_folder(self, hp: Hyperparameters) -> str | None:
        """The folder of an interrupted run with the same hyperparameters, if the user resumes it."""
        folder = find_resumable(hp, None if self._started_count else self.args.output)
        if folder is None or self._has_several_processes:  # the other processes would not know the folder
            return None
        text = f"{folder} has the same settings and was interrupted {describe_progress(folder, hp)}"
        if self.answers.interactive and self.answers.has_terminal:
            choices = {
                "on": "Continue it after its last complete epoch",
                "anew": "Start a new run in another folder",
            }
            return str(folder) if self.answers.choose(f"{text}.", choices, at_end="anew") == "on" else None
        if self.args.output:  # a new run cannot begin in the same folder
            self.display.note(f"{text}; continuing it.")
            return str(folder)
        self.display.note(f"{text}.")
        self._show_resume_command(folder)
        return None

    def _abort(self, worker: Worker, status: str, reason: str) -> None:
        """Kill the worker and write the status of its run."""
        worker.kill()
        if worker.folder:
            folder = Path(worker.folder)
            run_folder.close_record(folder, status, reason)
            if has_checkpoint(folder):
                self._show_resume_command(folder)

    def _show_resume_command(self, folder: Path) -> None:
        command = f"python {self.answers.program}.py --resume {folder}"
        self.display.command(command, "To continue it:", is_note=True)


@contextmanager
def _named_interruption(worker: Worker) -> Iterator[None]:
    """Raise `Interrupted` for Ctrl-C between prompts and training, as the worker does while it loads."""
    try:
        yield
    except PromptCancelled:
        raise
    except KeyboardInterrupt:
        if worker.folder:
            raise
        raise Interrupted(STOPPED_BEFORE_TRAINING) from None


def draw_comparison(
    display: Display, points: dict, metric: str, path: str, worker: Worker | None = None
) -> None:
    """Show a metric of several runs against the hyperparameters that differ, and draw it as a figure.

    Args:
        display: the display.
        points: as `lib.runs.records.metric_points` returns them.
        metric: name of the metric.
        path: the figure's file.
        worker: draws it; by default a new one.
    """
    display.show_metric_bars(points, metric)
    display.show_status("drawing …")
    with muted_keyboard(), worker or Worker() as worker:
        try:
            worker.send(Compare(points, metric, path))
            worker.follow(display, until=Compared)
        finally:
            display.close()
    display.result(path)


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
    values: dict[str, Any] = {}
    ask_in_order(answers, labeled_data_steps(answers, values))
    return values


def labeled_data_steps(answers: Answers, values: dict[str, Any]) -> list[Step]:
    """Return the steps of a conversation that add what `ask_labeled_data` returns to `values`."""

    def ask_images() -> None:
        values["dataset"] = ask_dataset(answers)

    def ask_labels(name: str) -> None:
        values.pop(name, None)
        images = values["dataset"] if name == "labels" else answers.provided.get("testset")
        header = datasets.peek(images) if images else None
        if name in answers.provided or (header and not header.labeled):
            error = header.label_error if header else ""
            values[name] = answers.ask_path(name, {}, read_labels, hint=error and f"{error}, or ")

    def ask_model() -> None:
        shape = datasets.peek(values["dataset"]).shape
        model = answers.ask_path(
            "model",
            records.list_saved_models(shape) if answers.is_open("model") else {},
            lambda path: run_folder.locate_model(path, "train"),
            hint="train one on these images with autoencoder.py first, or ",
        )
        values["model"] = run_folder.locate_model(model, "train")

    return [ask_images, partial(ask_labels, "labels"), partial(ask_labels, "test_labels"), ask_model]


class DataLoading:
    """The request to read the data, which the worker gets again if an answer changes what is read."""

    def __init__(self, answers: Answers, worker: Worker):
        self._answers, self._worker = answers, worker
        self._requested: Hyperparameters | None = None

    def request(self, values: dict[str, Any]) -> Hyperparameters:
        """Return the settings of the data that the worker reads with these answers."""
        data = self._answers.data_settings(values)
        if data != self._requested:
            if self._requested is not None:
                self._worker.close()
            self._worker.send(Open(data))
            self._requested = data
        return data


def ask_remaining_settings(
    answers: Answers,
    values: dict[str, Any],
    loading: DataLoading,
    describe: Callable[[Hyperparameters], str] = lambda hp: "",
) -> None:
    """Offer the menus of all further settings, and add the answers to `values`.

    Args:
        answers: the session's answers.
        values: answers so far, by setting.
        loading: reads the data again if a change means that they are read differently.
        describe: describes a run in a line, or raises `UserError` for one that cannot be built.
    """
    from lib.cli.advanced_prompts import ask_advanced_settings

    try:
        values |= ask_advanced_settings(answers, values, describe)
    except (GoBack, PromptCancelled):
        values |= {name: value for name, value in answers.drafts.items() if name in values}
        raise
    loading.request(values)
