"""Projections of latent codes to two dimensions by name: PCA or the code itself, t-SNE, UMAP."""

import contextlib
import io
import re
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.neighbors import NearestNeighbors
from threadpoolctl import threadpool_limits

from lib.common.errors import UserError, reason
from lib.evaluation import latent_space
from lib.evaluation.latent_space import MAX_DIMENSIONS, TSNE_ITERATIONS

MIN_CODES = 3  # that a projection requires
LARGE_VALUE = 1e6  # beyond it, sums of squares are computed in double precision
SAME = 1e-6  # part of the largest value below which differences of codes are rounding errors
UMAP_NEIGHBORS = 15
UMAP_EXTRA = 'pip install "umap-learn>=0.5"'
CLUSTER_RUNS = 1  # of k-means: centers need not be the best ones

Report = Callable[[int, int], None]  # of iterations that are done, and their number


class LatentSpace(NamedTuple):
    """Latent codes with their principal components.

    Attributes:
        rows: the codes, float32 or float64 (n, latent size).
        mean: of the codes, (latent size,).
        axes: principal directions of length 1, (k, latent size), by falling variance; k is at most 50.
        spreads: standard deviation of the codes along each, (k,).
        shares: part of the variance of the codes along each, (k,).
        coordinates: of the codes along them, (n, k).
    """

    rows: np.ndarray
    mean: np.ndarray
    axes: np.ndarray
    spreads: np.ndarray
    shares: np.ndarray
    coordinates: np.ndarray


class Projection(NamedTuple):
    """A projection; `is_code` where the positions, (n, 2), are the latent codes themselves."""

    title: str
    positions: np.ndarray
    is_code: bool = False


@threadpool_limits.wrap(limits=1)  # see `latent_space.project_to_2d`
def analyze(codes: np.ndarray, seed: int) -> LatentSpace | None:
    """Return the principal components of latent codes; None if all codes are equal.

    Args:
        codes: finite, shape (n, …), n at least 3.
        seed: of the randomized solver for long codes.
    """
    rows = latent_space.flatten_codes(codes)
    largest = np.abs(rows).max()
    if np.ptp(rows, axis=0).max() <= SAME * largest:
        return None
    rows = rows.astype(np.float64 if largest > LARGE_VALUE else np.float32, copy=False)
    pca = PCA(min(MAX_DIMENSIONS, *rows.shape), random_state=seed)
    coordinates = pca.fit_transform(rows)
    spreads = np.sqrt(pca.explained_variance_)
    return LatentSpace(rows, pca.mean_, pca.components_, spreads, pca.explained_variance_ratio_, coordinates)


def require_projections(names: tuple[str, ...]) -> None:
    """Raise `UserError` if a projection requires a package that cannot be imported."""
    if "umap" in names:
        _import_umap()


def project(name: str, space: LatentSpace, seed: int, report: Report = lambda done, of: None) -> Projection:
    """Return a projection of latent codes to two dimensions.

    Args:
        name: a key of `PROJECTIONS`.
        space: the codes.
        seed: of the projection.
        report: called after some of its iterations, if it has any.
    """
    return PROJECTIONS[name].project(space, seed, report)


def _principal_components(space: LatentSpace, seed: int, report: Report) -> Projection:
    size = space.rows.shape[1]
    if size == 2:
        return Projection("latent code", space.rows, is_code=True)
    if size == 1:
        height = np.ptp(space.rows) / 4
        heights = np.random.default_rng(seed).uniform(-height, height, space.rows.shape)
        return Projection("latent code (heights are random)", np.hstack([space.rows, heights]), is_code=True)
    positions = space.coordinates[:, :2]
    return Projection(f"PCA, {space.shares[:2].sum():.0%} of the variance", positions)


def _tsne(space: LatentSpace, seed: int, report: Report) -> Projection:
    # OpenMP threads that wait for each other make it ten times slower on a busy machine.
    with threadpool_limits(limits=1), contextlib.redirect_stdout(_Iterations(report)):
        positions = latent_space.tsne(_scaled(space.coordinates), seed, verbosity=2)
    return Projection("t-SNE", positions)


def _umap(space: LatentSpace, seed: int, report: Report) -> Projection:
    rows = _scaled(space.coordinates)
    neighbors = min(UMAP_NEIGHBORS, len(rows) - 1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about few codes and one thread, which a seed requires
        reducer = _import_umap().UMAP(n_neighbors=neighbors, init="random", random_state=seed, n_jobs=1)
        return Projection("UMAP", reducer.fit_transform(rows))


class Projector(NamedTuple):
    """A kind of projection: its label, and the function of a latent space, a seed and a report."""

    label: str
    project: Callable[[LatentSpace, int, Report], Projection]


PROJECTIONS = {
    "pca": Projector("PCA", _principal_components),
    "t-sne": Projector("t-SNE", _tsne),
    "umap": Projector("UMAP", _umap),
}


def _scaled(rows: np.ndarray) -> np.ndarray:
    """Rows divided by their largest value where squares of it are large: neighbors stay the same."""
    largest = np.abs(rows).max()
    return (rows / largest if largest > LARGE_VALUE else rows).astype(np.float32)


def _import_umap() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that TensorFlow is not there for its neural network
        try:
            import umap
        except ImportError as error:
            is_missing = isinstance(error, ModuleNotFoundError)
            cause = "is not installed" if is_missing else f"cannot be imported ({reason(error)})"
            raise UserError(
                f"--projection umap: umap-learn {cause}; {UMAP_EXTRA}, or use --projection pca,t-sne"
            ) from None
    return umap


class _Iterations(io.TextIOBase):
    """A stream for what t-SNE prints, which reports its iterations."""

    def __init__(self, report: Report):
        self.report = report

    def write(self, text: str) -> int:
        if match := re.match(r"\[t-SNE\] Iteration (\d+):", text):
            self.report(min(int(match[1]), TSNE_ITERATIONS), TSNE_ITERATIONS)
        return len(text)


def nearest_codes(space: LatentSpace, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the nearest neighbors of each code by Euclidean distance, without itself.

    Args:
        space: the codes.
        count: of neighbors; fewer where there are not as many codes.

    Returns:
        Positions int (n, neighbors) and distances float64 (n, neighbors), rising.
    """
    count = min(count, len(space.rows) - 1)
    # Without a query, a code is not its own neighbor, also where others are equal to it.
    distances, positions = NearestNeighbors(n_neighbors=count).fit(space.rows).kneighbors()
    return positions, distances


@threadpool_limits.wrap(limits=1)
def central_codes(space: LatentSpace, count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return codes that are spread over all of them, those nearest to the centers of k-means.

    Args:
        space: the codes.
        count: of codes; fewer where there are not as many different ones.
        seed: of the clusters.

    Returns:
        Their positions, int (m,), and for each code the nearest of them, int (n,), 0 to m - 1.
    """
    rows = _scaled(space.coordinates)
    count = min(count, len(np.unique(rows, axis=0)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # that some codes are all but equal
        clusters = KMeans(count, n_init=CLUSTER_RUNS, random_state=seed).fit(rows)
    _, positions = NearestNeighbors(n_neighbors=1).fit(rows).kneighbors(clusters.cluster_centers_)
    central = np.unique(positions[:, 0])
    _, nearest = NearestNeighbors(n_neighbors=1).fit(rows[central]).kneighbors(rows)
    return central, nearest[:, 0]
