"""Figures of detectors as PNG files: curves, histograms of scores, and pictures with their heat maps."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from lib.evaluation.detection.detection_scores import auroc, average_precision, precision_curve, roc_curve
from lib.evaluation.figure_layout import literal, save, set_title
from lib.evaluation.figures import LINE_STYLES
from lib.tasks.display import select_channels

THRESHOLD_COLOR = "#000000"
LAST_STYLE = dict(color="#777777", linestyle=(0, (1, 3)))  # after those of `LINE_STYLES`
MAX_BINS, BINS_PER_ROOT = 50, 2.5  # of a histogram; for each unit of the square root of the number of images
WIDE_RANGE = 30  # scores from which the axis is not linear
OUTLINE = "#00ffff"  # of masks
PANEL, LABEL_LENGTH = 1.5, 16  # inches; characters of the name of a kind


def plot_detection_curves(
    methods: dict[str, np.ndarray],
    is_defective: np.ndarray,
    rates: tuple[float, float, float | None],
    path: Path,
    title: str,
) -> None:
    """Plot the ROC curves and the curves of precision and recall of several methods.

    Args:
        methods: scores of the test pictures, (n,), by name; the first is the network.
        is_defective: bool (n,).
        rates: false alarms, recall and precision (None where nothing is reported) at the network's threshold.
        path: of the PNG file.
        title: above the figure.
    """
    figure = Figure((12, 6.4), layout="constrained")
    panels = figure.subplots(1, 2)
    styles = [{key: style[key] for key in ("color", "linestyle")} for style in LINE_STYLES]
    for index, (name, scores) in enumerate(methods.items()):
        style = (styles[index] if index < len(styles) else LAST_STYLE) | {"linewidth": 1.2 if index else 2.2}
        areas = auroc(scores, is_defective), average_precision(scores, is_defective)
        curves = roc_curve(scores, is_defective), precision_curve(scores, is_defective)
        for axes, curve, area in zip(panels, curves, areas, strict=True):
            axes.plot(*curve, label=f"{area:.4f}  {name}", **style)
    false_alarms, recall, precision = rates
    point = dict(color=THRESHOLD_COLOR, marker="o", markersize=8, linestyle="", fillstyle="none", zorder=5)
    panels[0].plot([false_alarms], [recall], label="threshold", **point)
    if precision is not None:
        panels[1].plot([recall], [precision], label="threshold", **point)
    panels[0].set(
        title="ROC", xlabel="normal images that are reported", ylabel="defective images that are found"
    )
    panels[1].set(title="precision and recall", xlabel="recall", ylabel="precision")
    for axes, location, name in zip(
        panels, ("lower right", "lower left"), ("AUROC", "average precision"), strict=True
    ):
        axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), aspect="equal")
        axes.grid(alpha=0.3)
        axes.legend(loc=location, title=name, fontsize=8)
    set_title(figure, title)
    save(figure, path)


def plot_score_histograms(
    scores: np.ndarray, is_defective: np.ndarray, threshold: float, path: Path, title: str
) -> None:
    """Plot the histograms of the scores of normal and defective pictures with the threshold.

    Args:
        scores: (n,).
        is_defective: bool (n,); there may be pictures of one sort alone.
        threshold: above which a picture is reported.
        path: of the PNG file.
        title: above the figure.
    """
    figure = Figure((9, 4.8), layout="constrained")
    axes = figure.subplots()
    bins = min(MAX_BINS, round(BINS_PER_ROOT * np.sqrt(len(scores))))
    edges = _score_edges(min(scores.min(), threshold), max(scores.max(), threshold), max(2, bins))
    for name, part, fill, style in (
        ("normal", ~is_defective, True, LINE_STYLES[0]),
        ("defective", is_defective, False, LINE_STYLES[1]),
    ):
        if part.any():
            shares = np.histogram(scores[part], edges)[0] / part.sum()
            label = f"{part.sum():,} {name} test images"
            axes.stairs(
                shares, edges, fill=fill, alpha=0.45 if fill else 1, color=style["color"], label=label, lw=1.8
            )
    axes.axvline(threshold, color=THRESHOLD_COLOR, linestyle="--", label=f"threshold {threshold:.3g}")
    if edges[-1] - edges[0] > WIDE_RANGE:
        axes.set_xscale("asinh")
        axes.set_xticks(_score_ticks(edges[0], edges[-1]))
        axes.xaxis.set_major_formatter("{x:g}")
        axes.minorticks_off()
        axes.set_xlim(edges[0], edges[-1])
    axes.set(xlabel="score", ylabel="share of the images")
    axes.grid(alpha=0.3)
    axes.legend()
    set_title(figure, title)
    save(figure, path)


def _score_edges(low: float, high: float, bins: int) -> np.ndarray:
    """The edges of bins from one score to another, of rising width where they are far apart."""
    if high <= low:
        return np.array([low - 0.5, low + 0.5])
    if high - low <= WIDE_RANGE:
        return np.linspace(low, high, bins + 1)
    edges = np.sinh(np.linspace(np.arcsinh(low), np.arcsinh(high), bins + 1))
    edges[0], edges[-1] = low, high
    return edges


def _score_ticks(low: float, high: float) -> list[float]:
    """The round scores from one to another: 0, 1, 3, 10, 30, …, and negative ones."""
    sizes = [step * 10.0**power for power in range(int(np.log10(max(-low, high))) + 1) for step in (1, 3)]
    return [score for score in (*(-size for size in reversed(sizes)), 0.0, *sizes) if low <= score <= high]


@dataclass(frozen=True)
class ShownPicture:
    """A test picture with what a detector says of it.

    Attributes:
        picture: uint8 (height, width, channels).
        output: of the network, likewise.
        heat_map: the map over the picture, uint8 (height, width, 3).
        mask: bool (height, width), True where a defect is known to be.
        caption: below its row's name, such as its score.
    """

    picture: np.ndarray
    output: np.ndarray
    heat_map: np.ndarray
    mask: np.ndarray
    caption: str


def plot_shown_pictures(rows: dict[str, list[ShownPicture]], path: Path, title: str) -> None:
    """Plot pictures, outputs and heat maps, a row for each kind, with the outlines of known defects.

    Args:
        rows: up to two pictures by the name of their kind.
        path: of the PNG file.
        title: above the figure.
    """
    heads = "output", "heat map"
    height, width = next(iter(rows.values()))[0].picture.shape[:2]
    figure = Figure((PANEL * 6 + 1.4, (PANEL * height / width + 0.3) * len(rows) + 0.9), layout="constrained")
    panels = figure.subplots(len(rows), 6, squeeze=False)
    for axes in panels.flat:
        axes.set_xticks([])
        axes.set_yticks([])
        for side in axes.spines.values():
            side.set_visible(False)
    for number, (name, pictures) in enumerate(rows.items()):
        line = panels[number]
        line[0].set_ylabel(literal(name, LABEL_LENGTH), rotation=0, ha="right", va="center", fontsize=9)
        for start, shown in zip((0, 3), pictures, strict=False):
            parts = shown.picture, shown.output, shown.heat_map
            captions = (shown.caption, *(heads if number == 0 else ("", "")))
            for axes, image, caption in zip(line[start : start + 3], parts, captions, strict=True):
                image = select_channels(image[None])[0]
                axes.imshow(image[..., 0] if image.shape[-1] == 1 else image, "gray", vmin=0, vmax=255)
                axes.set_title(caption, fontsize=8)
            if shown.mask.any() and not shown.mask.all():
                line[start + 2].contour(shown.mask, [0.5], colors=OUTLINE, linewidths=0.9)
    set_title(figure, title)
    save(figure, path)
