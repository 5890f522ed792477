"""Results and views on the screen. python -m pytest tests/cli/test_result_views.py"""

import io
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from lib.cli import display, image_views
from lib.common.serialization import pack_images
from lib.common.text_layout import cell_width
from lib.runs.events import PhaseStarted, Step
from lib.runs.views import CaptionedImages, ImageGrid, ImageStrip, LossCurves, PointPlot
from tests.harness.recorded_runs import record_run

CLASSES = ["T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Boot"]
COMMAND = "python autoencoder.py --dataset data/pictures.npy --layers 2 --kernels 8,8 --epochs 2 --yes"


def terminal_display(width: int = 80, height: int = 24) -> display.Display:
    """A display whose results go to a terminal of this size."""
    shown = display.Display()
    size = {"width": width, "height": height}
    shown.out = Console(file=io.StringIO(), force_terminal=True, color_system=None, highlight=False, **size)
    return shown


def lines_of(shown: display.Display) -> list[str]:
    return [line.rstrip() for line in shown.out.file.getvalue().splitlines()]


def classifier_record(classes: list[str]) -> dict:
    matrix = np.full((len(classes), len(classes)), 2) + np.eye(len(classes), dtype=int) * 900
    scores = {"precision": 0.9, "recall": 0.8, "f1-score": 0.85, "support": 1000.0}
    return {
        "program": "classification",
        "status": "finished",
        "dataset": {"classes": classes, "sizes": {"test": 10_000}},
        "metrics": {
            "report": dict.fromkeys(classes, scores) | {"accuracy": 0.9, "macro avg": scores},
            "confusion_matrix": matrix.tolist(),
            "test_loss": 0.3,
            "test_accuracy": 0.9,
            "correct": 9000,
            "incorrect": 1000,
        },
        "baselines": {
            "most_frequent_accuracy": 0.1,
            "logistic_regression_accuracy": 0.84,
            "scratch_accuracy": 0.88,
            "images_learned_from": 10_000,
        },
        "timing": {"seconds": 40.0, "images_per_second": 300.0},
        "files": ["classifier.h5", "log.txt"],
        "command": COMMAND,
    }


@pytest.mark.parametrize("width", [80, 120, 200])
def test_the_scores_of_a_classifier_stand_in_a_table_with_its_baselines_last(width):
    shown = terminal_display(width)
    shown.show_result(Path("models/a"), classifier_record(CLASSES))
    lines = lines_of(shown)
    assert all(cell_width(line) <= width for line in lines)
    start = lines.index("Test set, 10,000 images")
    assert start > next(number for number, line in enumerate(lines) if line.startswith("Again:"))
    table = [[cell.strip() for cell in line.split("│")] for line in lines[start:] if "│" in line]
    assert [row[1] for row in table] == ["0.9000", "0.1000", "0.8400", "0.8800"]
    assert table[0][0] == "this classifier"
    assert any("Pretraining gains +2.00 percentage points" in line for line in lines[start:])


def test_the_lines_above_a_menu_are_those_of_the_scores(capsys):
    shown = display.Display()
    shown.show_result(Path("models/a"), classifier_record(CLASSES))
    out = capsys.readouterr().out
    assert shown.kept_lines == out[out.index("Test set, ") :].count("\n")
    shown.begin_view()
    shown.result("one\ntwo")
    assert shown.kept_lines == 2


@pytest.mark.parametrize(("width", "heading"), [(120, "T-shirt/top"), (80, "0"), (40, "true class")])
def test_a_confusion_matrix_has_whole_names_or_numbers_or_is_a_list(width, heading):
    shown = terminal_display(width)
    shown.show_confusion_matrix(classifier_record(CLASSES))
    lines = lines_of(shown)
    assert all(cell_width(line) <= width for line in lines)
    titles = [cell.strip() for line in lines[1:3] for cell in line.split("┃")]
    assert heading in titles
    assert "…" not in "".join(lines)


def test_a_command_is_broken_between_words_so_that_it_can_be_copied():
    shown = terminal_display(50)
    shown.command(COMMAND, "Again:")
    lines = lines_of(shown)
    assert all(line.endswith(" \\") for line in lines[:-1])
    assert " ".join(line.removesuffix("\\").strip() for line in lines) == f"Again: {COMMAND}"
    shown.err = terminal_display(50).out
    shown.command(COMMAND, "Again:", is_note=True)
    assert [line.rstrip() for line in shown.err.file.getvalue().splitlines()] == lines
    shown = terminal_display(50)
    shown.out._force_terminal = False
    shown.command(COMMAND, "Again:")
    assert lines_of(shown) == [f"Again: {COMMAND}"]


@pytest.mark.parametrize(("width", "height"), [(80, 24), (120, 40), (200, 50)])
def test_views_leave_room_for_a_menu(width, height):
    images = pack_images(np.zeros((10, 28, 28, 1), np.uint8))
    captions = ["T-shirt/top, not Pullover (0.51)"] * 10
    history = {"loss": [0.5, 0.2, 0.1], "val_loss": [0.6, 0.3, 0.2]}
    for view in (
        ImageStrip({"inputs": images, "outputs": images}),
        ImageGrid(images, 12),
        CaptionedImages(images, captions),
        LossCurves({"training": history}),
        PointPlot({"PCA": [[0, 0], [1, 2]]}, [0, 1], ["a", "b"]),
    ):
        shown = terminal_display(width, height)
        shown.show_figure(view, "a.png")
        lines = lines_of(shown)
        assert all(cell_width(line) <= width for line in lines)
        assert len(lines) <= height - image_views.MENU_LINES + 1  # the path is one of the menu's lines


def test_captioned_images_are_halved_if_few_fit_into_the_rows_that_are_shown():
    images = pack_images(np.zeros((10, 28, 28, 1), np.uint8))
    shown = terminal_display(80, 80)  # lines for many rows, of which captioned images take two
    shown.show_figure(CaptionedImages(images, list("0123456789")), "a.png")
    assert "of 10" not in "\n".join(lines_of(shown))  # all of them; in full size there would be four


def test_images_that_are_not_shown_are_counted():
    shown = terminal_display()
    images = pack_images(np.zeros((24, 28, 28, 1), np.uint8))
    shown.show_figure(ImageGrid(images, 12), "a.png")
    assert lines_of(shown)[-1] == "10 of 24; a.png"


def test_lines_that_a_narrower_terminal_has_broken_are_erased():
    shown = display.Display()
    shown.err = Console(file=io.StringIO(), force_terminal=True, width=60, color_system=None)
    shown.live_allowed = True
    shown(PhaseStarted(1, 1, "", epochs=2, images=10))
    shown(Step(1, images=5, loss=0.5, speed=9.0))
    shown._live.refresh()
    shown.err.width = 25
    before = shown.err.file.getvalue()
    shown._live.refresh()
    written = shown.err.file.getvalue().removeprefix(before)
    assert written.startswith("\x1b[2K\x1b[1A" * 2 + "\r")  # two bars of two lines each
    shown.close()


def test_a_run_comparison_shows_whole_names(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    folder = record_run("2026-11-29-00-00-00-digits-reconstruct")
    shown = terminal_display(40)
    record = {
        "hyperparameters": {"kernels": [32, 64], "latent_dim": 8},
        "status": "finished",
        "metrics": {"test_mse": 0.01},
        "timing": {"images_per_second": 300.0},
    }
    shown.show_run_comparison([(folder, record)], ["kernels", "latent_dim"], "test_mse")
    shown.show_metric_bars({"latent_dim": [("8", 0.01)]}, "test_mse")
    assert folder.name in "".join(lines_of(shown)).replace(" ", "")
    assert "  latent size: 8" in lines_of(shown)
    assert "test mse against latent size" in lines_of(shown)
