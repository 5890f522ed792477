"""Layers of variational autoencoders: sampling of latent codes and the KL divergence from the prior.

Both follow Kingma and Welling, "Auto-encoding variational Bayes", 2014. They occur only in the training
model; saved models use the mean and need neither.
"""

import keras
from keras import ops


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
    """

    def call(self, z_mean, z_log_var):
        terms = 1 + z_log_var - ops.square(z_mean) - ops.exp(z_log_var)
        return -0.5 * ops.sum(ops.reshape(terms, (ops.shape(terms)[0], -1)), axis=1, keepdims=True)

    def compute_output_shape(self, z_mean_shape, z_log_var_shape):
        return (z_mean_shape[0], 1)
