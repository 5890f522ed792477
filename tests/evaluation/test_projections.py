"""Tests of projections of latent codes by name. python -m pytest tests/evaluation/test_projections.py"""

import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as drawn

from lib.common.errors import UserError
from lib.evaluation import projections
from tests.evaluation.test_latent_space import LABELS, TWO_CLOUDS


def analyzed(codes: np.ndarray) -> projections.LatentSpace:
    space = projections.analyze(codes.astype(np.float32), seed=0)
    assert space is not None
    return space


@pytest.mark.parametrize("name", projections.PROJECTIONS)
def test_every_projection_keeps_clusters_apart(name):
    if name == "umap":
        pytest.importorskip("umap", reason="umap-learn is not installed")
    view = projections.project(name, analyzed(TWO_CLOUDS), seed=0)
    assert view.positions.shape == (80, 2)
    first, second = view.positions[LABELS == 0], view.positions[LABELS == 1]
    gap = np.linalg.norm(first.mean(axis=0) - second.mean(axis=0))
    assert gap > 2 * max(first.std(), second.std())
    assert not view.is_code
    again = projections.project(name, analyzed(TWO_CLOUDS), seed=0)
    np.testing.assert_array_equal(view.positions, again.positions)


@pytest.mark.parametrize("shape", [(60,), (4, 4, 5)])
def test_principal_components_are_those_of_the_covariance(shape):
    codes = np.random.default_rng(1).normal(size=(200, *shape)) * np.linspace(3, 0.1, shape[-1])
    space, rows = analyzed(codes), codes.reshape(200, -1)
    values, vectors = np.linalg.eigh(np.cov(rows.T))
    np.testing.assert_allclose(space.spreads[:5], np.sqrt(values[::-1][:5]), rtol=1e-3)
    np.testing.assert_allclose(space.shares[:5], values[::-1][:5] / values.sum(), rtol=1e-3)
    assert np.abs(np.abs((space.axes[0] * vectors[:, -1]).sum()) - 1) < 1e-3
    np.testing.assert_allclose(space.coordinates, (rows - space.mean) @ space.axes.T, atol=1e-3)


def test_codes_of_one_and_two_numbers_are_shown_themselves():
    plane = projections.project("pca", analyzed(TWO_CLOUDS[:, :2]), seed=0)
    assert plane.is_code
    np.testing.assert_array_equal(plane.positions, TWO_CLOUDS[:, :2])
    line = projections.project("pca", analyzed(TWO_CLOUDS[:, :1]), seed=0)
    assert line.is_code
    np.testing.assert_array_equal(line.positions[:, 0], TWO_CLOUDS[:, 0])
    assert "random" in line.title


@pytest.mark.parametrize("offset", [0, 7.5, 1e9])
def test_equal_codes_have_no_projection(offset):
    codes = np.full((9, 4), offset, np.float32)
    assert projections.analyze(codes, seed=0) is None
    codes[0, 0] += offset * 1e-7  # a rounding error
    assert projections.analyze(codes, seed=0) is None


@settings(max_examples=20)
@given(
    st.integers(3, 7).flatmap(
        lambda count: drawn.arrays(
            np.float32,
            st.tuples(st.just(count), st.integers(1, 5)),
            elements=st.floats(-(2.0**56), 2.0**56, width=32),
        )
    )
)
def test_any_few_codes_have_finite_projections_and_neighbors(codes):
    space = projections.analyze(codes, seed=0)
    if space is None:
        return
    for name in ("pca", "t-sne"):
        assert np.isfinite(projections.project(name, space, seed=0).positions).all()
    positions, distances = projections.nearest_codes(space, 12)
    assert positions.shape == distances.shape == (len(codes), len(codes) - 1)
    assert np.isfinite(distances).all()
    assert (np.diff(distances, axis=1) >= 0).all()
    assert all(index not in row for index, row in enumerate(positions))
    central, nearest = projections.central_codes(space, 4, seed=0)
    assert 1 <= len(central) <= 4
    assert nearest.max() < len(central)


def test_a_code_that_occurs_twice_is_the_nearest_of_the_other():
    codes = np.random.default_rng(0).normal(size=(30, 6))
    codes[17] = codes[4]
    positions, distances = projections.nearest_codes(analyzed(codes), 3)
    assert positions[17, 0] == 4
    assert positions[4, 0] == 17
    assert distances[17, 0] == pytest.approx(0, abs=1e-5)


def test_central_codes_are_one_of_each_cluster():
    central, nearest = projections.central_codes(analyzed(TWO_CLOUDS), 2, seed=0)
    assert sorted(LABELS[central]) == [0, 1]
    assert (LABELS[central[nearest]] == LABELS).all()


def test_t_sne_reports_its_iterations():
    done = []
    projections.project("t-sne", analyzed(TWO_CLOUDS), 0, lambda number, of: done.append((number, of)))
    assert done == [(number, 500) for number in range(50, 501, 50)]


def test_umap_that_is_missing_or_broken_is_refused_by_name(monkeypatch):
    projections.require_projections(("pca", "t-sne"))
    monkeypatch.setitem(sys.modules, "umap", None)
    with pytest.raises(UserError, match='umap-learn is not installed; pip install "umap-learn'):
        projections.require_projections(("pca", "umap"))
    monkeypatch.delitem(sys.modules, "umap")
    Path("umap.py").write_text("raise ImportError('Numba needs NumPy 2.4 or less')", encoding="utf-8")
    monkeypatch.syspath_prepend(".")
    with pytest.raises(UserError, match=r"cannot be imported \(Numba needs NumPy 2.4 or less\)"):
        projections.require_projections(("umap",))
