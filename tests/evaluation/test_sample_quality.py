"""Closeness of generated images to real ones. python -m pytest tests/evaluation/test_sample_quality.py"""

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import linalg

from lib.common.errors import UserError
from lib.config import architecture_planner
from lib.config.hyperparameters import AutoencoderHyperparameters, ClassifierHyperparameters
from lib.data.formats.base import Images
from lib.data.splits import Subset
from lib.evaluation.sample_quality import distances, features, manifolds, neighbors, pixel_mixture
from lib.evaluation.sample_quality.scores import score_features
from lib.models import autoencoder
from lib.models.classifier import build_classifier, classifier_for_inference
from lib.models.saving import model_files
from lib.models.saving.model_files import SavedModel

GRAY = (12, 10, 1)


def normal(count: int, size: int = 4, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((count, size))


def with_moments(rows: np.ndarray, mean: np.ndarray, covariance: np.ndarray) -> np.ndarray:
    """Rows with exactly this mean and this covariance."""
    centered = rows - rows.mean(axis=0)
    white = centered @ np.linalg.inv(np.linalg.cholesky(np.atleast_2d(np.cov(centered.T)))).T
    return white @ np.linalg.cholesky(covariance).T + mean


# --- Fréchet distance


def test_frechet_distance_of_two_gaussians():
    factors = normal(3, 3, seed=1), normal(3, 3, seed=2)
    first, second = (factor @ factor.T + 0.1 * np.eye(3) for factor in factors)
    rows = with_moments(normal(50, 3), np.zeros(3), first), with_moments(normal(70, 3), np.ones(3), second)
    root = linalg.sqrtm(first @ second).real
    expected = 3 + np.trace(first + second - 2 * root)
    assert distances.frechet_distance(*rows) == pytest.approx(expected, rel=1e-9)
    assert distances.frechet_distance(*rows[::-1]) == pytest.approx(expected, rel=1e-9)


def test_frechet_distance_of_one_dimension():
    one, nine = np.eye(1), 9 * np.eye(1)
    rows = with_moments(normal(50, 1), np.zeros(1), one), with_moments(normal(50, 1), np.full(1, 4), nine)
    assert distances.frechet_distance(*rows) == pytest.approx(4**2 + (1 - 3) ** 2)


@pytest.mark.parametrize(("count", "size"), [(200, 5), (5, 40), (2, 1)])
def test_frechet_distance_of_equal_sets_is_zero(count, size):
    rows = 1000 * normal(count, size)
    assert distances.frechet_distance(rows, rows[::-1].copy()) == pytest.approx(0, abs=1e-5)
    assert distances.frechet_distance(np.ones((3, 2)), np.ones((4, 2))) == 0


def test_frechet_distance_without_full_rank():
    rows, shifted = normal(6, 40), normal(6, 40)
    shifted[:, 0] += 3
    assert distances.frechet_distance(rows, shifted) == pytest.approx(9, rel=1e-9)


# --- kernel distance


def direct_discrepancy(first: np.ndarray, second: np.ndarray) -> float:
    """The unbiased estimate of the paper, pair by pair."""

    def kernel(x, y):
        return (float(np.dot(x, y)) / len(x) + 1) ** 3

    total = 0.0
    for rows in (first, second):
        pairs = [kernel(x, y) for i, x in enumerate(rows) for j, y in enumerate(rows) if i != j]
        total += sum(pairs) / len(pairs)
    return total - 2 * float(np.mean([kernel(x, y) for x in first for y in second]))


@given(st.integers(2, 9), st.integers(2, 9), st.integers(1, 5), st.integers(0, 100))
def test_kernel_distance_is_the_sum_over_pairs(count, other, size, seed):
    first, second = normal(count, size, seed), normal(other, size, seed + 1) + 0.5
    expected = direct_discrepancy(first, second)
    assert distances.kernel_discrepancy(first, second) == pytest.approx(expected, abs=1e-9)


def test_kernel_distance_over_subsets():
    mean, deviation = distances.kernel_distance(normal(600), normal(600, seed=1), seed=0)
    assert abs(mean) < 3 * deviation
    assert 0 < deviation < 0.1
    far, _ = distances.kernel_distance(normal(600), normal(600, seed=1) + 1, seed=0)
    assert far > 1
    assert distances.kernel_distance(normal(50), normal(50, seed=1), seed=0) == distances.kernel_distance(
        normal(50), normal(50, seed=1), seed=0
    )
    assert len(distances.kernel_distance(normal(2), normal(2), seed=0)) == 2


# --- precision and recall


def grid(columns: int) -> np.ndarray:
    """Points of a grid, 20 rows of it, with a distance of 1."""
    return np.array([(x, y) for x in range(columns) for y in range(20)], np.float32)


def test_half_the_support_is_half_the_recall():
    real, half = grid(40), grid(20)
    result = manifolds.precision_recall(real, half)
    assert result.precision == 1
    assert result.recall == pytest.approx(0.5, abs=0.05)  # the balls at the edge reach one column further
    assert manifolds.precision_recall(half, real) == (result.recall, result.precision)


def test_precision_and_recall_of_equal_and_of_distant_sets():
    assert manifolds.precision_recall(grid(10), grid(10)) == (1, 1)
    assert manifolds.precision_recall(grid(10), grid(10) + 1000) == (0, 0)
    assert manifolds.precision_recall(grid(10), np.concatenate([grid(10), grid(10) + 1000])) == (0.5, 1)
    assert manifolds.precision_recall(grid(10)[:3], grid(10)) is None


def test_distances_in_chunks_are_those_of_all(monkeypatch):
    rows, others = normal(23), normal(17, seed=1)
    expected = np.square(rows[:, None] - others).sum(axis=2)
    monkeypatch.setattr(manifolds, "MAX_DISTANCES", 17 * 5)
    parts = list(manifolds.squared_distances(rows, others))
    assert [part.stop - part.start for part, _ in parts] == [5, 5, 5, 5, 3]
    np.testing.assert_allclose(np.concatenate([chunk for _, chunk in parts]), expected, atol=1e-9)
    radius = np.sort(np.square(rows[:, None] - rows).sum(axis=2), axis=1)[:, 3]
    inside = (radius >= expected.T).any(axis=1).mean()
    assert manifolds.precision_recall(rows, others).precision == pytest.approx(inside)


def test_all_scores_are_better_for_better_samples():
    real = normal(400)
    near, far = (score_features(real, normal(400, seed=1) + shift, seed=0) for shift in (0.1, 2))
    assert near.frechet < far.frechet
    assert near.kernel < far.kernel
    assert near.precision > far.precision
    assert near.recall > far.recall
    assert score_features(real, real, 0, with_manifolds=False).precision is None


# --- nearest training images


def subset(images: np.ndarray) -> Subset:
    return Subset(Images(images), np.arange(len(images)))


def random_images(count: int, seed: int = 0, dtype=np.uint8) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, np.iinfo(dtype).max, (count, 6, 5, 2), dtype)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_nearest_images_are_those_of_a_direct_search(dtype, monkeypatch):
    monkeypatch.setattr(neighbors, "CHUNK_BYTES", 4 * 60 * 7)  # seven training images at once
    images, train = random_images(9, dtype=dtype), random_images(50, 1, dtype)
    pixels, others = (array.astype(float) / np.iinfo(dtype).max for array in (images, train))
    expected = np.sqrt(np.square(pixels[:, None] - others).mean(axis=(2, 3, 4)))
    done: list[int] = []
    result = neighbors.nearest_images(images, subset(train), done.append)
    np.testing.assert_array_equal(result.positions, expected.argmin(axis=1))
    np.testing.assert_allclose(result.distances, expected.min(axis=1), rtol=1e-5)
    assert done == [7, 14, 21, 28, 35, 42, 49, 50]


def test_copies_have_the_distance_zero():
    train = random_images(50)
    result = neighbors.nearest_images(train[[7, 3]], subset(train))
    assert result.positions.tolist() == [7, 3]
    assert result.distances.tolist() == [0, 0]
    typical = neighbors.typical_distances(subset(random_images(20, 1)), subset(train), seed=0)
    assert len(typical) == 20
    assert typical.min() > 0.2


# --- baseline


def test_a_mixture_of_pixels_has_the_mean_of_the_images():
    rng = np.random.default_rng(0)
    images = (rng.integers(60, 90, (300, 1, 1, 1)) + rng.integers(0, 60, (1, 6, 5, 1))).astype(np.uint8)
    batches = pixel_mixture.sample_pixel_mixture(subset(images), 700, seed=0)
    samples = np.concatenate(list(batches()))
    assert samples.shape == (700, 6, 5, 1)
    assert samples.dtype == np.uint8
    np.testing.assert_allclose(samples.mean(axis=0), images.mean(axis=0), atol=2)
    np.testing.assert_array_equal(np.concatenate(list(batches())), samples)


# --- features


def saved_classifier(**values) -> SavedModel:
    hp = AutoencoderHyperparameters(layers=1, kernels=2)
    network = autoencoder.build_autoencoder(architecture_planner.plan_architecture(hp, GRAY))
    head = ClassifierHyperparameters(**{"fc_units": 4} | values)
    model = build_classifier(network.get_layer("encoder"), 3, head, GRAY)
    return SavedModel(classifier_for_inference(model, head), head, ("a", "b", "c"))


def gray_images(count: int = 9) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, *GRAY), np.uint8)


def test_features_are_the_inputs_of_the_last_layer(tmp_path):
    saved = saved_classifier()
    model = features.classifier_features(saved, tmp_path / "c.h5", GRAY)
    images = gray_images(300)
    rows = model.extract(images)
    assert rows.shape == (300, 4)
    probabilities = saved.model.predict(images / np.float32(255), verbose=0)
    last = saved.submodel("head").get_layer("probabilities")
    np.testing.assert_allclose(keras.ops.convert_to_numpy(last(rows)), probabilities, atol=1e-6)
    np.testing.assert_array_equal(model.extract_all([images[:200], images[200:]])[:200], rows[:200])


def test_features_with_test_time_augmentation_are_means_over_mirror_images(tmp_path):
    saved = saved_classifier(tta=True, flip=True)
    model_files.save_model(saved.model, tmp_path / "c.h5", saved.hp)
    saved = model_files.load_saved_model(tmp_path / "c.h5")
    model = features.classifier_features(saved, tmp_path / "c.h5", GRAY)
    images = gray_images()
    np.testing.assert_allclose(model.extract(images), model.extract(images[:, :, ::-1]), atol=1e-5)
    assert model.extract(images).shape == (9, 4)


def test_a_classifier_of_other_images_is_refused(tmp_path):
    for shape in ((12, 10, 3), (10, 12, 1)):
        with pytest.raises(UserError, match=r"takes images of 12×10×1, the data set has 1"):
            features.classifier_features(saved_classifier(), tmp_path / "c.h5", shape)


def test_inception_takes_gray_and_color_images_of_any_size(monkeypatch, tmp_path):
    home = tmp_path / "keras"
    assert features.inception_weights() is None
    (home / "models").mkdir(parents=True)
    (home / "models" / features.INCEPTION_FILE).write_bytes(b"")
    assert features.inception_weights() == home / "models" / features.INCEPTION_FILE
    asked = {}

    def network(**options):
        asked.update(options)
        image = keras.Input(options["input_shape"])
        return keras.Model(image, keras.layers.GlobalAveragePooling2D()(image))

    monkeypatch.setattr(keras.applications, "InceptionV3", network)
    monkeypatch.setattr(features, "INCEPTION_SIDE", 24)
    model = features.inception_features(features.inception_weights(), GRAY)
    assert asked["weights"] == str(home / "models" / features.INCEPTION_FILE)
    images = np.full((3, *GRAY), 255, np.uint8)
    images[1] = 0
    np.testing.assert_allclose(model.extract(images), [[1] * 3, [-1] * 3, [1] * 3], atol=1e-6)
    color = features.inception_features(features.inception_weights(), (8, 8, 3))
    np.testing.assert_allclose(
        color.extract(np.full((1, 8, 8, 3), [255, 0, 255], np.uint8)), [[1, -1, 1]], atol=1e-6
    )


@pytest.mark.slow
def test_inception_with_random_weights(tmp_path):
    path = tmp_path / features.INCEPTION_FILE
    keras.applications.InceptionV3(include_top=False, weights=None).save_weights(tmp_path / "i.weights.h5")
    (tmp_path / "i.weights.h5").rename(path)
    with pytest.raises(UserError, match="cannot be read as the weights of InceptionV3"):
        features.inception_features(path.with_name("other.h5"), GRAY)
    model = features.inception_features(path, GRAY)
    assert model.extract(gray_images(3)).shape == (3, 2048)
