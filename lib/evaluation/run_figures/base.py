"""Registry of the figures of runs, and what all of them share.

All figures of a run show test images from the beginning of one random order, which follows its seed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from lib.config.changed_settings import describe_changes
from lib.config.hyperparameters import Hyperparameters
from lib.config.suited_defaults import ImageSet
from lib.data.datasets import Dataset
from lib.data.splits import Subset
from lib.evaluation import figures
from lib.runs.run_folder import Run
from lib.runs.validation import ONLY_PHASE
from lib.runs.views import FigureEntry, FigureView, LossCurves
from lib.tasks.display import Display
from lib.tasks.metrics import describe_score

NO_BREAK_SPACE = "\u00a0"  # so that a line of a title does not end within a setting
DISPLAY_IMAGES = 100  # whose pixels tell the brightness of figures
PHASE_TITLES = {
    ONLY_PHASE: "training",
    "head": "phase 1: the new layers",
    "everything": "phase 2: all layers",
    "scratch": "from random weights",
}


@dataclass(frozen=True)
class RunFigures:
    """Settings and data that the figures of a run are drawn from; each program has a subclass.

    Attributes:
        run: receives the figures; its record has the history.
        dataset: its test images are shown.
        hp: of the run.
    """

    run: Run
    dataset: Dataset
    hp: Hyperparameters

    @property
    def title(self) -> str:
        """Run, data and all settings that differ from the defaults in one line."""
        encoder = [] if self.hp.program == "autoencoder" else [f"classifier on {_model_name(self.hp)}"]
        changes = describe_changes(self.hp, ImageSet(self.dataset.shape, len(self.dataset.train)))
        settings = (change.replace(" ", NO_BREAK_SPACE) for change in changes)
        return f"{self.run.folder.resolve().name}: {', '.join([self.dataset.name, *encoder, *settings])}"

    @cached_property
    def display(self) -> Display:
        """The channels and the brightness in which images are shown."""
        test = shown_images(self.dataset.test, self.hp).first(DISPLAY_IMAGES)
        return Display.of(self.hp.show_channels, test.take(slice(None)))

    @property
    def scored_title(self) -> str:
        """The title with the score of the run, when it is recorded."""
        return f"{self.title} · {describe_score(self.hp.program, self.run.record['metrics'])}"


Draw = Callable[[Any, Path], FigureView | None]


class RegisteredFigure(NamedTuple):
    """A figure of the runs of a program; the attributes are the arguments of `figure`."""

    draw: Draw
    entry: FigureEntry
    applies: Callable[[Any], bool]
    offered: Callable[[Hyperparameters], bool]
    slow: bool


FIGURES: dict[str, list[RegisteredFigure]] = {"autoencoder": [], "classification": []}  # by program


def figure(
    name: str,
    menu: str = "",
    *,
    program: str = "autoencoder",
    applies: Callable[[Any], bool] = lambda figures_of: True,
    offered: Callable[[Hyperparameters], bool] = lambda hp: True,
    absent: str = "",
    key: str = "",
    slow: bool = False,
) -> Callable[[Draw], Draw]:
    """Register the function below as a figure of the runs of a program.

    The function gets the `RunFigures` of a run and the path of the PNG file that it draws. It returns what a
    terminal without graphics shows, or None for the path alone.

    Args:
        name: of the PNG file, without the suffix.
        menu: text of its menu entry, which stands in the order of registration; "" for none.
        program: whose runs have the figure.
        applies: whether a run has it, given its `RunFigures`.
        offered: whether the menu after a run with such settings has the entry.
        absent: the sentence that the menu entry shows if there is no figure.
        key: of the menu entry; by default the name.
        slow: it is drawn after those that are not.
    """
    entry = FigureEntry(name, key or name, menu, absent or f"There is no figure {name}: it was not drawn.")

    def register(draw: Draw) -> Draw:
        FIGURES[program].append(RegisteredFigure(draw, entry, applies, offered, slow))
        return draw

    return register


def list_figures(figures_of: RunFigures) -> list[RegisteredFigure]:
    """Return the figures that apply to a run, in the order in which they are drawn."""
    applying = [figure for figure in FIGURES[figures_of.hp.program] if figure.applies(figures_of)]
    return sorted(applying, key=lambda figure: figure.slow)


def menu_entries(hp: Hyperparameters) -> tuple[FigureEntry, ...]:
    """Return the menu entries of the figures of runs with such settings."""
    return tuple(figure.entry for figure in FIGURES[hp.program] if figure.entry.text and figure.offered(hp))


@figure("loss", "Show the loss plot")
@figure("loss", "Show the loss plots of both phases", program="classification")
def draw_loss(figures_of: RunFigures, path: Path) -> LossCurves:
    """The training and validation curves of each phase."""
    history = figures_of.run.record["history"]
    by_title = {PHASE_TITLES.get(name, name): curves for name, curves in history.items()}
    figures.plot_loss_curves(by_title, path, figures_of.title)
    views = {
        f"phase {number}, {name}" if name else PHASE_TITLES[ONLY_PHASE]: curves
        for number, (name, curves) in enumerate(history.items(), 1)
    }
    return LossCurves(
        {
            title: {quantity: curves[quantity] for quantity in ("loss", "val_loss") if quantity in curves}
            for title, curves in views.items()
        }
    )


def shown_images(subset: Subset, hp: Hyperparameters) -> Subset:
    """Return the images of a subset in the order in which the figures of a run show them.

    Args:
        subset: of the run's data set.
        hp: its seed determines the order.
    """
    return subset.select(np.random.default_rng(hp.seed).permutation(len(subset)))


def _model_name(hp: Hyperparameters) -> str:
    path = Path(hp.require("model"))
    return path.parent.name or path.stem
