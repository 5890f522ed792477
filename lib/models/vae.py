"""What makes an autoencoder variational (Kingma and Welling 2014): sampling a code, and its distance from the
prior.

Both layers are only in the model that trains; what is saved goes by the mean, and needs neither.
"""

import keras
from keras import ops


@keras.saving.register_keras_serializable("latent_lab")
class Sampling(keras.layers.Layer):
    """z = z_mean + exp(z_log_var / 2) · ε with ε from the unit Gaussian: equation 10 of the paper.

    It draws while validating, too: the bound that is reported is an expectation over codes. Takes z_mean and
    z_log_var, each of shape (batch, …), and gives z of that shape.
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


@keras.saving.register_keras_serializable("latent_lab")
class KLDivergence(keras.layers.Layer):
    """KL divergence of N(z_mean, exp(z_log_var)) from the unit Gaussian, in nats per image: shape (batch, 1).

    Appendix B of the paper: −½ Σ (1 + log σ² − μ² − σ²).
    """

    def call(self, z_mean, z_log_var):
        terms = 1 + z_log_var - ops.square(z_mean) - ops.exp(z_log_var)
        return -0.5 * ops.sum(ops.reshape(terms, (ops.shape(terms)[0], -1)), axis=1, keepdims=True)

    def compute_output_shape(self, z_mean_shape, z_log_var_shape):
        return (z_mean_shape[0], 1)
