"""The command `reproduce` in a pseudo-terminal. python -m pytest tests/reproduction/test_terminal.py"""

import json
import re
from pathlib import Path

import pytest

from tests.harness import sample_files
from tests.harness.terminal_session import CTRL_C, ENTER, Terminal

NAMES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)
# Or a later one: the live display skips epochs that end before its next refresh.
THIRD = re.compile(r"epoch +([3-9]|[1-3]\d)/50")
RUN = Path("models/reproduce/e-vae-784-512-256-2/seed-0/run.json")


@pytest.fixture
def digits():
    """A small data set with the name mnist."""
    images, labels = sample_files.shapes(2000, 28, 28)
    Path("data/mnist").mkdir(parents=True)
    for name, content in zip(
        NAMES, (images[:1900], labels[:1900], images[1900:], labels[1900:]), strict=True
    ):
        sample_files.write_idx(Path("data/mnist") / name, content)


@pytest.mark.slow
def test_a_table_interrupted_with_ctrl_c_continues(digits):
    screen = Terminal("autoencoder.py", "reproduce", "E-vae")
    screen.see("E-vae: the VAE with two numbers, mnist", "1 of 1: 784–512–256–2", THIRD)
    screen.press(CTRL_C)
    screen.see("interrupted; to continue: python autoencoder.py reproduce E-vae")
    assert screen.leaves() == 130
    done = json.loads(RUN.read_text())["history"]["loss"]
    assert 3 <= len(done) < 50
    screen = Terminal("autoencoder.py", "reproduce", "E-vae")
    screen.see("1 of 1", "epoch 50/50", "E-vae.md")
    assert screen.leaves() == 0
    again = json.loads(RUN.read_text())["history"]["loss"]
    assert again[: len(done) - 1] == done[:-1]  # the interrupted epoch is repeated
    assert len(again) == 50
    text = Path("models/reproduce/E-vae.md").read_text()
    assert re.search(r"\| 784–512–256–2 \| 2 \| – \| \d+\.\d\d \|", text), text
    screen = Terminal("autoencoder.py", "reproduce", "E-vae")
    screen.see("negative ELBO", "E-vae.md")  # nothing trains again
    assert screen.leaves() == 0
    assert "epoch" not in screen.before


def test_the_tables_are_listed_in_a_terminal():
    screen = Terminal("autoencoder.py", "reproduce")
    screen.see("Tables that can be reproduced", "E-vae", "python autoencoder.py reproduce --race", ENTER)
    assert screen.leaves() == 0
