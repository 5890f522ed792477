"""Layout of figures: titles, names in them, and PNG files."""

import textwrap
from pathlib import Path

import matplotlib
from matplotlib.figure import Figure

from lib.common.errors import printable, shorten
from lib.common.filesystem import atomic_write

matplotlib.rcdefaults()  # a matplotlibrc of the user, or in the working folder, does not change the figures

LETTERS_PER_INCH = 13  # of a title
MAX_TITLE, MAX_NAME = 300, 40  # characters of a line of a title, and of a label
FONT_SIZE = 10  # of titles and labels, in points (1/72 inch)


def save(figure: Figure, path: Path, dpi: int = 120) -> None:
    """Write a figure as a PNG file.

    Args:
        figure: of Matplotlib.
        path: of the file.
        dpi: pixels per inch.

    Raises:
        RunFailed: the file cannot be written.
    """
    with atomic_write(path) as partial:
        figure.savefig(partial, dpi=dpi)


def set_title(figure: Figure, title: str, **position) -> None:
    """Put a title above a figure.

    Args:
        figure: of Matplotlib.
        title: lines, which are wrapped to the width of the figure.
        **position: `x` and `y`, as fractions of the figure; by default Matplotlib's.
    """
    lines = title_lines(title, figure.get_size_inches()[0])
    text = "\n".join(literal(line, MAX_TITLE) for line in lines)
    figure.suptitle(text, fontsize=FONT_SIZE, **position)


def title_lines(title: str, inches: float) -> list[str]:
    """Return the lines of a title above a figure of a width."""
    width = int(LETTERS_PER_INCH * inches)
    return [part for line in title.split("\n") for part in textwrap.wrap(shorten(line, MAX_TITLE), width)]


def literal(name: str, length: int = MAX_NAME) -> str:
    """A name from a file as Matplotlib draws it: printable, not too long, and no formula between two $."""
    return shorten(printable(name), length).replace("$", r"\$")
