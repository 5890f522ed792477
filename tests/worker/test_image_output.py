"""Names of the pictures that jobs write: python -m pytest tests/worker/test_image_output.py"""

import csv
from pathlib import Path

import hypothesis
import numpy as np
from hypothesis import strategies as st
from PIL import Image

from lib.common.serialization import write_csv
from lib.data.user_images import UserImages
from lib.worker.image_output import open_image_output
from lib.worker.output_names import MAX_NAME_BYTES, output_names

LONG = "l" * (MAX_NAME_BYTES - 4)


def test_names_are_kept_and_no_two_are_alike():
    names = ["a.bmp", "a.jpg", "a.png", "a.png.jpg", "b/a.bmp", f"{LONG}.bmp", f"{LONG}.jpg"]
    assert list(map(str, output_names(list(map(Path, names))))) == [
        *("a.png", "a.jpg.png", "a.png.png", "a.png.jpg.png", "b/a.png", f"{LONG}.png"),
        f"2 {LONG[:-2]}.png",  # LONG.jpg.png would be too long, and what fits of it is taken
    ]


@hypothesis.given(st.lists(st.from_regex(r"\A[ab.é]{1,6}\.(png|jpg|gif)\Z"), unique=True, max_size=8))
def test_as_many_names_as_files(names):
    written = output_names(list(map(Path, names)))
    assert len(set(written)) == len(names)
    assert all(path.suffix == ".png" for path in written)


def test_pictures_of_any_names_are_written_and_listed():
    Path("p").mkdir()
    names = ["not\udcffutf.png", "tab\t\n\x1b[31m.png", f"{LONG}.png", "=1+1.png", "\udced\udca0\udc80.png"]
    for name in names:
        with Path("p", name).open("wb") as file:
            Image.new("L", (4, 4)).save(file, "PNG")
    user_images = UserImages("p", (4, 4, 1))
    with open_image_output(user_images, Path("out")) as write:
        for positions, images in user_images.chunks():
            write(positions, np.asarray(images))
    assert {path.name for path in Path("out").iterdir()} == set(names)
    write_csv(Path("t.csv"), ["picture"], [[name] for name in user_images.names])
    with Path("t.csv").open(encoding="utf-8", newline="") as file:
        cells = [row[0] for row in csv.reader(file)][1:]
    assert len(cells) == len(set(cells)) == 5
    assert all(cell.isprintable() and not cell.startswith("=") for cell in cells)
