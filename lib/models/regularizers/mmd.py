"""Wasserstein autoencoders: the maximum mean discrepancy of a batch of codes from the prior.

Source: Tolstikhin et al., "Wasserstein auto-encoders", 2018, algorithm 2 (WAE-MMD).
"""

import keras
from keras import ops

from lib.models.regularizers.base import CodeRegularizer, PriorSample, flatten

SCALES = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)  # of the kernels, as in the authors' code


class MMDRegularizer(CodeRegularizer):
    """The squared maximum mean discrepancy, unbiased, of the batch's codes from as many of the prior."""

    name = "mmd"

    def regularize(self, encoded):
        (code,) = encoded
        prior = PriorSample(self.hp.seed, name="prior")(code)
        return code, {self.name: MeanDiscrepancy(name="discrepancy")(code, prior)}


@keras.saving.register_keras_serializable("latent_lab")
class MeanDiscrepancy(keras.layers.Layer):
    """Each image's part of the squared maximum mean discrepancy of two batches of codes, (batch, 1).

    The mean of the parts is the unbiased estimate, which may be below 0; it is 0 for a batch of one. Kernels
    are inverse multiquadratic, C / (C + d²) for a squared distance d², with C = 2 · size · scale, and are
    summed over the scales.
    """

    def call(self, codes, others):
        codes, others = flatten(codes), flatten(others)
        count = ops.cast(ops.shape(codes)[0], codes.dtype)
        within = _mean_of_others(codes, count) + _mean_of_others(others, count)
        between = ops.sum(_kernels(codes, others), axis=1, keepdims=True) / count
        return (within - 2 * between) * ops.cast(count > 1, codes.dtype)

    def compute_output_shape(self, codes_shape, others_shape):
        return (codes_shape[0], 1)


def _mean_of_others(codes, count):
    """The mean kernel of each code with the others of its batch, (batch, 1)."""
    with_itself = float(len(SCALES))  # each kernel is 1 there
    sums = ops.sum(_kernels(codes, codes), axis=1, keepdims=True) - with_itself
    return sums / ops.maximum(count - 1, 1)


def _kernels(first, second):
    """Sums of the kernels of all pairs of codes, (batch, batch)."""
    squares = [ops.sum(ops.square(codes), axis=1) for codes in (first, second)]
    products = ops.matmul(first, ops.transpose(second))
    distances = ops.maximum(squares[0][:, None] + squares[1][None, :] - 2 * products, 0)
    constants = [2.0 * first.shape[1] * scale for scale in SCALES]
    return sum(constant / (constant + distances) for constant in constants)
