"""python -m pytest tests/evaluation/test_baselines.py"""

import numpy as np
import pytest

from lib.config.hyperparameters import Hyperparameters
from lib.data import datasets
from lib.evaluation import baselines
from lib.models import pca
from lib.training.batches import Batches
from tests.evaluation.test_metrics import colored, float_images


def test_baselines_against_their_definitions(dataset):
    found = baselines.autoencoder_baselines(dataset, Hyperparameters(), 3)
    train, test = (float_images(part).reshape(len(part), -1) for part in (dataset.train, dataset.test))
    assert found["constant_mse"] == pytest.approx(np.square(test - train.mean(axis=0)).mean(), rel=1e-4)
    centered = train - train.mean(axis=0)
    axes = np.linalg.svd(centered, full_matrices=False)[2][:3]
    off = test - train.mean(axis=0)
    assert found["pca_mse"] == pytest.approx(np.square(off - off @ axes.T @ axes).mean(), rel=1e-3)
    assert found["pca_components"] == 3
    assert set(found) == {"constant_mse", "constant_psnr", "pca_mse", "pca_psnr", "pca_components"}


def test_large_images_have_their_axes_from_the_images_themselves(dataset, monkeypatch):
    found = baselines.autoencoder_baselines(dataset, Hyperparameters(), 3)
    monkeypatch.setattr(pca, "MAX_COVARIANCE", 100)
    assert baselines.autoencoder_baselines(dataset, Hyperparameters(), 3) == pytest.approx(found, rel=1e-4)


def test_the_noisy_input_is_a_baseline_of_denoising(dataset):
    hp = Hyperparameters(task="denoise", noise=0.4)
    found = baselines.autoencoder_baselines(dataset, hp, 3)
    noisy, clean = Batches(dataset.test, 512, hp)[0]
    assert found["input_mse"] == pytest.approx(np.square(noisy - clean).mean(), rel=1e-4)
    assert found["pca_mse"] < found["input_mse"]


def test_baselines_of_colorization():
    dataset = colored(400)
    rgb = baselines.autoencoder_baselines(dataset, Hyperparameters(task="colorize"), 3)
    test = float_images(dataset.test)
    assert rgb["input_mse"] == pytest.approx(
        np.square(test - (test @ [0.299, 0.587, 0.114])[..., None]).mean(), rel=1e-4
    )
    assert rgb["mean_color_mse"] == pytest.approx(
        rgb["input_mse"], rel=0.05
    )  # colors drawn at random have no mean
    uv = baselines.autoencoder_baselines(dataset, Hyperparameters(task="colorize", color_space="yuv"), 3)
    luma = test @ [0.299, 0.587, 0.114]
    differences = np.stack([0.492 * (test[..., 2] - luma), 0.877 * (test[..., 0] - luma)], axis=-1)
    assert uv["input_mse"] == pytest.approx(np.square(differences).mean(), rel=1e-4)
    assert "input_psnr" not in uv  # UV are no image


def test_baselines_of_the_missing_half(dataset):
    hp = Hyperparameters(task="complete", missing="bottom")
    found = baselines.autoencoder_baselines(dataset, hp, 3)
    given = {
        name: float_images(part).reshape(len(part), -1)
        for name, part in (("train", dataset.train), ("test", dataset.test))
    }
    (known, wanted), (new, hidden) = ((flat[:, :60], flat[:, 60:]) for flat in given.values())
    assert found["constant_mse"] == pytest.approx(np.square(hidden - wanted.mean(axis=0)).mean(), rel=1e-4)
    off, aim = known - known.mean(axis=0), wanted - wanted.mean(axis=0)
    weights = np.linalg.solve(off.T @ off + np.eye(60), off.T @ aim)
    predicted = (new - known.mean(axis=0)) @ weights + wanted.mean(axis=0)
    assert found["ridge_mse"] == pytest.approx(np.square(hidden - predicted).mean(), rel=1e-3)
    upside_down = float_images(dataset.test)[:, :6][:, ::-1].reshape(len(hidden), -1)
    assert found["mirror_mse"] == pytest.approx(np.square(hidden - upside_down).mean(), rel=1e-4)
    nearest = np.argsort(((new[:, None] - known) ** 2).sum(axis=-1), axis=1)[:, :15]
    assert found["neighbors_mse"] == pytest.approx(
        np.square(hidden - wanted[nearest].mean(axis=1)).mean(), rel=1e-3
    )


def test_a_code_as_large_as_the_image_makes_pca_perfect():
    wide = datasets.load_dataset(Hyperparameters(dataset="digits", limit=900, seed=1))
    found = baselines.autoencoder_baselines(wide, Hyperparameters(), 5000)
    assert (found["pca_mse"], found["pca_psnr"]) == (0, None) or found["pca_components"] < 784


def test_pca_cannot_have_more_components_than_images(dataset):
    assert baselines.autoencoder_baselines(dataset, Hyperparameters(), 100)["pca_components"] == len(
        dataset.train
    )


def test_classifier_baselines(dataset):
    found = baselines.classifier_baselines(dataset, Hyperparameters())
    assert found["most_frequent_accuracy"] == pytest.approx(1 / 3, abs=0.05)
    assert found["logistic_regression_accuracy"] == 1
    assert found["nearest_neighbors_accuracy"] == 1
    assert found["images_learned_from"] == len(dataset.train)
