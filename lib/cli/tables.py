"""Tables on the screen: no word is broken; on a terminal that is too narrow, a line for each cell."""

from collections.abc import Collection, Iterable

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from lib.common.text_layout import ELLIPSIS, as_written, cell_width, ellipsize, wrap_words

MAX_BAR_WIDTH, MIN_BAR = 40, 4  # columns of a bar, and of the shortest one with the spaces around it
MAX_WORD = 20  # columns of a word that is never broken in a table
MIN_LABEL = 6  # columns of the label before a bar
CELL_INDENT, CONTINUED_CELL = "  ", "    "


def new_table(title: str, columns: Iterable[str], left: Collection[str]) -> Table:
    """Return a table without rows; columns that are not in `left` are aligned to the right."""
    table = Table(title=title)
    for column in columns:
        table.add_column(column, justify="left" if column in left else "right")
    return table


def print_table(console: Console, table: Table) -> None:
    """Print a table without a frame around it.

    Cells are broken between words. In a file or a pipe nothing is broken. On a terminal that is narrower than
    the widest words, each cell becomes a line with the title of its column.

    Args:
        console: where it is printed.
        table: a table with titles of columns, whose cells are texts.
    """
    if table.title:
        _print_text(console, Text(str(table.title), style="italic"))
    columns = _read_columns(console, table)
    widths = _column_widths(console, table, columns)
    if widths is None:
        _print_cells(console, table, columns)
        return
    printed = Table(show_edge=False, show_header=table.show_header)
    printed.padding, printed.pad_edge = table.padding, table.pad_edge
    for (header, *_), column, width in zip(columns, table.columns, widths, strict=True):
        printed.add_column(_wrapped(header, width), justify=column.justify, width=width, no_wrap=True)
    for number, row in enumerate(table.rows, start=1):
        cells = [_wrapped(column[number], width) for column, width in zip(columns, widths, strict=True)]
        printed.add_row(*cells, style=row.style, end_section=row.end_section)
    if not console.is_terminal:  # on a terminal it would no longer follow its size
        console.width = max(console.width, sum(widths) + _width_of_lines(table))
    console.print(printed, width=sum(widths) + _width_of_lines(table), soft_wrap=True)


def fits_unbroken(console: Console, table: Table) -> bool:
    """Return whether `print_table` prints columns side by side and breaks no cell."""
    columns = _read_columns(console, table)
    return _column_widths(console, table, columns) == _widest_lines(columns)


def _read_columns(console: Console, table: Table) -> list[list[Text]]:
    """Title and cells of each column, with the characters that the console's encoding has."""

    def read(cell: RenderableType) -> Text:
        text = cell if isinstance(cell, Text) else Text(str(cell))
        return Text(as_written(text.plain, console.file), style=text.style)

    return [[read(cell) for cell in (column.header, *column.cells)] for column in table.columns]


def _column_widths(console: Console, table: Table, columns: list[list[Text]]) -> list[int] | None:
    """The width of each column, or None if some word would have to be broken."""
    widest = _widest_lines(columns)
    if not console.is_terminal:
        return widest
    widths = [max(longest_word(text.plain) for text in column) for column in columns]
    free = console.width - _width_of_lines(table) - sum(widths)
    if free < 0:
        return None
    for _ in range(free):  # the columns that lack most of their width get it
        number = max(range(len(widths)), key=lambda number: widest[number] - widths[number])
        if widths[number] == widest[number]:
            break
        widths[number] += 1
    return widths


def _widest_lines(columns: list[list[Text]]) -> list[int]:
    return [max(cell_width(line) for text in column for line in text.plain.split("\n")) for column in columns]


def longest_word(text: str) -> int:
    """The width of the longest word; a longer one than `MAX_WORD`, such as a path, may be broken."""
    return min(MAX_WORD, max(map(cell_width, text.split()), default=0))


def _width_of_lines(table: Table) -> int:
    """The columns of a table beside its texts: padding, and lines between columns."""
    _, right, _, left = table.padding
    count = len(table.columns)
    return (left + right) * (count if table.pad_edge else count - 1) + count - 1


def _wrapped(text: Text, width: int) -> Text:
    return Text("\n".join(wrap_words(text.plain, max(1, width))), style=text.style)


def _print_cells(console: Console, table: Table, columns: list[list[Text]]) -> None:
    """Print a line for each cell, those of a row below its first cell."""
    for number, row in enumerate(table.rows, start=1):
        for (header, *_), text in zip(columns, (column[number] for column in columns), strict=True):
            title = header.plain
            if columns[0][number] is text:
                _print_text(console, Text(f"{title} {text.plain}".strip(), style="bold"))
            elif text.plain:
                style = text.style or row.style or ""
                _print_text(console, Text(f"{CELL_INDENT}{title}: {text.plain}", style=style), CONTINUED_CELL)


def _print_text(console: Console, text: Text, indent: str = "") -> None:
    plain = as_written(text.plain, console.file)
    lines = wrap_words(plain, console.width, indent) if console.is_terminal else [plain]
    console.print(Text("\n".join(lines), style=text.style), soft_wrap=True)


def print_bars(console: Console, title: str, rows: list[tuple[str, str, float]], style: str) -> None:
    """Print a title, and a horizontal bar for each row, as long as the terminal allows.

    Args:
        console: where it is printed.
        title: text above the bars.
        rows: label, value and length of each bar, from 0 to 1.
        style: a rich style of the bars.
    """
    _print_text(console, Text(title, style="italic"))
    value_width = max(cell_width(value) for _, value, _ in rows)
    label_width = max(cell_width(label) for label, _, _ in rows)
    label_width = min(label_width, max(MIN_LABEL, console.width - value_width - MIN_BAR))
    bar_width = min(MAX_BAR_WIDTH, console.width - label_width - value_width - 3)
    ellipsis = as_written(ELLIPSIS, console.file)
    for label, value, length in rows:
        shown = ellipsize(as_written(label, console.file), label_width, ellipsis)
        padding = " " * (label_width - cell_width(shown))
        line = Text(f"{shown}{padding} {value:>{value_width}}  ")
        line.append("█" * max(1 if length else 0, round(max(0, bar_width) * length)), style=style)
        console.print(line, soft_wrap=True)
