"""Operations on latent codes: encoding, projection to two dimensions, sampling, interpolation, silhouette."""

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

from lib.config.quantization import Quantization
from lib.models import inference

BATCH_SIZE = 512
MAX_DIMENSIONS = 50  # values of a code that t-SNE and the mixture take; longer codes are reduced by PCA first
MIXTURE_COMPONENTS = 20  # at most
MAX_MIXTURE_CODES = 10_000  # that a mixture is fitted on
MAX_SILHOUETTE_CODES = 5_000  # the silhouette takes quadratic time
TSNE_PERPLEXITY = 30
TSNE_ITERATIONS = 500


def encode_batches(encoder: keras.Model, batches) -> np.ndarray:
    """Return the latent codes of all inputs; of a VAE the means.

    Args:
        encoder: maps inputs to codes; of several outputs the first is the code.
        batches: a sequence of tuples that begin with inputs, such as `lib.training.batches.Batches`.

    Returns:
        float32 (n, …).
    """
    outputs = (encoder.predict_on_batch(batches[index][0]) for index in range(len(batches)))
    return np.concatenate([keras.tree.flatten(output)[0] for output in outputs])


def decode_codes(
    decoder: keras.Model,
    codes: np.ndarray,
    quantization: Quantization | None = None,
    labels: np.ndarray | None = None,
) -> np.ndarray:
    """Return the outputs for latent codes.

    Args:
        decoder: maps codes to outputs.
        codes: float32 (n, …).
        quantization: of an autoencoder whose codes are at levels, to which these are brought.
        labels: classes of the images, integers (n,), for a conditional decoder.

    Returns:
        float32 (n, height, width, channels).
    """
    codes = codes if quantization is None else quantization.nearest(codes)
    parts = []
    for start in range(0, len(codes), BATCH_SIZE):
        rows = slice(start, start + BATCH_SIZE)
        parts.append(inference.predict(decoder, codes[rows], None if labels is None else labels[rows]))
    return np.concatenate(parts)


def flatten_codes(codes: np.ndarray) -> np.ndarray:
    """Return codes as rows, shape (n, latent size)."""
    return codes.reshape(len(codes), -1)


# OpenMP threads that wait for each other make this ten times slower on a busy machine.
@threadpool_limits.wrap(limits=1)
def project_to_2d(codes: np.ndarray, seed: int) -> dict[str, np.ndarray]:
    """Return two-dimensional projections of latent codes (report E).

    Args:
        codes: shape (n, …), n at least 3.
        seed: of PCA and t-SNE.

    Returns:
        Points of shape (n, 2) by the title of the projection: the code itself where it has one or two values,
        else PCA with its explained variance; and t-SNE (van der Maaten and Hinton 2008).
    """
    rows = flatten_codes(codes)
    if not rows.var():
        return {"all codes are equal": np.zeros((len(rows), 2))}
    projections = {}
    if rows.shape[1] == 1:
        projections["latent code"] = np.hstack([rows, np.zeros_like(rows)])
    elif rows.shape[1] == 2:
        projections["latent code"] = rows
    else:
        pca = PCA(2, random_state=seed).fit(rows)
        projections[f"PCA, {pca.explained_variance_ratio_.sum():.0%} of the variance"] = pca.transform(rows)
    projections["t-SNE"] = tsne(reduce_dimensions(rows, seed)[0], seed)
    return projections


def tsne(rows: np.ndarray, seed: int, verbosity: int = 0) -> np.ndarray:
    """Return t-SNE of codes, shape (n, 2).

    Args:
        rows: codes of few values, shape (n, values), n at least 3.
        seed: of the positions at the beginning.
        verbosity: what scikit-learn prints; from 2 on each 50 of the `TSNE_ITERATIONS` iterations.
    """
    perplexity = min(TSNE_PERPLEXITY, (len(rows) - 1) / 3)
    options = {"init": "random", "max_iter": TSNE_ITERATIONS, "random_state": seed, "verbose": verbosity}
    return TSNE(2, perplexity=perplexity, **options).fit_transform(rows)


def sample_prior(count: int, shape: tuple[int, ...], seed: int) -> np.ndarray:
    """Return codes sampled from the standard normal distribution, the prior of a VAE.

    Args:
        count: of samples.
        shape: of one code.
        seed: of the samples.

    Returns:
        float32 (count, *shape).
    """
    return np.random.default_rng(seed).standard_normal((count, *shape), np.float32)


@threadpool_limits.wrap(limits=1)
def sample_mixture(codes: np.ndarray, count: int, seed: int) -> np.ndarray:
    """Return codes sampled from a Gaussian mixture, which stands in for the prior of a plain autoencoder.

    Codes with more than 50 values are modeled by their first 50 principal components.

    Args:
        codes: that the mixture is fitted on, shape (n, …); at most 10,000 of them are used.
        count: of samples.
        seed: of the selection, the fit and the samples.

    Returns:
        float32 (count, …).
    """
    rng = np.random.default_rng(seed)
    rows = flatten_codes(codes)
    if len(rows) > MAX_MIXTURE_CODES:
        rows = rows[np.sort(rng.choice(len(rows), MAX_MIXTURE_CODES, replace=False))]
    # In single precision covariance matrices stop being positive definite.
    rows = np.repeat(rows, 2, axis=0) if len(rows) == 1 else rows  # scikit-learn requires two
    reduced, pca = reduce_dimensions(rows.astype(np.float64), seed)
    components = max(1, min(MIXTURE_COMPONENTS, len(reduced) // (4 * reduced.shape[1])))
    # Some variance in every direction, so that the fit does not fail for a constant value of the code.
    regularization = 1e-6 + 1e-4 * float(reduced.var())
    mixture = GaussianMixture(components, reg_covar=regularization, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # the best likelihood is not needed for sampling
        mixture.fit(reduced)
    samples, _ = mixture.sample(count)
    samples = rng.permutation(samples)  # scikit-learn returns them sorted by component
    if pca is not None:
        samples = restore_dimensions(samples, pca)
    return samples.astype(np.float32).reshape(count, *codes.shape[1:])


def reduce_dimensions(
    rows: np.ndarray, seed: int, limit: int = MAX_DIMENSIONS
) -> tuple[np.ndarray, PCA | None]:
    """Return rows of at most some columns.

    Args:
        rows: shape (n, size).
        seed: of the PCA.
        limit: the most columns.

    Returns:
        The rows, or their first principal components; and the PCA that computed these, if any.
    """
    if rows.shape[1] <= limit:
        return rows, None
    with np.errstate(invalid="ignore"):  # the share of the variance of equal rows
        pca = PCA(min(limit, len(rows)), random_state=seed).fit(rows)
    return pca.transform(rows), pca


def restore_dimensions(rows: np.ndarray, pca: PCA) -> np.ndarray:
    """Return rows whose principal components are given, the inverse of `reduce_dimensions`, in float32.

    In double precision many long rows would take twice the memory.

    Args:
        rows: principal components, shape (n, components).
        pca: that computed them.

    Returns:
        float32 (n, size).
    """
    restored = rows.astype(np.float32) @ pca.components_.astype(np.float32)
    restored += pca.mean_.astype(np.float32)
    return restored


def prior_grid(side: int) -> np.ndarray:
    """Return a grid of codes of two values that divides the prior evenly (Kingma and Welling 2014, figure 4).

    Args:
        side: number of rows and of columns.

    Returns:
        float32 (side², 2), row by row from the top left: the first value rises along a row, the second falls
        from row to row. The values are quantiles of the standard normal distribution.
    """
    quantiles = [NormalDist().inv_cdf((index + 0.5) / side) for index in range(side)]
    return np.array([(x, y) for y in quantiles[::-1] for x in quantiles], np.float32)


def quantile_grid(grid: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """Return a grid of `prior_grid` moved to the same quantiles of given codes, for a plain autoencoder.

    Args:
        grid: shape (m, 2).
        codes: shape (n, …), two values each.

    Returns:
        float32 (m, 2).
    """
    probabilities = np.vectorize(NormalDist().cdf)(grid)
    columns = [
        np.quantile(values, probability)
        for values, probability in zip(flatten_codes(codes).T, probabilities.T, strict=True)
    ]
    return np.stack(columns, axis=1).astype(np.float32)


def interpolate(first: np.ndarray, last: np.ndarray, steps: int) -> np.ndarray:
    """Return codes on the straight line between two codes.

    Args:
        first: shape (…), without a batch.
        last: of the same shape.
        steps: number of codes, `first` and `last` included.

    Returns:
        Shape (steps, …).
    """
    weights = np.linspace(0, 1, steps, dtype=np.float32).reshape(-1, *(1,) * first.ndim)
    return (1 - weights) * first + weights * last


def class_silhouette(codes: np.ndarray, labels: np.ndarray, seed: int) -> float | None:
    """Return the silhouette score of the classes in the latent space (Rousseeuw 1987).

    Args:
        codes: shape (n, …), or anything else with a distance, such as pixels.
        labels: shape (n,).
        seed: draws 5,000 of the codes where there are more.

    Returns:
        -1 (overlapping classes) to 1 (compact, separate classes); None for a single class, or for a class
        per code.
    """
    rows, labels = flatten_codes(codes), np.asarray(labels)
    if len(rows) > MAX_SILHOUETTE_CODES:
        rng = np.random.default_rng(seed)
        sample = np.sort(rng.choice(len(rows), MAX_SILHOUETTE_CODES, replace=False))
        rows, labels = rows[sample], labels[sample]
    classes = len(np.unique(labels))
    rows = rows.astype(np.float32, copy=False)
    return float(silhouette_score(rows, labels)) if 1 < classes < len(rows) else None
