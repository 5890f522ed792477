"""The bars of a search. python -m pytest tests/search/test_progress.py"""

import io

import pytest
from rich.console import Console

from lib.common.text_layout import cell_width
from lib.search.progress import WrappedProgress

STATE = "3 of 8 done, 1 running, best 0.012345 (learning rate 0.00123, kernels 32, latent size 16), 0:40 left"


@pytest.mark.parametrize("width", [30, 80, 200])
def test_the_state_of_a_search_is_whole_beside_its_bar(width):
    console = Console(file=io.StringIO(), force_terminal=True, width=width, color_system=None)
    bars = WrappedProgress(console=console)
    bars.add_task("trials", total=8, completed=3, text=STATE)
    bars.add_task("hidden", total=None, text="", visible=False)
    console.print(bars)
    lines = console.file.getvalue().splitlines()
    assert all(cell_width(line.rstrip()) <= width for line in lines)
    words = [word for line in lines for word in line.split() if not set(word) <= set("━╸╺")]
    assert " ".join(words) == f"trials: {STATE}"
