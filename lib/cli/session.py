"""The session of a program: prompts, training in a child process, result, menu, and again."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING

from lib.cli.menu import AGAIN, CONTINUE, QUIT, Menu, MenuEntry
from lib.cli.parser import ProgramParser
from lib.cli.prompt_keys import GoBack, PromptClosed
from lib.cli.prompts import Answers
from lib.cli.run_continuation import ask_for_more_epochs, choose_resumed_folder, show_resume_command
from lib.cli.training_plan import check_training_plan
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
from lib.runs import records, run_folder
from lib.runs.events import RunResult
from lib.runs.resume import has_checkpoint, require_resumable
from lib.runs.views import FigureEntry, FigureViews
from lib.worker.messages import Open, Train, TrainingFinished
from lib.worker.process import Worker

if TYPE_CHECKING:
    from lib.cli.display import Display
    from lib.cli.figure_drawing import FigureDrawing

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
        list_commands: returns the names of the program's commands, for the help.

    Attributes:
        answers: values of the settings, and prompts for the others.
        process_group: processes that train together, with `--distributed`.
        finished_runs: the runs that ended, the last one last.

    Raises:
        UserError: the command line is wrong.
    """

    def __init__(
        self,
        program: str,
        description: str,
        arguments: list[str],
        list_commands: Callable[[], Iterable[str]] = list,
    ):
        self.args = ProgramParser(program, description, list_commands).parse(arguments)
        self.answers = Answers(program, self.args)
        self.process_group = (
            None if self.args.distributed is None else ProcessGroup.parse(self.args.distributed)
        )
        if self._has_several_processes:
            self._require_settings_for_several_processes()
        if model := self.answers.provided.get("begin_with"):
            run_folder.locate_model(model, run_folder.FIRST_MODELS, "--begin-with")
        self.finished_runs: list[FinishedRun] = []
        self._started_count = 0
        self._next_hp: Hyperparameters | None = None  # of a run that continues the last one
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

    def _require_settings_for_several_processes(self) -> None:
        if self.answers.interactive:
            raise UserError(
                "--distributed with several processes requires --no-input or --yes, because all need the "
                "same settings"
            )
        if self.args.resume:
            raise UserError(
                "--resume requires a single process: a --distributed run is continued with the devices "
                "of one process"
            )
        for name, setting in self.answers.settings.items():
            if setting.single_run and self.answers.provided.get(name):
                raise UserError(f"{setting.flag} requires a single process; remove --distributed")

    def run(self, ask: AskHyperparameters, make_menu: Callable[[], Menu]) -> int:
        """Ask, train, show the result and offer the menu, until the user quits.

        Args:
            ask: asks for the hyperparameters; sends the worker `open` as soon as the data set is known.
            make_menu: returns the menu; running again, figures and quitting are added.

        Returns:
            The exit status: that of the last run, but 0 when a user at a terminal quits.
        """
        try:
            return self._run(ask, make_menu)
        finally:
            self._next_worker.close()
            self._finish_figures()

    def _run(self, ask: AskHyperparameters, make_menu: Callable[[], Menu]) -> int:
        while True:
            self.answers.can_go_back = self.answers.has_terminal and bool(self.finished_runs)
            try:
                has_ended = self._train(ask)
            except (PromptCancelled, GoBack):
                if not self.finished_runs:
                    raise
                has_ended = False  # with earlier results, Ctrl-C or Esc in a prompt leads back to the menu
            finally:
                self.answers.can_go_back = False
            if has_ended and self.process_group and not self.process_group.is_leader:
                count = self.process_group.world_size
                self.display.result(f"The run is saved by process 1 of {count}.")
                return 0
            if has_ended and self.args.json:
                print(
                    json.dumps({"folder": str(self.last_run.folder)} | records.to_json(self.last_run.record))
                )
            elif has_ended:
                self.show_result()
            status = EXIT_STATUS[self.last_run.record["status"]] if has_ended else 1
            if not self.answers.interactive:
                return status
            menu = self._ordered_menu(make_menu) if self.finished_runs else {}
            key = AGAIN
            while (key := self._choose_action(menu, key)) not in (AGAIN, QUIT):
                self._perform(menu[key].action)
                if self._next_hp is not None:
                    break
            if key == QUIT:
                return 0 if self.answers.has_terminal else status

    def _ordered_menu(self, make_menu: Callable[[], Menu]) -> Menu:
        """More epochs of the last run, the entries of its figures, and the others by their order."""
        first = {}
        if "continues" in self.answers.settings and self.last_run.record.get("status") == records.FINISHED:
            first[CONTINUE] = MenuEntry("Train this network for more epochs", self._plan_more_epochs)
        figures = {
            figure.key: MenuEntry(figure.text, partial(self.show_figure, figure.name))
            for figure in self.last_run.figures
        }
        return first | dict(sorted((figures | make_menu()).items(), key=lambda item: item[1].order))

    def _plan_more_epochs(self) -> None:
        self._next_hp = ask_for_more_epochs(self.answers, self.last_run.folder)

    def _choose_action(self, menu: Menu, last: str) -> str:
        """The key of an action; on a terminal the cursor is on the last one."""
        texts = {key: entry.text for key, entry in menu.items()}
        choices = {AGAIN: "Run again with other hyperparameters"} | texts | {QUIT: "Quit"}
        if self.answers.has_terminal:
            with suppress(UserError, RunFailed):  # an action that needs it says so
                self._next_worker.start()
        try:
            kept_lines = self.display.kept_lines if self.finished_runs else 0
            return self.answers.choose(
                "What next?", choices, at_end=QUIT, kept_lines=kept_lines, default=last
            )
        except PromptClosed:
            return QUIT

    def _perform(self, action: Callable[[], None]) -> None:
        """Run the action of a menu entry; on a terminal, errors and Esc or Ctrl-C in prompts return to it."""
        self.display.begin_view()
        self.answers.can_go_back = self.answers.has_terminal
        try:
            action()
        except (UserError, RunFailed) as error:
            if not self.answers.has_terminal:
                raise
            self.display.note(str(error), "bold red")
        except (PromptCancelled, GoBack):
            pass
        except Interrupted as error:
            if not self.answers.has_terminal:
                raise
            self.display.note(f"{str(error)[:1].upper()}{str(error)[1:]}", "bold")
        finally:
            self.answers.can_go_back = False

    def take_worker(self) -> Worker:
        """Return a worker for a job; during a menu it has started already, so that Keras is imported."""
        worker, self._next_worker = self._next_worker, Worker(self.process_group)
        return worker

    def show_result(self) -> None:
        """Show the last run."""
        self.display.show_result(self.last_run.folder, self.last_run.record)

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
                hp = self._continued_hyperparameters(worker) or ask(self.answers, worker)
                processes = self.process_group.world_size if self.process_group else 1
                hp = check_training_plan(self.answers, hp, self._warn, processes)
                resumed = None
                if not self._has_several_processes:  # the others would not know the folder
                    output = None if self._started_count else self.args.output
                    resumed = choose_resumed_folder(self.answers, self.display, hp, output)
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

    def _warn(self, text: str) -> None:
        self.display.note(text, "bold")

    def _continued_hyperparameters(self, worker: Worker) -> Hyperparameters | None:
        """The settings of a run that continues another one; None for a new run."""
        if self._next_hp is not None:
            hp, self._next_hp = self._next_hp, None
        elif self._started_count or self.answers.provided.get("continues") is None:
            return None
        else:
            hp = self.answers.hyperparameters({})
        worker.send(Open(hp))
        return hp

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
            # Wrong arguments end the program, unless there are answers or results that would be lost.
            can_return = self.answers.has_terminal and (self.finished_runs or self.answers.prompt_count)
            if isinstance(error, UserError) and not can_return:
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

    def _abort(self, worker: Worker, status: str, reason: str) -> None:
        """Kill the worker and write the status of its run."""
        worker.kill()
        if worker.folder:
            folder = Path(worker.folder)
            run_folder.close_record(folder, status, reason)
            if has_checkpoint(folder):
                show_resume_command(self.display, self.answers.program, folder)


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
