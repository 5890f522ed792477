"""Arrays in, PNG out. Every figure says what it shows and of which run, and can be told apart without colours."""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

# Okabe and Ito's colours, which the colour-blind can tell apart, each with a line and a marker of its own.
STYLES = [
    dict(color="#0072B2", linestyle="-", marker="o"),
    dict(color="#D55E00", linestyle="--", marker="s"),
    dict(color="#009E73", linestyle="-.", marker="^"),
    dict(color="#CC79A7", linestyle=":", marker="D"),
]


def loss_curves(histories: dict[str, dict], path: Path, title: str) -> None:
    """Loss and validation loss per epoch, a panel per phase; the lists are those of `run.json`'s history."""
    figure = Figure((5.5 * len(histories), 4), layout="constrained")
    for axes, (phase, history) in zip(figure.subplots(1, len(histories), squeeze=False)[0], histories.items(), strict=True):
        epochs = range(1, len(history["loss"]) + 1)
        for name, label, style in (("loss", "training", STYLES[0]), ("val_loss", "validation", STYLES[1])):
            axes.plot(epochs, history[name], label=label, markersize=4, **style)
        scale = "log" if min(history["loss"] + history["val_loss"]) > 0 else "linear"
        axes.set(xlabel="epoch", ylabel="loss", yscale=scale, title=phase if len(histories) > 1 else "")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(alpha=0.3, which="both")
        axes.legend()
    figure.suptitle(title, fontsize=10)
    figure.savefig(path, dpi=120)


def reconstructions(rows: dict[str, np.ndarray], path: Path, title: str) -> None:
    """A row per name, `output` and `target` among them, and the size of the error last. uint8, (n, height, width, channels)."""
    errors = np.abs(rows["target"].astype(int) - rows["output"]).max(axis=-1)
    count = len(errors)
    figure = Figure((1 + 1.1 * count, 1 + len(rows) * 1.1), layout="constrained")
    grid = figure.subplots(len(rows) + 1, count, squeeze=False)
    for row, (name, images) in enumerate((rows | {"error": errors}).items()):
        for axes, image in zip(grid[row], images, strict=True):
            _show(axes, image, cmap="magma" if name == "error" else "gray")
        grid[row][0].set_ylabel(name)
    figure.suptitle(f"{title}\nbrightest error: {errors.max()} of 255", fontsize=10)
    figure.savefig(path, dpi=120)


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
                colour = "white" if shares[row, column] > 0.5 else "black"
                axes.text(column, row, matrix[row, column], ha="center", va="center", fontsize=8, color=colour)
    ticks = range(len(classes))
    axes.set_xticks(ticks, classes, rotation=45, ha="right")
    axes.set_yticks(ticks, classes)
    axes.set(xlabel="predicted class", ylabel="true class")
    figure.colorbar(shown, label="share of the true class", shrink=0.8)
    figure.suptitle(title, fontsize=10)
    figure.savefig(path, dpi=120)


def predictions(images: np.ndarray, captions: list[str], path: Path, title: str) -> None:
    """A grid of images with a caption each; at least one image, uint8, shape (n, height, width, channels)."""
    columns = min(6, len(images))
    rows = -(-len(images) // columns)
    figure = Figure((1.5 * columns + 0.5, 1.8 * rows + 0.8), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False)
    for axes in grid.flat:
        axes.axis("off")
    for axes, image, caption in zip(grid.flat, images, captions, strict=False):
        _show(axes, image)
        axes.set_title(caption, fontsize=8)
    figure.suptitle(title, fontsize=10)
    figure.savefig(path, dpi=120)


def comparison(points: dict[str, list[tuple[str, float]]], metric: str, path: Path) -> None:
    """A panel per hyperparameter: the metric of each run against its value there (reports B and C)."""
    figure = Figure((4.5 * len(points), 4), layout="constrained")
    for axes, (name, pairs) in zip(figure.subplots(1, len(points), squeeze=False)[0], points.items(), strict=True):
        places = {value: place for place, value in enumerate(dict.fromkeys(value for value, _ in pairs))}
        axes.plot([places[value] for value, _ in pairs], [score for _, score in pairs], "o", color=STYLES[0]["color"])
        axes.set_xticks(list(places.values()), list(places))
        axes.set(xlabel=name.replace("_", " "), ylabel=metric.replace("_", " "))
        axes.grid(alpha=0.3)
    figure.suptitle(
        f"{metric.replace('_', ' ')} of {len(next(iter(points.values())))} runs against what differed between them",
        fontsize=10,
    )
    figure.savefig(path, dpi=120)


def _show(axes, image: np.ndarray, cmap: str = "gray") -> None:
    image = image[..., 0] if image.ndim == 3 and image.shape[-1] == 1 else image
    axes.imshow(image, cmap=cmap, vmin=0, vmax=255, interpolation="nearest")
    axes.set_xticks([])
    axes.set_yticks([])
    for side in axes.spines.values():
        side.set_visible(False)
