"""Progress of a search on the screen: its state and best trial, and at the end a table of the trials."""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from functools import singledispatchmethod

from optuna.trial import FrozenTrial
from rich.console import RenderableType
from rich.progress import Progress
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from lib.cli.display import Display
from lib.cli.output import ACCENT, BAD, QUIET
from lib.cli.tables import new_table, print_bars, print_table
from lib.common.formatting import format_decimal, format_duration
from lib.common.text_layout import as_written, wrap_words
from lib.config.program_settings import display_name
from lib.runs.events import Event, PhaseStarted, Step
from lib.search.space import format_params
from lib.search.state import FAIL, PRUNED, StudyState
from lib.search.storage import GRACE_SECONDS
from lib.search.trials import FoldStarted, TrialStarted
from lib.tasks.metrics import Metric
from lib.worker.messages import Stopping

MAX_BAR_WIDTH = 20  # columns of a bar
MAX_ROWS = 15  # of the table of trials
STATE_WORDS = {PRUNED: "pruned", FAIL: "failed"}


class WrappedProgress(Progress):
    """Bars with a text beside each, which has as many lines as it needs."""

    def get_renderables(self) -> Iterator[RenderableType]:
        if not self.tasks:  # as in the constructor, before there is a console
            return
        bar_width = min(MAX_BAR_WIDTH, self.console.width // 4)
        grid = Table.grid(padding=(0, 1, 0, 0))
        for task in self.tasks:
            if task.visible:
                text = as_written(f"{task.description}: {task.fields['text']}", self.console.file)
                lines = wrap_words(text, self.console.width - bar_width - 1)
                bar = ProgressBar(
                    total=task.total,
                    completed=task.completed,
                    width=bar_width,
                    pulse=task.total is None,
                    animation_time=task.get_time(),
                )
                grid.add_row(bar, Text("\n".join(lines)))
        yield grid


class SearchProgress:
    """Display of a search: two bars on a terminal, else a line per trial.

    It is the observer of `run_trials`, and called with the events of the trials and of the worker.

    Args:
        display: where it is shown.
        metric: the score of a trial.
        budget: number of trials; `None` if only time limits them.
    """

    def __init__(self, display: Display, metric: Metric, budget: int | None):
        self.display = display
        self.title = f"validation {metric.label}"
        self.decimals = metric.decimals + (not metric.higher_is_better)  # errors of trials are close together
        self.budget = budget
        self._bars: Progress | None = None
        self._index: int | None = None  # of the trial that runs
        self._fold = ""
        self._phase: PhaseStarted

    def format_score(self, score: float) -> str:
        return f"{score:.{self.decimals}f}"

    def start(self, state: StudyState) -> None:
        """Show the bars, on a terminal, and the state of a search that continues."""
        if state.ended:
            self.display.note(f"continuing a search: {self._describe_state(state)}")
        if not self.display.live_allowed:
            return
        self._bars = WrappedProgress(console=self.display.err)
        self._trials_bar = self._bars.add_task("trials", total=self.budget, text="")
        self._epochs_bar = self._bars.add_task("", total=None, text="", visible=False)
        self._bars.start()
        self.update(state)

    def close(self) -> None:
        """Remove the bars."""
        if self._bars:
            self._bars.stop()
            self._bars = None

    def update(self, state: StudyState) -> None:
        """Show the state of the search, including the trials of other workers."""
        if self._bars:
            self._bars.update(self._trials_bar, completed=len(state.ended), text=self._describe_state(state))

    def _describe_state(self, state: StudyState) -> str:
        counts = {
            "running": len(state.running),
            "pruned": len(state.in_state(PRUNED)),
            "failed": len(state.in_state(FAIL)),
        }
        parts = [f"{len(state.ended):,}" + (f" of {self.budget:,} done" if self.budget else " done")]
        parts += [f"{count:,} {word}" for word, count in counts.items() if count]
        if state.ranked:
            score, best = state.ranked[0]
            parts.append(f"best {self.format_score(score)} ({format_params(best.params)})")
        if remaining := self._remaining_time(state):
            parts.append(f"{remaining} left")
        return ", ".join(parts)

    def _remaining_time(self, state: StudyState) -> str:
        """Return an estimate from the durations of complete trials and the number that run in parallel."""
        if not self.budget or len(state.ended) >= self.budget or not state.complete:
            return ""
        mean = statistics.mean(trial.duration.total_seconds() for trial in state.complete if trial.duration)
        return format_duration(mean * (self.budget - len(state.ended)) / max(1, len(state.running)))

    # Events of the trials and of the worker

    def __call__(self, event: Event) -> None:
        self._show_event(event)

    @singledispatchmethod
    def _show_event(self, event: Event) -> None:
        pass

    @_show_event.register
    def _on_trial(self, event: TrialStarted) -> None:
        self._index = event.number
        self._fold = ""
        if self._bars:
            self._bars.reset(
                self._epochs_bar,
                description=f"trial {event.number}: {format_params(event.params)}",
                text="resumed" if event.again else "starting",
                visible=True,
            )

    @_show_event.register
    def _on_fold(self, event: FoldStarted) -> None:
        self._fold = f"fold {event.number} of {event.of}, "

    @_show_event.register
    def _on_phase(self, event: PhaseStarted) -> None:
        self._phase = event

    @_show_event.register
    def _on_step(self, event: Step) -> None:
        if not self._bars:
            return
        phase = self._phase
        title = f"phase {phase.number} of {phase.of}, " if phase.of > 1 else ""
        loss = format_decimal(event.loss)
        self._bars.update(
            self._epochs_bar,
            total=phase.images * phase.epochs,
            completed=(event.epoch - 1) * phase.images + event.images,
            text=f"{self._fold}{title}epoch {event.epoch} of {phase.epochs}, loss {loss}",
        )

    @_show_event.register
    def _on_stopping(self, event: Stopping) -> None:
        self.display.note(
            "Stopping after this batch; the search can be continued. A second Ctrl-C quits at once.", "bold"
        )

    # Callbacks of `run_trials`

    def on_trial_end(self, state: StudyState) -> None:
        self.update(state)
        if self._index is None:  # the trial was beyond the budget
            return
        index, trial = self._index, state.trials[self._index]
        self._index = None
        if self._bars:
            self._bars.update(self._epochs_bar, visible=False)
        error = trial.user_attrs.get("error", "")
        result = (
            error or STATE_WORDS.get(trial.state) or f"{self.title} {self.format_score(trial.value or 0)}"
        )
        self.display.note(f"trial {index}: {format_params(trial.params)}: {result}", BAD if error else "")
        if not self._bars:
            self.display.note(f"  {self._describe_state(state)}", QUIET)

    def on_wait(self, state: StudyState) -> None:
        self.update(state)
        if self._bars:
            count = len(state.running)
            self._bars.update(
                self._epochs_bar,
                description=f"waiting for {count} trial{'s' if count > 1 else ''}",
                total=None,
                text=f"of other workers; lost workers are detected after {GRACE_SECONDS} s",
                visible=True,
            )

    # Results

    def show_trials(self, state: StudyState) -> None:
        """Print a table of the trials, the best first, those without a score last."""
        ranked = [trial for _, trial in state.ranked]
        unranked = state.in_state(PRUNED, FAIL)
        names = list(dict.fromkeys(name for trial in state.trials for name in trial.params))
        has_folds = any(len(trial.user_attrs.get("scores", ())) > 1 for trial in ranked)
        spread = ["spread"] if has_folds else []
        columns = ("trial", *map(display_name, names), self.title, *spread, "time")
        count = len(state.ended)
        table = new_table(f"{count:,} trial{'s' if count != 1 else ''}, best first", columns, left=())
        for trial in [*ranked, *unranked][:MAX_ROWS]:
            cells = self._trial_cells(trial, names, has_folds)
            best = bool(ranked) and trial is ranked[0]
            table.add_row(str(state.index_of(trial)), *cells, style="bold" if best else "")
        print_table(self.display.out, table)
        if len(state.ended) > MAX_ROWS:
            self.display.result(f"and {len(state.ended) - MAX_ROWS:,} more", QUIET)
        for trial in unranked:
            if error := trial.user_attrs.get("error"):
                self.display.result(f"trial {state.index_of(trial)} failed: {error}", QUIET)

    def _trial_cells(self, trial: FrozenTrial, names: list[str], has_folds: bool) -> list[str]:
        """Return values, score, spread over folds (if there are any) and duration of a trial."""
        cells = [_format_value_of(trial, name) for name in names]
        cells.append(STATE_WORDS.get(trial.state) or self.format_score(trial.value or 0))
        if has_folds:
            scores = trial.user_attrs.get("scores", [])
            cells.append(f"± {self.format_score(statistics.stdev(scores))}" if len(scores) > 1 else "")
        cells.append(format_duration(trial.duration.total_seconds()) if trial.duration else "")
        return cells

    def show_importances(self, importances: dict[str, float]) -> None:
        """Print the importance of each hyperparameter, if there are several."""
        if len(importances) < 2:
            return
        rows = [(display_name(name), f"{share:.0%}", share) for name, share in importances.items()]
        print_bars(self.display.out, "Importance of the hyperparameters", rows, ACCENT)


def _format_value_of(trial: FrozenTrial, name: str) -> str:
    if name not in trial.params:
        return ""
    return format_params({name: trial.params[name]}).removeprefix(display_name(name)).strip()
