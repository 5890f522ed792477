"""python -m pytest tests/test_evaluation.py"""

import keras
import numpy as np
import pytest

from lib import datasets, evaluation
from lib.hyperparameters import Hyperparameters


@pytest.fixture
def dataset(tiny):
    return datasets.load(
        Hyperparameters(
            program="classification", dataset=tiny["-d"], labels=tiny["-dl"], testset=tiny["-t"], test_labels=tiny["-tl"]
        )
    )


def float_images(part) -> np.ndarray:
    return part.take(slice(None)).astype(float) / 255


def test_psnr():
    assert evaluation.psnr(0.01) == pytest.approx(20)
    assert evaluation.psnr(0) is None


def test_the_score_of_a_network_that_answers_grey(dataset):
    inputs = keras.Input((12, 10, 1))
    model = keras.Model(inputs, keras.layers.Rescaling(0.0, 0.5)(inputs))
    model.compile(loss="mse")
    metrics = evaluation.autoencoder_metrics(model, dataset.test, "reconstruct")
    assert metrics["test_mse"] == pytest.approx(np.square(float_images(dataset.test) - 0.5).mean(), rel=1e-5)
    assert metrics["test_psnr"] == pytest.approx(-10 * np.log10(metrics["test_mse"]))


def test_baselines_against_their_definitions(dataset):
    baselines = evaluation.autoencoder_baselines(dataset, 3, seed=0)
    train, test = (float_images(part).reshape(len(part), -1) for part in (dataset.train, dataset.test))
    assert baselines["constant_mse"] == pytest.approx(np.square(test - train.mean(axis=0)).mean(), rel=1e-4)
    centred = train - train.mean(axis=0)
    axes = np.linalg.svd(centred, full_matrices=False)[2][:3]
    off = test - train.mean(axis=0)
    assert baselines["pca_mse"] == pytest.approx(np.square(off - off @ axes.T @ axes).mean(), rel=1e-3)
    assert baselines["pca_components"] == 3


def test_a_code_as_large_as_the_image_makes_pca_perfect(tiny):
    wide = datasets.load(Hyperparameters(dataset="digits", limit=900, seed=1))
    baselines = evaluation.autoencoder_baselines(wide, 5000, seed=0)
    assert (baselines["pca_mse"], baselines["pca_psnr"]) == (0, None) or baselines["pca_components"] < 784


def test_pca_cannot_have_more_components_than_images(dataset):
    assert evaluation.autoencoder_baselines(dataset, 100, seed=0)["pca_components"] == len(dataset.train)


class Oracle:
    """Knows the labels, but for the first two images."""

    def __init__(self, labels):
        self.labels = labels

    def predict(self, batches, verbose):
        answers = self.labels.copy()
        answers[:2] = (answers[:2] + 1) % 3
        return np.eye(3)[answers] * 0.8 + 0.2 / 3


def test_the_report_of_a_known_classifier(dataset):
    metrics, probabilities = evaluation.classifier_metrics(Oracle(dataset.test.labels), dataset)
    assert (metrics["correct"], metrics["incorrect"], metrics["test_accuracy"]) == (18, 2, 0.9)
    assert np.array(metrics["confusion_matrix"]).sum() == 20
    assert np.trace(metrics["confusion_matrix"]) == 18
    assert metrics["report"]["accuracy"] == pytest.approx(0.9)
    right, wrong = 0.8 + 0.2 / 3, 0.2 / 3
    assert metrics["test_loss"] == pytest.approx(-(18 * np.log(right) + 2 * np.log(wrong)) / 20)
    assert probabilities.shape == (20, 3)


def test_classifier_baselines(dataset):
    baselines = evaluation.classifier_baselines(dataset, Hyperparameters())
    assert baselines["most_frequent_accuracy"] == pytest.approx(1 / 3, abs=0.05)
    assert baselines["logistic_regression_accuracy"] == 1
    assert baselines["nearest_neighbours_accuracy"] == 1
    assert baselines["images_learned_from"] == len(dataset.train)
