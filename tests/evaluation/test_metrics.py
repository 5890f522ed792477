"""python -m pytest tests/evaluation/test_metrics.py"""

import keras
import numpy as np
import pytest

from lib.config import architecture_planner
from lib.config.hyperparameters import Hyperparameters
from lib.data import datasets, splits
from lib.evaluation.metrics import autoencoder_metrics, classifier_metrics, psnr
from lib.models import autoencoder
from lib.training import phases


def float_images(part: splits.Subset) -> np.ndarray:
    """All images of a part as float64 in 0..1."""
    return part.take(slice(None)).astype(float) / 255


def colored(count: int = 40) -> datasets.Dataset:
    """A data set of color images, drawn at random."""
    np.save("color.npy", np.random.default_rng(0).integers(0, 256, (count, 6, 5, 3), dtype=np.uint8))
    return datasets.load_dataset(Hyperparameters(dataset="color.npy"))


def test_psnr():
    assert psnr(0.01) == pytest.approx(20)
    assert psnr(0) is None


class Answering:
    """A model that gives what a function makes of its inputs."""

    def __init__(self, function):
        self.predict_on_batch = function


def test_the_score_of_a_network_that_answers_gray(dataset):
    model = Answering(lambda inputs: np.full_like(inputs, 0.5))
    for loss, expected in (("mse", lambda e: e**2), ("mae", np.abs)):
        metrics = autoencoder_metrics(model, model, dataset.test, Hyperparameters(loss=loss))
        errors = float_images(dataset.test) - 0.5
        assert metrics["test_mse"] == pytest.approx(np.square(errors).mean(), rel=1e-5)
        assert metrics["test_loss"] == pytest.approx(expected(errors).mean(), rel=1e-5)
        assert metrics["test_psnr"] == pytest.approx(-10 * np.log10(metrics["test_mse"]))
        assert "test_largest_channel_accuracy" not in metrics


def test_only_the_missing_half_is_scored(dataset):
    hp = Hyperparameters(task="complete", missing="right")
    model = Answering(lambda inputs: np.full_like(inputs, 0.5))
    errors = float_images(dataset.test)[:, :, 5:] - 0.5
    metrics = autoencoder_metrics(model, model, dataset.test, hp)
    assert metrics["test_mse"] == pytest.approx(np.square(errors).mean(), rel=1e-5)


def test_colorization_is_scored_in_both_color_spaces():
    """Gray everywhere is the same answer whether it is given as RGB or as UV."""
    dataset = colored()
    answers = {
        "rgb": lambda gray: np.repeat(gray, 3, axis=-1),
        "yuv": lambda gray: np.zeros((*gray.shape[:3], 2), np.float32),
    }
    found = {}
    for space, answer in answers.items():
        hp = Hyperparameters(task="colorize", color_space=space)
        found[space] = autoencoder_metrics(Answering(answer), None, dataset.test, hp)
    rgb = float_images(dataset.test)
    luma = rgb @ [0.299, 0.587, 0.114]
    assert found["rgb"]["test_mse"] == pytest.approx(np.square(rgb - luma[..., None]).mean(), rel=1e-4)
    assert found["yuv"]["test_rgb_mse"] == pytest.approx(found["rgb"]["test_mse"], rel=1e-4)
    assert found["rgb"]["test_uv_mse"] == pytest.approx(found["yuv"]["test_mse"], rel=1e-4)
    assert found["yuv"]["test_psnr"] == pytest.approx(found["rgb"]["test_psnr"], abs=1e-3)


def test_accuracy_in_report_bs_sense():
    dataset = colored()
    hp = Hyperparameters()
    right = autoencoder_metrics(Answering(lambda inputs: inputs), None, dataset.test, hp)
    assert (right["test_largest_channel_accuracy"], right["test_mse"], right["test_psnr"]) == (1, 0, None)
    always_red = np.array([1, 0, 0], np.float32)
    red = autoencoder_metrics(Answering(lambda x: np.zeros_like(x) + always_red), None, dataset.test, hp)
    share = (float_images(dataset.test).argmax(axis=-1) == 0).mean()
    assert red["test_largest_channel_accuracy"] == pytest.approx(share)


@pytest.mark.parametrize("label_weight", [0, 0.5])
def test_a_vae_is_scored_by_its_bound(dataset, label_weight):
    hp = Hyperparameters(
        variational=True, layers=1, kernels=2, latent_dim=2, beta=3, label_weight=label_weight
    )
    plan = architecture_planner.plan_architecture(hp, dataset.shape)
    model = autoencoder.build_autoencoder(plan)
    model.get_layer("encoder").get_layer("z_log_var").bias.assign(
        [-30, -30]
    )  # so that codes are drawn where the means are
    trainer = autoencoder.build_training_model(model, plan, len(dataset.classes))
    phase = phases.autoencoder_phase(hp)
    trainer.compile("adam", phase.loss, loss_weights=phase.weights)
    metrics = autoencoder_metrics(model, trainer, dataset.test, hp)
    assert metrics["test_negative_elbo"] == pytest.approx(metrics["test_reconstruction"] + metrics["test_kl"])
    assert metrics["test_loss"] == pytest.approx(metrics["test_reconstruction"] + 3 * metrics["test_kl"])
    pixels, made = float_images(dataset.test), keras.ops.convert_to_numpy(model(float_images(dataset.test)))
    by_means = -(pixels * np.log(made) + (1 - pixels) * np.log(1 - made)).sum(axis=(1, 2, 3)).mean()
    assert metrics["test_reconstruction"] == pytest.approx(by_means, rel=1e-4)


class Oracle:
    """Knows the labels, but for the first two images."""

    def __init__(self, labels):
        self.labels = labels

    def predict(self, batches, verbose):
        answers = self.labels.copy()
        answers[:2] = (answers[:2] + 1) % 3
        return np.eye(3)[answers] * 0.8 + 0.2 / 3


def test_the_report_of_a_known_classifier(dataset):
    metrics, probabilities = classifier_metrics(
        Oracle(dataset.test.labels), dataset.test, dataset.classes, Hyperparameters()
    )
    assert (metrics["correct"], metrics["incorrect"], metrics["test_accuracy"]) == (18, 2, 0.9)
    assert np.array(metrics["confusion_matrix"]).sum() == 20
    assert np.trace(metrics["confusion_matrix"]) == 18
    assert metrics["report"]["accuracy"] == pytest.approx(0.9)
    right, wrong = 0.8 + 0.2 / 3, 0.2 / 3
    assert metrics["test_loss"] == pytest.approx(-(18 * np.log(right) + 2 * np.log(wrong)) / 20)
    assert probabilities.shape == (20, 3)
