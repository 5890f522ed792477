"""python -m pytest tests/evaluation/test_figures.py"""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lib.evaluation import figures
from tests.harness import sample_files

HISTORY = {"loss": [0.5, 0.2], "val_loss": [0.6, 0.3]}


def drawn(path: str) -> np.ndarray:
    """The pixels of a figure that is not blank."""
    pixels = np.asarray(Image.open(path).convert("RGB"))
    assert pixels.std() > 5
    return pixels


@pytest.mark.parametrize("channels", [1, 3])
def test_reconstructions(channels):
    images, _ = sample_files.shapes(5, channels=channels)
    figures.reconstructions({"output": images, "target": 255 - images}, Path("a.png"), "title")
    assert drawn("a.png").shape[1] > drawn("a.png").shape[0]


def test_a_row_more_for_inputs_that_are_not_the_targets():
    images, _ = sample_files.shapes(5)
    pair = {"output": images[..., None], "target": 255 - images[..., None]}
    figures.reconstructions(pair, Path("two.png"), "title")
    figures.reconstructions({"input": images[..., None]} | pair, Path("three.png"), "title")
    assert drawn("three.png").shape[0] > drawn("two.png").shape[0]


def test_a_loss_below_zero_has_no_logarithm():
    figures.loss_curves({"training": {"loss": [1, -1], "val_loss": [2, 0]}}, Path("one.png"), "title")
    drawn("one.png")


def test_loss_curves_have_a_panel_per_phase():
    figures.loss_curves({"training": HISTORY}, Path("one.png"), "title")
    figures.loss_curves({"phase 1": HISTORY, "phase 2": HISTORY}, Path("two.png"), "title")
    assert drawn("two.png").shape[1] == 2 * drawn("one.png").shape[1]


def test_accuracy_and_the_parts_of_a_loss_have_panels_of_their_own(monkeypatch):
    found = []
    monkeypatch.setattr(figures, "_save", lambda figure, path: found.append(figure))
    accuracy = {"accuracy": [0.5, 0.9], "val_accuracy": [0.4, 0.8], "seconds": [1.0, 1.0]}
    figures.loss_curves(
        {"head": HISTORY | accuracy, "everything": HISTORY | accuracy}, Path("a.png"), "title"
    )
    parts = {"kl_loss": [0.0, 2.0], "reconstruction_loss": [9.0, 5.0], "val_kl_loss": [1.0, 2.0]}
    figures.loss_curves({"autoencoder": HISTORY | parts}, Path("b.png"), "title")
    words = [[(axes.get_ylabel(), axes.get_yscale()) for axes in figure.axes] for figure in found]
    assert words[0] == 2 * [("loss", "log")] + 2 * [("accuracy", "linear")]
    assert words[1] == [
        ("loss", "log"),
        ("reconstruction", "log"),
        ("KL divergence", "linear"),
    ]  # 0 has no logarithm
    assert [list(line.get_ydata()) for line in found[0].axes[2].lines] == [[0.5, 0.9], [0.4, 0.8]]
    assert [len(axes.lines) for axes in found[1].axes] == [2, 1, 2]  # no validation, no line


@pytest.mark.parametrize("classes", [2, 30])
def test_confusion(classes):
    figures.confusion(np.eye(classes, dtype=int) * 7, tuple(map(str, range(classes))), Path("a.png"), "title")
    drawn("a.png")


@pytest.mark.parametrize("count", [1, 7])
def test_predictions(count):
    figures.predictions(
        sample_files.shapes(count, channels=1)[0], ["a, not b 99%"] * count, Path("a.png"), "title"
    )
    drawn("a.png")


def test_comparison():
    figures.comparison(
        {"kernels": [("8", 0.3), ("16", 0.1)], "layers": [("2", 0.1), ("3", 0.3)]}, "test_mse", Path("a.png")
    )
    many = {f"number {place}": [("8", 0.3), ("16", 0.1)] for place in range(9)}
    figures.comparison(many, "test_mse", Path("many.png"))
    assert drawn("many.png").shape[1] == 2 * drawn("a.png").shape[1]


def test_numbers_stand_where_they_belong(monkeypatch):
    found = []
    monkeypatch.setattr(figures, "_save", lambda figure, path: found.append(figure))
    rates = [(f"{0.001 * 1.3**n:.4g}", n / 10) for n in range(10)]
    others = {"kernels": [("8", 0.1), ("16", 0.2), ("64", 0.3)], "activation": [("relu", 0.1), ("silu", 0.2)]}
    figures.comparison({"learning_rate": rates, **others}, "test_mse", Path("a.png"))
    rate, kernels, words = (axes for axes in found[0].axes if axes.get_xlabel())
    assert [rate.get_xscale(), kernels.get_xscale(), words.get_xscale()] == ["log", "linear", "linear"]
    assert len(rate.get_xticks()) != len(rates)
    assert [list(axes.get_xticks()) for axes in (kernels, words)] == [[8, 16, 64], [0, 1]]
    assert list(kernels.lines[0].get_xdata()) == [8, 16, 64]
    assert [label.get_text() for label in words.get_xticklabels()] == ["relu", "silu"]
    figures.comparison({"kernels": [(f"{n},{n}", n) for n in range(9)]}, "test_mse", Path("a.png"))
    assert len(found[1].axes[0].get_xticks()) == 9


def test_rows_of_images_of_any_proportions():
    images = sample_files.shapes(4, channels=1)[0]
    wide = np.concatenate([images, images, images], axis=2)
    figures.image_rows(
        [("one", wide), ("two", wide), ("one", wide)], Path("a.png"), "a title that is much too long " * 9
    )
    assert drawn("a.png").shape[1] > drawn("a.png").shape[0]


@pytest.mark.parametrize("ticks", [(), ("-1", "0", "1", "2", "3")])
def test_a_sheet_keeps_the_order_of_its_images(ticks):
    shades = (np.arange(10, dtype=np.uint8) * 25).reshape(10, 1, 1, 1)
    figures.sheet(np.broadcast_to(shades, (10, 8, 8, 1)), 5, Path("a.png"), "title", ticks)
    gray = drawn("a.png").mean(axis=2)
    rows = [row for row in gray if set(range(0, 250, 25)) & set(row.astype(int).tolist())]
    assert rows
    first = [int(value) for value in rows[len(rows) // 4] if value in range(0, 125, 25)]
    assert first == sorted(first)


def test_the_latent_space_with_and_without_labels():
    points = np.random.default_rng(0).normal(size=(30, 2))
    views = {"PCA": points, "t-SNE": points[:, ::-1]}
    figures.latent_space(views, None, (), Path("plain.png"), "title")
    figures.latent_space(views, np.arange(30) % 3, ("a", "b", "c"), Path("classes.png"), "title")
    colors = {tuple(pixel) for pixel in drawn("classes.png").reshape(-1, 3).tolist()}
    assert len(colors) > len({tuple(pixel) for pixel in drawn("plain.png").reshape(-1, 3).tolist()})


def test_probes():
    rows = [
        {"method": method, "weights": weights, "labels": labels, "test_accuracy": 0.5}
        for method in ("linear probe", "fine-tuned")
        for weights in ("this encoder", "random weights")
        for labels in (10, 100)
    ]
    figures.probes(rows, Path("a.png"), "title")
    drawn("a.png")


def test_there_is_nothing_between_images_of_errors():
    images = np.random.default_rng(0).random((3, 4, 5))
    joined = figures._side_by_side(images)
    assert joined.shape == (4, 3 * 5 + 2)
    np.testing.assert_array_equal(joined[:, 6:11].filled(9), images[1])
    assert joined[:, [5, 11]].mask.all()
    assert not joined[:, [5, 11]].data.any()  # in memory that nobody has written to there may be anything
