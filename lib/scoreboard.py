"""What the person sees of a search: how far it is, the best so far, and at the end the table of its trials."""

from __future__ import annotations

import statistics

from rich.progress import BarColumn, Progress, TextColumn
from rich.table import Column, Table
from rich.text import Text

from lib.display import ACCENT, BAD, QUIET, Display, clock
from lib.fields import words
from lib.kinds import fixed
from lib.pictures import whole
from lib.spaces import named
from lib.studies import FAIL, GRACE, PRUNED, Standing

ROWS = 15  # of the table of trials
DECIMALS = {True: 4, False: 6}  # of an accuracy, of an error
STATES = {PRUNED: "pruned", FAIL: "failed"}


class Scoreboard:
    """Follows a search: two bars on a terminal, a line a trial elsewhere. `budget`: how many trials there are to be, if known."""

    def __init__(self, display: Display, metric: str, maximise: bool, budget: int | None):
        self.display, self.metric, self.maximise, self.budget = display, metric, maximise, budget
        self._bars: Progress | None = None
        self._fold = ""
        self._number: int | None = None  # of the trial under way
        self._phase: dict = {}

    def score(self, value: float) -> str:
        """A score as it is shown."""
        return f"{value:.{DECIMALS[self.maximise]}f}"

    def start(self, now: Standing) -> None:
        if now.done:
            self.display.note(f"going on with a search: {self._standing(now)}")
        if not self.display.live_allowed:
            return
        what, how = (Column(no_wrap=True, overflow="ellipsis", ratio=share) for share in (2, 3))
        self._bars = Progress(
            TextColumn("{task.description}", table_column=what), BarColumn(20),
            TextColumn("{task.fields[text]}", table_column=how), console=self.display.err, expand=True,
        )  # fmt: skip
        self._trials = self._bars.add_task("trials", total=self.budget, text="")
        self._epochs = self._bars.add_task("", total=None, text="", visible=False)
        self._bars.start()
        self.show(now)

    def close(self) -> None:
        """Take the bars down."""
        if self._bars:
            self._bars.stop()
            self._bars = None

    def show(self, now: Standing) -> None:
        """Say how far the search is, whoever does it."""
        if self._bars:
            self._bars.update(self._trials, completed=len(now.done), text=self._standing(now))

    def _standing(self, now: Standing) -> str:
        counts = {"running": len(now.running), "pruned": len(now.of(PRUNED)), "failed": len(now.of(FAIL))}
        parts = [f"{len(now.done):,}" + (f" of {self.budget:,} done" if self.budget else " done")]
        parts += [f"{count:,} {what}" for what, count in counts.items() if count]
        if now.ranked:
            score, best = now.ranked[0]
            parts.append(f"best {self.score(score)} ({named(best.params)})")
        if left := self._left(now):
            parts.append(f"{left} left")
        return ", ".join(parts)

    def _left(self, now: Standing) -> str:
        """From how long finished trials took, and how many are under way at once."""
        if not self.budget or len(now.done) >= self.budget or not now.complete:
            return ""
        took = statistics.mean(trial.duration.total_seconds() for trial in now.complete if trial.duration)
        return clock(took * (self.budget - len(now.done)) / max(1, len(now.running)))

    def __call__(self, event: dict) -> None:
        """Events of the search and of the worker that trains."""
        getattr(self, f"_on_{event['event']}", lambda event: None)(event)

    def _on_trial(self, event: dict) -> None:
        self._number = event["number"]
        self._fold = ""
        if self._bars:
            what = f"trial {event['number']}: {named(event['params'])}"
            self._bars.reset(self._epochs, description=what, text="going on" if event["again"] else "starting", visible=True)

    def _on_fold(self, event: dict) -> None:
        self._fold = f"fold {event['number']} of {event['of']}, "

    def _on_phase(self, event: dict) -> None:
        self._phase = event

    def _on_step(self, event: dict) -> None:
        if self._bars:
            images, epochs = self._phase["images"], self._phase["epochs"]
            phase = f"phase {self._phase['number']} of {self._phase['of']}, " if self._phase["of"] > 1 else ""
            text = f"{self._fold}{phase}epoch {event['epoch']} of {epochs}, loss {fixed(event['loss'])}"
            done = (event["epoch"] - 1) * images + event["images"]
            self._bars.update(self._epochs, total=images * epochs, completed=done, text=text)

    def _on_stopping(self, event: dict) -> None:
        self.display.note("Stopping after this batch; the search can go on from there. A second Ctrl-C leaves at once.", "bold")

    def ended(self, now: Standing) -> None:
        """A trial of this process is over."""
        self.show(now)
        if self._number is None:  # it had been surplus
            return
        number, trial, self._number = self._number, now.trials[self._number], None
        if self._bars:
            self._bars.update(self._epochs, visible=False)
        error = trial.user_attrs.get("error", "")
        came = error or STATES.get(trial.state) or f"{self.metric} {self.score(trial.value or 0)}"
        self.display.note(f"trial {number}: {named(trial.params)}: {came}", BAD if error else "")
        if not self._bars:
            self.display.note(f"  {self._standing(now)}", QUIET)

    def waits(self, now: Standing) -> None:
        """There is nothing left to begin, but others are still at work."""
        self.show(now)
        if self._bars:
            count = len(now.running)
            what, dead = f"waiting for {count} trial{'s' if count > 1 else ''}", f"dead ones are noticed after {GRACE} s"
            self._bars.update(self._epochs, description=what, total=None, text=f"of other workers; {dead}", visible=True)

    def table(self, now: Standing) -> None:
        """The trials, best first, those without a score last."""
        ranked = [trial for _, trial in now.ranked]
        others = [trial for trial in now.trials if trial.state in (PRUNED, FAIL)]
        names = list(dict.fromkeys(name for trial in now.trials for name in trial.params))
        folds = any(len(trial.user_attrs.get("scores", ())) > 1 for trial in ranked)
        table = Table(title=f"{len(now.done):,} trials, best first", title_justify="left")
        for column in ("trial", *map(words, names), self.metric, *(("spread",) if folds else ()), "time"):
            table.add_column(column, justify="right")
        for place, trial in enumerate([*ranked, *others][:ROWS]):
            scores = trial.user_attrs.get("scores", [])
            spread = (f"± {self.score(statistics.stdev(scores))}" if len(scores) > 1 else "",) if folds else ()
            value = STATES.get(trial.state) or self.score(trial.value or 0)
            took = clock(trial.duration.total_seconds()) if trial.duration else ""
            values = (
                named({name: trial.params[name]}).removeprefix(words(name)).strip() if name in trial.params else ""
                for name in names
            )
            table.add_row(str(now.place(trial)), *values, value, *spread, took, style="bold" if place == 0 and ranked else "")
        whole(self.display.out, table)
        if len(now.done) > ROWS:
            self.display.result(f"and {len(now.done) - ROWS:,} more", QUIET)
        for trial in others:
            if error := trial.user_attrs.get("error"):
                self.display.result(f"trial {now.place(trial)} failed: {error}", QUIET)

    def importances(self, shares: dict[str, float]) -> None:
        """How much each hyperparameter mattered."""
        if len(shares) < 2:
            return
        table = Table(title="How much of the differences each explains", title_justify="left", box=None, show_header=False)
        for name, share in shares.items():
            table.add_row(words(name), f"{share:.0%}", Text("█" * round(40 * share), style=ACCENT))
        self.display.out.print(table)
