"""Variational autoencoders: sampled codes, and their KL divergence from the prior.

Both follow Kingma and Welling, "Auto-encoding variational Bayes", 2014.
"""

import keras
from keras import ops

from lib.models.regularizers.base import CodeRegularizer, flatten


class KLRegularizer(CodeRegularizer):
    """The KL divergence of the distribution of each code from the prior, in nats per image."""

    name = "kl"

    def regularize(self, encoded):
        z_mean, z_log_var = encoded
        penalty = KLDivergence(self.hp.free_bits, name="divergence")(z_mean, z_log_var)
        return Sampling(self.hp.seed, name="sampling")(z_mean, z_log_var), {self.name: penalty}


@keras.saving.register_keras_serializable("latent_lab")
class Sampling(keras.layers.Layer):
    """Draws z = z_mean + exp(z_log_var / 2) · ε with ε from the unit Gaussian (equation 10).

    It draws in validation, too: the reported bound is an expectation over codes. The inputs and the output
    have one shape, (batch, …).
    """

    def __init__(self, seed: int | None = None, **kwargs):
        super().__init__(**kwargs)
        self.seed = seed
        self.generator = keras.random.SeedGenerator(seed)

    def call(self, z_mean, z_log_var):
        noise = keras.random.normal(ops.shape(z_mean), dtype=z_mean.dtype, seed=self.generator)
        return z_mean + ops.exp(0.5 * z_log_var) * noise

    def compute_output_shape(self, z_mean_shape, z_log_var_shape):
        return z_mean_shape

    def get_config(self):
        return super().get_config() | {"seed": self.seed}


@keras.saving.register_keras_serializable("latent_lab", name="Divergence")
class KLDivergence(keras.layers.Layer):
    """KL divergence of N(z_mean, exp(z_log_var)) from the unit Gaussian, in nats per image: shape (batch, 1).

    Appendix B: −½ Σ (1 + log σ² − μ² − σ²).

    Args:
        free_bits: nats per number of the code that cost nothing: a number whose mean divergence in the batch
            is less has no gradient, as in Kingma et al., "Improving variational inference with inverse
            autoregressive flow", 2016. The value of the divergence stays the true one.
    """

    def __init__(self, free_bits: float = 0.0, **kwargs):
        super().__init__(**kwargs)
        self.free_bits = free_bits

    def call(self, z_mean, z_log_var):
        divergences = kl_divergences(z_mean, z_log_var)
        if self.free_bits:
            means = ops.mean(divergences, axis=0, keepdims=True)
            costly = divergences * ops.cast(means > self.free_bits, divergences.dtype)
            divergences = costly + ops.stop_gradient(divergences - costly)
        return ops.sum(divergences, axis=1, keepdims=True)

    def compute_output_shape(self, z_mean_shape, z_log_var_shape):
        return (z_mean_shape[0], 1)

    def get_config(self):
        return super().get_config() | {"free_bits": self.free_bits}


def kl_divergences(z_mean, z_log_var):
    """Return the KL divergence of each number of a code from the prior, in nats, (batch, size).

    Args:
        z_mean: means, (batch, …).
        z_log_var: logarithms of the variances, like the means.
    """
    return flatten(-0.5 * (1 + z_log_var - ops.square(z_mean) - ops.exp(z_log_var)))
