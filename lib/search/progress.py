"""What the person sees of a search: how far it is, the best so far, and at the end the table of its trials."""

from __future__ import annotations

import statistics

from rich.progress import BarColumn, Progress, TextColumn
from rich.table import Column, Table
from rich.text import Text

from lib.cli.display import ACCENT, BAD, QUIET, Display
from lib.cli.terminal_graphics import print_table
from lib.common.formatting import format_decimal, format_duration
from lib.config.fields import display_name
from lib.search.space import format_params
from lib.search.study import FAIL, GRACE_SECONDS, PRUNED, StudyState

MAX_ROWS = 15  # of the table of trials
DECIMALS = {True: 4, False: 6}  # of an accuracy, of an error
STATES = {PRUNED: "pruned", FAIL: "failed"}


class SearchProgress:
    """Follows a search: two bars on a terminal, a line a trial elsewhere. `budget`: how many trials there are
    to be, if known.
    """

    def __init__(self, display: Display, metric: str, maximize: bool, budget: int | None):
        self.display, self.metric, self.maximize, self.budget = display, metric, maximize, budget
        self._bars: Progress | None = None
        self._fold = ""
        self._number: int | None = None  # of the trial under way
        self._phase: dict = {}

    def score(self, value: float) -> str:
        """A score as it is shown."""
        return f"{value:.{DECIMALS[self.maximize]}f}"

    def start(self, now: StudyState) -> None:
        if now.done:
            self.display.note(f"going on with a search: {self._standing(now)}")
        if not self.display.live_allowed:
            return
        what, how = (Column(no_wrap=True, overflow="ellipsis", ratio=share) for share in (2, 3))
        self._bars = Progress(
            TextColumn("{task.description}", table_column=what),
            BarColumn(20),
            TextColumn("{task.fields[text]}", table_column=how),
            console=self.display.err,
            expand=True,
        )
        self._trials = self._bars.add_task("trials", total=self.budget, text="")
        self._epochs = self._bars.add_task("", total=None, text="", visible=False)
        self._bars.start()
        self.show(now)

    def close(self) -> None:
        """Take the bars down."""
        if self._bars:
            self._bars.stop()
            self._bars = None

    def show(self, now: StudyState) -> None:
        """Say how far the search is, whoever does it."""
        if self._bars:
            self._bars.update(self._trials, completed=len(now.done), text=self._standing(now))

    def _standing(self, now: StudyState) -> str:
        counts = {"running": len(now.running), "pruned": len(now.of(PRUNED)), "failed": len(now.of(FAIL))}
        parts = [f"{len(now.done):,}" + (f" of {self.budget:,} done" if self.budget else " done")]
        parts += [f"{count:,} {what}" for what, count in counts.items() if count]
        if now.ranked:
            score, best = now.ranked[0]
            parts.append(f"best {self.score(score)} ({format_params(best.params)})")
        if left := self._left(now):
            parts.append(f"{left} left")
        return ", ".join(parts)

    def _left(self, now: StudyState) -> str:
        """From how long finished trials took, and how many are under way at once."""
        if not self.budget or len(now.done) >= self.budget or not now.complete:
            return ""
        took = statistics.mean(trial.duration.total_seconds() for trial in now.complete if trial.duration)
        return format_duration(took * (self.budget - len(now.done)) / max(1, len(now.running)))

    def __call__(self, event: dict) -> None:
        """Events of the search and of the worker that trains."""
        getattr(self, f"_on_{event['event']}", lambda event: None)(event)

    def _on_trial(self, event: dict) -> None:
        self._number = event["number"]
        self._fold = ""
        if self._bars:
            what = f"trial {event['number']}: {format_params(event['params'])}"
            self._bars.reset(
                self._epochs,
                description=what,
                text="going on" if event["again"] else "starting",
                visible=True,
            )

    def _on_fold(self, event: dict) -> None:
        self._fold = f"fold {event['number']} of {event['of']}, "

    def _on_phase(self, event: dict) -> None:
        self._phase = event

    def _on_step(self, event: dict) -> None:
        if self._bars:
            images, epochs = self._phase["images"], self._phase["epochs"]
            phase = f"phase {self._phase['number']} of {self._phase['of']}, " if self._phase["of"] > 1 else ""
            text = (
                f"{self._fold}{phase}epoch {event['epoch']} of {epochs}, loss {format_decimal(event['loss'])}"
            )
            done = (event["epoch"] - 1) * images + event["images"]
            self._bars.update(self._epochs, total=images * epochs, completed=done, text=text)

    def _on_stopping(self, event: dict) -> None:
        self.display.note(
            "Stopping after this batch; the search can go on from there. A second Ctrl-C leaves at once.",
            "bold",
        )

    def ended(self, now: StudyState) -> None:
        """A trial of this process is over."""
        self.show(now)
        if self._number is None:  # it had been surplus
            return
        number, trial, self._number = self._number, now.trials[self._number], None
        if self._bars:
            self._bars.update(self._epochs, visible=False)
        error = trial.user_attrs.get("error", "")
        came = error or STATES.get(trial.state) or f"{self.metric} {self.score(trial.value or 0)}"
        self.display.note(f"trial {number}: {format_params(trial.params)}: {came}", BAD if error else "")
        if not self._bars:
            self.display.note(f"  {self._standing(now)}", QUIET)

    def waits(self, now: StudyState) -> None:
        """There is nothing left to begin, but others are still at work."""
        self.show(now)
        if self._bars:
            count = len(now.running)
            what, dead = (
                f"waiting for {count} trial{'s' if count > 1 else ''}",
                f"dead ones are noticed after {GRACE_SECONDS} s",
            )
            self._bars.update(
                self._epochs, description=what, total=None, text=f"of other workers; {dead}", visible=True
            )

    def table(self, now: StudyState) -> None:
        """The trials, best first, those without a score last."""
        ranked = [trial for _, trial in now.ranked]
        others = [trial for trial in now.trials if trial.state in (PRUNED, FAIL)]
        names = list(dict.fromkeys(name for trial in now.trials for name in trial.params))
        folds = any(len(trial.user_attrs.get("scores", ())) > 1 for trial in ranked)
        table = Table(title=f"{len(now.done):,} trials, best first", title_justify="left")
        for column in (
            "trial",
            *map(display_name, names),
            self.metric,
            *(("spread",) if folds else ()),
            "time",
        ):
            table.add_column(column, justify="right")
        for place, trial in enumerate([*ranked, *others][:MAX_ROWS]):
            scores = trial.user_attrs.get("scores", [])
            spread = (
                (f"± {self.score(statistics.stdev(scores))}" if len(scores) > 1 else "",) if folds else ()
            )
            value = STATES.get(trial.state) or self.score(trial.value or 0)
            took = format_duration(trial.duration.total_seconds()) if trial.duration else ""
            values = (
                format_params({name: trial.params[name]}).removeprefix(display_name(name)).strip()
                if name in trial.params
                else ""
                for name in names
            )
            table.add_row(
                str(now.place(trial)),
                *values,
                value,
                *spread,
                took,
                style="bold" if place == 0 and ranked else "",
            )
        print_table(self.display.out, table)
        if len(now.done) > MAX_ROWS:
            self.display.result(f"and {len(now.done) - MAX_ROWS:,} more", QUIET)
        for trial in others:
            if error := trial.user_attrs.get("error"):
                self.display.result(f"trial {now.place(trial)} failed: {error}", QUIET)

    def importances(self, shares: dict[str, float]) -> None:
        """How much each hyperparameter mattered."""
        if len(shares) < 2:
            return
        table = Table(
            title="How much of the differences each explains",
            title_justify="left",
            box=None,
            show_header=False,
        )
        for name, share in shares.items():
            table.add_row(display_name(name), f"{share:.0%}", Text("█" * round(40 * share), style=ACCENT))
        self.display.out.print(table)
