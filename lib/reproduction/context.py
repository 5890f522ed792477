"""What tables and races have in common: where their runs lie, with which seeds, and whether whole or for a
quick look.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rich.cells import cell_len
from rich.table import Table
from rich.text import Text

from lib.cli.display import BAD, Display
from lib.cli.terminal_graphics import print_table, table_fits
from lib.common.errors import UserError
from lib.config.fields import parse_value
from lib.config.hyperparameters import Hyperparameters
from lib.reproduction.tables import RowSettings
from lib.worker.run_sequence import RunSequence

MAX_SEEDS = 100
QUICK_IMAGES, QUICK_EPOCHS = 2000, 2
QUICK_NOTE = f"a quick look, {QUICK_IMAGES:,} images and at most {QUICK_EPOCHS} epochs: no results"


@dataclass(frozen=True)
class ReproductionContext:
    """One call of `reproduce`: `again` is its command."""

    folder: Path
    quick: bool
    seeds: range
    again: str
    display: Display
    series: RunSequence = field(default_factory=RunSequence)

    def through(self, names: list[str], one: Callable[[str], int]) -> int:
        """Do one thing of each name; the worst exit status. What has no data is left out, and named at the
        end (`UserError`).
        """
        statuses = [0]
        missing: dict[str, list[str]] = {}
        for name in names:
            try:
                statuses.append(one(name))
            except UserError as error:
                if len(names) == 1:
                    raise
                self.display.note(f"{name} is left out: {error}", BAD)
                missing.setdefault(str(error), []).append(name)
        if missing:
            left_out = (f"{', '.join(names)} ({reason})" for reason, names in missing.items())
            raise UserError(f"left out: {', '.join(left_out)}")
        return max(statuses)

    def file(self, name: str, end: str) -> str:
        """A file that says so by its name where what is in it is no result."""
        return f"{name}{'-quick' if self.quick else ''}{end}"

    def show(self, title: str, head: Sequence[str], rows: list[list[Text]]) -> None:
        """A table, its words and numbers in one piece; on a terminal that is too narrow for that, a line for
        each cell.
        """
        table = Table(title=self.titled(title), title_justify="left")
        for place, column in enumerate(head):
            words = [word for row in rows for word in row[place].plain.split()] if rows else []
            least = max(map(cell_len, [*words, *column.split()]))
            table.add_column(column, justify="right" if place else "left", min_width=least)
        for row in rows:
            table.add_row(*row)
        if table_fits(self.display.out, table):
            print_table(self.display.out, table)
            return
        self.display.result(self.titled(title), "italic")
        for first, *others in rows:
            self.display.result(first.plain, "bold")
            for column, cell in zip(head[1:], others, strict=False):
                self.display.result(f"  {column}: {cell.plain}", str(cell.style))

    def titled(self, title: str) -> str:
        """A title that says so where the numbers below it are no results."""
        return f"{title} ({QUICK_NOTE})" if self.quick else title

    def runs(self, settings: RowSettings, dataset: str, seed: int) -> list[Hyperparameters]:
        """The runs of some settings, in order; the classifier's does not know its model yet."""
        found = []
        for program, values in (("autoencoder", settings.autoencoder), ("classification", settings.head)):
            if values is None:
                continue
            values = values | dict(dataset=dataset, seed=seed)
            if self.quick:
                values |= dict(limit=QUICK_IMAGES, epochs=min(QUICK_EPOCHS, values["epochs"]))
            found.append(
                Hyperparameters(
                    program=program, **{name: parse_value(name, value) for name, value in values.items()}
                )
            )
        return found
