"""Tests of scores against their definitions. python -m pytest tests/evaluation/test_metrics.py"""

import keras
import numpy as np
import pytest

from lib.config import architecture_planner
from lib.config.hyperparameters import AutoencoderHyperparameters
from lib.data import datasets, splits
from lib.evaluation import metrics as evaluation_metrics
from lib.evaluation.metrics import autoencoder_metrics, classifier_metrics
from lib.models import autoencoder
from lib.models.training_model import build_training_model
from lib.tasks.metrics import psnr
from lib.training import phases


def float_images(subset: splits.Subset) -> np.ndarray:
    """All images of a subset as float64 in 0..1."""
    return subset.take(slice(None)).astype(float) / 255


def colored(count: int = 40) -> datasets.Dataset:
    """A data set of random color images."""
    np.save("color.npy", np.random.default_rng(0).integers(0, 256, (count, 6, 5, 3), dtype=np.uint8))
    return datasets.load_dataset(AutoencoderHyperparameters(dataset="color.npy"))


def test_psnr():
    assert psnr(0.01) == pytest.approx(20)
    assert psnr(0) is None


class FunctionModel:
    """A model whose outputs are a function of its inputs."""

    def __init__(self, function):
        self.predict_on_batch = function


def test_scores_of_a_model_with_gray_outputs(dataset):
    model = FunctionModel(lambda inputs: np.full_like(inputs, 0.5))
    for loss, expected in (("mse", lambda e: e**2), ("mae", np.abs)):
        metrics = autoencoder_metrics(model, model, dataset.test, AutoencoderHyperparameters(loss=loss))
        errors = float_images(dataset.test) - 0.5
        assert metrics["test_mse"] == pytest.approx(np.square(errors).mean(), rel=1e-5)
        assert metrics["test_loss"] == pytest.approx(expected(errors).mean(), rel=1e-5)
        assert metrics["test_psnr"] == pytest.approx(-10 * np.log10(metrics["test_mse"]))
        assert "test_largest_channel_accuracy" not in metrics


def test_psnr_per_image_and_its_spread(dataset):
    """Equal images count as 100 dB; the others by their own error."""
    targets = float_images(dataset.test)
    shifts = np.where(np.arange(len(targets)) % 2, 0.1, 0.01)[:, None, None, None]
    shifts[0] = 0
    model = FunctionModel(lambda inputs: (targets + shifts).astype(np.float32))
    metrics = autoencoder_metrics(model, model, dataset.test, AutoencoderHyperparameters())
    values = [100] + [20 if index % 2 else 40 for index in range(1, len(targets))]
    assert metrics["test_psnr_per_image"] == pytest.approx(np.mean(values), abs=1e-3)
    assert metrics["test_psnr_spread"] == pytest.approx(np.std(values), abs=1e-3)


def test_similarity_and_its_window(dataset):
    model = FunctionModel(lambda inputs: inputs)
    metrics = autoencoder_metrics(model, model, dataset.test, AutoencoderHyperparameters())
    side = min(dataset.shape[:2])
    assert (metrics["test_ssim"], metrics.get("test_ssim_window", 11)) == (1, min(11, side - 1 + side % 2))
    assert ("test_ms_ssim" in metrics) == (side >= 22)


def test_only_the_missing_half_is_scored(dataset):
    hp = AutoencoderHyperparameters(task="complete", missing="right")
    model = FunctionModel(lambda inputs: np.full_like(inputs, 0.5))
    errors = float_images(dataset.test)[:, :, 5:] - 0.5
    metrics = autoencoder_metrics(model, model, dataset.test, hp)
    assert metrics["test_mse"] == pytest.approx(np.square(errors).mean(), rel=1e-5)


def test_colorization_is_scored_in_both_color_spaces():
    """Gray outputs have the same scores as RGB and as UV."""
    dataset = colored()
    outputs = {
        "rgb": lambda gray: np.repeat(gray, 3, axis=-1),
        "yuv": lambda gray: np.zeros((*gray.shape[:3], 2), np.float32),
    }
    scores = {}
    for space, output in outputs.items():
        hp = AutoencoderHyperparameters(task="colorize", color_space=space)
        scores[space] = autoencoder_metrics(FunctionModel(output), None, dataset.test, hp)
    rgb = float_images(dataset.test)
    luma = rgb @ [0.299, 0.587, 0.114]
    assert scores["rgb"]["test_mse"] == pytest.approx(np.square(rgb - luma[..., None]).mean(), rel=1e-4)
    assert scores["yuv"]["test_rgb_mse"] == pytest.approx(scores["rgb"]["test_mse"], rel=1e-4)
    assert scores["rgb"]["test_uv_mse"] == pytest.approx(scores["yuv"]["test_mse"], rel=1e-4)
    assert scores["yuv"]["test_psnr"] == pytest.approx(scores["rgb"]["test_psnr"], abs=1e-3)


def test_largest_channel_accuracy_as_in_report_b():
    dataset = colored()
    hp = AutoencoderHyperparameters()
    right = autoencoder_metrics(FunctionModel(lambda inputs: inputs), None, dataset.test, hp)
    assert (right["test_largest_channel_accuracy"], right["test_mse"], right["test_psnr"]) == (1, 0, None)
    always_red = np.array([1, 0, 0], np.float32)
    red = autoencoder_metrics(FunctionModel(lambda x: np.zeros_like(x) + always_red), None, dataset.test, hp)
    share = (float_images(dataset.test).argmax(axis=-1) == 0).mean()
    assert red["test_largest_channel_accuracy"] == pytest.approx(share)


@pytest.mark.parametrize("label_weight", [0, 0.5])
def test_a_vae_is_scored_by_its_evidence_lower_bound(dataset, label_weight):
    hp = AutoencoderHyperparameters(
        regularization="kl", layers=1, kernels=2, latent_dim=2, beta=3, label_weight=label_weight
    )
    architecture = architecture_planner.plan_architecture(hp, dataset.shape)
    model = autoencoder.build_autoencoder(architecture)
    model.get_layer("encoder").get_layer("z_log_var").bias.assign(
        [-30, -30]
    )  # so that codes are drawn where the means are
    training_model = build_training_model(model, architecture, len(dataset.classes))
    phase = phases.autoencoder_phase(hp)
    training_model.compile("adam", phase.loss, loss_weights=phase.loss_weights)
    metrics = autoencoder_metrics(model, training_model, dataset.test, hp)
    assert metrics["test_negative_elbo"] == pytest.approx(metrics["test_reconstruction"] + metrics["test_kl"])
    assert metrics["test_loss"] == pytest.approx(metrics["test_reconstruction"] + 3 * metrics["test_kl"])
    pixels = float_images(dataset.test)
    outputs = keras.ops.convert_to_numpy(model(pixels))
    by_means = -(pixels * np.log(outputs) + (1 - pixels) * np.log(1 - outputs)).sum(axis=(1, 2, 3)).mean()
    assert metrics["test_reconstruction"] == pytest.approx(by_means, rel=1e-4)


def test_the_size_of_batches_does_not_change_the_scores(dataset, monkeypatch):
    hp = AutoencoderHyperparameters(
        regularization="mmd", layers=1, kernels=2, latent_dim=2, adversarial_weight=0.1
    )
    architecture = architecture_planner.plan_architecture(hp, dataset.shape)
    model = autoencoder.build_autoencoder(architecture)
    training_model = build_training_model(model, architecture)
    scores = []
    for size in (512, 19):  # 20 images: of the second one a last batch of one
        monkeypatch.setattr(evaluation_metrics, "BATCH_SIZE", size)
        scores.append(autoencoder_metrics(model, training_model, dataset.test, hp))
    for name in ("test_reconstruction", "test_patches_distinction", "test_mse"):
        assert scores[0][name] == pytest.approx(scores[1][name], rel=1e-4)
    assert scores[0]["test_loss"] == pytest.approx(
        scores[0]["test_reconstruction"] + hp.penalty_weight * scores[0]["test_mmd"]
    )


class Oracle:
    """A classifier that is wrong about the first two images only."""

    def __init__(self, labels):
        self.labels = labels

    def predict(self, batches, verbose):
        predicted = self.labels.copy()
        predicted[:2] = (predicted[:2] + 1) % 3
        return np.eye(3)[predicted] * 0.8 + 0.2 / 3


def test_the_report_of_a_known_classifier(dataset):
    metrics, probabilities = classifier_metrics(
        Oracle(dataset.test.labels), dataset.test, dataset.classes, AutoencoderHyperparameters()
    )
    assert (metrics["correct"], metrics["incorrect"], metrics["test_accuracy"]) == (18, 2, 0.9)
    assert np.array(metrics["confusion_matrix"]).sum() == 20
    assert np.trace(metrics["confusion_matrix"]) == 18
    assert metrics["report"]["accuracy"] == pytest.approx(0.9)
    right, wrong = 0.8 + 0.2 / 3, 0.2 / 3
    assert metrics["test_loss"] == pytest.approx(-(18 * np.log(right) + 2 * np.log(wrong)) / 20)
    assert probabilities.shape == (20, 3)
