"""A table of a report and what came of it: each row in words as it comes, all of them on the screen and in a
document.
"""

from __future__ import annotations

import math
import statistics
import time
from dataclasses import dataclass
from itertools import chain

from rich.text import Text

from lib.cli.display import BAD, GOOD
from lib.common.formatting import format_decimal, format_duration
from lib.reproduction.context import QUICK_NOTE, ReproductionContext
from lib.reproduction.tables import ReportRow, ReportTable
from lib.runs import documents
from lib.runs.documents import Block, Code, Paragraph, Picture, Section, Strong
from lib.runs.run_entries import MISSING, RunEntry

PICTURES = ("reconstructions", "loss", "noise", "classes", "grid", "confusion")  # of a run, in the document
COPY_NOTE = "a copy: the code is as large as the image"
PENALTY_NOTE = "Losses have the L2 penalty on kernels in them, as Keras's do; errors on the test set do not."

# What the figures of a report are: in words, how many decimals, and whether more is better.
QUANTITIES = {
    "loss": ("training loss", 5, False),
    "val_loss": ("validation loss", 5, False),
    "test_mse": ("test MSE", 5, False),
    "test_negative_elbo": ("negative ELBO in nats", 2, False),
    "test_largest_channel_accuracy": ("largest channel right", 4, True),
    "test_loss": ("test loss", 4, False),
    "test_accuracy": ("test accuracy", 4, True),
    "scratch_accuracy": ("accuracy from scratch", 4, True),
}


@dataclass(frozen=True)
class RowOutcome:
    """What training a row with one seed has given: its runs, a classifier's after its autoencoder's."""

    runs: tuple[RunEntry, ...]

    @property
    def entry(self) -> RunEntry:
        """The last run, which has the figures."""
        return self.runs[-1]

    @property
    def code(self) -> str:
        """How many numbers are in a code."""
        return self.runs[0].text("latent_size")

    @property
    def seconds(self) -> float:
        """How long all runs took."""
        return sum(run.record["timing"]["seconds"] for run in self.runs)


class TableComparison:
    """The figures of a report beside ours. What was `found` are the outcomes of each row, by its name, one
    for each seed.
    """

    def __init__(self, work: ReproductionContext, name: str, table: ReportTable, best: bool):
        self.work, self.table, self.best = work, table, best
        self.title = f"{name}: {table.what}, {table.dataset}" + (", our settings" if best else "")
        # A table that does not ask for it gets the error on the test set besides.
        self._besides = (
            ["test_mse"]
            if "test_mse" not in table.quantities and not table.rows[0].settings(best).head
            else []
        )

    def line(self, row: ReportRow, outcome: RowOutcome) -> str:
        """A row in words, as it comes."""
        parts = []
        for quantity, figure in zip(self.table.quantities, row.figures, strict=True):
            here, _ = mean_and_spread(quantity, [quantity_value(outcome.entry.record, quantity)], figure)
            parts.append(
                f"{QUANTITIES[quantity][0]} {here}" + (f" (report {figure:g})" if figure is not None else "")
            )
        said = f"{', '.join(parts)}; {_best_baseline([outcome])}; {format_duration(outcome.seconds)}"
        return f"a quick look, no results; {said}" if self.work.quick else said

    def show(self, found: dict[str, list[RowOutcome]]) -> None:
        """The table on the screen, each of the report's figures in brackets after what is here."""
        words = [QUANTITIES[quantity][0] for quantity in self.table.quantities]
        head = [self._row, "code", *(f"{word} (report)" for word in words), *self._last]
        rows = []
        for row in self.table.rows:
            if row.name not in found:
                rows.append([Text(row.name), Text("failed", style=BAD), *[Text("")] * (len(head) - 2)])
                continue
            outcomes = found[row.name]
            rows.append([Text(self._named(row, outcomes)), Text(_latent_sizes(outcomes))])
            for figure, here, good in self._pairs(row, outcomes):
                rows[-1].append(
                    Text(here if figure == MISSING else f"{here} ({figure})", style=GOOD if good else "")
                )
            rows[-1] += [
                Text(text.replace(COPY_NOTE, COPY_NOTE.partition(":")[0])) for text in self._others(outcomes)
            ]
        self.work.show(self.title, head, rows)

    def document(self, found: dict[str, list[RowOutcome]], wrong: dict[str, str]) -> Section:
        """The table with the command and the pictures of each row, and why the `wrong` ones are missing."""
        words = [QUANTITIES[quantity][0] for quantity in self.table.quantities]
        head = (
            self._row,
            "code",
            *chain.from_iterable((f"{word}, report", "here") for word in words),
            *self._last,
        )
        rows = []
        for row in self.table.rows:
            if outcomes := found.get(row.name):
                pairs = (
                    (figure, Strong(here) if good else here)
                    for figure, here, good in self._pairs(row, outcomes)
                )
                first = (self._named(row, outcomes), _latent_sizes(outcomes))
                rows.append((*first, *chain.from_iterable(pairs), *self._others(outcomes)))
        entries = [outcome.entry for outcomes in found.values() for outcome in outcomes]
        machines = sorted({_machine_text(entry.record) for entry in entries})
        seeds = f"Seeds {', '.join(map(str, self.work.seeds))}; the mean and the standard deviation."
        penalized = any(entry.record["hyperparameters"].get("l2") for entry in entries)
        parts: list[Block] = [
            *([Paragraph(f"{QUICK_NOTE[0].upper()}{QUICK_NOTE[1:]}.", "bad")] if self.work.quick else []),
            Paragraph(f"Written {time.strftime('%Y-%m-%d')}. Trained on {'; '.join(machines) or 'nothing'}."),
            *([Paragraph(seeds)] if len(self.work.seeds) > 1 else []),
            *([Paragraph(PENALTY_NOTE)] if penalized else []),
            Code(self.work.again),
        ]
        parts += [documents.Table("", head, rows, "l" + "r" * (len(head) - 1))] if rows else []
        parts += [Paragraph(f"{name} failed: {reason}", "bad") for name, reason in wrong.items()]
        return Section(
            self.title, [*parts, *(_figures_section(name, outcomes[0]) for name, outcomes in found.items())]
        )

    @property
    def _row(self) -> str:
        return "the report's row" if self.best else "row"

    @property
    def _last(self) -> list[str]:
        return [*(QUANTITIES[quantity][0] for quantity in self._besides), "trivial, on the test set", "time"]

    def _named(self, row: ReportRow, outcomes: list[RowOutcome]) -> str:
        """A row's name, and how many of its seeds have failed."""
        failed = len(self.work.seeds) - len(outcomes)
        return f"{row.name} ({failed} of {len(self.work.seeds)} seeds failed)" if failed else row.name

    def _pairs(self, row: ReportRow, outcomes: list[RowOutcome]) -> list[tuple[str, str, bool]]:
        """Of each quantity the report's figure, ours, and whether that is as good."""
        found = []
        for quantity, figure in zip(self.table.quantities, row.figures, strict=True):
            here, good = mean_and_spread(
                quantity, [quantity_value(outcome.entry.record, quantity) for outcome in outcomes], figure
            )
            found.append((MISSING if figure is None else f"{figure:g}", here, good))
        return found

    def _others(self, outcomes: list[RowOutcome]) -> list[str]:
        """What no report has: our score on the test set, the best trivial method's, and the time."""
        records = [outcome.entry.record for outcome in outcomes]
        besides = [
            mean_and_spread(quantity, [quantity_value(record, quantity) for record in records], None)[0]
            for quantity in self._besides
        ]
        return [
            *besides,
            _best_baseline(outcomes),
            format_duration(statistics.mean(outcome.seconds for outcome in outcomes)),
        ]


def _latent_sizes(outcomes: list[RowOutcome]) -> str:
    return ", ".join(dict.fromkeys(outcome.code for outcome in outcomes))


def _figures_section(name: str, outcome: RowOutcome) -> Section:
    paths = (outcome.entry.folder / "figures" / f"{picture}.png" for picture in PICTURES)
    pictures = [Picture(path, f"{name}: {path.stem}") for path in paths if documents.is_png(path)]
    return Section(name, [*(Code(run.record.get("command", "")) for run in outcome.runs), *pictures])


def quantity_value(record: dict, quantity: str) -> float | None:
    """A quantity of a finished run: a loss after its last epoch, or a score on the test set."""
    if quantity in ("loss", "val_loss"):
        values = record["history"].get(quantity)
        return values[-1] if values else None
    return (record["baselines"] if quantity == "scratch_accuracy" else record["metrics"]).get(quantity)


def mean_and_spread(quantity: str, values: list[float | None], figure: float | None) -> tuple[str, bool]:
    """A quantity over all seeds, and whether its mean is as good as the report's figure."""
    known = [value for value in values if value is not None]
    if not known:
        return MISSING, False
    _, decimals, more = QUANTITIES[quantity]
    mean = statistics.mean(known)
    spread = f" ± {format_decimal(statistics.stdev(known), decimals)}" if len(known) > 1 else ""
    good = figure is not None and (mean >= figure if more else mean <= figure)
    return f"{format_decimal(mean, decimals)}{spread}", good


def _best_baseline(outcomes: list[RowOutcome]) -> str:
    """The best trivial method, with each of its scores where seeds differ, unless the code is as large as the
    image.
    """
    record = outcomes[0].entry.record
    pixels = math.prod(record["dataset"].get("shape") or [0])
    if record.get("task") == "reconstruct" and record["metrics"].get("latent_size", 0) >= pixels:
        return COPY_NOTE
    found = "; ".join(dict.fromkeys(outcome.entry.rival for outcome in outcomes))
    return f"{found} in MSE" if record["hyperparameters"].get("variational") else found


def _machine_text(record: dict) -> str:
    known = record["environment"]
    return f"{known.get('device')}, Keras {known.get('keras')}"
