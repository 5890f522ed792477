"""Who reaches a report's figure first: the report's plain recipe, or ours? Both on the same machine, one
after the other.
"""

from __future__ import annotations

import dataclasses
import json
import statistics
import time
from pathlib import Path

from rich.text import Text

from lib.cli.display import ACCENT, BAD
from lib.common.errors import RunFailed, UserError
from lib.common.filesystem import write_json
from lib.common.formatting import format_decimal
from lib.reproduction.context import MAX_SEEDS, QUICK_NOTE, ReproductionContext
from lib.reproduction.tables import TIME_TARGETS
from lib.runs import documents, report, run_folder
from lib.runs.documents import Code, Paragraph, Section, Strong

FILE_NAME, TITLE = "race", "Time to the report's figure"
RESULT_KEYS = {
    "asked",
    "seconds",
    "epochs",
    "reached",
    "best",
    "code",
    "device",
    "command",
    "date",
}  # of one side with one seed
REACHED_REASON = "the figure is reached"
SIDES = {"plain": "the report's recipe", "ours": "ours"}


class TargetObserver:
    """Follows the events of a run: how long it trains, and when it is at the figure. Times are in seconds, by
    the clock.

    An L2 penalty in the loss would be held against whoever has one, so the error alone is what counts.
    """

    def __init__(self, quantity: str, figure: float):
        self.quantity, self.figure = quantity, figure
        self.seconds, self.epochs, self.best = 0.0, 0, None
        self.reached = False
        self._began: float | None = None

    def __call__(self, event: dict) -> str | None:
        if event["event"] == "phase" and self._began is None:
            self._began = time.perf_counter()
        if event["event"] == "epoch" and self._began is not None and not self.reached:
            self.seconds = time.perf_counter() - self._began
            self.epochs += 1
            found = event.get(self.quantity.replace("loss", "mse"), event.get(self.quantity))
            more = self.quantity.endswith("accuracy")
            if found is not None:
                better = max if more else min
                self.best = found if self.best is None else better(self.best, found)
                self.reached = self.reached or (found >= self.figure if more else found <= self.figure)
        return REACHED_REASON if self.reached else None


class TimeToTarget:
    """Contests, each side until it is at the figure or at the end of its epochs; what was run is not run
    again.
    """

    def __init__(self, work: ReproductionContext):
        self.work, self.display = work, work.display
        self.path = work.folder / work.file(FILE_NAME, ".json")
        self.known = _read_results(self.path)
        self._held: list[str] = []

    def run(self, names: list[str]) -> int:
        """Hold the contests and show both times of each; the exit status."""
        try:
            return self.work.through(names, self._hold)
        finally:
            if self._held:
                self._show()

    def _hold(self, name: str) -> int:
        contest = TIME_TARGETS[name]
        self.display.note(f"{name}: {contest.what}, until {contest.watched} is at {contest.figure:g}", "bold")
        for side in SIDES:
            for seed in self.work.seeds:
                try:
                    found = self._known(name, side, seed) or self._run(name, side, seed)
                except RunFailed as error:
                    self.display.note(f"{name}, {SIDES[side]}, seed {seed}, failed: {error}", BAD)
                    return 1
                self.display.result(f"{name}, {SIDES[side]}, seed {seed}: {_describe_result(found)}")
        self._held.append(name)
        return 0

    def _asked(self, name: str, side: str, seed: int) -> dict:
        """What makes a contest the same as one before."""
        contest = TIME_TARGETS[name]
        settings = contest.plain if side == "plain" else contest.ours
        chain = self.work.runs(settings, contest.dataset, seed)
        return {"runs": [hp.to_json() for hp in chain], "until": [contest.watched, contest.figure]}

    def _known(self, name: str, side: str, seed: int) -> dict | None:
        """How one side did in a call before, if its settings and the figure were the same."""
        found = self.known.get(_result_key(name, side, seed))
        return found if found and found["asked"] == self._asked(name, side, seed) else None

    def _run(self, name: str, side: str, seed: int) -> dict:
        contest = TIME_TARGETS[name]
        chain = self.work.runs(contest.plain if side == "plain" else contest.ours, contest.dataset, seed)
        parts, model, code = [], None, None
        for number, hp in enumerate(chain, start=1):
            last = number == len(chain)
            hp = hp if model is None else dataclasses.replace(hp, model=model)
            watch = TargetObserver(contest.quantity if last else "", contest.figure)

            def follow(event: dict, watch=watch) -> str | None:
                self.display(event)
                return watch(event)

            place = run_folder.new_output_folder(
                None, self.work.folder / "race" / f"{name}-{side}-{hp.program}-seed-{seed}"
            )
            try:
                folder, record = self.work.series.train(hp, place, follow, trial=True, ahead=False)
            except UserError:
                if not any(place.iterdir()):  # the data are missing: nothing has begun
                    place.rmdir()
                raise
            model, code = str(folder / "autoencoder.h5"), record["metrics"].get("latent_size", code)
            parts.append(watch)
        found = {
            "asked": self._asked(name, side, seed),
            "seconds": sum(part.seconds for part in parts),
            "epochs": [part.epochs for part in parts],
            "reached": parts[-1].reached,
            "best": parts[-1].best,
            "code": code,
            "device": record["environment"]["device"],
            "command": self.work.again,
            "date": time.strftime("%Y-%m-%d"),
        }
        self.known[_result_key(name, side, seed)] = found
        write_json(self.path, self.known)
        return found

    def _show(self) -> None:
        """Both times and their ratio: of this call's contests on the screen, of all that are known in a file."""
        head = ("contest", "figure", "code", *SIDES.values(), "ours needs")
        rows = {name: self._row(name, list(self.work.seeds)) for name in self._held}
        self.work.show(TITLE, head, [[Text(cell) for cell in row] for row in rows.values()])
        for name in TIME_TARGETS:
            if name not in rows and (seeds := self._seeds(name)):
                rows[name] = self._row(name, seeds)
        rows = {name: rows[name] for name in TIME_TARGETS if name in rows}
        shown = [found for name in rows for found in self._of(name)]
        parts: list[documents.Block] = [
            *([Paragraph(f"{QUICK_NOTE[0].upper()}{QUICK_NOTE[1:]}.", "bad")] if self.work.quick else []),
            Paragraph(
                f"Written {time.strftime('%Y-%m-%d')}. Trained on "
                f"{'; '.join(sorted({one['device'] for one in shown}))}."
            ),
            Paragraph(
                "Seconds from the beginning of the training, with its compilation, to the end of the epoch "
                "whose validation is "
                "at the figure, with every validation on the way; without loading the data, and without "
                "what comes after. Of "
                "several seeds the median, and the range. The code is the report's and ours."
            ),
            *(Code(command) for command in dict.fromkeys(one["command"] for one in shown)),
            documents.Table(
                "", head, [(*row[:-1], Strong(row[-1])) for row in rows.values()], "l" + "r" * (len(head) - 1)
            ),
        ]
        path = self.work.folder / self.work.file(FILE_NAME, ".md")
        report.write_document(Section(TITLE, parts), path)
        self.display.result(str(path), ACCENT, whole=True)

    def _seeds(self, name: str) -> list[int]:
        """The seeds that both sides were run with, in this call or in others."""
        return [seed for seed in range(MAX_SEEDS) if all(self._known(name, side, seed) for side in SIDES)]

    def _of(self, name: str) -> list[dict]:
        """All that is known of a contest, in this call or in others."""
        sides = (self._known(name, side, seed) for side in SIDES for seed in self._seeds(name))
        return [found for found in sides if found]

    def _row(self, name: str, seeds: list[int]) -> tuple[str, ...]:
        contest = TIME_TARGETS[name]
        sides = {side: [self.known[_result_key(name, side, seed)] for seed in seeds] for side in SIDES}
        times = {side: statistics.median(one["seconds"] for one in found) for side, found in sides.items()}
        there = {side: all(one["reached"] for one in found) for side, found in sides.items()}
        cells = [_time_cell(found, there[side]) for side, found in sides.items()]
        codes = " and ".join(
            dict.fromkeys(f"{found[0]['code']:,}" if found[0]["code"] else "–" for found in sides.values())
        )
        ratio = f"{'' if there['plain'] else 'less than '}{times['ours'] / times['plain']:.2f} of the time"
        if not there["ours"]:
            ratio = "does not reach it" if there["plain"] else "neither reaches it"
        return f"{name}: {contest.what}", f"{contest.figure:g}", codes, *cells, ratio


def _result_key(name: str, side: str, seed: int) -> str:
    return f"{name}, {side}, seed {seed}"


def _read_results(path: Path) -> dict[str, dict]:
    """What was run before. Raises `UserError` for a file that somebody has spoilt."""
    if not path.is_file():
        return {}
    try:
        known = json.loads(path.read_text(encoding="utf-8"))
        return {key: found for key, found in known.items() if {*found} >= RESULT_KEYS}
    except (OSError, ValueError, TypeError, AttributeError, RecursionError):
        raise UserError(f"{path}: cannot be read; remove it, and the races are run again") from None


def _time_cell(found: list[dict], there: bool) -> str:
    """The times of one side: their median, and their range where there are several."""
    seconds = [one["seconds"] for one in found]
    spread = f" ({min(seconds):,.0f} to {max(seconds):,.0f})" if len(seconds) > 1 else ""
    return (
        f"{'' if there else 'more than '}{statistics.median(seconds):,.0f} s{spread}, "
        f"{_describe_epochs(found)}"
    )


def _describe_result(found: dict) -> str:
    """How one side did, in words."""
    if found["reached"]:
        return f"there after {found['seconds']:,.1f} s, {_describe_epochs([found])}"
    best = "nothing" if found["best"] is None else format_decimal(found["best"])
    return f"not there after {found['seconds']:,.1f} s, {_describe_epochs([found])}; the best was {best}"


def _describe_epochs(found: list[dict]) -> str:
    counts = "; ".join(dict.fromkeys(" + ".join(map(str, one["epochs"])) for one in found))
    return f"{counts} {'epoch' if counts == '1' else 'epochs'}"
