"""Samplers of latent codes. python -m pytest tests/evaluation/test_samplers.py"""

import threading

import numpy as np
import pytest

from lib.config.hyperparameters import AutoencoderHyperparameters
from lib.config.samplers import SAMPLERS, applicable_samplers, describe_samplers
from lib.evaluation import latent_space
from lib.evaluation.samplers.base import CodeSource, sample_codes
from lib.models import second_stage

SHAPE = (2, 3)


@pytest.fixture
def quick(monkeypatch):
    """A two-stage VAE that is trained in a moment."""
    monkeypatch.setattr(second_stage, "STEPS", 20)
    monkeypatch.setattr(second_stage, "UNITS", 16)
    monkeypatch.setattr(second_stage, "HIDDEN_LAYERS", 1)


def source(codes: np.ndarray, **options) -> CodeSource:
    """A source of these codes; the number of codes that were asked for is not looked at."""
    return CodeSource(codes.shape[1:], lambda count, from_posterior: codes, **options)


def normal_codes(count: int = 200, shape: tuple[int, ...] = SHAPE, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((count, *shape), np.float32)


@pytest.mark.usefixtures("quick", "eager")
@pytest.mark.parametrize("name", SAMPLERS)
def test_samples_have_the_shape_of_a_code_and_follow_the_seed(name):
    codes = normal_codes()
    samples = sample_codes(name, source(codes), count=50, seed=1)
    assert samples.shape == (50, *SHAPE)
    assert samples.dtype == np.float32
    np.testing.assert_array_equal(samples, sample_codes(name, source(codes), count=50, seed=1))
    other = sample_codes(name, source(codes), count=1, seed=2)
    assert other.shape == (1, *SHAPE)
    assert (samples[:1] != other).any()


def test_only_models_with_a_prior_are_sampled_from_it():
    assert applicable_samplers(AutoencoderHyperparameters()) == ("mixture", "two-stage")
    for name in ("kl", "mmd", "adversarial"):
        hp = AutoencoderHyperparameters(regularization=name, latent_dim=4)
        assert applicable_samplers(hp) == ("prior", "mixture", "two-stage")
    assert sample_codes("prior", CodeSource(SHAPE), count=3, seed=0).shape == (3, *SHAPE)  # without images
    assert all(name in describe_samplers() for name in SAMPLERS)


def test_a_source_without_images_has_no_codes():
    with pytest.raises(LookupError, match="no images"):
        sample_codes("mixture", CodeSource(SHAPE), count=3, seed=0)


def ring(count: int, seed: int) -> np.ndarray:
    """Codes on a circle of radius 10 around (100, 0), with a little noise."""
    rng = np.random.default_rng(seed)
    angles = rng.uniform(0, 2 * np.pi, count)
    points = np.stack([100 + 10 * np.cos(angles), 10 * np.sin(angles)], axis=1)
    return (points + rng.normal(0, 0.2, points.shape)).astype(np.float32)


def distance_from_ring(points: np.ndarray) -> float:
    """The mean distance of points from the circle: about 0.16 of its codes, 3.8 of one Gaussian."""
    return float(np.abs(np.hypot(points[:, 0] - 100, points[:, 1]) - 10).mean())


def test_a_two_stage_vae_learns_a_ring_that_one_gaussian_cannot(monkeypatch):
    monkeypatch.setattr(second_stage, "STEPS", 1200)
    monkeypatch.setattr(second_stage, "UNITS", 64)
    codes = ring(4000, seed=0)
    samples = sample_codes("two-stage", source(codes), count=2000, seed=0)
    gaussian = np.random.default_rng(0).multivariate_normal(codes.mean(axis=0), np.cov(codes.T), 2000)
    assert distance_from_ring(samples) < distance_from_ring(gaussian) / 2
    angles = np.arctan2(samples[:, 1], samples[:, 0] - 100)
    shares = np.histogram(angles, bins=8, range=(-np.pi, np.pi))[0] / len(samples)
    assert shares.min() > 0.06  # 0.125 each: none is forgotten


@pytest.mark.usefixtures("quick", "eager")
def test_a_two_stage_vae_reports_its_progress_and_stops():
    reports: list[float] = []
    sample_codes("two-stage", source(normal_codes(), report=reports.append), count=2, seed=0)
    assert reports == pytest.approx([(step + 1) / 20 for step in range(20)])
    reports.clear()
    stopped = threading.Event()
    stopped.set()
    sample_codes(
        "two-stage", source(normal_codes(), report=reports.append, stop_event=stopped), count=2, seed=0
    )
    assert len(reports) == 1


@pytest.mark.usefixtures("quick", "eager")
def test_a_value_that_is_the_same_in_all_codes_stays_so():
    codes = normal_codes()
    codes[:, 0, 1] = 7
    samples = sample_codes("two-stage", source(codes), count=20, seed=0)
    np.testing.assert_array_equal(samples[:, 0, 1], 7)
    assert samples[:, 0, 0].std() > 0
    constant = sample_codes("two-stage", source(np.full((10, 3), 2, np.float32)), count=4, seed=0)
    np.testing.assert_array_equal(constant, np.full((4, 3), 2, np.float32))


@pytest.mark.usefixtures("quick", "eager")
def test_long_codes_are_reduced_for_the_two_stage_vae():
    basis = np.random.default_rng(1).standard_normal((3, 400)).astype(np.float32)
    codes = normal_codes(300, (3,)) @ basis
    samples = sample_codes("two-stage", source(codes), count=30, seed=0)
    assert samples.shape == (30, 400)
    assert np.linalg.matrix_rank(samples - samples.mean(axis=0), tol=0.05 * np.linalg.norm(samples)) <= 3


def test_codes_are_drawn_from_the_posterior_for_the_two_stage_vae_alone(monkeypatch):
    monkeypatch.setattr(second_stage, "STEPS", 1)
    asked = []

    def encode(count: int, from_posterior: bool) -> np.ndarray:
        asked.append((count, from_posterior))
        return normal_codes(50)

    for name in SAMPLERS:
        sample_codes(name, CodeSource(SHAPE, encode), count=2, seed=0)
    assert asked == [(SAMPLERS["mixture"].max_images, False), (SAMPLERS["two-stage"].max_images, True)]


def test_few_columns_are_not_reduced():
    rows = normal_codes(10, (4,))
    same, pca = latent_space.reduce_dimensions(rows, 0)
    assert same is rows
    assert pca is None
    reduced, pca = latent_space.reduce_dimensions(rows, 0, limit=2)
    assert reduced.shape == (10, 2)
    assert pca is not None
