"""Tests of operations on latent codes. python -m pytest tests/evaluation/test_latent_space.py"""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lib.evaluation import latent_space

TWO_CLOUDS = np.concatenate([np.full((40, 3), -5.0), np.full((40, 3), 5.0)]).astype(
    np.float32
) + np.random.default_rng(0).normal(0, 0.5, (80, 3)).astype(np.float32)
LABELS = np.repeat([0, 1], 40)


def test_projections_keep_clusters_apart():
    views = latent_space.project_to_2d(TWO_CLOUDS, seed=0)
    assert [name.split(",")[0] for name in views] == ["PCA", "t-SNE"]
    for points in views.values():
        assert points.shape == (80, 2)
        first, second = points[LABELS == 0], points[LABELS == 1]
        gap = np.linalg.norm(first.mean(axis=0) - second.mean(axis=0))
        assert gap > 2 * max(first.std(), second.std())


def test_two_values_are_shown_as_they_are_and_constant_codes_as_one_point():
    views = latent_space.project_to_2d(TWO_CLOUDS[:, :2], seed=0)
    np.testing.assert_array_equal(views["latent code"], TWO_CLOUDS[:, :2])
    assert np.unique(*latent_space.project_to_2d(np.ones((9, 4, 4, 2)), 0).values()).size == 1


@pytest.mark.parametrize("shape", [(3,), (5, 4, 4)])
def test_a_mixture_samples_near_the_codes(shape):
    rng = np.random.default_rng(0)
    codes = (
        np.sign(rng.normal(size=(400, *(1,) * len(shape)))) * 5 + rng.normal(0, 0.3, (400, *shape))
    ).astype(np.float32)
    samples = latent_space.sample_mixture(codes, 100, seed=1)
    assert samples.shape == (100, *shape)
    means = latent_space.flatten_codes(samples).mean(axis=1)
    assert (np.abs(np.abs(means) - 5) < 1).mean() > 0.9
    assert 0.2 < (means > 0).mean() < 0.8
    np.testing.assert_array_equal(samples, latent_space.sample_mixture(codes, 100, seed=1))
    assert (samples != latent_space.sample_mixture(codes, 100, seed=2)).any()


def test_a_mixture_of_few_or_constant_codes():
    assert latent_space.sample_mixture(np.ones((2, 4), np.float32), 3, seed=0).shape == (3, 4)
    with warnings.catch_warnings(action="error"):
        samples = latent_space.sample_mixture(np.arange(80, dtype=np.float32)[None], 3, seed=0)
    np.testing.assert_allclose(samples, np.tile(np.arange(80), (3, 1)), atol=0.1)


def test_dimensions_are_restored_as_by_the_pca():
    rows = np.random.default_rng(0).normal(size=(100, 70))
    reduced, pca = latent_space.reduce_dimensions(rows, seed=0)
    restored = latent_space.restore_dimensions(reduced, pca)
    assert restored.dtype == np.float32
    np.testing.assert_allclose(restored, pca.inverse_transform(reduced), atol=1e-5)


def test_the_prior_is_a_standard_normal_distribution():
    samples = latent_space.sample_prior(20_000, (2,), seed=0)
    assert abs(samples.mean()) < 0.02
    assert abs(samples.std() - 1) < 0.02


def test_a_grid_divides_the_prior_evenly():
    grid = latent_space.prior_grid(4).reshape(4, 4, 2)
    assert (np.diff(grid[0, :, 0]) > 0).all()  # to the right
    assert (np.diff(grid[:, 0, 1]) < 0).all()  # and up, as on a map
    np.testing.assert_allclose(grid[0, :, 0], [-1.1503, -0.3186, 0.3186, 1.1503], atol=1e-4)
    moved = latent_space.quantile_grid(latent_space.prior_grid(4), TWO_CLOUDS[:, :2]).reshape(4, 4, 2)
    assert (
        TWO_CLOUDS[:, 0].min() <= moved[..., 0].min() < -4 < 4 < moved[..., 0].max() <= TWO_CLOUDS[:, 0].max()
    )


@settings(max_examples=30)
@given(steps=st.integers(2, 9), rank=st.integers(1, 3))
def test_an_interpolation_includes_both_codes_and_has_equal_steps(steps, rank):
    rng = np.random.default_rng(steps)
    first, last = rng.normal(size=(2, *(3,) * rank)).astype(np.float32)
    path = latent_space.interpolate(first, last, steps)
    np.testing.assert_allclose(path[0], first, atol=1e-6)
    np.testing.assert_allclose(path[-1], last, atol=1e-6)
    np.testing.assert_allclose(
        np.diff(path, axis=0), np.broadcast_to((last - first) / (steps - 1), path[1:].shape), atol=1e-5
    )


def test_silhouette():
    assert latent_space.class_silhouette(TWO_CLOUDS, LABELS, seed=0) > 0.8
    assert latent_space.class_silhouette(TWO_CLOUDS, LABELS[::-1] * 0, seed=0) is None
    assert abs(latent_space.class_silhouette(TWO_CLOUDS, np.arange(80) % 2, seed=0)) < 0.1
