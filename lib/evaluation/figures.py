"""Arrays in, PNG out. Every figure says what it shows and of which run, and can be told apart without colors."""

import textwrap
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from lib.common.filesystem import atomic_write

# Okabe and Ito's colors, which the color-blind can tell apart, each with a line and a marker of its own.
STYLES = [
    dict(color="#0072B2", linestyle="-", marker="o"),
    dict(color="#D55E00", linestyle="--", marker="s"),
    dict(color="#009E73", linestyle="-.", marker="^"),
    dict(color="#CC79A7", linestyle=":", marker="D"),
]

# The same and two grays, for classes; with as many markers, of a number that has no divisor in common with
# theirs.
POINTS = [
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
MARKERS = "os^Dv<>pP*X"
LETTERS_PER_INCH = 13  # of a title that fit in an inch
LOG_SCALE_RATIO, MOST_TICKS = (
    10,
    6,
)  # from so many times the lowest value on an axis is logarithmic; up to so many values are marks on it
GAP = 0.08  # of an image's width, between two in a row
ERROR = "error"  # the row that is no image
# What is drawn of a history, from the top down.
CURVES = {
    "loss": "loss",
    "reconstruction_loss": "reconstruction",
    "kl_loss": "KL divergence",
    "accuracy": "accuracy",
    "labels_accuracy": "accuracy of labels",
}


def loss_curves(histories: dict[str, dict], path: Path, title: str) -> None:
    """What `run.json`'s history has per epoch, in training and, where there is one, in validation: a column
    of panels per phase, the loss first, then the parts of it (a VAE's) and the accuracy.
    """
    drawn = [name for name in CURVES if all(name in history for history in histories.values())]
    figure = Figure((5.5 * len(histories), 1 + 3 * len(drawn)), layout="constrained")
    panels = figure.subplots(len(drawn), len(histories), squeeze=False, sharex="col")
    for column, (phase, history) in enumerate(histories.items()):
        for name, axes in zip(drawn, panels[:, column], strict=True):
            lines = {
                label: history[key]
                for key, label in ((name, "training"), (f"val_{name}", "validation"))
                if key in history
            }
            for (label, values), style in zip(lines.items(), STYLES, strict=False):
                axes.plot(range(1, len(values) + 1), values, label=label, markersize=4, **style)
            linear = name.endswith("accuracy") or min(map(min, lines.values())) <= 0
            axes.set(ylabel=CURVES[name], yscale="linear" if linear else "log")
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
            axes.grid(alpha=0.3, which="both")
            axes.legend()
        panels[0, column].set_title(phase if len(histories) > 1 else "")
        panels[-1, column].set_xlabel("epoch")
    _set_title(figure, title)
    _save(figure, path)


def reconstructions(rows: dict[str, np.ndarray], path: Path, title: str) -> None:
    """A row per name, `output` and `target` among them, and the size of the error last. uint8, (n, height,
    width, channels).
    """
    errors = np.abs(rows["target"].astype(int) - rows["output"]).max(axis=-1)
    bright = errors * (255 / max(1, errors.max()))  # so that small errors of a good network are seen as well
    image_rows(
        [*rows.items(), (ERROR, bright)],
        path,
        f"{title}\nerrors, where the brightest is {errors.max()} of 255",
    )


def image_rows(rows: list[tuple[str, np.ndarray]], path: Path, title: str) -> None:
    """A row of images with its name, as many in each: uint8, shape (n, height, width, channels) or (n,
    height, width).
    """
    count = len(rows[0][1])
    heights = [1.1 * images.shape[1] / images.shape[2] for _, images in rows]
    wide = max(1.1, 1.1 * max(images.shape[2] / images.shape[1] for _, images in rows))
    heights = [height * wide for height in heights]
    figure = Figure((1.3 + wide * count, 0.8 + sum(heights) / 1.1), layout="constrained")
    # One image a row: a hundred axes would take as many times as long to lay out and to draw.
    for axes, (name, images) in zip(
        figure.subplots(len(rows), 1, squeeze=False, height_ratios=heights)[:, 0], rows, strict=True
    ):
        _show_image(axes, _side_by_side(images), cmap="magma" if name == ERROR else "gray")
        axes.set_ylabel(name, rotation=0, ha="right", va="center")
    _set_title(figure, title)
    _save(figure, path)


def sheet(images: np.ndarray, columns: int, path: Path, title: str, ticks: tuple[str, ...] = ()) -> None:
    """Many images close together, row by row: uint8, shape (n, height, width, channels).

    `ticks` name the columns, and the rows from the lowest up: the numbers of a two-dimensional code.
    """
    rows = -(-len(images) // columns)
    _, height, width, channels = images.shape
    gap = 0 if ticks else 1
    whole = np.full((rows * (height + gap) - gap, columns * (width + gap) - gap, channels), 255, np.uint8)
    for place, image in enumerate(images):
        top, left = place // columns * (height + gap), place % columns * (width + gap)
        whole[top : top + height, left : left + width] = image
    side = 0.45 if columns > 12 else 0.7
    figure = Figure((columns * side + 1, rows * side * height / width + 1), layout="constrained")
    axes = figure.subplots()
    _show_image(axes, whole)
    if ticks:
        axes.set_xticks(
            [(place + 0.5) * width - 0.5 for place in range(columns)], ticks, rotation=90, fontsize=7
        )
        axes.set_yticks(
            [(rows - place - 0.5) * height - 0.5 for place in range(rows)], ticks[:rows], fontsize=7
        )
        axes.set(xlabel="first number of the code", ylabel="second number of the code")
    _set_title(figure, title)
    _save(figure, path, dpi=150)


def latent_space(
    views: dict[str, np.ndarray], labels: np.ndarray | None, classes: tuple[str, ...], path: Path, title: str
) -> None:
    """Codes as points, a panel per view of shape (n, 2), each class with a color, a marker and its name at
    its middle (report E). Without labels, shape (n,), all points are alike.
    """
    figure = Figure((6 * len(views) + 1.5, 5.5), layout="constrained")
    panels = figure.subplots(1, len(views), squeeze=False)[0]
    for axes, (name, points) in zip(panels, views.items(), strict=True):
        what = "number of the code" if "itself" in name else "axis"
        axes.set(title=name, xlabel=f"first {what}", ylabel=f"second {what}")
        if labels is None:
            axes.plot(*points.T, ".", color=POINTS[0], markersize=3, alpha=0.6)
            continue
        for number in np.unique(labels):
            mine = points[labels == number]
            look = dict(color=POINTS[number % len(POINTS)], marker=MARKERS[number % len(MARKERS)])
            axes.plot(
                *mine.T,
                linestyle="",
                markersize=4,
                alpha=0.6,
                markeredgewidth=0,
                label=classes[number],
                **look,
            )
            middle = np.median(mine, axis=0)
            box = dict(boxstyle="round,pad=0.15", facecolor="white", alpha=0.7, linewidth=0)
            axes.text(*middle, classes[number], ha="center", va="center", fontsize=8, weight="bold", bbox=box)
    if labels is not None and len(classes) <= 20:
        figure.legend(
            *panels[0].get_legend_handles_labels(), loc="outside right upper", markerscale=2, title="class"
        )
    _set_title(figure, title)
    _save(figure, path)


def confusion(matrix: np.ndarray, classes: tuple[str, ...], path: Path, title: str) -> None:
    """How many images of each class (rows) were taken for which (columns)."""
    matrix = np.asarray(matrix)
    shares = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    size = max(5, 0.6 * len(classes) + 2)
    figure = Figure((size + 1, size), layout="constrained")
    axes = figure.subplots()
    shown = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    if len(classes) <= 20:
        for row, column in np.ndindex(matrix.shape):
            if matrix[row, column]:
                color = "white" if shares[row, column] > 0.5 else "black"
                axes.text(
                    column, row, str(matrix[row, column]), ha="center", va="center", fontsize=8, color=color
                )
    ticks = range(len(classes))
    axes.set_xticks(ticks, classes, rotation=45, ha="right")
    axes.set_yticks(ticks, classes)
    axes.set(xlabel="predicted class", ylabel="true class")
    figure.colorbar(shown, label="share of the true class", shrink=0.8)
    _set_title(figure, title)
    _save(figure, path)


def predictions(images: np.ndarray, captions: list[str], path: Path, title: str) -> None:
    """A grid of images with a caption each; at least one image, uint8, shape (n, height, width, channels)."""
    columns = min(6, len(images))
    rows = -(-len(images) // columns)
    figure = Figure((1.5 * columns + 0.5, 1.8 * rows + 0.8), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False)
    for axes in grid.flat:
        axes.axis("off")
    for axes, image, caption in zip(grid.flat, images, captions, strict=False):
        _show_image(axes, image)
        axes.set_title(caption, fontsize=8)
    _set_title(figure, title)
    _save(figure, path)


def comparison(points: dict[str, list[tuple[str, float]]], metric: str, path: Path) -> None:
    """A panel per hyperparameter: the metric of each run against its value there (reports B and C)."""
    columns = min(4, len(points))
    rows = -(-len(points) // columns)
    figure = Figure((4.5 * columns, 4 * rows), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False)
    for axes in grid.flat[len(points) :]:
        axes.axis("off")
    for axes, (name, pairs) in zip(grid.flat, points.items(), strict=False):
        values = list(dict.fromkeys(value for value, _ in pairs))
        numbers = _parse_numbers(values)
        places = numbers or {value: place for place, value in enumerate(values)}
        axes.plot(
            [places[value] for value, _ in pairs],
            [score for _, score in pairs],
            "o",
            color=STYLES[0]["color"],
        )
        if numbers and 0 < LOG_SCALE_RATIO * min(numbers.values()) <= max(numbers.values()):
            axes.set_xscale("log")
        if not numbers or len(values) <= MOST_TICKS:
            axes.set_xticks(list(places.values()), values)
            axes.minorticks_off()
        axes.set(xlabel=name.replace("_", " "), ylabel=metric.replace("_", " "))
        axes.grid(alpha=0.3)
    runs = len(next(iter(points.values())))
    _set_title(figure, f"{metric.replace('_', ' ')} of {runs} runs against what differed between them")
    _save(figure, path)


def _parse_numbers(values: list[str]) -> dict[str, float]:
    """Values as numbers, which have their own places on an axis; nothing where one is a word."""
    try:
        return {value: float(value) for value in values}
    except ValueError:
        return {}


def probes(rows: list[dict], path: Path, title: str) -> None:
    """A panel per method: test accuracy against the number of labels, for trained and for random weights."""
    methods = list(dict.fromkeys(row["method"] for row in rows))
    figure = Figure((4.2 * len(methods), 4), layout="constrained")
    for axes, method in zip(
        figure.subplots(1, len(methods), squeeze=False, sharey=True)[0], methods, strict=True
    ):
        mine = [row for row in rows if row["method"] == method]
        for weights, style in zip(dict.fromkeys(row["weights"] for row in mine), STYLES, strict=False):
            points = [(row["labels"], row["test_accuracy"]) for row in mine if row["weights"] == weights]
            axes.plot(*zip(*points, strict=True), label=weights, **style)
        axes.set(xlabel="labels learned from", ylabel="test accuracy", xscale="log", title=method)
        axes.grid(alpha=0.3, which="both")
        axes.legend()
    _set_title(figure, title)
    _save(figure, path)


def _save(figure: Figure, path: Path, dpi: int = 120) -> None:
    with atomic_write(path) as partial:
        figure.savefig(partial, dpi=dpi)


def _set_title(figure: Figure, title: str) -> None:
    """The title above everything, in as many lines as it needs."""
    width = int(LETTERS_PER_INCH * figure.get_size_inches()[0])
    lines = [part for line in title.split("\n") for part in textwrap.wrap(line, width)]
    figure.suptitle("\n".join(lines), fontsize=10)


def _side_by_side(images: np.ndarray) -> np.ndarray:
    """Images (n, height, width, …) as one, with white between them."""
    count, height, width = images.shape[:3]
    gap = max(1, round(GAP * width))
    # Zeros below the mask: Matplotlib computes there too, and of uninitialized memory that may be a warning.
    whole = np.ma.zeros((height, count * (width + gap) - gap, *images.shape[3:]), images.dtype)
    whole.mask = True
    for place, image in enumerate(images):
        whole[:, place * (width + gap) : place * (width + gap) + width] = image
    return whole.filled(255) if images.ndim == 4 else whole


def _show_image(axes, image: np.ndarray, cmap: str = "gray") -> None:
    image = image[..., 0] if image.ndim == 3 and image.shape[-1] == 1 else image
    axes.imshow(image, cmap=cmap, vmin=0, vmax=255, interpolation="nearest")
    axes.set_xticks([])
    axes.set_yticks([])
    for side in axes.spines.values():
        side.set_visible(False)
