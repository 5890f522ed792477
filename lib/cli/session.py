"""The conversation that both programs hold: answers, a run in a process of its own, its result, a menu, and
again.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from lib.cli.display import Display
from lib.cli.parser import TrainParser
from lib.cli.prompts import Answers
from lib.common.errors import INTERRUPTED, Interrupted, PromptCancelled, RunFailed, UserError
from lib.common.terminal_state import muted_keyboard
from lib.config.hyperparameters import Hyperparameters
from lib.config.process_group import ProcessGroup
from lib.data import datasets
from lib.data.formats.registry import peek_labels
from lib.runs import records, run_folder
from lib.runs.resume import describe_progress, find_resumable, has_checkpoint, require_resumable
from lib.worker.process import Worker

if TYPE_CHECKING:
    from lib.cli.display import Display

AGAIN, QUIT = "again", "quit"
EXIT_STATUS = {
    records.FINISHED: 0,
    records.FAILED: 1,
    records.INTERRUPTED: INTERRUPTED,
}  # of the program, by that of its last run


class Session:
    """One start of a program. `finished` holds the last event of each run that came to its end."""

    def __init__(self, program: str, description: str, words: list[str]):
        self.args = TrainParser(program, description).parse(words)
        self.answers = Answers(program, self.args)
        self.team = None if self.args.distributed is None else ProcessGroup.read(self.args.distributed)
        if self.team and self.team.of > 1 and self.answers.asks:
            raise UserError(
                "--distributed with several processes needs --no-input or --yes: all must be given the same "
                "answers"
            )
        if self.team and self.team.of > 1 and self.args.resume:
            raise UserError(
                "--resume is for one process: what --distributed began on several goes on with the devices "
                "of one"
            )
        self.finished: list[dict] = []
        self._started = 0

    @cached_property
    def display(self) -> Display:
        """The screen. rich takes a while to import, and what draws is not needed before the first question."""
        from lib.cli.display import Display

        return Display()

    @property
    def last(self) -> dict:
        """The last finished run: its `folder`, `record` (of run.json) and `pictures`."""
        return self.finished[-1]

    def hold(
        self,
        ask: Callable[[Answers, Worker], Hyperparameters],
        show: Callable[[], None],
        menu: dict[str, tuple[str, Callable[[], None]]],
    ) -> int:
        """Ask, run, show, offer the menu, until somebody quits; returns the exit status.

        `menu` maps a key to its text and what it does with the last run; running again and quitting are
        added.
        """
        while True:
            try:
                ended = self._run(ask)
            except PromptCancelled:  # by a person who has changed their mind, and has results already
                if not self.finished:
                    raise
                ended = False
            if ended and self.last["record"] is None:
                self.display.result(f"The run is kept by process 1 of {self.team.of if self.team else 1}.")
                return 0
            if ended:
                show()
                status = EXIT_STATUS[self.last["record"]["status"]]
            if not self.answers.asks:
                return status if ended else 1
            while (choice := self._choose(menu)) not in (AGAIN, QUIT):
                self._act(menu[choice][1])
            if choice == QUIT:
                return 0

    def _act(self, action: Callable[[], None]) -> None:
        """Do what the menu offers; on a terminal what goes wrong is a sentence. A question left leads to the
        menu as well.
        """
        try:
            action()
        except (UserError, RunFailed) as error:
            if not self.answers.terminal:
                raise
            self.display.note(str(error), "bold red")
        except PromptCancelled:
            pass
        except Interrupted as error:
            if not self.answers.terminal:
                raise
            self.display.note(f"{str(error)[:1].upper()}{str(error)[1:]}", "bold")

    def _choose(self, menu: dict) -> str:
        texts = {key: text for key, (text, _) in menu.items()} if self.finished else {}
        choices = {AGAIN: "Run again with other hyperparameters"} | texts | {QUIT: "Quit"}
        return self.answers.choose("What next?", choices, last=QUIT)

    def _run(self, ask) -> bool:
        """One run, in a worker that starts as soon as `ask` knows the data; whether it came to its end."""
        with Worker(self.team) as worker:
            if self.args.resume and not self._started:
                hp, resumed = (
                    require_resumable(Path(self.args.resume), self.answers.program),
                    self.args.resume,
                )
                worker.send("open", hyperparameters=hp.to_json())
            else:
                hp = ask(self.answers, worker)
                resumed = self._offered(hp)
            self.answers.run_again(hp)
            where = {"output": self.args.output, "numbered": self._started > 0, "resume": resumed}
            self._started += 1
            worker.send("train", hyperparameters=hp.to_json(), **where)
            self.display.wait("starting Keras and loading the data …")
            try:
                with muted_keyboard():
                    ended = worker.follow(self.display)
                for earlier in self.finished:
                    earlier["pictures"] = None  # only those of the last run are shown again
                self.finished.append(ended)
            except (UserError, RunFailed) as error:
                # Wrong arguments end the program, but never a conversation that has results already.
                if isinstance(error, UserError) and not (self.answers.terminal and self.finished):
                    raise
                self.display.close()
                self.display.note(f"The run failed: {error}", "bold red")
                self._close(worker, records.FAILED, str(error))
                return False
            except Interrupted as error:
                if not self.answers.terminal:
                    raise
                self.display.close()
                self.display.note(f"Interrupted: {error}.", "bold")
                return False
            except KeyboardInterrupt:
                self._close(worker, records.INTERRUPTED, "left with a second Ctrl-C")
                raise
            finally:
                self.display.close()
        return True

    def _offered(self, hp: Hyperparameters) -> str | None:
        """The folder of an interrupted run of just these settings, if the person wants to go on with it."""
        folder = find_resumable(hp, None if self._started else self.args.output)
        if folder is None or (self.team and self.team.of > 1):  # the others of a team know of no folder
            return None
        found = f"{folder} was asked for the same, and interrupted {describe_progress(folder, hp)}"
        if self.answers.asks and self.answers.terminal:
            choices = {
                "on": "Go on with it, from its last whole epoch",
                "anew": "Begin anew, in another folder",
            }
            chosen = self.answers.choose(f"{found}.", choices, last="anew")
        elif self.args.output:  # there is no other folder to begin in
            self.display.note(f"{found}; going on with it.")
            chosen = "on"
        else:
            self.display.note(f"{found}; to go on with it: python {hp.program}.py --resume {folder}")
            chosen = "anew"
        return str(folder) if chosen == "on" else None

    def _close(self, worker: Worker, status: str, reason: str) -> None:
        worker.kill()
        if worker.folder:
            folder = Path(worker.folder)
            run_folder.close_record(folder, status, reason)
            if has_checkpoint(folder):
                self.display.note(f"To go on with it: python {self.answers.program}.py --resume {folder}")


def draw_comparison(display: Display, points: dict, metric: str, path: str) -> None:
    """A metric of several runs against what differs between them (`runs.points`), on the screen and as a
    file.
    """
    display.against(points, metric)
    display.wait("drawing …")
    with muted_keyboard(), Worker() as worker:
        try:
            worker.send("compare", points=points, metric=metric, path=path)
            worker.follow(display)
        finally:
            display.close()
    display.result(path, whole=True)


def ask_dataset(answers: Answers) -> str:
    """The data set that was given, or the answer to the first question; what is typed there is read whole,
    and asked again.
    """
    if answers.open("dataset"):
        return answers.pick("dataset", datasets.offered_datasets(), datasets.require_readable)
    return answers.pick("dataset", {}, datasets.require_trainable)


def ask_labeled_data(answers: Answers) -> dict:
    """The data set with its labels, and the saved model: what everything that needs labels begins with."""
    values = {"dataset": ask_dataset(answers)}
    parts = {"labels": values["dataset"], "test_labels": answers.given.get("testset")}
    for name, images in parts.items():
        if name in answers.given or (images and not datasets.peek(images).labeled):
            values[name] = answers.pick(name, {}, peek_labels)
    models = (
        records.list_saved_models(datasets.peek(values["dataset"]).shape) if answers.open("model") else {}
    )
    values["model"] = answers.pick(
        "model",
        models,
        run_folder.require_model_file,
        hint="train one on these images with autoencoder.py first, or ",
    )
    return values


def finish_answers(
    answers: Answers, values: dict, worker: Worker, judge: Callable = lambda hp: ""
) -> Hyperparameters:
    """The answers with what an advanced user changes; data that are to be read otherwise are opened anew."""
    from lib.cli.advanced_prompts import ask_advanced_settings

    opened = answers.data(values)
    values = ask_advanced_settings(answers, values, judge)
    if answers.data(values) != opened:
        worker.close()
        worker.send("open", hyperparameters=answers.data(values).to_json())
    return answers.hyperparameters(values)
