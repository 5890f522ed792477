"""The likelihood of images under a VAE, estimated by importance sampling, and that of independent pixels.

Source: Burda, Grosse and Salakhutdinov, "Importance weighted autoencoders", 2016: the logarithm of the mean
of p(x, z) / q(z | x) over codes z of the encoder's distribution q. On average it is below the log-likelihood,
which it approaches with the number of codes.
"""

import math
from collections.abc import Callable

import keras
import numpy as np

from lib.config.hyperparameters import AutoencoderHyperparameters
from lib.data.splits import Subset
from lib.models.inference import predict
from lib.training.batches import Batches

BATCH_SIZE = 64  # images
CODES_AT_ONCE = 4096  # of all images of a batch, that are decoded together
MAX_VALUES = 2**23  # of pixels decoded together
SMALLEST = 1e-7  # probability of a pixel, as in Keras's cross-entropy


def negative_log_likelihoods(
    encoder: keras.Model,
    decoder: keras.Model,
    subset: Subset,
    hp: AutoencoderHyperparameters,
    report: Callable[[int], object] = lambda done: None,
) -> np.ndarray:
    """Return minus the logarithm of the likelihood of each image, in nats.

    Memory does not grow with the number of codes.

    Args:
        encoder: from images to means and logarithms of variances of codes.
        decoder: from codes to probabilities of pixels.
        subset: images of two values.
        hp: `nll_samples` codes are drawn of each image.
        report: called with the number of images that are done.

    Returns:
        float64 (n,).
    """
    rng, results = np.random.default_rng(hp.seed), []
    batches = Batches(subset, BATCH_SIZE, hp)
    for index in range(len(batches)):
        inputs, targets = batches[index]
        z_mean, z_log_var = (np.asarray(part) for part in encoder.predict_on_batch(inputs))
        results.append(-_log_likelihoods(decoder, targets, z_mean, z_log_var, hp.nll_samples or 1, rng))
        report(sum(map(len, results)))
    return np.concatenate(results)


def independent_pixels_nll(train: Subset, test: Subset, hp: AutoencoderHyperparameters) -> float:
    """Return the mean negative log-likelihood if pixels were independent, the trivial baseline, in nats.

    Each pixel is white with the frequency that it has in the training images; one black and one white image
    are added to these, so that no value has the probability 0.

    Args:
        train: images of two values.
        test: likewise, at least one.
        hp: as those of the autoencoder.
    """
    white, total = np.ones(()), 0.0
    for batch in Batches(train, BATCH_SIZE, hp):
        white = white + batch[1].sum(axis=0, dtype=np.float64)
    probabilities = white / (len(train) + 2)
    for batch in Batches(test, BATCH_SIZE, hp):
        total -= np.log(np.abs(batch[1] + probabilities - 1)).sum()
    return float(total) / len(test)


def _log_likelihoods(
    decoder: keras.Model,
    targets: np.ndarray,
    z_mean: np.ndarray,
    z_log_var: np.ndarray,
    samples: int,
    rng: np.random.Generator,
) -> np.ndarray:
    """The logarithm of the likelihood of each target, float64 (n,)."""
    count, values = len(targets), math.prod(targets.shape[1:])
    at_once = max(1, min(CODES_AT_ONCE, MAX_VALUES // values) // count)
    totals = np.full(count, -np.inf)
    axes = tuple(range(2, z_mean.ndim + 1))
    flat = targets.reshape(count, 1, values)
    for start in range(0, samples, at_once):
        size = min(at_once, samples - start)
        noise = rng.standard_normal((count, size, *z_mean.shape[1:]), np.float32)
        codes = z_mean[:, None] + np.exp(0.5 * z_log_var[:, None]) * noise
        outputs = predict(decoder, codes.reshape(count * size, *z_mean.shape[1:]))
        probabilities = np.clip(outputs.reshape(count, size, values), SMALLEST, 1 - SMALLEST)
        # Of two values, the probability of the one that the pixel has.
        log_p_x = np.log(np.where(flat > 0.5, probabilities, 1 - probabilities)).sum(axis=2, dtype=np.float64)
        terms = np.square(codes) - np.square(noise) - z_log_var[:, None]
        log_weights = log_p_x - 0.5 * terms.sum(axis=axes, dtype=np.float64)
        totals = np.logaddexp(totals, np.logaddexp.reduce(log_weights, axis=1))
    return totals - math.log(samples)
