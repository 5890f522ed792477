"""Images, charts and tables as terminal text: half blocks for pixels, braille dots for curves."""

import numpy as np
import plotille
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

SHADES = " ░▒▓█"  # of pixels where there are no colors
HALF_BLOCK = "▀"  # upper pixel in the foreground color, lower one in the background color
ARROW = "→"  # between input and output
SEPARATOR = "│"  # between outputs, or output and target
GAP = "   "  # between groups of images
MAX_SIDE = 32  # pixels of the longer side of an image; larger ones are subsampled
COLOR_SYSTEMS = ("truecolor", "256")
CHART_SIZE = (56, 14)  # columns and rows of a curve; with its labels it fits in 80 columns
TICK_COLUMNS = 10  # columns between two ticks of an axis, fixed by plotille
UNLIMITED_WIDTH = 10_000  # columns for a table in a file or a pipe
SCATTER_COLORS = (
    "cyan",
    "yellow",
    "green",
    "magenta",
    "red",
    "blue",
    "white",
    "bright_black",
    "bright_red",
    "bright_cyan",
)


def loss_chart(history: dict[str, list[float]], colors: bool) -> str:
    """Return loss curves per epoch on a logarithmic axis, in braille dots.

    Args:
        history: `loss` and, where there is one, `val_loss` of each epoch; at least two epochs.
        colors: use ANSI colors; else letters mark the curves.
    """
    figure = plotille.Figure()
    figure.width, figure.height = CHART_SIZE
    figure.with_colors, figure.color_mode = colors, "names"
    figure.x_label, figure.y_label = "epoch", "loss"
    # The axis is extended so that each tick is at a whole epoch; a tick between two epochs has no label.
    epochs, max_ticks = len(history["loss"]), CHART_SIZE[0] // TICK_COLUMNS
    epochs_per_tick = -(-(epochs - 1) // max_ticks)
    ticks = -(-(epochs - 1) // epochs_per_tick)
    figure.width = TICK_COLUMNS * ticks * (max_ticks // ticks)
    figure.set_x_limits(1, 1 + epochs_per_tick * ticks)
    figure.x_ticks_fkt = lambda low, high: f"{low:.0f}" if abs(low - round(low)) < 0.01 else ""
    figure.y_ticks_fkt = lambda low, high: f"{10**low:.3g}"
    for name, label, color in (("loss", "training", "cyan"), ("val_loss", "validation", "yellow")):
        logarithms = [np.log10(max(loss, 1e-12)) for loss in history.get(name, [])]
        style = {"lc": color} if colors else {"marker": label[0]}
        if logarithms:
            figure.plot(list(range(1, epochs + 1)), logarithms, label=label, **style)
    return figure.show(legend=True)


def scatter_plot(points: np.ndarray, labels: list[int] | None, classes: list[str], colors: bool) -> str:
    """Return points in the plane, marked with a letter per class, and a legend of the letters.

    Args:
        points: shape (n, 2).
        labels: class number of each point; without them all points are dots, and there is no legend.
        classes: names of the classes.
        colors: use ANSI colors.
    """
    figure = plotille.Figure()
    figure.width, figure.height = CHART_SIZE[0], 2 * CHART_SIZE[1]
    figure.with_colors, figure.color_mode = colors, "names"
    figure.x_label, figure.y_label = "first", "second"
    figure.x_ticks_fkt = figure.y_ticks_fkt = lambda low, high: f"{low:.1f}"
    numbers = np.zeros(len(points), int) if labels is None else np.asarray(labels)
    markers = _class_markers(classes) if labels is not None else "·"
    for number in np.unique(numbers):
        color = SCATTER_COLORS[number % len(SCATTER_COLORS)] if colors else None
        figure.scatter(*points[numbers == number].T, lc=color, marker=markers[number])
    plot = figure.show()
    if labels is None:
        return plot
    legend = (
        f"{markers[number]} {classes[number]}"
        for number in np.unique(numbers)
        if markers[number] != classes[number]
    )
    return plot + "\n" + "   ".join(legend)


def _class_markers(classes: list[str]) -> list[str]:
    """A letter or digit for each class: the first of its name that is free, else any free one."""
    markers: list[str] = []
    for name in classes:
        candidates = [
            *(letter for letter in name if letter.isalnum()),
            *"abcdefghijklmnopqrstuvwxyz0123456789",
            "?",
        ]
        markers.append(next((letter for letter in candidates if letter not in markers), "?"))
    return markers


def terminal_image(path: str):
    """Return an image file as a rich renderable with all its pixels, or None.

    It needs the package textual-image and a terminal with sixel or kitty graphics.
    """
    try:
        from textual_image.renderable import Image, SixelImage, TGPImage
    except ImportError:
        return None
    return Image(path, width="auto", height="auto") if Image in (SixelImage, TGPImage) else None


def image_strips(console: Console, columns: list[np.ndarray]) -> Table:
    """Return input → output (│ output …) (│ target), for as many images as fit next to each other.

    Args:
        console: gives the width and the colors.
        columns: uint8 images, each of shape (n, height, width, channels); the first are the inputs.
    """
    grid = Table.grid()
    max_side = _max_side(console, len(columns))
    per_row = groups_per_row(console, columns)
    cells = []
    for group in zip(*(subsample(images[:per_row], max_side) for images in columns), strict=True):
        cells.append(Text(GAP))
        for number, image in enumerate(group):
            if number:
                sign = ARROW if number == 1 else SEPARATOR
                cells.append(Text("\n" * (image.shape[0] // 4) + f" {sign} ", style="dim"))
            cells.append(half_blocks(console, image))
    grid.add_row(*cells[1:])
    return grid


def half_blocks(console: Console, image: np.ndarray) -> Text:
    """Return a uint8 image (height, width, channels) as text, two pixels per character.

    Without colors, or without half blocks in the encoding, the characters are shades of gray.
    """
    height = image.shape[0] // 2 * 2
    plain = console.no_color or console.options.ascii_only
    colored = console.color_system in COLOR_SYSTEMS and not plain
    text = Text(no_wrap=True)
    for row in range(0, height, 2):
        for upper, lower in zip(image[row], image[row + 1], strict=True):
            if colored:
                text.append(HALF_BLOCK, f"{_hex_color(upper)} on {_hex_color(lower)}")
            else:
                gray = (int(np.mean(upper)) + int(np.mean(lower))) // 2
                text.append(SHADES[gray * len(SHADES) // 256])
        if row + 2 < height:
            text.append("\n")
    return text


def groups_per_row(console: Console, columns: list[np.ndarray]) -> int:
    """Return how many groups of one image from each column fit next to each other, at least 1."""
    widths = [subsample(images[:1], _max_side(console, len(columns))).shape[2] for images in columns]
    group_width = sum(widths) + 3 * (len(columns) - 1)
    return max(1, (console.width + len(GAP)) // (group_width + len(GAP)))


def _max_side(console: Console, columns: int) -> int:
    return min(MAX_SIDE, (console.width - 3 * (columns - 1)) // columns)


def subsample(images: np.ndarray, max_side: int = MAX_SIDE) -> np.ndarray:
    """Return every k-th pixel of images (n, height, width, channels), k as small as `max_side` allows."""
    step = -(-max(images.shape[1:3]) // max_side)
    return images[:, ::step, ::step]


def _hex_color(pixel: np.ndarray) -> str:
    red, green, blue = pixel if len(pixel) == 3 else (pixel[0],) * 3
    return f"#{red:02x}{green:02x}{blue:02x}"


def table_fits(console: Console, table: Table) -> bool:
    """Return whether no word of a table has to be cut; in a file or a pipe every table fits."""
    return not console.is_terminal or _measure(console, table).minimum <= console.width


def print_table(console: Console, table: Table) -> None:
    """Print a table as wide as the terminal; in a file or a pipe as wide as its content."""
    width = console.width
    if not console.is_terminal:
        console.width = max(width, _measure(console, table).maximum)
    console.print(table)
    console.width = width


def _measure(console: Console, table: Table) -> Measurement:
    return console.measure(table, options=console.options.update(max_width=UNLIMITED_WIDTH))
