"""The display and terminal graphics. python -m pytest tests/cli/test_display.py"""

import io
import re
import shlex
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from rich.console import Console

from lib.cli import display, result_views, terminal_graphics
from lib.common import formatting
from lib.common.serialization import pack_images, unpack_images
from lib.runs import summary
from lib.runs.events import EpochEnded, PhaseStarted, Stage, Step
from lib.runs.views import ImageGrid, PointPlot
from lib.worker.messages import ItemProgress, LivePictures, Ready
from tests.harness import sample_files

PHASE = PhaseStarted(1, 2, "because", epochs=3, images=60, plan="12×10×1")
NUMBERS = {"loss": 0.5, "val_loss": 0.25, "seconds": 1.0}
EPOCH = EpochEnded(1, 1234.0, NUMBERS)


def console(**options) -> Console:
    return Console(
        **(
            {"file": io.StringIO(), "force_terminal": True, "width": 80, "color_system": "truecolor"}
            | options
        )
    )


def test_two_pixels_a_character_in_their_colors():
    image = np.array([[[255, 0, 0]], [[0, 0, 255]]], np.uint8)
    text = terminal_graphics.half_blocks(console(), image)
    assert (text.plain, str(text.spans[0].style)) == ("▀", "#ff0000 on #0000ff")


def test_without_colors_shades_stand_in():
    image = np.array([[[0], [255]], [[0], [255]], [[255], [128]], [[255], [128]]], np.uint8)
    for plain in (console(no_color=True), console(color_system=None)):
        assert terminal_graphics.half_blocks(plain, image).plain == " █\n█▒"


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_half_blocks_of_textual_image_show_nothing_without_colors():
    """`lib.cli.terminal_graphics.half_blocks` does."""
    renderable = pytest.importorskip("textual_image.renderable")
    pixels = Image.fromarray(np.random.default_rng(0).integers(0, 256, (8, 8, 3), np.uint8))
    lines = console(no_color=True).render_lines(renderable.HalfcellImage(pixels, width=8, height=4))
    assert {segment.text.strip() for line in lines for segment in line} <= {"▀", ""}


def test_large_images_are_subsampled():
    assert terminal_graphics.subsample(np.zeros((2, 100, 65, 3))).shape == (2, 25, 17, 3)


def test_a_chart_of_two_epochs_and_of_many():
    for epochs in (2, 3, 30):
        history = {
            "loss": [0.5 / n for n in range(1, epochs + 1)],
            "val_loss": [0.6 / n for n in range(1, epochs + 1)],
        }
        chart = terminal_graphics.loss_chart(history, colors=False)
        assert "training" in chart
        assert max(map(len, chart.splitlines())) <= 80
        assert "validation" in chart
        assert "\x1b" not in chart


def test_images_survive_the_pipe():
    images, _ = sample_files.shapes(3, channels=3)
    np.testing.assert_array_equal(unpack_images(pack_images(images)), images)


def test_without_a_terminal_an_epoch_is_a_line_on_standard_error(capsys):
    shown = display.Display()
    shown(PHASE)
    shown(Step(1, images=8, loss=0.5, speed=1.0))
    shown(EPOCH)
    out, err = capsys.readouterr()
    assert out == ""
    assert "Phase 1 of 2: because." in err
    assert "epoch 1/3   loss 0.50000   validation loss 0.25000   1,234 images/s" in err
    assert "left" in err


def test_a_loss_too_small_for_its_decimals_keeps_a_digit(capsys):
    shown = display.Display()
    shown(PHASE)
    shown(EpochEnded(1, 1234.0, NUMBERS | {"loss": 2.5e-7, "val_loss": 0.0}))
    assert "loss 2e-07   validation loss 0.00000 " in capsys.readouterr().err


def test_the_time_left_is_estimated_from_the_epochs_of_this_process(capsys, monkeypatch):
    now = iter((0.0, 10.0, 20.0))
    monkeypatch.setattr(display, "time", SimpleNamespace(monotonic=lambda: next(now)))
    shown = display.Display()
    shown(replace(PHASE, epochs=10))
    for epoch in (8, 9):  # seven were trained before the run was resumed
        shown(replace(EPOCH, epoch=epoch))
    assert re.findall(r"(\d+/10).* (\S+) left", capsys.readouterr().err) == [
        ("8/10", "0:20"),
        ("9/10", "0:10"),
    ]


def test_the_terms_of_a_loss_come_after_the_total(capsys):
    shown = display.Display()
    shown(PHASE)
    shown(EpochEnded(1, 1.0, {"kl_loss": 2.0, "loss": 3.0, "val_kl_loss": 4.0, "val_loss": 5.0}))
    assert (
        "loss 3.00000   validation loss 5.00000   kl 2.00000   validation kl 4.00000"
        in capsys.readouterr().err
    )
    shown(EpochEnded(1, 1234.0, NUMBERS | {"labels_accuracy": 0.5, "val_labels_accuracy": 0.25}))
    assert (
        "0.25000   labels accuracy 0.50000   validation labels accuracy 0.25000   1,234"
        in capsys.readouterr().err
    )


def test_on_a_terminal_bars_numbers_and_pictures_live():
    shown = display.Display()
    shown.err, shown.live_allowed = console(width=100), True
    shown(PHASE)
    shown(Step(1, images=8, loss=0.5, speed=10.0))
    shown(EPOCH)
    images, _ = sample_files.shapes(2, channels=1)
    shown(LivePictures({"inputs": pack_images(images), "outputs": pack_images(images)}))
    shown(Stage("saving"))
    output = shown.err.file.getvalue()
    for words in ("epochs", "1/3", "60/60", "1,234 images/s", "validation loss 0.25000", "▀", "saving …"):
        assert words in output


@pytest.mark.parametrize(("seconds", "text"), [(7, "0:07"), (754.4, "12:34"), (3723, "1:02:03")])
def test_durations(seconds, text):
    assert formatting.format_duration(seconds) == text


def test_unknown_events_are_ignored():
    display.Display()(Ready("CPU"))


def record(task: str, metrics: dict, baselines: dict, **hp) -> dict:
    common = {"test_loss": 0.01, "test_mse": 0.01, "test_psnr": 20.0, "latent_size": 8, "parameters": 1234}
    return {
        "task": task,
        "metrics": common | metrics,
        "baselines": {"constant_mse": 0.05, "constant_psnr": 13.0} | baselines,
        "hyperparameters": {"task": task} | hp,
        "dataset": {"shape": [8, 8, 3], "sizes": {"test": 50}},
    }


def test_scores_stand_beside_the_baselines_of_their_task():
    screen = console(width=100)
    screen.print(result_views.scores_table(record("complete", {}, {"ridge_mse": 0.03, "ridge_psnr": 15.2})))
    uv = record("colorize", {"test_rgb_mse": 0.02}, {"input_mse": 0.004}, color_space="yuv")
    screen.print(result_views.scores_table(uv))
    output = screen.file.getvalue()
    for words in (
        "MSE of the missing half",
        "ridge regression from the given half",
        "15.20",
        "MSE of U and V",
        "gray input",
    ):
        assert words in output
    assert "nearest neighbors" not in output  # not in the record


def test_remarks_on_what_only_some_runs_have():
    vae = {"test_negative_elbo": 150.5, "test_reconstruction": 144.25, "test_kl": 6.25}
    lines = dict(summary.run_remarks(record("reconstruct", vae, {}, skip=False)))
    assert "negative ELBO 150.50 nats per image = reconstruction 144.25 + KL divergence 6.25" in lines
    lines = dict(
        summary.run_remarks(
            record("denoise", {"test_mse": 0.06, "test_largest_channel_accuracy": 0.5}, {}, skip=True)
        )
    )
    assert "bad" in lines.values()
    text = " ".join(lines)
    for words in (
        "largest channel",
        "No better than a trivial method, mean image",
        "Skip connections bypass the latent code",
    ):
        assert words in text


def test_a_network_that_is_no_better_than_its_input_is_called_so():
    scores = {"constant_mse": 0.06, "input_mse": 0.01}
    remarks = summary.run_remarks(record("denoise", {"test_mse": 0.02}, scores))
    assert ("No better than a trivial method, noisy input: train for more epochs.", "bad") in remarks
    remarks = summary.run_remarks(record("denoise", {"test_mse": 0.005}, scores))
    assert all(remark.style != "bad" for remark in remarks)


@pytest.mark.parametrize(("losses", "is_better"), [([0.3, 0.2, 0.4], False), ([0.3, 0.2, 0.1], True)])
def test_a_continued_run_without_a_better_epoch_says_so(losses, is_better):
    continued = record("reconstruct", {"test_mse": 0.001}, {})
    continued |= {"parent": {"folder": "models/a", "epochs": 2}, "history": {"": {"val_loss": losses}}}
    texts = " ".join(remark.text for remark in summary.run_remarks(continued))
    assert ("No epoch after epoch 2 was better" in texts) is not is_better


def test_a_training_of_few_steps_gets_advice_on_its_batch_size():
    few = record("reconstruct", {"test_mse": 0.06}, {}, batch_size=128)
    few["dataset"]["sizes"] = {"train": 48}
    advice = next(remark.text for remark in summary.run_remarks(few) if "mean image" in remark.text)
    assert "an epoch of 48 images has only 1 step; use a batch size of 8" in advice
    u_net = record("denoise", {"test_mse": 0.06}, {}, batch_size=128, skip=True)
    u_net["dataset"] |= {"sizes": {"train": 6400}, "shape": [64, 64, 1]}
    advice = next(remark.text for remark in summary.run_remarks(u_net) if "mean image" in remark.text)
    assert "has only 50 steps; use a batch size of 8" in advice
    few["dataset"]["sizes"] = {"train": 6400}
    advice = next(remark.text for remark in summary.run_remarks(few) if "mean image" in remark.text)
    assert advice == "No better than a trivial method, mean image: train for more epochs."


@pytest.mark.parametrize(
    ("latent_dim", "remedy"),
    [(800, "Use a smaller latent size."), (None, "Use fewer kernels for a smaller latent code.")],
)
def test_a_latent_code_as_large_as_the_image_gets_the_advice_that_fits_it(latent_dim, remedy):
    large = record("reconstruct", {"latent_size": 800}, {}, latent_dim=latent_dim)
    advice = next(remark.text for remark in summary.run_remarks(large) if "no compr" in remark.text)
    assert advice == f"The latent size is 800, the image has 192 values: no compression. {remedy}"


def test_all_outputs_stand_beside_the_input():
    screen = console(color_system=None)
    columns = [np.full((1, 8, 8, 1), value, np.uint8) for value in (0, 64, 128, 192, 255)]
    screen.print(terminal_graphics.image_strips(screen, columns))
    rows = screen.file.getvalue().splitlines()
    shown = ["".join(chunk) for chunk in (row.split() for row in rows)]
    assert rows[2].replace(" ", "") == "→" + "│".join(sign * 8 for sign in "░▒▓█")
    assert len(shown) == 4


def test_progress_without_a_terminal_is_a_line_per_tenth(capsys):
    screen = display.Display()
    for done in range(101):
        screen(ItemProgress(done, 100, "pictures"))
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 10
    assert lines[0] == "10 of 100 pictures"
    assert lines[-1] == "100 of 100 pictures"


def test_a_scatter_plot_has_a_letter_for_each_class():
    points = np.array([[0, 0], [1, 1], [1, 0]])
    shown = terminal_graphics.scatter_plot(points, [0, 1, 2], ["Trouser", "T-shirt", "Bag"], colors=False)
    assert "T Trouser   s T-shirt   B Bag" in shown
    assert {"T", "s", "B"} <= set(shown.split("T Trouser")[0])
    assert "·" in terminal_graphics.scatter_plot(points, None, [], colors=False)


def test_image_grids_and_the_latent_space_fit_the_screen(capsys):
    screen = display.Display()
    screen.show_figure(ImageGrid(pack_images(gray_shapes(30)), 12), "sheet.png")
    screen.show_figure(PointPlot({"PCA": [[0, 0], [1, 2]]}, None, []), "latent.png")
    out = capsys.readouterr().out
    assert "sheet.png" in out
    assert "latent.png" in out
    assert max(map(len, out.splitlines())) <= 80


def gray_shapes(count: int) -> np.ndarray:
    return sample_files.shapes(count, channels=1)[0]


@given(words=st.lists(st.text("ab/'\" -é", min_size=1, max_size=60), max_size=12), width=st.integers(30, 120))
def test_a_command_can_be_copied_from_a_terminal_of_any_width(words, width):
    text = shlex.join(["python", "x.py", "--output", "some folder/picture.png", *words])
    stream = io.StringIO()
    output = result_views.Output()
    output.out = console(file=stream, width=width, color_system=None)
    output.command(text, "Again:")
    shown = stream.getvalue().replace("\\\n", "")  # a shell joins the lines
    assert shlex.split(shown) == ["Again:", *shlex.split(text)]
    assert "--output 'some folder/picture.png'" in shown
