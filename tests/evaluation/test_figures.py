"""Tests of the plots. python -m pytest tests/evaluation/test_figures.py"""

from pathlib import Path

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from PIL import Image

from lib.evaluation import figures, image_figures, latent_space
from tests.harness import sample_files

HISTORY = {"loss": [0.5, 0.2], "val_loss": [0.6, 0.3]}


def read_pixels(path: str) -> np.ndarray:
    """The pixels of a figure, which must not be blank."""
    pixels = np.asarray(Image.open(path).convert("RGB"))
    assert pixels.std() > 5
    return pixels


@pytest.mark.parametrize("channels", [1, 3])
def test_reconstructions(channels):
    images, _ = sample_files.shapes(5, channels=channels)
    image_figures.plot_reconstructions({"output": images, "target": 255 - images}, Path("a.png"), "title")
    assert read_pixels("a.png").shape[1] > read_pixels("a.png").shape[0]


def test_inputs_that_are_not_the_targets_have_their_own_row():
    images, _ = sample_files.shapes(5)
    pair = {"output": images[..., None], "target": 255 - images[..., None]}
    image_figures.plot_reconstructions(pair, Path("two.png"), "title")
    image_figures.plot_reconstructions({"input": images[..., None]} | pair, Path("three.png"), "title")
    assert read_pixels("three.png").shape[0] > read_pixels("two.png").shape[0]


def test_names_of_many_rows_are_whole(monkeypatch):
    """Those of `noise.png`, thirteen rows, and the longest that is not shortened."""
    images, saved = sample_files.shapes(6)[0][..., None], []
    monkeypatch.setattr(image_figures, "save", lambda figure, path: saved.append(figure))
    for names in (["input, noise 0.1", "before training", "after training"] * 4, ["W" * 40]):
        image_figures.plot_image_rows([(name, images) for name in names], Path("a.png"), "a title " * 20)
    for figure in saved:
        renderer = FigureCanvasAgg(figure).get_renderer()
        names = [text for text in figure.texts if text is not figure._suptitle]
        boxes = [text.get_window_extent(renderer) for text in names]
        panels = [axes.get_window_extent(renderer) for axes in figure.axes]
        assert min(box.x0 for box in boxes) >= 0
        assert max(box.y1 for box in panels) < figure._suptitle.get_window_extent(renderer).y0
        assert all(box.x1 <= panel.x0 for box, panel in zip(boxes, panels, strict=True))


@pytest.mark.parametrize(
    ("losses", "ticks"),
    [
        ([0.0214, 0.0097], ["0.01", "0.015", "0.02"]),
        ([0.0106, 0.0098], ["0.0098", "0.01", "0.0102", "0.0104", "0.0106"]),
        ([0.5, 0.03], ["0.05", "0.1", "0.2", "0.5"]),
        ([0.9, 0.0007], ["0.001", "0.01", "0.1", "1"]),
    ],
)
def test_losses_stand_at_round_numbers(monkeypatch, losses, ticks):
    saved = []
    monkeypatch.setattr(figures, "save", lambda figure, path: saved.append(figure))
    figures.plot_loss_curves({"training": {"loss": losses}}, Path("a.png"), "title")
    (axes,) = saved[0].axes
    low, high = axes.get_ylim()
    saved[0].canvas.draw()
    texts = [label.get_text() for label in axes.get_yticklabels()]
    shown = [
        text for text, tick in zip(texts, axes.get_yticks(), strict=True) if low <= tick <= high and text
    ]
    assert shown == ticks
    figures.plot_loss_curves({"training": {"loss": losses[:1]}}, Path("a.png"), "title")
    assert list(saved[1].axes[0].get_xticks()) == [1]  # no epoch 0.96


def test_negative_losses_have_a_linear_axis():
    figures.plot_loss_curves({"training": {"loss": [1, -1], "val_loss": [2, 0]}}, Path("one.png"), "title")
    read_pixels("one.png")


def test_loss_curves_have_a_panel_per_phase():
    figures.plot_loss_curves({"training": HISTORY}, Path("one.png"), "title")
    figures.plot_loss_curves({"phase 1": HISTORY, "phase 2": HISTORY}, Path("two.png"), "title")
    assert read_pixels("two.png").shape[1] == 2 * read_pixels("one.png").shape[1]


def test_accuracy_and_parts_of_the_loss_have_their_own_panels(monkeypatch):
    saved = []
    monkeypatch.setattr(figures, "save", lambda figure, path: saved.append(figure))
    accuracy = {"accuracy": [0.5, 0.9], "val_accuracy": [0.4, 0.8], "seconds": [1.0, 1.0]}
    figures.plot_loss_curves(
        {"head": HISTORY | accuracy, "everything": HISTORY | accuracy}, Path("a.png"), "title"
    )
    parts = {"kl_loss": [0.0, 2.0], "reconstruction_loss": [9.0, 5.0], "val_kl_loss": [1.0, 2.0]}
    figures.plot_loss_curves({"autoencoder": HISTORY | parts}, Path("b.png"), "title")
    labels = [[(axes.get_ylabel(), axes.get_yscale()) for axes in figure.axes] for figure in saved]
    assert labels[0] == 2 * [("loss", "log")] + 2 * [("accuracy", "linear")]
    assert labels[1] == [
        ("loss", "log"),
        ("reconstruction", "log"),
        ("KL divergence", "linear"),
    ]  # 0 has no logarithm
    assert [list(line.get_ydata()) for line in saved[0].axes[2].lines] == [[0.5, 0.9], [0.4, 0.8]]
    assert [len(axes.lines) for axes in saved[1].axes] == [2, 1, 2]  # no validation, no line


@pytest.mark.parametrize("classes", [2, 30])
def test_confusion(classes):
    figures.plot_confusion_matrix(
        np.eye(classes, dtype=int) * 7, tuple(map(str, range(classes))), Path("a.png"), "title"
    )
    read_pixels("a.png")


@pytest.mark.parametrize("count", [1, 7])
def test_predictions(count):
    image_figures.plot_predictions(
        sample_files.shapes(count, channels=1)[0], ["a, not b 99%"] * count, Path("a.png"), "title"
    )
    read_pixels("a.png")


def test_comparison():
    figures.plot_run_comparison(
        {"kernels": [("8", 0.3), ("16", 0.1)], "layers": [("2", 0.1), ("3", 0.3)]}, "test_mse", Path("a.png")
    )
    many = {f"number {index}": [("8", 0.3), ("16", 0.1)] for index in range(9)}
    figures.plot_run_comparison(many, "test_mse", Path("many.png"))
    assert read_pixels("many.png").shape[1] == 2 * read_pixels("a.png").shape[1]


def test_numeric_hyperparameters_have_a_numeric_axis(monkeypatch):
    saved = []
    monkeypatch.setattr(figures, "save", lambda figure, path: saved.append(figure))
    rates = [(f"{0.001 * 1.3**n:.4g}", n / 10) for n in range(10)]
    others = {"kernels": [("8", 0.1), ("16", 0.2), ("64", 0.3)], "activation": [("relu", 0.1), ("silu", 0.2)]}
    figures.plot_run_comparison({"learning_rate": rates, **others}, "test_mse", Path("a.png"))
    rate, kernels, words = (axes for axes in saved[0].axes if axes.get_xlabel())
    assert [rate.get_xscale(), kernels.get_xscale(), words.get_xscale()] == ["log", "linear", "linear"]
    assert len(rate.get_xticks()) != len(rates)
    assert [list(axes.get_xticks()) for axes in (kernels, words)] == [[8, 16, 64], [0, 1]]
    assert list(kernels.lines[0].get_xdata()) == [8, 16, 64]
    assert [label.get_text() for label in words.get_xticklabels()] == ["relu", "silu"]
    figures.plot_run_comparison({"latent_dim": [("8", 0.1), ("16", 0.2)]}, "test_mse", Path("a.png"))
    assert saved.pop().axes[0].get_xlabel() == "latent size"
    figures.plot_run_comparison({"kernels": [(f"{n},{n}", n) for n in range(9)]}, "test_mse", Path("a.png"))
    assert len(saved[1].axes[0].get_xticks()) == 9


def test_image_rows_of_any_proportions():
    images = sample_files.shapes(4, channels=1)[0]
    wide = np.concatenate([images, images, images], axis=2)
    image_figures.plot_image_rows(
        [("one", wide), ("two", wide), ("one", wide)], Path("a.png"), "a title that is much too long " * 9
    )
    assert read_pixels("a.png").shape[1] > read_pixels("a.png").shape[0]


@pytest.mark.parametrize("ticks", [(), ("-1", "0", "1", "2", "3")])
def test_an_image_sheet_keeps_the_order_of_its_images(ticks):
    shades = (np.arange(10, dtype=np.uint8) * 25).reshape(10, 1, 1, 1)
    image_figures.plot_image_sheet(np.broadcast_to(shades, (10, 8, 8, 1)), 5, Path("a.png"), "title", ticks)
    gray = read_pixels("a.png").mean(axis=2)
    rows = [row for row in gray if set(range(0, 250, 25)) & set(row.astype(int).tolist())]
    assert rows
    first = [int(value) for value in rows[len(rows) // 4] if value in range(0, 125, 25)]
    assert first == sorted(first)


def test_latent_space_with_and_without_labels():
    points = np.random.default_rng(0).normal(size=(30, 2))
    views = {"PCA": points, "t-SNE": points[:, ::-1]}
    figures.plot_latent_space(views, None, (), Path("plain.png"), "title")
    figures.plot_latent_space(views, np.arange(30) % 3, ("a", "b", "c"), Path("classes.png"), "title")
    colors = {tuple(pixel) for pixel in read_pixels("classes.png").reshape(-1, 3).tolist()}
    assert len(colors) > len({tuple(pixel) for pixel in read_pixels("plain.png").reshape(-1, 3).tolist()})


def test_a_code_of_two_values_is_plotted_along_its_dimensions(monkeypatch):
    saved = []
    monkeypatch.setattr(figures, "save", lambda figure, path: saved.append(figure))
    views = latent_space.project_to_2d(np.random.default_rng(0).normal(size=(9, 2)), 0)
    figures.plot_latent_space(views, None, (), Path("a.png"), "title")
    assert [axes.get_xlabel() for axes in saved[0].axes] == ["first latent dimension", "first axis"]


def test_probes():
    rows = [
        {"method": method, "weights": weights, "labels": labels, "test_accuracy": 0.5}
        for method in ("linear probe", "fine-tuned")
        for weights in ("this encoder", "random weights")
        for labels in (10, 100)
    ]
    figures.plot_probe_accuracies(rows, Path("a.png"), "title")
    read_pixels("a.png")


def test_gaps_between_error_images_are_masked():
    images = np.random.default_rng(0).random((3, 4, 5))
    joined = image_figures._join_row(images)
    assert joined.shape == (4, 3 * 5 + 2)
    np.testing.assert_array_equal(joined[:, 6:11].filled(9), images[1])
    assert joined[:, [5, 11]].mask.all()
    assert not joined[:, [5, 11]].data.any()  # uninitialized memory could hold anything


NAMES = ("\ud800\x1b[2J\0", r"$\frac{_^$", "x" * 500_000, "=1\n2")


@pytest.mark.parametrize("name", NAMES)
def test_names_from_files_are_drawn_as_they_are(name, recwarn):
    images = np.zeros((2, 8, 8, 1), np.uint8)
    names = (name, "b")
    figures.plot_confusion_matrix(np.ones((2, 2), int), names, Path("a.png"), name)
    figures.plot_latent_space({"p": np.eye(2)}, np.array([0, 1]), names, Path("b.png"), name)
    image_figures.plot_predictions(images, list(names), Path("c.png"), name)
    image_figures.plot_image_rows([(name, images) for name in names], Path("d.png"), name)
    figures.plot_run_comparison({name: [(value, 1.0) for value in names]}, name, Path("e.png"))
    for file in ("a", "b", "c", "d", "e"):
        width, height = Image.open(f"{file}.png").size
        assert max(width, height) < 3000
