"""Comparison of a report's table with our measurements: a line per row, a table on the screen, a document."""

from __future__ import annotations

import math
import statistics
import time
from dataclasses import dataclass
from itertools import chain
from typing import NamedTuple

from rich.text import Text

from lib.cli.output import BAD, GOOD
from lib.common.formatting import MISSING, format_decimal, format_duration
from lib.config.regularizations import recorded_label
from lib.reproduction.context import QUICK_NOTE, ReproductionContext
from lib.reproduction.tables import ReportRow, ReportTable
from lib.runs import documents
from lib.runs.document_blocks import Block, Cell, Code, DocumentTable, Paragraph, Picture, Section, Strong
from lib.runs.records import main_curves
from lib.runs.run_entries import RunEntry
from lib.tasks import find_task
from lib.tasks.baselines import Baseline, constant
from lib.tasks.classification import most_frequent
from lib.tasks.metrics import Metric, find_metric, run_score

PICTURES = ("reconstructions", "loss", "noise", "classes", "grid", "confusion")  # of a run, in the document
COPY_NOTE = "no compression: the latent code is as large as the image"
PENALTY_NOTE = "Losses include the L2 penalty on kernels, as in Keras; errors on the test set do not."


TRAINING_LOSSES = {"loss": "training loss", "val_loss": "validation loss"}  # quantities of a history
LABELS = TRAINING_LOSSES | {  # of quantities whose metric has no label that is as short
    "test_loss": "test loss",
    "test_negative_elbo": "negative ELBO in nats",
    "test_largest_channel_accuracy": "correct largest channel",
    "scratch_accuracy": "accuracy from scratch",
}


@dataclass(frozen=True)
class RowOutcome:
    """The runs of a row with one seed: an autoencoder, and its classifier if the row is about one."""

    runs: tuple[RunEntry, ...]

    @property
    def entry(self) -> RunEntry:
        """The last run, which the reported values are about."""
        return self.runs[-1]

    @property
    def latent_size(self) -> str:
        return self.runs[0].value_text("latent_size")

    @property
    def seconds(self) -> float:
        """Duration of all runs together."""
        return sum(run.record["timing"]["seconds"] for run in self.runs)


class ComparedValue(NamedTuple):
    """A reported value, the measured one, and whether the measured one is at least as good."""

    reported: str
    measured: str
    reached: bool


class TableComparison:
    """A table of a report with our measurements next to the reported values.

    Args:
        context: folder, seeds and display.
        name: name of the table.
        table: the table.
        ours: whether our settings are trained instead of the report's.
    """

    def __init__(self, context: ReproductionContext, name: str, table: ReportTable, ours: bool):
        self.context = context
        self.table = table
        self.ours = ours
        self.title = f"{name}: {table.title}, {table.dataset}" + (", our settings" if ours else "")
        # Tables of other quantities get the error on the test set in addition.
        is_autoencoder = table.rows[0].settings(ours).classifier is None
        self._program = "autoencoder" if is_autoencoder else "classification"
        score = run_score(self._program).test_key
        self._extra = [score] if is_autoencoder and score not in table.quantities else []
        self._constant: Baseline = constant if is_autoencoder else most_frequent
        self._constant_title = f"{self._constant.label}, {self._label(score)}"
        self._row_title = "row of the report" if ours else "row"
        quick = [self._constant_title, "epochs"] if context.quick else []
        self._last_titles = [*map(self._label, self._extra), *quick, "best baseline", "time"]

    def describe(self, row: ReportRow, outcome: RowOutcome) -> str:
        """Return the outcome of a row as a line of text."""
        parts = []
        for quantity, reported in zip(self.table.quantities, row.reported, strict=True):
            value = quantity_value(outcome.entry.record, quantity)
            measured, _ = mean_and_spread(self._metric(quantity), [value], reported)
            suffix = "" if reported is None else f" (report {reported:g})"
            parts.append(f"{self._label(quantity)} {measured}{suffix}")
        line = f"{', '.join(parts)}; {_best_baseline([outcome])}; {format_duration(outcome.seconds)}"
        if not self.context.quick:
            return line
        mean_image = f"{self._constant_title} {self._constant_score([outcome.entry.record])}"
        return f"quick run, {self._epochs_text(row, outcome)} epochs; {line}; {mean_image}"

    def show(self, outcomes: dict[str, list[RowOutcome]]) -> None:
        """Print the table, each reported value in brackets after the measured one.

        Args:
            outcomes: by the name of the row, one for each seed; failed rows are missing.
        """
        labels = list(map(self._label, self.table.quantities))
        head = [
            self._row_title,
            "latent size",
            *(f"{label} (report)" for label in labels),
            *self._last_titles,
        ]
        rows = []
        for row in self.table.rows:
            if row.name in outcomes:
                rows.append(self._screen_row(row, outcomes[row.name]))
            else:
                empty = [Text("")] * (len(head) - 2)
                rows.append([Text(row.name), Text("failed", style=BAD), *empty])
        self.context.show_table(self.title, head, rows)

    def _screen_row(self, row: ReportRow, outcomes: list[RowOutcome]) -> list[Text]:
        cells = [Text(self._row_name(row, outcomes)), Text(_latent_sizes(outcomes))]
        for value in self._compared_values(row, outcomes):
            reported = "" if value.reported == MISSING else f" ({value.reported})"
            cells.append(Text(f"{value.measured}{reported}", style=GOOD if value.reached else ""))
        short_note = COPY_NOTE.partition(":")[0]
        return cells + [Text(text.replace(COPY_NOTE, short_note)) for text in self._last_cells(row, outcomes)]

    def document(self, outcomes: dict[str, list[RowOutcome]], errors: dict[str, str]) -> Section:
        """Return a section with the table, and command and pictures of each row.

        Args:
            outcomes: by the name of the row, one for each seed.
            errors: by the name of each failed row or seed, why it failed.
        """
        table = self._document_table(outcomes)
        blocks: list[Block] = [
            *self._notes(outcomes),
            Code(self.context.command),
            *([table] if table.rows else []),
            *(Paragraph(f"{name} failed: {error}", "bad") for name, error in errors.items()),
            *(_pictures_section(name, row_outcomes[0]) for name, row_outcomes in outcomes.items()),
        ]
        return Section(self.title, blocks)

    def _notes(self, outcomes: dict[str, list[RowOutcome]]) -> list[Block]:
        seeds = self.context.seeds
        records = [outcome.entry.record for row_outcomes in outcomes.values() for outcome in row_outcomes]
        machines = "; ".join(sorted(set(map(_machine_text, records))))
        notes: list[Block] = []
        if self.context.quick:
            notes.append(Paragraph(f"{QUICK_NOTE[0].upper()}{QUICK_NOTE[1:]}.", "bad"))
        date = time.strftime("%Y-%m-%d")
        notes.append(Paragraph(f"Written {date}. Trained on {machines or MISSING}."))
        if len(seeds) > 1:
            notes.append(Paragraph(f"Seeds {', '.join(map(str, seeds))}: mean and standard deviation."))
        if any(record["hyperparameters"].get("l2") for record in records):
            notes.append(Paragraph(PENALTY_NOTE))
        return notes

    def _document_table(self, outcomes: dict[str, list[RowOutcome]]) -> DocumentTable:
        labels = list(map(self._label, self.table.quantities))
        titles = chain.from_iterable((f"{label}, report", "here") for label in labels)
        head = (self._row_title, "latent size", *titles, *self._last_titles)
        rows = [
            self._document_row(row, outcomes[row.name]) for row in self.table.rows if row.name in outcomes
        ]
        return DocumentTable("", head, rows, "l" + "r" * (len(head) - 1))

    def _document_row(self, row: ReportRow, outcomes: list[RowOutcome]) -> list[Cell]:
        cells: list[Cell] = [self._row_name(row, outcomes), _latent_sizes(outcomes)]
        for value in self._compared_values(row, outcomes):
            cells += [value.reported, Strong(value.measured) if value.reached else value.measured]
        return [*cells, *self._last_cells(row, outcomes)]

    def _metric(self, quantity: str) -> Metric:
        """The metric of a quantity; that of a loss of the training is the score of the run."""
        metric = None if quantity in TRAINING_LOSSES else find_metric(quantity, self._program)
        return metric or run_score(self._program)

    def _label(self, quantity: str) -> str:
        return LABELS.get(quantity) or f"test {self._metric(quantity).label}"

    def _epochs_text(self, row: ReportRow, outcome: RowOutcome) -> str:
        """Return the epochs of the last run and those of the full training, such as `2 of 50`."""
        settings = row.settings(self.ours)
        epochs = (settings.classifier or settings.autoencoder)["epochs"]
        return f"{outcome.entry.record['hyperparameters']['epochs']} of {epochs}"

    def _row_name(self, row: ReportRow, outcomes: list[RowOutcome]) -> str:
        """Return a row's name, with the number of its seeds that failed."""
        count = len(self.context.seeds)
        failed = count - len(outcomes)
        return f"{row.name} ({failed} of {count} seeds failed)" if failed else row.name

    def _compared_values(self, row: ReportRow, outcomes: list[RowOutcome]) -> list[ComparedValue]:
        compared = []
        for quantity, reported in zip(self.table.quantities, row.reported, strict=True):
            values = [quantity_value(outcome.entry.record, quantity) for outcome in outcomes]
            measured, reached = mean_and_spread(self._metric(quantity), values, reported)
            text = MISSING if reported is None else f"{reported:g}"
            compared.append(ComparedValue(text, measured, reached))
        return compared

    def _last_cells(self, row: ReportRow, outcomes: list[RowOutcome]) -> list[str]:
        """Return the cells without reported values: test error, best baseline and duration.

        A quick run gets the score of a constant prediction and its epochs in addition.
        """
        records = [outcome.entry.record for outcome in outcomes]
        extra = [
            self._mean_text(quantity, [quantity_value(record, quantity) for record in records])
            for quantity in self._extra
        ]
        duration = format_duration(statistics.mean(outcome.seconds for outcome in outcomes))
        quick = [self._constant_score(records), self._epochs_text(row, outcomes[0])]
        return [*extra, *(quick if self.context.quick else []), _best_baseline(outcomes), duration]

    def _mean_text(self, quantity: str, values: list[float | None]) -> str:
        return mean_and_spread(self._metric(quantity), values, None)[0]

    def _constant_score(self, records: list[dict]) -> str:
        """Return the test MSE of the mean image, or the test accuracy of the most frequent class."""
        metric = run_score(self._program)
        key = f"{self._constant.name}_{metric.key}"
        return self._mean_text(metric.test_key, [record["baselines"].get(key) for record in records])


def quantity_value(record: dict, quantity: str) -> float | None:
    """Return a quantity of a finished run: a loss after its last epoch, or a score on the test set."""
    if quantity in TRAINING_LOSSES:
        values = main_curves(record).get(quantity)
        return values[-1] if values else None
    return (record["metrics"] | record["baselines"]).get(quantity)


def mean_and_spread(metric: Metric, values: list[float | None], reported: float | None) -> tuple[str, bool]:
    """Return mean and standard deviation of a quantity over seeds.

    Args:
        metric: of the values.
        values: one for each seed.
        reported: the published value, if any.

    Returns:
        The text, such as `0.00126 ± 0.00004`, and whether the mean is at least as good as reported.
    """
    known = [value for value in values if value is not None]
    if not known:
        return MISSING, False
    mean = statistics.mean(known)
    spread = f" ± {format_decimal(statistics.stdev(known), metric.decimals)}" if len(known) > 1 else ""
    reached = reported is not None and metric.cost(mean) <= metric.cost(reported)
    return f"{format_decimal(mean, metric.decimals)}{spread}", reached


def _latent_sizes(outcomes: list[RowOutcome]) -> str:
    return ", ".join(dict.fromkeys(outcome.latent_size for outcome in outcomes))


def _pictures_section(name: str, outcome: RowOutcome) -> Section:
    paths = (outcome.entry.folder / "figures" / f"{picture}.png" for picture in PICTURES)
    pictures = [Picture(path, f"{name}: {path.stem}") for path in paths if documents.is_png(path)]
    return Section(name, [*(Code(run.record.get("command", "")) for run in outcome.runs), *pictures])


def _best_baseline(outcomes: list[RowOutcome]) -> str:
    """Return the best baseline of each seed; `COPY_NOTE` if the code could hold a copy of the image."""
    record = outcomes[0].entry.record
    image_values = math.prod(record["dataset"].get("shape") or [0])
    has_room = record["metrics"].get("latent_size", 0) >= image_values
    if has_room and find_task(record.get("task")).targets_are_inputs:
        return COPY_NOTE
    baselines = "; ".join(dict.fromkeys(outcome.entry.best_baseline_text for outcome in outcomes))
    return f"{baselines} in MSE" if recorded_label(record["hyperparameters"]) else baselines


def _machine_text(record: dict) -> str:
    environment = record["environment"]
    return f"{environment.get('device')}, Keras {environment.get('keras')}"
