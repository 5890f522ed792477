"""The importance-weighted bound of the likelihood as a training objective.

Source: Burda, Grosse and Salakhutdinov, "Importance weighted autoencoders", 2016.
"""

import keras
from keras import layers, ops

from lib.models.regularizers.base import flatten
from lib.models.regularizers.kl import KLDivergence

BOUND, KL = "bound", "kl"  # outputs of the training model


def build_importance_model(
    inputs: keras.KerasTensor, z_mean, z_log_var, decoder: keras.Model, samples: int, seed: int
) -> keras.Model:
    """Return the model that is trained with several codes of each image.

    Args:
        inputs: images, a Keras tensor (batch, height, width, channels).
        z_mean: means of codes, a Keras tensor (batch, …).
        z_log_var: logarithms of the variances, likewise.
        decoder: maps codes to images.
        samples: number of codes of each image.
        seed: of the codes.

    Returns:
        Keras model `trainer` with the outputs `BOUND`, (batch, samples, pixels + 1, 1): the pixels of each
        code's image, and the logarithm of its density in q over that in the prior; and `KL`, (batch, 1), in
        nats.
    """
    codes, log_ratios = SampledCodes(samples, seed, name="sampling")(z_mean, z_log_var)
    bound = JoinedSamples(samples, name="samples")(decoder(codes), log_ratios)
    divergence = KLDivergence(name="divergence")(z_mean, z_log_var)
    return keras.Model(inputs, {BOUND: bound, KL: divergence}, name="trainer")


def importance_weighted_loss(pixel_loss):
    """Return Keras's loss function of the output `BOUND`, minus the bound in nats, (batch,).

    Args:
        pixel_loss: function of targets and outputs (n, height, width, channels) that returns minus the
            logarithm of the likelihood of each pixel, means over the channels, (n, height, width).
    """

    def loss(targets, outputs):
        samples, (height, width, channels) = outputs.shape[1], targets.shape[1:]
        pixels = ops.reshape(outputs[:, :, :-1], (-1, height, width, channels))
        nats = channels * pixel_loss(ops.repeat(targets, samples, axis=0), pixels)
        nats = ops.reshape(ops.sum(nats, axis=(1, 2)), (-1, samples))
        log_weights = -(nats + outputs[:, :, -1, 0])
        return ops.log(float(samples)) - ops.logsumexp(log_weights, axis=1)

    return loss


@keras.saving.register_keras_serializable("latent_lab")
class SampledCodes(layers.Layer):
    """Draws several codes of each image from N(z_mean, exp(z_log_var)).

    Its outputs are the codes (batch · samples, …), and the logarithms of the ratios of their densities in
    that distribution and in the prior, (batch, samples).
    """

    def __init__(self, samples: int, seed: int | None = None, **kwargs):
        super().__init__(**kwargs)
        self.samples, self.seed = samples, seed
        self.generator = keras.random.SeedGenerator(seed)

    def call(self, z_mean, z_log_var):
        means, log_variances = (ops.repeat(part, self.samples, axis=0) for part in (z_mean, z_log_var))
        noise = keras.random.normal(ops.shape(means), dtype=means.dtype, seed=self.generator)
        codes = means + ops.exp(0.5 * log_variances) * noise
        terms = ops.square(codes) - ops.square(noise) - log_variances
        ratios = 0.5 * ops.sum(flatten(terms), axis=1)
        return codes, ops.reshape(ratios, (-1, self.samples))

    def compute_output_shape(self, z_mean_shape, z_log_var_shape):
        return z_mean_shape, (z_mean_shape[0], self.samples)

    def get_config(self):
        return super().get_config() | {"samples": self.samples, "seed": self.seed}


@keras.saving.register_keras_serializable("latent_lab")
class JoinedSamples(layers.Layer):
    """Joins pixels of samples, (batch · samples, …), and a number of each: (batch, samples, pixels + 1, 1).

    The last axis gives it the rank of images, which Keras's losses require.
    """

    def __init__(self, samples: int, **kwargs):
        super().__init__(**kwargs)
        self.samples = samples

    def call(self, images, numbers):
        pixels = ops.reshape(images, (-1, self.samples, self._size(images.shape)))
        return ops.concatenate([pixels, numbers[..., None]], axis=2)[..., None]

    @staticmethod
    def _size(shape) -> int:
        size = 1
        for side in shape[1:]:
            size *= side
        return size

    def compute_output_shape(self, images_shape, numbers_shape):
        return numbers_shape[0], self.samples, self._size(images_shape) + 1, 1

    def get_config(self):
        return super().get_config() | {"samples": self.samples}
