"""Context of a call of `reproduce`: folder and seeds of its runs, and printing of its tables."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rich.text import Text

from lib.cli.display import Display
from lib.cli.output import BAD
from lib.cli.tables import new_table, print_table
from lib.common.errors import UserError
from lib.config.hyperparameters import HYPERPARAMETERS, Hyperparameters
from lib.reproduction.tables import RowSettings
from lib.worker.run_sequence import RunSequence

MAX_SEEDS = 100
QUICK_IMAGES = 2000
QUICK_EPOCHS = 2
QUICK_NOTE = (
    f"quick run: {QUICK_IMAGES:,} images, at most {QUICK_EPOCHS} epochs; not comparable with the report"
)


@dataclass(frozen=True)
class ReproductionContext:
    """One call of `reproduce`.

    Attributes:
        folder: where runs and documents are written.
        quick: few images and epochs, for a test of the whole pipeline.
        seeds: every run is trained with each of them.
        command: the command line that repeats the call.
        display: the screen.
        run_sequence: the processes that train.
    """

    folder: Path
    quick: bool
    seeds: range
    command: str
    display: Display
    run_sequence: RunSequence = field(default_factory=RunSequence)

    def for_each(self, names: list[str], action: Callable[[str], int]) -> int:
        """Call an action with each name and return the worst exit status.

        Raises:
            UserError: data are missing. With several names, the others are done before.
        """
        statuses = [0]
        missing: dict[str, list[str]] = {}
        for name in names:
            try:
                statuses.append(action(name))
            except UserError as error:
                if len(names) == 1:
                    raise
                self.display.note(f"{name} is skipped: {error}", BAD)
                missing.setdefault(str(error), []).append(name)
        if missing:
            left_out = (f"{', '.join(names)} ({reason})" for reason, names in missing.items())
            raise UserError(f"skipped: {', '.join(left_out)}")
        return max(statuses)

    def file_name(self, stem: str, suffix: str) -> str:
        """Return the name of a file, which marks a quick look as such."""
        return f"{stem}{'-quick' if self.quick else ''}{suffix}"

    def full_title(self, title: str) -> str:
        """Return the title of a table, which marks a quick look as such."""
        return f"{title} ({QUICK_NOTE})" if self.quick else title

    def show_table(self, title: str, head: Sequence[str], rows: list[list[Text]]) -> None:
        """Print a table without breaking words or numbers; on a narrow terminal, a line for each cell."""
        table = new_table(self.full_title(title), head, left=head[:1])
        for row in rows:
            table.add_row(*row)
        print_table(self.display.out, table)

    def hyperparameters(self, settings: RowSettings, dataset: str, seed: int) -> list[Hyperparameters]:
        """Return the hyperparameters of a row's autoencoder and classifier, if any, without model path."""
        runs = []
        for program, values in (
            ("autoencoder", settings.autoencoder),
            ("classification", settings.classifier),
        ):
            if values is None:
                continue
            values = values | dict(dataset=dataset, seed=seed)
            if self.quick:
                values |= dict(limit=QUICK_IMAGES, epochs=min(QUICK_EPOCHS, values["epochs"]))
            runs.append(HYPERPARAMETERS[program](**values))
        return runs
