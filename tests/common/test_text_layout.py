"""Word wrap and ellipsis. python -m pytest tests/common/test_text_layout.py"""

import io

from hypothesis import given
from hypothesis import strategies as st

from lib.common import text_layout

TEXTS = st.text(st.sampled_from("ab /漢→́"), max_size=200)
WIDTHS = st.integers(4, 200)


@given(TEXTS, WIDTHS, st.sampled_from(["", "  "]))
def test_wrapped_lines_fit_and_nothing_is_lost(text, width, indent):
    lines = text_layout.wrap_words(text, width, indent)
    assert all(text_layout.cell_width(line) <= width for line in lines)
    assert "".join("".join(lines).split()) == "".join(text.split())


@given(TEXTS, WIDTHS)
def test_no_word_that_fits_a_line_is_broken(text, width):
    words = " ".join(text_layout.wrap_words(text, width)).split()
    for word in text.split():
        if text_layout.cell_width(word) <= width:
            assert word in words


@given(TEXTS, WIDTHS)
def test_a_text_that_is_cut_ends_with_an_ellipsis(text, width):
    shown = text_layout.ellipsize(text, width)
    assert text_layout.cell_width(shown) <= width
    assert shown == text or (shown.endswith("…") and text.startswith(shown[:-1]))


def test_long_paths_are_broken_at_slashes_and_spaces_inside_a_line_stay():
    assert text_layout.wrap_words("no file: /data/pictures/birds.npy", 16) == [
        "no file: /data/",
        "pictures/",
        "birds.npy",
    ]
    assert text_layout.wrap_words("2026-11-29-digits-reconstruct", 20) == [
        "2026-11-29-digits-",
        "reconstruct",
    ]
    assert text_layout.wrap_words("a   b\nccc", 9) == ["a   b", "ccc"]


def test_signs_are_measured_as_the_stream_writes_them():
    stream = io.TextIOWrapper(io.BytesIO(), "ascii", "latent_lab.ascii")
    import lib.cli.streams  # noqa: F401 (registers the replacements)

    assert text_layout.as_written("a → b…", stream) == "a -> b..."
    assert text_layout.wrap_for("any text " * 40, stream) == "any text " * 40  # no terminal
