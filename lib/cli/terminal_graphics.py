"""Pictures made of characters: images in half-blocks, loss curves in braille dots."""

import numpy as np
import plotille
from rich.console import Console
from rich.table import Table
from rich.text import Text

SHADES = " ░▒▓█"  # for images where there are no colors
HALF_BLOCK = "▀"  # the upper pixel in the foreground color, the lower one in the background's
ARROW, SEPARATOR, GAP = (
    "→",
    "│",
    "   ",
)  # between input and output, between output and target or another output, between groups
MAX_SIDE = 32  # pixels a side in the terminal; larger images are thinned
COLOR_SYSTEMS = ("truecolor", "256")
CHART_SIZE = (56, 14)  # columns and rows of a curve, so that it fits on 80 with its labels
TICK_COLUMNS = 10  # columns from one tick of the axis to the next, as plotille draws them


def loss_chart(history: dict[str, list[float]], colors: bool) -> str:
    """Loss and, where there is one, validation loss per epoch, two at least, on a logarithmic axis, in
    braille dots.
    """
    figure = plotille.Figure()
    figure.width, figure.height = CHART_SIZE
    figure.with_colors, figure.color_mode = colors, "names"
    figure.x_label, figure.y_label = "epoch", "loss"
    # A tick stands every ten columns: the axis is made so long that each is at an epoch, or at a part of one
    # and unnamed.
    epochs, most = len(history["loss"]), CHART_SIZE[0] // TICK_COLUMNS
    a_tick = -(-(epochs - 1) // most)  # epochs from one tick to the next
    ticks = -(-(epochs - 1) // a_tick)
    figure.width = TICK_COLUMNS * ticks * (most // ticks)
    figure.set_x_limits(1, 1 + a_tick * ticks)
    figure.x_ticks_fkt = lambda low, high: f"{low:.0f}" if abs(low - round(low)) < 0.01 else ""
    figure.y_ticks_fkt = lambda low, high: f"{10**low:.3g}"
    for name, label, color in (("loss", "training", "cyan"), ("val_loss", "validation", "yellow")):
        values = [np.log10(max(value, 1e-12)) for value in history.get(name, [])]
        look = {"lc": color} if colors else {"marker": label[0]}
        if values:
            figure.plot(list(range(1, epochs + 1)), values, label=label, **look)
    return figure.show(legend=True)


def scatter_plot(points: np.ndarray, labels: list[int] | None, classes: list[str], colors: bool) -> str:
    """Points of shape (n, 2) as signs, one a class, and which sign is whose."""
    figure = plotille.Figure()
    figure.width, figure.height = CHART_SIZE[0], 2 * CHART_SIZE[1]
    figure.with_colors, figure.color_mode = colors, "names"
    figure.x_label, figure.y_label = "first", "second"
    figure.x_ticks_fkt = figure.y_ticks_fkt = lambda low, high: f"{low:.1f}"
    numbers = np.zeros(len(points), int) if labels is None else np.asarray(labels)
    signs = _class_signs(classes) if labels is not None else "·"
    for number in np.unique(numbers):
        color = SCATTER_COLORS[number % len(SCATTER_COLORS)] if colors else None
        figure.scatter(*points[numbers == number].T, lc=color, marker=signs[number])
    shown = figure.show()
    if labels is None:
        return shown
    named = [number for number in np.unique(numbers) if signs[number] != classes[number]]
    return shown + "\n" + "   ".join(f"{signs[number]} {classes[number]}" for number in named)


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


def _class_signs(classes: list[str]) -> list[str]:
    """A letter or digit for each class: the first of its name that no other has taken, else the next free
    one.
    """
    signs: list[str] = []
    for name in classes:
        wanted = [
            *(letter for letter in name if letter.isalnum()),
            *"abcdefghijklmnopqrstuvwxyz0123456789",
            "?",
        ]
        signs.append(next((letter for letter in wanted if letter not in signs), "?"))
    return signs


def terminal_image(path: str):
    """The picture in a file as it is, where textual-image is installed and the terminal knows sixel or kitty;
    else `None`.
    """
    try:
        from textual_image.renderable import Image, SixelImage, TGPImage
    except ImportError:
        return None
    return Image(path, width="auto", height="auto") if Image in (SixelImage, TGPImage) else None


def image_strips(console: Console, columns: list[np.ndarray]) -> Table:
    """input → output (│ output …) (│ target), as many beside one another as the console is wide.

    uint8, each (n, height, width, channels).
    """
    grid = Table.grid()
    largest = _max_side(console, len(columns))
    cells = []
    for images in zip(
        *(subsample(column[: groups_per_row(console, columns)], largest) for column in columns), strict=True
    ):
        cells.append(Text(GAP))
        for number, image in enumerate(images):
            if number:
                sign = ARROW if number == 1 else SEPARATOR
                cells.append(Text("\n" * (image.shape[0] // 4) + f" {sign} ", style="dim"))
            cells.append(half_blocks(console, image))
    grid.add_row(*cells[1:])
    return grid


def half_blocks(console: Console, image: np.ndarray) -> Text:
    """An image as text, two pixels a character; shades of gray characters where the console has no colors."""
    height = image.shape[0] // 2 * 2
    colored = console.color_system in COLOR_SYSTEMS and not console.no_color
    text = Text(no_wrap=True)
    for row in range(0, height, 2):
        for upper, lower in zip(image[row], image[row + 1], strict=True):
            if colored:
                text.append(HALF_BLOCK, f"{_hex(upper)} on {_hex(lower)}")
            else:
                shade = (int(np.mean(upper)) + int(np.mean(lower))) // 2
                text.append(SHADES[shade * len(SHADES) // 256])
        if row + 2 < height:
            text.append("\n")
    return text


def groups_per_row(console: Console, columns: list[np.ndarray]) -> int:
    """How many such groups of images fit beside one another."""
    widths = [subsample(images[:1], _max_side(console, len(columns))).shape[2] for images in columns]
    group = sum(widths) + 3 * (len(columns) - 1)
    return max(1, (console.width + len(GAP)) // (group + len(GAP)))


def _max_side(console: Console, columns: int) -> int:
    return min(MAX_SIDE, (console.width - 3 * (columns - 1)) // columns)


def subsample(images: np.ndarray, largest: int = MAX_SIDE) -> np.ndarray:
    """Every second, third … pixel, so that no side is longer than the terminal shows."""
    step = -(-max(images.shape[1:3]) // largest)
    return images[:, ::step, ::step]


def _hex(pixel: np.ndarray) -> str:
    red, green, blue = pixel if len(pixel) == 3 else (pixel[0],) * 3
    return f"#{red:02x}{green:02x}{blue:02x}"


def table_fits(out: Console, table: Table) -> bool:
    """Whether a table can be shown without cutting what must not be broken; it can in a file or a pipe."""
    return (
        not out.is_terminal
        or table.__rich_measure__(out, out.options.update(max_width=10_000)).minimum <= out.width
    )


def print_table(out: Console, table: Table) -> None:
    """Print a table as wide as a terminal is; in a file or a pipe as wide as it needs."""
    usual = out.width
    if not out.is_terminal:
        out.width = max(usual, table.__rich_measure__(out, out.options.update(max_width=10_000)).maximum)
    out.print(table)
    out.width = usual
