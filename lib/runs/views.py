"""Figures in the menu of a session: their entries, and what a terminal without graphics shows of each."""

from dataclasses import dataclass
from typing import Any

PackedImages = dict[str, Any]  # of `lib.common.serialization.pack_images`


@dataclass(frozen=True)
class FigureEntry:
    """The menu entry of a figure.

    Attributes:
        name: of its PNG file, without the suffix.
        key: of the entry.
        text: of the entry.
        absent: the sentence that is shown in place of a figure that was not drawn.
    """

    name: str
    key: str
    text: str
    absent: str


@dataclass(frozen=True)
class LossCurves:
    """Curves of a value per epoch, such as `loss` and `val_loss`, by phase and name."""

    curves: dict[str, dict[str, list[float]]]


@dataclass(frozen=True)
class ImageStrip:
    """Images of several columns side by side, such as inputs, outputs and targets; equally many in each."""

    columns: dict[str, PackedImages]


@dataclass(frozen=True)
class ImageGrid:
    """Images row by row, at most `per_row` in each."""

    images: PackedImages
    per_row: int


@dataclass(frozen=True)
class PointPlot:
    """Points (n, 2) by the name of the projection, with the numbers of their classes, if these are known."""

    projections: dict[str, list[list[float]]]
    labels: list[int] | None
    classes: list[str]


@dataclass(frozen=True)
class CaptionedImages:
    """Images with a caption each."""

    images: PackedImages
    captions: list[str]


FigureView = LossCurves | ImageStrip | ImageGrid | PointPlot | CaptionedImages
FigureViews = dict[str, FigureView | None]  # by name of the figure; None shows its file
