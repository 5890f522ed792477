"""Plots of numbers as PNG files. Each has a title that names its data, and can be read without colors."""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, Locator, LogLocator, MaxNLocator

from lib.config.program_settings import display_name
from lib.evaluation.figure_layout import literal, save, set_title
from lib.tasks.metrics import find_metric

# The palette of Okabe and Ito, which color-blind readers can tell apart, each with its own line and marker.
LINE_STYLES = [
    dict(color="#0072B2", linestyle="-", marker="o"),
    dict(color="#D55E00", linestyle="--", marker="s"),
    dict(color="#009E73", linestyle="-.", marker="^"),
    dict(color="#CC79A7", linestyle=":", marker="D"),
]

# Colors and markers of classes. Their numbers have no common divisor, so that 110 classes look different.
CLASS_COLORS = [
    "#0072B2",
    "#D55E00",
    "#009E73",
    "#CC79A7",
    "#E69F00",
    "#56B4E9",
    "#000000",
    "#999999",
    "#B8A800",
    "#7A4B9A",
]
CLASS_MARKERS = "os^Dv<>pP*X"

LOG_SCALE_RATIO = 10  # largest to smallest value from which an axis is logarithmic
ROUND_STEPS = (1, 2, 5, 10)  # first digits of the numbers at an axis
MANY_DECADES = 3  # from which a logarithmic axis has a number per decade
MAX_VALUE_TICKS = 6  # distinct values up to which each has its own tick
MAX_LABELED_CLASSES = 20  # up to which there is a legend, or a number in each cell

# The quantities of a history that have a panel, from the top down, and the labels of their axes.
CURVES = {
    "loss": "loss",
    "reconstruction_loss": "reconstruction",
    "kl_loss": "KL divergence",
    "mmd_loss": "mean discrepancy",
    "adversarial_distinction": "distinction",
    "discriminator_accuracy": "discriminator accuracy",
    "patches_distinction": "distinction of patches",
    "patch_discriminator_accuracy": "patch accuracy",
    "accuracy": "accuracy",
    "labels_accuracy": "label accuracy",
}


def plot_loss_curves(histories: dict[str, dict], path: Path, title: str) -> None:
    """Plot training and validation curves of loss, its terms and accuracy, in a column per phase.

    Args:
        histories: for each phase, by its title, the lists of one number per epoch of `run.json`'s history:
            `loss`, `val_loss`, ….
        path: of the PNG file.
        title: above the figure.
    """
    quantities = [name for name in CURVES if all(name in history for history in histories.values())]
    figure = Figure((5.5 * len(histories), 1 + 3 * len(quantities)), layout="constrained")
    panels = figure.subplots(len(quantities), len(histories), squeeze=False, sharex="col")
    for column, (phase, history) in enumerate(histories.items()):
        for quantity, axes in zip(quantities, panels[:, column], strict=True):
            _plot_curve(axes, history, quantity)
        panels[0, column].set_title(phase if len(histories) > 1 else "")
        panels[-1, column].set_xlabel("epoch")
    set_title(figure, title)
    save(figure, path)


def _plot_curve(axes, history: dict, quantity: str) -> None:
    lines = {
        label: history[key]
        for key, label in ((quantity, "training"), (f"val_{quantity}", "validation"))
        if key in history
    }
    for (label, values), style in zip(lines.items(), LINE_STYLES, strict=False):
        axes.plot(range(1, len(values) + 1), values, label=label, markersize=4, **style)
    metric = find_metric(quantity)
    linear = (metric and metric.higher_is_better) or min(map(min, lines.values())) <= 0
    axes.set(ylabel=CURVES[quantity], yscale="linear" if linear else "log")
    epochs = max(map(len, lines.values()))
    whole_numbers = MaxNLocator(integer=True, steps=ROUND_STEPS)
    axes.xaxis.set_major_locator(whole_numbers if epochs > 1 else FixedLocator([1]))
    if not linear:
        axes.yaxis.set_major_locator(_log_locator(*axes.get_ylim()))
        axes.yaxis.set_major_formatter("{x:g}")
        axes.minorticks_off()
    axes.grid(alpha=0.3, which="both")
    axes.legend()


def _log_locator(low: float, high: float) -> Locator:
    """Return the locator of round numbers at a logarithmic axis, about five of them."""
    if high < LOG_SCALE_RATIO * low:
        return MaxNLocator(5, steps=ROUND_STEPS)
    many = high >= 10**MANY_DECADES * low
    return LogLocator(subs=(1,) if many else ROUND_STEPS[:-1], numticks=10)


def plot_latent_space(
    projections: dict[str, np.ndarray],
    labels: np.ndarray | None,
    classes: tuple[str, ...],
    path: Path,
    title: str,
) -> None:
    """Plot latent codes as points, a panel per projection, colored by class (report E).

    Args:
        projections: points of shape (n, 2) by title, of `lib.evaluation.latent_space.project_to_2d`.
        labels: class of each code, shape (n,); None draws all points alike.
        classes: the name of each class, drawn at the median of its points.
        path: of the PNG file.
        title: above the figure.
    """
    figure = Figure((6 * len(projections) + 1.5, 5.5), layout="constrained")
    panels = figure.subplots(1, len(projections), squeeze=False)[0]
    for axes, (name, points) in zip(panels, projections.items(), strict=True):
        quantity = "latent dimension" if name == "latent code" else "axis"
        axes.set(title=name, xlabel=f"first {quantity}", ylabel=f"second {quantity}")
        if labels is None:
            axes.plot(*points.T, ".", color=CLASS_COLORS[0], markersize=3, alpha=0.6)
            continue
        for label in np.unique(labels):
            _plot_class(axes, points[labels == label], label, literal(classes[label]))
    if labels is not None and len(classes) <= MAX_LABELED_CLASSES:
        figure.legend(
            *panels[0].get_legend_handles_labels(), loc="outside right upper", markerscale=2, title="class"
        )
    set_title(figure, title)
    save(figure, path)


def _plot_class(axes, points: np.ndarray, label: int, name: str) -> None:
    axes.plot(
        *points.T,
        linestyle="",
        color=CLASS_COLORS[label % len(CLASS_COLORS)],
        marker=CLASS_MARKERS[label % len(CLASS_MARKERS)],
        markersize=4,
        markeredgewidth=0,
        alpha=0.6,
        label=name,
    )
    box = dict(boxstyle="round,pad=0.15", facecolor="white", alpha=0.7, linewidth=0)
    center = np.median(points, axis=0)
    axes.text(*center, name, ha="center", va="center", fontsize=8, weight="bold", bbox=box)


def plot_confusion_matrix(matrix, classes: tuple[str, ...], path: Path, title: str) -> None:
    """Plot a confusion matrix, colored by the fraction of each true class.

    scikit-learn's `ConfusionMatrixDisplay` writes the numbers that it colors, and imports pyplot.

    Args:
        matrix: number of images by true class (rows) and predicted class (columns).
        classes: the name of each class; the numbers are drawn for at most 20 classes.
        path: of the PNG file.
        title: above the figure.
    """
    matrix = np.asarray(matrix)
    fractions = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    size = max(5, 0.6 * len(classes) + 2)
    figure = Figure((size + 1, size), layout="constrained")
    axes = figure.subplots()
    colors = axes.imshow(fractions, cmap="Blues", vmin=0, vmax=1)
    if len(classes) <= MAX_LABELED_CLASSES:
        for row, column in np.ndindex(matrix.shape):
            if matrix[row, column]:
                color = "white" if fractions[row, column] > 0.5 else "black"
                axes.text(
                    column, row, str(matrix[row, column]), ha="center", va="center", fontsize=8, color=color
                )
    ticks, names = range(len(classes)), list(map(literal, classes))
    axes.set_xticks(ticks, names, rotation=45, ha="right")
    axes.set_yticks(ticks, names)
    axes.set(xlabel="predicted class", ylabel="true class")
    figure.colorbar(colors, label="fraction of the true class", shrink=0.8)
    set_title(figure, title)
    save(figure, path)


def plot_run_comparison(points: dict[str, list[tuple[str, float]]], metric: str, path: Path) -> None:
    """Plot a metric of several runs against each hyperparameter that differs, a panel each (reports B and C).

    Args:
        points: for each hyperparameter the formatted value and the score of every run.
        metric: its key in `run.json`, which names the axis.
        path: of the PNG file.
    """
    columns = min(4, len(points))
    rows = -(-len(points) // columns)
    figure = Figure((4.5 * columns, 4 * rows), layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False)
    for axes in panels.flat[len(points) :]:
        axes.axis("off")
    for axes, (name, scores) in zip(panels.flat, points.items(), strict=False):
        _plot_scores(axes, scores)
        axes.set(xlabel=literal(display_name(name)), ylabel=literal(display_name(metric)))
        axes.grid(alpha=0.3)
    runs = len(next(iter(points.values())))
    set_title(figure, f"{display_name(metric)} of {runs} runs against the settings that differ")
    save(figure, path)


def _plot_scores(axes, scores: list[tuple[str, float]]) -> None:
    """Points on a numeric axis, or where a value is a word, on one with equal steps."""
    values = list(dict.fromkeys(value for value, _ in scores))
    numbers = _parse_numbers(values)
    positions = numbers or {value: index for index, value in enumerate(values)}
    axes.plot(
        [positions[value] for value, _ in scores],
        [score for _, score in scores],
        "o",
        color=LINE_STYLES[0]["color"],
    )
    if numbers and 0 < LOG_SCALE_RATIO * min(numbers.values()) <= max(numbers.values()):
        axes.set_xscale("log")
    if not numbers or len(values) <= MAX_VALUE_TICKS:
        axes.set_xticks(list(positions.values()), list(map(literal, values)))
        axes.minorticks_off()


def _parse_numbers(values: list[str]) -> dict[str, float]:
    """The number of each value; empty where one of them is no number."""
    try:
        return {value: float(value) for value in values}
    except ValueError:
        return {}


def plot_probe_accuracies(rows: list[dict], path: Path, title: str) -> None:
    """Plot test accuracy against the number of labels, a panel per method, a line per kind of weights.

    Args:
        rows: as `lib.evaluation.probes.probe_row` makes them.
        path: of the PNG file.
        title: above the figure.
    """
    methods = list(dict.fromkeys(row["method"] for row in rows))
    figure = Figure((4.2 * len(methods), 4), layout="constrained")
    panels = figure.subplots(1, len(methods), squeeze=False, sharey=True)[0]
    for axes, method in zip(panels, methods, strict=True):
        method_rows = [row for row in rows if row["method"] == method]
        all_weights = dict.fromkeys(row["weights"] for row in method_rows)
        for weights, style in zip(all_weights, LINE_STYLES, strict=False):
            line = [row for row in method_rows if row["weights"] == weights]
            accuracies = [row["test_accuracy"] for row in line]
            axes.plot([row["labels"] for row in line], accuracies, label=weights, **style)
        axes.set(xlabel="training labels", ylabel="test accuracy", xscale="log", title=method)
        counts = sorted({row["labels"] for row in method_rows})
        axes.set_xticks(counts, [f"{count:,}" for count in counts])
        axes.minorticks_off()
        axes.grid(alpha=0.3, which="both")
        axes.legend()
    set_title(figure, title)
    save(figure, path)
