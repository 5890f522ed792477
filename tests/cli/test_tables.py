"""Tables, bars and images fit terminals of 20 to 200 columns. python -m pytest tests/cli/test_tables.py"""

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from rich.table import Table

from lib.cli import tables, terminal_graphics
from lib.cli.streams import ERROR_HANDLER
from lib.common.text_layout import cell_width

WIDTHS = st.integers(20, 200)
WORDS = st.text(st.sampled_from("abc1/,-_漢→±"), min_size=1, max_size=30)
CELLS = st.lists(WORDS, max_size=4).map(" ".join)
TABLES = st.integers(1, 9).flatmap(
    lambda columns: st.tuples(
        st.lists(WORDS, min_size=columns, max_size=columns),
        st.lists(st.lists(CELLS, min_size=columns, max_size=columns), min_size=1, max_size=4),
    )
)


def terminal(width: int, encoding: str = "utf-8") -> Console:
    file = io.TextIOWrapper(io.BytesIO(), encoding, ERROR_HANDLER, newline="")
    return Console(file=file, force_terminal=True, width=width, height=24, color_system=None)


def printed(console: Console) -> list[str]:
    console.file.flush()
    return console.file.buffer.getvalue().decode(console.file.encoding).splitlines()


@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
@given(content=TABLES, width=WIDTHS)
def test_a_table_is_as_wide_as_the_terminal_and_loses_nothing(content, width, encoding):
    titles, rows = content
    console, table = terminal(width, encoding), Table(*titles)
    for row in rows:
        table.add_row(*row)
    tables.print_table(console, table)
    lines = printed(console)
    assert all(cell_width(line) <= width for line in lines)
    shown = "".join("".join(line.replace("│", " ").split()) for line in lines)
    characters = {character: shown.count(character) for character in "abc1"}
    for character, count in characters.items():
        assert count >= sum(cell.count(character) for row in rows for cell in row)


def test_a_table_that_is_too_wide_becomes_a_line_for_each_cell():
    console, table = terminal(20), Table("run", "learning rate", "test MSE", title="Runs, best first")
    table.add_row("models/a", "0.001", "0.01234")
    tables.print_table(console, table)
    assert printed(console) == [
        "Runs, best first",
        "run models/a",
        "  learning rate:",
        "    0.001",
        "  test MSE: 0.01234",
    ]


@given(st.lists(st.tuples(WORDS, st.just("0.12345"), st.floats(0, 1)), min_size=1, max_size=5), WIDTHS)
def test_bars_fit(rows, width):
    console = terminal(width)
    tables.print_bars(console, "title", rows, "cyan")
    lines = printed(console)
    assert all(cell_width(line) <= width for line in lines)
    for (label, value, _), line in zip(rows, lines[1:], strict=True):
        assert value in line
        assert label in line or "…" in line


@given(WIDTHS, st.integers(5, 60), st.integers(1, 40), st.integers(2, 3), st.sampled_from(["utf-8", "ascii"]))
def test_rows_of_images_fit(width, lines, side, count, encoding):
    console = terminal(width, encoding)
    columns = [np.zeros((6, side, side, 1), np.uint8)] * count
    layout = terminal_graphics.strip_layout(console, columns, lines)
    shown = [images[: layout.per_row] for images in columns]
    console.print(terminal_graphics.image_strips(console, shown, layout.max_side))
    rows = printed(console)
    assert all(cell_width(row) <= width for row in rows)
    assert len(rows) * layout.rows <= max(lines, len(rows))


@given(WIDTHS, st.integers(5, 14))
def test_charts_fit(width, height):
    history = {"loss": [0.5, 0.2, 0.1], "val_loss": [0.6, 0.3, 0.2]}
    for chart in (
        terminal_graphics.loss_chart(history, False, width, height),
        terminal_graphics.scatter_plot(np.eye(2), [0, 1], ["first", "second"], False, width, height),
    ):
        assert max(map(cell_width, chart.splitlines())) <= max(width, 40)
