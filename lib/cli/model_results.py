"""Parts of results of the commands on a saved model: tables of images, problems, gains."""

import itertools

from rich.cells import cell_len
from rich.table import Table
from rich.text import Text

from lib.cli.display import Display
from lib.cli.output import BAD, QUIET
from lib.cli.tables import longest_word, print_table
from lib.common.errors import printable

MAX_ROWS = 10  # rows of a table on the screen; the file has all of them
MAX_PROBLEMS = 3  # messages about unreadable pictures
COLUMN_TITLES = {"psnr_db": "PSNR (dB)"}  # instead of the names in the file


def show_table(display: Display, title: str, names: list[str], rows: list[list[str]], file_name: str) -> None:
    """Show the first rows of a result's table: all columns in a file or pipe, else as many as fit.

    Args:
        display: of the command.
        title: of the table; it says how many rows and columns are left out.
        names: titles of the columns.
        rows: cells of each row, at least one row; missing last cells are empty.
        file_name: of the file that holds the whole table.
    """
    # Cells are file names in part, which may hold control characters.
    cells = [[*map(printable, row), *[""] * (len(names) - len(row))] for row in rows[:MAX_ROWS]]
    widths = [max(map(cell_len, column)) for column in zip(*cells, strict=True)]
    widths[0] = max(longest_word(row[0]) for row in cells)
    right_edges = itertools.accumulate(width + 3 for width in widths)  # two spaces and a line each
    count = len(names)
    if display.out.is_terminal:
        count = sum(edge < display.out.width for edge in right_edges)
    if len(rows) > MAX_ROWS:
        title += f", {MAX_ROWS} of {len(rows):,}"
    if hidden := len(names) - count:
        title += f"; {hidden} more column{'s' if hidden > 1 else ''} in {file_name}"
    table = Table(title=title)
    for number, name in enumerate(names[:count]):
        header = Text(COLUMN_TITLES.get(name, printable(name.replace("_", " "))))
        table.add_column(header, justify="right" if number else "left")
    for row in cells:
        table.add_row(*map(Text, row[:count]))
    print_table(display.out, table)


def show_problems(display: Display, problems: dict[str, str]) -> None:
    """Show the first messages about images that cannot be read."""
    for problem in [*problems.values()][:MAX_PROBLEMS]:
        display.note(problem, BAD)
    if len(problems) > MAX_PROBLEMS:
        count = len(problems) - MAX_PROBLEMS
        display.note(f"and {count:,} more pictures that cannot be read", QUIET)


def refinement_gain(before: float, after: float) -> str:
    """Return the relative reduction of the mean squared error by refining latent codes, as a sentence."""
    gain = 1 - after / before if before else 0
    return f"refined codes reduce the error by {gain:.1%}, which is due to the encoder"
