"""What tables and races have in common: where their runs lie, with which seeds, and whether whole or for a quick look."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from lib.catalogue import Settings
from lib.display import Display
from lib.fields import read
from lib.hyperparameters import Hyperparameters
from lib.series import Series

QUICK_IMAGES, QUICK_EPOCHS = 2000, 2
QUICK = f"a quick look, {QUICK_IMAGES:,} images and at most {QUICK_EPOCHS} epochs: no results"


@dataclass(frozen=True)
class Work:
    """One call of `reproduce`: `again` is its command."""

    folder: Path
    quick: bool
    seeds: range
    again: str
    display: Display
    series: Series = field(default_factory=Series)

    def titled(self, title: str) -> str:
        """A title that says so where the numbers below it are no results."""
        return f"{title} ({QUICK})" if self.quick else title

    def runs(self, settings: Settings, dataset: str, seed: int) -> list[Hyperparameters]:
        """The runs of some settings, in order; the classifier's does not know its model yet."""
        found = []
        for program, values in (("autoencoder", settings.autoencoder), ("classification", settings.head)):
            if values is None:
                continue
            values = values | dict(dataset=dataset, seed=seed)
            if self.quick:
                values |= dict(limit=QUICK_IMAGES, epochs=min(QUICK_EPOCHS, values["epochs"]))
            found.append(Hyperparameters(program=program, **{name: read(name, value) for name, value in values.items()}))
        return found
