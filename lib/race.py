"""Who reaches a report's figure first: the report's plain recipe, or ours? Both on the same machine, one after the other."""

from __future__ import annotations

import dataclasses
import json
import statistics
import time
from pathlib import Path

from rich.table import Table as Screen

from lib import documents, report, runs
from lib.catalogue import CONTESTS, Contest, Settings
from lib.display import ACCENT
from lib.documents import Code, Paragraph, Section, Strong
from lib.errors import UserError
from lib.kinds import fixed
from lib.pictures import whole
from lib.work import Work
from lib.written import write_json

FILE, TITLE = "race.json", "Time to the report's figure"
REACHED = "the figure is reached"
SIDES = {"plain": "the report's recipe", "ours": "ours"}


class Watch:
    """Follows the events of a run: how long it trains, and when it is at the figure. Times are in seconds, by the clock."""

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
            found, more = event.get(self.quantity), self.quantity.endswith("accuracy")
            if found is not None:
                better = max if more else min
                self.best = found if self.best is None else better(self.best, found)
                self.reached = self.reached or (found >= self.figure if more else found <= self.figure)
        return REACHED if self.reached else None


class Race:
    """Contests, each side until it is at the figure or at the end of its epochs; what was run is not run again."""

    def __init__(self, work: Work):
        self.work, self.display = work, work.display
        self.path = work.folder / FILE
        self.known = _read(self.path)

    def run(self, names: list[str]) -> int:
        """Hold the contests and show both times; the exit status."""
        for name in names:
            contest = CONTESTS[name]
            self.display.note(f"{name}: {contest.what}, until {contest.quantity} is at {contest.figure:g}", "bold")
            for side, settings in (("plain", contest.plain), ("ours", contest.ours)):
                for seed in self.work.seeds:
                    found = self._side(name, contest, side, settings, seed)
                    self.display.result(f"{name}, {SIDES[side]}, seed {seed}: {_told(found)}")
        self._show(names)
        return 0

    def _side(self, name: str, contest: Contest, side: str, settings: Settings, seed: int) -> dict:
        chain = self.work.runs(settings, contest.dataset, seed)
        asked = [hp.to_json() for hp in chain]
        key = f"{name}, {side}, seed {seed}"
        if self.known.get(key, {}).get("asked") == asked:
            return self.known[key]
        parts, model = [], None
        for number, hp in enumerate(chain, start=1):
            last = number == len(chain)
            hp = hp if model is None else dataclasses.replace(hp, model=model)
            watch = Watch(contest.quantity if last else "", contest.figure)

            def follow(event: dict, watch=watch) -> str | None:
                self.display(event)
                return watch(event)

            place = runs.new_folder(None, self.work.folder / "race" / f"{name}-{side}-{hp.program}-seed-{seed}")
            folder, record = self.work.series.train(hp, place, follow, trial=True, ahead=False)
            model = str(folder / "autoencoder.h5")
            parts.append(watch)
        found = {
            "asked": asked,
            "seconds": sum(part.seconds for part in parts),
            "epochs": [part.epochs for part in parts],
            "reached": parts[-1].reached,
            "best": parts[-1].best,
            "device": record["environment"]["device"],
            "date": time.strftime("%Y-%m-%d"),
        }
        self.known[key] = found
        write_json(self.path, self.known)
        return found

    def _show(self, names: list[str]) -> None:
        """Both times and their ratio, on the screen and in a file."""
        screen = Screen(title=self.work.titled(TITLE), title_justify="left")
        head = ("contest", "figure", *(SIDES.values()), "ours needs")
        for place, column in enumerate(head):
            screen.add_column(column, justify="right" if place else "left")
        rows = [self._row(name) for name in names]
        for row in rows:
            screen.add_row(*row)
        whole(self.display.out, screen)
        devices = sorted({found["device"] for key, found in self.known.items() if key.partition(",")[0] in names})
        parts: list[documents.Block] = [
            Paragraph(f"Written {time.strftime('%Y-%m-%d')}. Trained on {'; '.join(devices)}."),
            Paragraph(
                "Seconds from the first step to the end of the epoch whose validation is at the figure, with every validation "
                "on the way; without what comes before the first step and after the last."
            ),
            Code(self.work.again),
            documents.Table("", head, [(*row[:-1], Strong(row[-1])) for row in rows], "l" + "r" * (len(head) - 1)),
        ]
        path = self.work.folder / "race.md"
        report.publish(Section(self.work.titled(TITLE), parts), path)
        self.display.result(str(path), ACCENT, whole=True)

    def _row(self, name: str) -> tuple[str, ...]:
        contest = CONTESTS[name]
        sides = {side: [self.known[f"{name}, {side}, seed {seed}"] for seed in self.work.seeds] for side in SIDES}
        times = {side: statistics.median(one["seconds"] for one in found) for side, found in sides.items()}
        there = {side: all(one["reached"] for one in found) for side, found in sides.items()}
        cells = [_cell(found, there[side]) for side, found in sides.items()]
        ratio = f"{'' if there['plain'] else 'less than '}{times['ours'] / times['plain']:.2f} of the time"
        return f"{name}: {contest.what}", f"{contest.figure:g}", *cells, ratio if there["ours"] else "does not reach it"


def _read(path: Path) -> dict[str, dict]:
    """What was run before. Raises `UserError` for a file that somebody has spoilt."""
    if not path.is_file():
        return {}
    try:
        known = json.loads(path.read_text(encoding="utf-8"))
        return {
            key: found for key, found in known.items() if {"asked", "seconds", "epochs", "reached", "best", "device"} <= {*found}
        }
    except (OSError, ValueError, TypeError, AttributeError, RecursionError):
        raise UserError(f"{path}: cannot be read; remove it, and the races are run again") from None


def _cell(found: list[dict], there: bool) -> str:
    """The times of one side: their median, and their range where there are several."""
    seconds = [one["seconds"] for one in found]
    spread = f" ({min(seconds):,.0f} to {max(seconds):,.0f})" if len(seconds) > 1 else ""
    return f"{'' if there else 'more than '}{statistics.median(seconds):,.0f} s{spread}, {_epochs(found)}"


def _told(found: dict) -> str:
    """How one side did, in words."""
    if found["reached"]:
        return f"there after {found['seconds']:,.1f} s, {_epochs([found])}"
    best = "nothing" if found["best"] is None else fixed(found["best"])
    return f"not there after {found['seconds']:,.1f} s, {_epochs([found])}; the best was {best}"


def _epochs(found: list[dict]) -> str:
    counts = "; ".join(dict.fromkeys(" + ".join(map(str, one["epochs"])) for one in found))
    return f"{counts} {'epoch' if counts == '1' else 'epochs'}"
