"""python -m pytest tests/test_display.py"""

import io

import numpy as np
import pytest
from rich.console import Console

from lib import display, pictures
from lib.process import pack, unpack
from tests import made

PHASE = {"event": "phase", "number": 1, "of": 2, "why": "because", "epochs": 3, "images": 60, "plan": "12×10×1"}
EPOCH = {"event": "epoch", "epoch": 1, "loss": 0.5, "val_loss": 0.25, "seconds": 1.0, "speed": 1234.0}


def console(**options) -> Console:
    return Console(**({"file": io.StringIO(), "force_terminal": True, "width": 80, "color_system": "truecolor"} | options))


def test_two_pixels_a_character_in_their_colours():
    image = np.array([[[255, 0, 0]], [[0, 0, 255]]], np.uint8)
    text = pictures.half_blocks(console(), image)
    assert (text.plain, str(text.spans[0].style)) == ("▀", "#ff0000 on #0000ff")


def test_without_colours_shades_stand_in():
    image = np.array([[[0], [255]], [[0], [255]], [[255], [128]], [[255], [128]]], np.uint8)
    for plain in (console(no_color=True), console(color_system=None)):
        assert pictures.half_blocks(plain, image).plain == " █\n█▒"


def test_large_images_are_thinned():
    assert pictures.thinned(np.zeros((2, 100, 65, 3))).shape == (2, 25, 17, 3)


def test_a_chart_of_two_epochs_and_of_many():
    for epochs in (2, 3, 30):
        history = {"loss": [0.5 / n for n in range(1, epochs + 1)], "val_loss": [0.6 / n for n in range(1, epochs + 1)]}
        chart = pictures.loss_chart(history, colours=False)
        assert "training" in chart
        assert max(map(len, chart.splitlines())) <= 80
        assert "validation" in chart
        assert "\x1b" not in chart


def test_images_survive_the_pipe():
    images, _ = made.shapes(3, channels=3)
    np.testing.assert_array_equal(unpack(pack(images)), images)


def test_without_a_terminal_an_epoch_is_a_line_on_standard_error(capsys):
    shown = display.Display()
    shown(PHASE)
    shown({"event": "step", "epoch": 1, "images": 8, "loss": 0.5, "speed": 1.0})
    shown(EPOCH)
    out, err = capsys.readouterr()
    assert out == ""
    assert "Phase 1 of 2: because." in err
    assert "epoch 1/3   loss 0.50000   validation loss 0.25000   1,234 images/s" in err
    assert "left" in err


def test_on_a_terminal_bars_numbers_and_pictures_live():
    shown = display.Display()
    shown.err, shown.live_allowed = console(width=100), True
    shown(PHASE)
    shown({"event": "step", "epoch": 1, "images": 8, "loss": 0.5, "speed": 10.0})
    shown(EPOCH)
    images, _ = made.shapes(2, channels=1)
    shown({"event": "picture", "inputs": pack(images), "outputs": pack(images)})
    shown({"event": "stage", "text": "saving"})
    output = shown.err.file.getvalue()
    for words in ("epochs", "1/3", "60/60", "1,234 images/s", "validation loss 0.25000", "▀", "saving …"):
        assert words in output


@pytest.mark.parametrize(("seconds", "text"), [(7, "0:07"), (754.4, "12:34"), (3723, "1:02:03")])
def test_clock(seconds, text):
    assert display.clock(seconds) == text


def test_unknown_events_are_passed_over():
    display.Display()({"event": "from a newer worker"})
