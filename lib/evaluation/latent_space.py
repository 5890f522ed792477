"""What can be done with codes: seen in two dimensions, drawn anew, walked between, told apart. Arrays in,
arrays out.
"""

import warnings
from statistics import NormalDist

import keras
import numpy as np
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.manifold import TSNE
from sklearn.metrics import silhouette_score
from sklearn.mixture import GaussianMixture
from threadpoolctl import threadpool_limits

BATCH_SIZE = 512
MAX_DIMENSIONS = 50  # numbers of a code that t-SNE and the mixture look at; longer codes go through PCA first
MIXTURE_COMPONENTS = 20  # Gaussians of a mixture
MAX_MIXTURE_CODES = 10_000  # codes that a mixture is fitted on
PERPLEXITY, ITERATIONS = 30, 500  # of t-SNE


def encode_batches(encoder: keras.Model, batches) -> np.ndarray:
    """The codes of all inputs, float32 of shape (n, …): of a VAE the means. `batches` gives (inputs,
    anything) in order.
    """
    return np.concatenate(
        [_first_output(encoder.predict_on_batch(batches[number][0])) for number in range(len(batches))]
    )


def decode_codes(decoder: keras.Model, codes: np.ndarray) -> np.ndarray:
    """The images of codes of shape (n, …), float32 (n, height, width, channels)."""
    parts = range(0, len(codes), BATCH_SIZE)
    return np.concatenate([decoder.predict_on_batch(codes[start : start + BATCH_SIZE]) for start in parts])


def _first_output(outputs) -> np.ndarray:
    return outputs[0] if isinstance(outputs, list | tuple) else outputs


def flatten_codes(codes: np.ndarray) -> np.ndarray:
    """Codes as rows, shape (n, numbers)."""
    return codes.reshape(len(codes), -1)


@threadpool_limits.wrap(
    limits=1
)  # threads that wait for one another cost far more than they bring on a busy machine
def project_to_2d(codes: np.ndarray, seed: int) -> dict[str, np.ndarray]:
    """Codes of shape (n, …), three at least, as points of shape (n, 2): as they are where they have two
    numbers, else by PCA, and by t-SNE (report E; van der Maaten and Hinton 2008).
    """
    rows = flatten_codes(codes)
    views = {}
    if not rows.var():
        return {"one and the same code for all": np.zeros((len(rows), 2))}
    if rows.shape[1] == 2:
        views["the code itself"] = rows
    elif rows.shape[1] > 2:
        pca = PCA(2, random_state=seed).fit(rows)
        views[f"PCA, {pca.explained_variance_ratio_.sum():.0%} of the variance"] = pca.transform(rows)
    else:
        views["the code itself"] = np.hstack([rows, np.zeros_like(rows)])
    views["t-SNE"] = _tsne(rows, seed)
    return views


def _tsne(rows: np.ndarray, seed: int) -> np.ndarray:
    perplexity = min(PERPLEXITY, (len(rows) - 1) / 3)
    narrow, _ = _reduce_dimensions(rows, seed)
    return TSNE(
        2, perplexity=perplexity, init="random", max_iter=ITERATIONS, random_state=seed
    ).fit_transform(narrow)


def sample_prior(count: int, shape: tuple[int, ...], seed: int) -> np.ndarray:
    """Codes drawn from the unit Gaussian, the prior of a VAE: shape (count, *shape)."""
    return np.random.default_rng(seed).standard_normal((count, *shape), np.float32)


@threadpool_limits.wrap(limits=1)
def sample_mixture(codes: np.ndarray, count: int, seed: int) -> np.ndarray:
    """New codes from a Gaussian mixture fitted on given ones: what a plain autoencoder, which has no prior,
    can draw from.

    Takes shape (n, …), two at least, and gives (count, …). Long codes are drawn among their first principal
    components.
    """
    random = np.random.default_rng(seed)
    rows = flatten_codes(codes)
    if len(rows) > MAX_MIXTURE_CODES:
        rows = rows[np.sort(random.choice(len(rows), MAX_MIXTURE_CODES, replace=False))]
    narrow, pca = _reduce_dimensions(
        rows.astype(np.float64), seed
    )  # covariances lose their sign in single precision
    components = max(1, min(MIXTURE_COMPONENTS, len(narrow) // (4 * narrow.shape[1])))
    # Some variance in every direction, so that a number of the code that never changes does not stop the fit.
    model = GaussianMixture(components, reg_covar=1e-6 + 1e-4 * float(narrow.var()), random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", ConvergenceWarning
        )  # a mixture to draw from need not be the very best
        model.fit(narrow)
    drawn, _ = model.sample(count)
    drawn = random.permutation(drawn)  # scikit-learn gives them component by component
    return (
        (pca.inverse_transform(drawn) if pca else drawn).astype(np.float32).reshape(count, *codes.shape[1:])
    )


def _reduce_dimensions(rows: np.ndarray, seed: int) -> tuple[np.ndarray, PCA | None]:
    """Rows with at most `WIDEST` numbers, and the projection that made them so."""
    if rows.shape[1] <= MAX_DIMENSIONS:
        return rows, None
    pca = PCA(min(MAX_DIMENSIONS, len(rows)), random_state=seed).fit(rows)
    return pca.transform(rows), pca


def prior_grid(side: int) -> np.ndarray:
    """Codes of two numbers on a grid that the prior fills evenly: shape (side · side, 2), row by row, the
    second number falling (as on a map). Its lines are quantiles of the unit Gaussian (Kingma and Welling
    2014, figure 4).
    """
    lines = [NormalDist().inv_cdf((place + 0.5) / side) for place in range(side)]
    return np.array([(x, y) for y in lines[::-1] for x in lines], np.float32)


def fit_grid(grid: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """A grid as `grid` gives it, its lines moved from quantiles of the prior to those of given codes, shape
    (n, …) of two numbers each: what fits a plain autoencoder.
    """
    shares = np.vectorize(NormalDist().cdf)(grid)
    columns = [
        np.quantile(numbers, share) for numbers, share in zip(flatten_codes(codes).T, shares.T, strict=True)
    ]
    return np.stack(columns, axis=1).astype(np.float32)


def interpolate(first: np.ndarray, second: np.ndarray, steps: int) -> np.ndarray:
    """Codes on the straight line from one to the other, both ends among them: shape (steps, …)."""
    shares = np.linspace(0, 1, steps, dtype=np.float32).reshape(-1, *(1,) * first.ndim)
    return (1 - shares) * first + shares * second


def class_silhouette(codes: np.ndarray, labels: np.ndarray, seed: int) -> float | None:
    """How well the classes lie apart in the codes, -1 to 1, from 5,000 of them at most; `None` where there is
    one class.
    """
    rows, labels = flatten_codes(codes), np.asarray(labels)
    if len(rows) > 5000:
        places = np.sort(np.random.default_rng(seed).choice(len(rows), 5000, replace=False))
        rows, labels = rows[places], labels[places]
    classes = len(np.unique(labels))
    return float(silhouette_score(rows, labels)) if 1 < classes < len(rows) else None
