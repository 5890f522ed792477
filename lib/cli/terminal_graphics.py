"""Images, charts and tables as terminal text: half blocks for pixels, braille dots for curves.

The half blocks are not those of textual-image: without colors (NO_COLOR) or in ASCII its images are blocks
that are all the same, and it sends queries to the terminal when it is imported. It draws figures in full
resolution where it is installed.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import plotille
from rich.console import Console
from rich.table import Table
from rich.text import Text

from lib.common.text_layout import as_written, cell_width, wrap_words
from lib.tasks.display import select_channels

SHADES = " ░▒▓█"  # of pixels where there are no colors
HALF_BLOCK = "▀"  # upper pixel in the foreground color, lower one in the background color
ARROW = "→"  # between input and output
SEPARATOR = "│"  # between outputs, or output and target
GAP = "   "  # between groups of images
MAX_SIDE = 32  # pixels of the longer side of an image; larger ones are made smaller
MIN_GROUPS, MIN_IMAGES = 3, 6  # groups of images, and single images, to see at once
MIN_SIDE = 12  # pixels that images keep for it
COLOR_SYSTEMS = ("truecolor", "256")
CHART_SIZE = (56, 14)  # columns and rows of a curve; with its labels it fits in 80 columns
CHART_LABELS = 24  # columns beside a curve
TICK_COLUMNS = 10  # columns between two ticks of an axis, fixed by plotille
CURVES = (("loss", "training", "cyan"), ("val_loss", "validation", "yellow"))  # of a history
LEGEND_COLORS = {"cyan": "\x1b[36m", "yellow": "\x1b[33m"}
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


def loss_chart(
    history: dict[str, list[float]], colors: bool, width: int = 80, height: int = CHART_SIZE[1]
) -> str:
    """Return loss curves per epoch on a logarithmic axis, in braille dots.

    Args:
        history: `loss` and, where there is one, `val_loss` of each epoch; at least two epochs.
        colors: use ANSI colors; else letters mark the curves.
        width: columns of the terminal.
        height: rows of the curve.
    """
    figure = plotille.Figure()
    columns = min(CHART_SIZE[0], max(TICK_COLUMNS, width - CHART_LABELS))
    figure.height = height
    figure.with_colors, figure.color_mode = colors, "names"
    figure.x_label, figure.y_label = "epoch", "loss"
    # The axis is extended so that each tick is at a whole epoch; a tick between two epochs has no label.
    epochs, max_ticks = len(history["loss"]), columns // TICK_COLUMNS
    epochs_per_tick = -(-(epochs - 1) // max_ticks)
    ticks = -(-(epochs - 1) // epochs_per_tick)
    figure.width = TICK_COLUMNS * ticks * (max_ticks // ticks)
    figure.set_x_limits(1, 1 + epochs_per_tick * ticks)
    figure.x_ticks_fkt = lambda low, high: f"{low:.0f}" if abs(low - round(low)) < 0.01 else ""
    figure.y_ticks_fkt = lambda low, high: f"{10**low:.3g}"
    for name, label, color in CURVES:
        logarithms = [np.log10(max(loss, 1e-12)) for loss in history.get(name, [])]
        style = {"lc": color} if colors else {"marker": label[0]}
        if logarithms:
            figure.plot(list(range(1, epochs + 1)), logarithms, label=label, **style)
    legend = (
        f"{LEGEND_COLORS[color]}⠤⠤\x1b[0m {label}" if colors else f"{label[0]} {label}"
        for name, label, color in CURVES
        if history.get(name)
    )
    return f"{figure.show()}\n{'   '.join(legend)}"


def scatter_plot(
    points: np.ndarray,
    labels: list[int] | None,
    classes: list[str],
    colors: bool,
    width: int = 80,
    height: int = 2 * CHART_SIZE[1],
) -> str:
    """Return points in the plane, marked with a letter per class, and a legend of the letters.

    Args:
        points: shape (n, 2).
        labels: class number of each point; without them all points are dots, and there is no legend.
        classes: names of the classes.
        colors: use ANSI colors.
        width: columns of the terminal.
        height: rows of the points.
    """
    figure = plotille.Figure()
    figure.width = min(CHART_SIZE[0], max(TICK_COLUMNS, width - CHART_LABELS))
    figure.height = height
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
    return "\n".join([plot, *wrap_words("   ".join(legend), width)])


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


class StripLayout(NamedTuple):
    """Layout of groups of images: pixels of the longer side, groups beside each other, rows of groups."""

    max_side: int
    per_row: int
    rows: int


def strip_layout(console: Console, columns: list[np.ndarray], lines: int) -> StripLayout:
    """Return the layout of `image_strips` for a terminal: images in half the size if few would be seen.

    Args:
        console: gives the width.
        columns: as for `image_strips`.
        lines: lines that may be filled.
    """
    separators = cell_width(_sign(console, ARROW)) * (len(columns) - 1)
    max_side = max(1, min(MAX_SIDE, (console.width - separators) // len(columns)))

    def layout(max_side: int) -> StripLayout:
        height, width = subsample(columns[0][:1], max_side).shape[1:3]
        group_width = width * len(columns) + separators
        per_row = max(1, (console.width + len(GAP)) // (group_width + len(GAP)))
        return StripLayout(max_side, per_row, max(1, lines // max(1, height // 2)))

    return _with_enough(layout, max_side, min(MIN_GROUPS, len(columns[0])))


def grid_layout(
    console: Console,
    images: np.ndarray,
    lines: int,
    gap: int = 1,
    caption_width: int = 0,
    max_rows: int | None = None,
) -> StripLayout:
    """Return the layout of single images in rows, in half the size if few would be seen.

    Args:
        console: gives the width.
        images: uint8, shape (n, height, width, channels).
        lines: lines that may be filled.
        gap: columns between images.
        caption_width: columns of the captions, a line below each image; 0 for none.
        max_rows: rows at most, however many lines may be filled.
    """

    def layout(max_side: int) -> StripLayout:
        height, width = subsample(images[:1], max_side).shape[1:3]
        per_row = max(1, (console.width + gap) // (max(width, caption_width) + gap))
        rows = max(1, lines // max(1, height // 2 + bool(caption_width)))
        return StripLayout(max_side, per_row, rows if max_rows is None else min(rows, max_rows))

    return _with_enough(layout, max(1, min(MAX_SIDE, console.width)), min(MIN_IMAGES, len(images)))


def _with_enough(layout: Callable[[int], StripLayout], max_side: int, wanted: int) -> StripLayout:
    full = layout(max_side)
    if full.per_row * full.rows < wanted and max_side // 2 >= MIN_SIDE:
        return layout(max_side // 2)
    return full


def image_strips(console: Console, columns: list[np.ndarray], max_side: int = MAX_SIDE) -> Table:
    """Return a row of groups input → output (│ output …) (│ target).

    Args:
        console: gives the colors.
        columns: uint8 images, each of shape (n, height, width, channels); the first are the inputs.
        max_side: pixels of the longer side of an image, as `strip_layout` returns it.
    """
    grid = Table.grid()
    cells = []
    for group in zip(*(subsample(images, max_side) for images in columns), strict=True):
        cells.append(Text(GAP))
        for number, image in enumerate(group):
            if number:
                sign = _sign(console, ARROW if number == 1 else SEPARATOR)
                cells.append(Text("\n" * (image.shape[0] // 4) + sign, style="dim"))
            cells.append(half_blocks(console, image))
    grid.add_row(*cells[1:])
    return grid


def _sign(console: Console, sign: str) -> str:
    """A sign between two images, with the characters of the console."""
    return as_written(f" {sign} ", console.file)


def half_blocks(console: Console, image: np.ndarray) -> Text:
    """Return a uint8 image (height, width, channels) as text, two pixels per character.

    Without colors, or without half blocks in the encoding, the characters are shades of gray.
    """
    image = select_channels(image)
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


def subsample(images: np.ndarray, max_side: int = MAX_SIDE) -> np.ndarray:
    """Return images (n, height, width, channels) with the means of k×k pixels, k as `max_side` demands."""
    step = -(-max(images.shape[1:3]) // max_side)
    if step == 1:
        return images
    count, height, width, channels = images.shape
    padding = [(0, 0), (0, -height % step), (0, -width % step), (0, 0)]
    padded = np.pad(images, padding, mode="edge")
    blocks = padded.reshape(count, padded.shape[1] // step, step, padded.shape[2] // step, step, channels)
    return blocks.mean(axis=(2, 4)).astype(images.dtype)


def _hex_color(pixel: np.ndarray) -> str:
    red, green, blue = pixel if len(pixel) == 3 else (pixel[0],) * 3
    return f"#{red:02x}{green:02x}{blue:02x}"
