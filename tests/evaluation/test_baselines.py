"""Tests of baselines against their definitions. python -m pytest tests/evaluation/test_baselines.py"""

import dataclasses
import sys

import numpy as np
import pytest
from scipy.ndimage import median_filter

from lib.config.hyperparameters import AutoencoderHyperparameters
from lib.data import datasets
from lib.data.formats.base import Images
from lib.data.splits import Subset
from lib.evaluation import baselines
from lib.models import pca
from lib.tasks import image_filters
from lib.tasks.image_filters import median
from lib.training.batches import Batches
from tests.evaluation.test_metrics import colored, float_images


def test_baselines_against_their_definitions(dataset):
    scores = baselines.autoencoder_baselines(dataset, AutoencoderHyperparameters(), 3)
    train, test = (float_images(subset).reshape(len(subset), -1) for subset in (dataset.train, dataset.test))
    assert scores["constant_mse"] == pytest.approx(np.square(test - train.mean(axis=0)).mean(), rel=1e-4)
    centered = train - train.mean(axis=0)
    axes = np.linalg.svd(centered, full_matrices=False)[2][:3]
    deviations = test - train.mean(axis=0)
    assert scores["pca_mse"] == pytest.approx(
        np.square(deviations - deviations @ axes.T @ axes).mean(), rel=1e-3
    )
    assert scores["pca_components"] == 3
    metrics = ("mse", "psnr", "psnr_per_image", "psnr_spread", "ssim")
    keys = {f"{method}_{key}" for method in ("constant", "pca") for key in metrics}
    assert set(scores) == keys | {"pca_components"}


def test_pca_of_large_images_without_their_covariance(dataset, monkeypatch):
    scores = baselines.autoencoder_baselines(dataset, AutoencoderHyperparameters(), 3)
    monkeypatch.setattr(pca, "MAX_COVARIANCE", 100)
    assert baselines.autoencoder_baselines(dataset, AutoencoderHyperparameters(), 3) == pytest.approx(
        scores, rel=1e-4
    )


def test_the_noisy_input_is_a_baseline_of_denoising(dataset):
    hp = AutoencoderHyperparameters(task="denoise", noise=0.4)
    scores = baselines.autoencoder_baselines(dataset, hp, 3)
    noisy, clean = Batches(dataset.test, 512, hp)[0]
    assert scores["input_mse"] == pytest.approx(np.square(noisy - clean).mean(), rel=1e-4)
    assert scores["pca_mse"] < scores["input_mse"]


@pytest.fixture
def photos(monkeypatch) -> datasets.Dataset:
    monkeypatch.setattr(image_filters, "TUNING_PIXELS", 4 * 32 * 32)
    return datasets.load_dataset(AutoencoderHyperparameters(dataset="photos", limit=100))


def test_filters_remove_noise_and_are_scored_on_a_sample(photos, monkeypatch):
    hp, dataset = AutoencoderHyperparameters(task="denoise", noise=0.2), photos
    scores = baselines.autoencoder_baselines(dataset, hp, 3)
    assert scores["non_local_means_psnr"] > scores["input_psnr"] + 2
    assert "non_local_means_images" not in scores
    monkeypatch.setattr(image_filters, "MAX_PIXELS", 5 * 32 * 32)
    sampled = baselines.autoencoder_baselines(photos, hp, 3)
    assert sampled["non_local_means_images"] == 5
    assert sampled["non_local_means_psnr"] == pytest.approx(scores["non_local_means_psnr"], abs=3)


@pytest.mark.parametrize(
    ("degrade", "inputs"), [("jpeg:10", "input"), ("downscale:2,gaussian:0.1", "bicubic")]
)
def test_baselines_of_restoration(photos, degrade, inputs):
    hp, dataset = AutoencoderHyperparameters(task="restore", degrade=degrade), photos
    scores = baselines.autoencoder_baselines(dataset, hp, 3)
    methods = {key.removesuffix("_mse") for key in scores if key.endswith("_mse")}
    assert methods == {inputs, "median", "bilateral", "non_local_means"}
    degraded, clean = Batches(dataset.test, 512, hp)[0]
    assert scores[f"{inputs}_mse"] == pytest.approx(np.square(degraded - clean).mean(), rel=1e-4)
    filtered = np.stack([median_filter(image[..., 1], 3) for image in degraded])
    outputs = median.fit(None)(degraded)[..., 1]
    np.testing.assert_array_equal(outputs, filtered)
    assert scores["non_local_means_mse"] < scores[f"{inputs}_mse"]


def test_filters_without_scikit_image_are_named(photos, monkeypatch):
    monkeypatch.setitem(sys.modules, "skimage.restoration", None)
    notes: list[str] = []
    hp = AutoencoderHyperparameters(task="restore")
    scores = baselines.autoencoder_baselines(photos, hp, 3, note=notes.append)
    assert "median_mse" in scores
    assert "non_local_means_mse" not in scores
    assert notes == [
        f"{name} is skipped as a baseline: it requires pip install scikit-image PyWavelets"
        for name in ("the bilateral filter", "non-local means")
    ]


def test_flat_images_have_no_noise_to_estimate(photos):
    flat = Subset(Images(np.full((30, 7, 5, 2), 128, np.uint8)), np.arange(30))
    dataset = dataclasses.replace(photos, train=flat, validation=flat, test=flat)
    hp = AutoencoderHyperparameters(task="restore", degrade="jpeg:50")
    scores = baselines.autoencoder_baselines(dataset, hp, 3)
    assert scores["non_local_means_mse"] == pytest.approx(0, abs=1e-4)
    assert scores["bilateral_mse"] == pytest.approx(0, abs=1e-4)


def test_baselines_of_colorization():
    dataset = colored(400)
    rgb = baselines.autoencoder_baselines(dataset, AutoencoderHyperparameters(task="colorize"), 3)
    test = float_images(dataset.test)
    assert rgb["input_mse"] == pytest.approx(
        np.square(test - (test @ [0.299, 0.587, 0.114])[..., None]).mean(), rel=1e-4
    )
    assert rgb["mean_color_mse"] == pytest.approx(
        rgb["input_mse"], rel=0.05
    )  # colors drawn at random have no mean
    uv = baselines.autoencoder_baselines(
        dataset, AutoencoderHyperparameters(task="colorize", color_space="yuv"), 3
    )
    luma = test @ [0.299, 0.587, 0.114]
    differences = np.stack([0.492 * (test[..., 2] - luma), 0.877 * (test[..., 0] - luma)], axis=-1)
    assert uv["input_mse"] == pytest.approx(np.square(differences).mean(), rel=1e-4)
    for metric in ("psnr", "psnr_per_image", "psnr_spread", "ssim"):  # of RGB in both color spaces
        assert uv[f"input_{metric}"] == pytest.approx(rgb[f"input_{metric}"], abs=1e-3)


def test_baselines_of_the_missing_half(dataset):
    hp = AutoencoderHyperparameters(task="complete", missing="bottom")
    scores = baselines.autoencoder_baselines(dataset, hp, 3)
    train, test = (float_images(subset).reshape(len(subset), -1) for subset in (dataset.train, dataset.test))
    (inputs, targets), (test_inputs, test_targets) = ((rows[:, :60], rows[:, 60:]) for rows in (train, test))
    assert scores["constant_mse"] == pytest.approx(
        np.square(test_targets - targets.mean(axis=0)).mean(), rel=1e-4
    )
    x, y = inputs - inputs.mean(axis=0), targets - targets.mean(axis=0)
    weights = np.linalg.solve(x.T @ x + np.eye(60), x.T @ y)
    predicted = (test_inputs - inputs.mean(axis=0)) @ weights + targets.mean(axis=0)
    assert scores["ridge_mse"] == pytest.approx(np.square(test_targets - predicted).mean(), rel=1e-3)
    upside_down = float_images(dataset.test)[:, :6][:, ::-1].reshape(len(test_targets), -1)
    assert scores["mirror_mse"] == pytest.approx(np.square(test_targets - upside_down).mean(), rel=1e-4)
    nearest = np.argsort(((test_inputs[:, None] - inputs) ** 2).sum(axis=-1), axis=1)[:, :15]
    assert scores["neighbors_mse"] == pytest.approx(
        np.square(test_targets - targets[nearest].mean(axis=1)).mean(), rel=1e-3
    )


def test_a_code_as_large_as_the_image_makes_pca_perfect():
    large = datasets.load_dataset(AutoencoderHyperparameters(dataset="digits", limit=900, seed=1))
    scores = baselines.autoencoder_baselines(large, AutoencoderHyperparameters(), 5000)
    assert (scores["pca_mse"], scores["pca_psnr"]) == (0, None) or scores["pca_components"] < 784


def test_pca_cannot_have_more_components_than_images(dataset):
    assert baselines.autoencoder_baselines(dataset, AutoencoderHyperparameters(), 100)[
        "pca_components"
    ] == len(dataset.train)


def test_classifier_baselines(dataset):
    scores = baselines.classifier_baselines(dataset, AutoencoderHyperparameters())
    assert scores["most_frequent_accuracy"] == pytest.approx(1 / 3, abs=0.05)
    assert scores["logistic_regression_accuracy"] == 1
    assert scores["nearest_neighbors_accuracy"] == 1
    assert scores["images_learned_from"] == len(dataset.train)
