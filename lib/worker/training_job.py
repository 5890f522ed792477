"""Class `TrainingJob`: what the trainings of autoencoders and classifiers have in common."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import keras

from lib.config.hyperparameters import Hyperparameters
from lib.config.process_group import ProcessGroup
from lib.data.datasets import Dataset
from lib.evaluation.run_figures import RunFigures, draw_loss, menu_entries
from lib.runs.events import Note, PhaseStarted, RunResult, Stage
from lib.runs.run_folder import Run
from lib.training.callbacks import History, TrainingHooks
from lib.training.phases import Phase
from lib.training.trainer import TrainingResult, fit
from lib.worker.messages import TrainingFinished
from lib.worker.process import Channel
from lib.worker.run_ending import complete_record, draw_figures
from lib.worker.skippable import run_unless_stopped

Result = TypeVar("Result")

CLOCK_NOTE = "Epochs and learning rate follow the clock: the same seed does not give the same numbers."


class TrainingJob:
    """Training of one run. `prepare` of a subclass checks everything that can be wrong in a request.

    Attributes:
        draws_in_background: the event `RunResult` comes before the figures are drawn, not after.
        notes: sentences for the user about files besides the data set.
    """

    notes: tuple[str, ...] = ()

    def __init__(self, channel: Channel, hp: Hyperparameters, dataset: Dataset, group: ProcessGroup | None):
        self.channel = channel
        self.hp = hp
        self.dataset = dataset
        self.group = group
        self.draws_in_background = False
        self.prepare()

    def prepare(self) -> None:
        """Check that the network can be built. Raises `UserError`."""
        raise NotImplementedError

    def train(self, run: Run, trial: bool) -> None:
        """Train, save and evaluate into a run folder; a `trial` is scored on validation images only."""
        raise NotImplementedError

    def follow(self) -> None:
        """Compute a shard of each batch for the leader of the process group, through the same phases."""
        raise NotImplementedError

    def _announce_phase(
        self, phase: Phase, number: int = 1, count: int = 1, plan: str = "", epochs_before: int = 0
    ) -> None:
        images, minutes = len(self.dataset.train), phase.minutes
        epochs = self.hp.epochs + epochs_before if minutes is None else 0
        if minutes is not None and number == 1:
            self.channel.emit(Note(CLOCK_NOTE))
        started = PhaseStarted(number, count, phase.reason, epochs, images, plan, minutes=minutes)
        self.channel.emit(started)

    def _fit(
        self,
        model: keras.Model,
        phase: Phase,
        on_epoch_end: Callable[[History], None] = lambda history: None,
        folder: Path | None = None,
        earlier: History | None = None,
    ) -> TrainingResult:
        hooks = TrainingHooks(self.channel.emit, self.channel.stop_event, on_epoch_end)
        return fit(model, self.dataset, self.hp, phase, hooks, folder, self.group, earlier)

    def _announce_evaluation(self) -> None:
        text = f"evaluating the network and the baselines on {len(self.dataset.test):,} test images"
        self.channel.emit(Stage(text))

    def _ends_interrupted(self) -> bool:
        """Return whether Ctrl-C has ended the training; one that comes later skips baselines or figures."""
        interrupted = self.channel.stop_event.is_set()
        self.channel.stop_event.clear()
        return interrupted

    def _skippable_baselines(self, compute: Callable[[], Result]) -> Result | None:
        """Return the baselines; None after Ctrl-C."""
        baselines = run_unless_stopped(compute, self.channel.stop_event)
        if baselines is None:
            self.channel.stop_event.clear()
            self.channel.emit(Note("The baselines are skipped."))
        return baselines

    def _record_trial(self, run: Run, metrics: dict) -> None:
        run.update(metrics=metrics)
        draw_loss(RunFigures(run, self.dataset, self.hp), run.figure_path("loss"))

    def _finish(
        self, run: Run, start_time: float, interrupted: bool, problem: str, figures_of: RunFigures | None
    ) -> None:
        """Complete the record, draw the figures, if any, and emit the last events."""
        background, entries = self.draws_in_background, menu_entries(self.hp)
        views = draw_figures(self.channel, figures_of) if figures_of and not background else {}
        complete_record(run, self.channel, self.dataset, start_time, interrupted, problem)
        self.channel.emit(RunResult(str(run.folder), run.record, entries))
        if figures_of and background:
            views = draw_figures(self.channel, figures_of)
        finished = TrainingFinished(folder=str(run.folder), record=run.record, figures=entries, views=views)
        self.channel.emit(finished)
