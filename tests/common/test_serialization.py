"""Images as JSON, and CSV tables. python -m pytest tests/common/test_serialization.py"""

import csv
from pathlib import Path

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies

from lib.common.serialization import pack_images, unpack_images, write_csv

TEXTS = strategies.text(strategies.characters(exclude_categories=[]), max_size=20)


def written(*cells: str) -> list[str]:
    write_csv(Path("a.csv"), ["head"], [list(cells)])
    with Path("a.csv").open(newline="", encoding="utf-8") as file:  # raises where it is not UTF-8
        return [*csv.reader(file)][1]


@pytest.mark.parametrize(
    "cell", ["=1+1", "+x", "-x", "@SUM(A1)", '=HYPERLINK("x")', "\t=1", "\r=1", "\n=1", "-"]
)
def test_a_text_that_a_spreadsheet_would_evaluate_is_quoted(cell):
    assert written(cell)[0].startswith("'")


@pytest.mark.parametrize("cell", ["-3.2", "+5", "-1e-05", "0.25", "inf", "picture.png", "a=b", "a-1", ""])
def test_numbers_and_other_texts_stay_as_they_are(cell):
    assert written(cell, "x") == [cell, "x"]


def test_the_head_is_quoted_too():
    write_csv(Path("a.csv"), ["=1+1", "mse"], [])
    assert Path("a.csv").read_text(encoding="utf-8").split() == ["'=1+1,mse"]


def test_control_characters_and_half_surrogates_are_replaced():
    assert written("a\x1b[31m\0b\udcff\nc") == ["a\ufffd[31m\ufffdb\ufffd c"]


@hypothesis.given(TEXTS)
def test_any_text_is_one_harmless_cell(text):
    (cell,) = written(text) or [""]
    assert cell.isprintable()
    assert len(cell) - len(text) in (0, 1)
    if cell[:1] in {*"=+-@"}:
        float(cell)


def test_images_survive_the_pipe():
    images = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    np.testing.assert_array_equal(unpack_images(pack_images(images)), images)
