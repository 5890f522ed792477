"""Conditional autoencoders in training and in jobs. python -m pytest tests/worker/test_conditional.py"""

import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lib.common.errors import UserError
from lib.config.hyperparameters import AutoencoderHyperparameters
from lib.data.user_images import UserImages
from lib.evaluation import compression
from lib.evaluation.compression import compression_scores
from lib.models import inference
from lib.models.saving.model_files import load_model
from lib.tasks.pixels import to_float
from lib.training.batches import Batches, images_of
from lib.worker.evaluate_messages import Evaluate
from lib.worker.explore_messages import Explore
from lib.worker.generate_messages import Generate
from lib.worker.image_labels import ModelClasses
from lib.worker.messages import Encode
from tests.harness import sample_files
from tests.worker.test_exploration import page_data
from tests.worker.test_model_jobs import CLASSES, run_job, save_autoencoder, save_classifier
from tests.worker.test_training_jobs import run


@pytest.fixture
def labeled(tmp_path) -> str:
    """A data set of 60 images of three classes, without names."""
    images, labels = sample_files.shapes(60)
    np.savez("all.npz", images=images, labels=labels)
    return "all.npz"


def labels_of(folder: str) -> list[str]:
    with open(f"{folder}/labels.csv", newline="", encoding="utf-8") as file:
        return [row["class"] for row in csv.DictReader(file)]


def read_pixels(folder: str) -> np.ndarray:
    files = sorted(Path(folder).glob("[0-9]*.png"))
    return np.stack([np.asarray(Image.open(file)) for file in files])


def test_batches_have_labels_as_inputs(dataset):
    hp = AutoencoderHyperparameters(conditional=True, layers=1, kernels=2)
    inputs, targets = Batches(dataset.train, 7, hp)[0]
    np.testing.assert_array_equal(inputs[1], dataset.train.labels[:7])
    np.testing.assert_array_equal(images_of(inputs), targets)
    assert images_of(targets) is targets


def test_a_trained_decoder_draws_the_class_of_the_label(labeled, unrendered):
    values = dict(conditional=True, regularization="kl", beta=4, latent_dim=2, layers=1, kernels=8)
    run("ae", in_graphs=True, dataset=labeled, epochs=60, batch_size=16, learning_rate=0.01, **values)
    images, labels = sample_files.shapes(60)
    means = np.stack([to_float(images[labels == label]).mean(axis=0) for label in range(3)])
    run_job(Generate, ["ae/autoencoder.h5"], labels=("2", "0", "1"), count=30, output="out")
    drawn = np.array(labels_of("out"), int)
    assert drawn.tolist() == [2, 0, 1] * 10
    samples = to_float(read_pixels("out"))
    distances = np.square(samples[:, None] - means).mean(axis=(2, 3))
    assert (distances.argmin(axis=1) == drawn).mean() > 0.9  # a decoder that ignores labels reaches 0.33


@pytest.mark.parametrize("sampler", ["prior", "mixture"])
def test_samples_are_of_the_classes_that_are_named(labeled, sampler):
    models = save_autoencoder(conditional=True, regularization="kl", latent_dim=3)
    result = run_job(
        Generate, models, labels=("bottom", "0"), sampler=sampler, count=6, data=labeled, output="out"
    )
    assert labels_of("out") == result.classes == ["bottom", "left"] * 3
    assert result.columns == 12
    assert "labels.csv" in result.files
    codes, decoder = np.load("out/codes.npy"), load_model(Path("ae/decoder.h5"))
    expected = inference.predict(decoder, codes, np.array([2, 0] * 3))
    np.testing.assert_allclose(to_float(read_pixels("out")), expected[..., 0], atol=1 / 255)


def test_without_classes_samples_take_turns_in_all_of_them():
    models = save_autoencoder(conditional=True, regularization="kl", latent_dim=3)
    run_job(Generate, models, count=7, output="out")
    assert labels_of("out") == [*CLASSES, *CLASSES, CLASSES[0]]


def test_a_mixture_is_fitted_on_the_codes_of_the_class(labeled, monkeypatch):
    models, fitted = save_autoencoder(conditional=True, latent_dim=3), []
    monkeypatch.setattr(
        "lib.evaluation.latent_space.sample_mixture",
        lambda codes, count, seed: fitted.append(codes) or codes[:count],
    )
    run_job(Generate, models, labels=("1", "1"), count=4, data=labeled, output="out")
    images, labels = sample_files.shapes(60)
    encoder = load_model(Path("ae/encoder.h5"))
    of_class = to_float(images[labels == 1][..., None])
    expected = encoder.predict([of_class, np.ones(len(of_class))], verbose=0)
    np.testing.assert_allclose(np.sort(fitted[0], axis=0), np.sort(expected, axis=0), atol=1e-5)


@pytest.mark.parametrize("option", [{"grid": 3}, {"between": ("a.png", "b.png")}])
def test_a_grid_and_an_interpolation_are_of_one_class(option):
    for name, image in zip("ab", sample_files.shapes(2)[0], strict=True):
        Image.fromarray(image).save(f"{name}.png")
    models = save_autoencoder(conditional=True, regularization="kl", latent_dim=2)
    with pytest.raises(UserError, match="requires one class: set --label to one of left, middle, bottom"):
        run_job(Generate, models, output="out", **option)
    result = run_job(Generate, models, labels=("middle",), output="out", **option)
    assert result.how.endswith(", class middle")
    assert set(labels_of("out")) == {"middle"}


def test_codes_are_those_of_images_with_their_labels(labeled):
    models = save_autoencoder(conditional=True, latent_dim=3)
    run_job(Encode, models, data=labeled, output="codes.npz")
    images, labels = sample_files.shapes(60)
    encoder = load_model(Path("ae/encoder.h5"))
    expected = encoder.predict([to_float(images[..., None]), labels.astype(int)], verbose=0)
    np.testing.assert_allclose(np.load("codes.npz")["codes"], expected, atol=1e-5)


def test_the_evaluation_and_the_page_of_a_conditional_model(labeled):
    save_classifier()
    models = save_autoencoder(conditional=True, regularization="kl", latent_dim=3)
    options = {"data": labeled, "features": "classifier.h5", "samplers": ("prior", "mixture")}
    result = run_job(Evaluate, models, count=10, **options)
    assert {"reconstructions", "prior", "mixture"} <= {row.source for row in result.rows}
    page = run_job(Explore, models, data=labeled, projection=("pca",), output="page.html")
    assert page.count == 60
    assert page.decoded.endswith("decodes codes with a label; set --label")
    pictures = []
    for label in ("0", "1"):
        options = {"data": labeled, "projection": ("pca",), "output": f"{label}.html", "label": label}
        page = run_job(Explore, models, **options)
        assert page.is_decoded
        assert page.decoded.endswith(f"images, class {CLASSES[int(label)]}")
        content = page_data(f"{label}.html")
        assert content["decodedClass"] == CLASSES[int(label)]
        pictures.append(content["decoded"])
    assert pictures[0] != pictures[1]


def test_classes_of_folders_are_matched_by_their_names():
    images, labels = sample_files.shapes(9)
    for number, (image, label) in enumerate(zip(images, labels, strict=True)):
        folder = Path("own") / CLASSES[label]
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(folder / f"{number}.png")
    user_images = UserImages("own", (12, 10, 1))
    classes = ModelClasses(Path("m.h5"), 3, CLASSES)
    numbers = classes.of_images(user_images.labels, user_images.classes, "own")
    names = [path.parts[0] for path in user_images.paths]
    assert [CLASSES[number] for number in numbers] == names
    assert ModelClasses(Path("m.h5"), 2, CLASSES).names == ("0", "1")  # a file with other names


@pytest.mark.parametrize(
    ("names", "labels", "classes", "expected"),
    [
        (("a", "b", "c"), [2, 0], (), [2, 0]),
        (("a", "b", "c"), [1, 0], ("b", "c"), [2, 1]),
        (("1", "2", "3"), [3, 1], (), [2, 0]),  # numbers that are names
        (("1", "2", "3"), [0, 1], (), [0, 1]),
        (("1", "2", "3"), [2, 1], ("1", "2", "3"), [2, 1]),
        (("a", "a"), [0, 1], ("a", "a"), [0, 1]),
    ],
)
def test_labels_are_matched_by_names_where_there_are_any(names, labels, classes, expected):
    known = ModelClasses(Path("m.h5"), len(names), names)
    assert known.of_images(np.array(labels), classes, "data").tolist() == expected


@pytest.mark.parametrize(
    "option", [{"continues": "ae"}, pytest.param({"begin_with": "ae"}, marks=pytest.mark.slow)]
)
def test_a_conditional_run_takes_the_weights_of_both_embeddings(labeled, unrendered, option):
    values = dict(conditional=True, latent_dim=2, layers=1, kernels=2, dataset=labeled, batch_size=16)
    run("ae", epochs=1, learning_rate=0.01, **values)
    run("next", epochs=1, learning_rate=1e-9, **values, **option)
    for part in ("encoder", "decoder"):
        before, after = (
            load_model(Path(folder, f"{part}.h5")).get_layer(f"label_values_{part}").get_weights()[0]
            for folder in ("ae", "next")
        )
        np.testing.assert_allclose(before, after, atol=1e-5)


def test_classes_that_do_not_occur_are_not_generated(unrendered):
    images, labels = sample_files.shapes(60)
    np.savez("gaps.npz", images=images, labels=np.array([0, 2, 5])[labels])
    _, events = run("ae", dataset="gaps.npz", conditional=True, latent_dim=2, layers=1, kernels=2, epochs=1)
    run_job(Generate, ["ae/autoencoder.h5"], data="gaps.npz", count=6, output="out")
    assert labels_of("out") == ["0", "2", "5"] * 2
    assert events[-1].views["samples"].captions[:6] == ["0", "2", "5"] * 2


def test_bits_per_pixel_include_the_label(dataset, monkeypatch):
    hp = AutoencoderHyperparameters(conditional=True, latent_dim=4, quantize="4", layers=1, kernels=2)
    save_autoencoder(conditional=True, latent_dim=4, quantize="4")
    parts = [load_model(Path(f"ae/{part}.h5")) for part in ("encoder", "decoder")]
    bits = compression_scores(*parts, dataset, hp)["test_bits_per_pixel"]
    monkeypatch.setattr(compression, "symbol_bits", lambda known, stored: 0.0)
    without = compression_scores(*parts, dataset, hp)["test_bits_per_pixel"]
    assert (bits - without) * 12 * 10 == pytest.approx(np.log2(3), abs=0.2)  # three classes, equally often
