"""Adversarial autoencoders: a discriminator that tells codes of images from codes of the prior.

Source: Makhzani et al., "Adversarial autoencoders", 2015. Encoder and discriminator learn in the same step,
by a reversed gradient (Ganin and Lempitsky 2015) in place of two optimizers that take turns.
"""

import math

import keras
from keras import layers, ops

from lib.models.regularizers.base import CodeRegularizer, GradientReversal, PriorSample

UNITS = (256, 256)  # of the discriminator's hidden layers
SLOPE = 0.2  # of their leaky ReLU
DISCRIMINATOR = "discriminator"  # output with its accuracy


def accuracy(targets, outputs):
    """Keras metric function of an output that is an accuracy itself, shape (batch, 1)."""
    return ops.mean(outputs, axis=-1)


class AdversarialRegularizer(CodeRegularizer):
    """How well a discriminator tells codes from the prior, in nats: an estimate of twice their divergence.

    The penalty is 2 log 2 minus the discriminator's cross-entropy: for the best discriminator twice the
    Jensen-Shannon divergence (Goodfellow et al. 2014, theorem 1), 0 where it knows nothing. The encoder
    lowers it, the discriminator raises it.
    """

    name = "adversarial"
    measures = {DISCRIMINATOR: accuracy}  # noqa: RUF012 (a constant of the class)

    def regularize(self, encoded):
        (code,) = encoded
        discriminator = _build_discriminator(code.shape[1:], self.hp.seed)
        prior = PriorSample(self.hp.seed, name="prior")(code)
        # The gradient of the discriminator is reversed once, that of the encoder twice.
        scores = discriminator(GradientReversal(name="reversed_code")(code)), discriminator(prior)
        penalty = GradientReversal(name="reversed_penalty")(Distinction(name="distinction")(*scores))
        return code, {self.name: penalty, DISCRIMINATOR: SignAccuracy(name="accuracy")(*scores)}


def _build_discriminator(shape: tuple[int, ...], seed: int) -> keras.Model:
    """A network from codes to the logarithm of the odds that they are of the prior, (batch, 1)."""
    inputs = keras.Input(shape, name="code")
    x = layers.Flatten(name="flat_code")(inputs)
    for number, units in enumerate((*UNITS, 1), 1):
        initializer = keras.initializers.HeNormal(seed=seed + number)
        x = layers.Dense(units, kernel_initializer=initializer, name=f"discriminator_{number}")(x)
        if number <= len(UNITS):
            x = layers.LeakyReLU(SLOPE, name=f"activation_{number}")(x)
    return keras.Model(inputs, x, name="discriminator")


@keras.saving.register_keras_serializable("latent_lab")
class Distinction(keras.layers.Layer):
    """2 log 2 minus the cross-entropy of scores of codes and of the prior, in nats: (batch, 1)."""

    def call(self, of_codes, of_prior):
        return 2 * math.log(2) - ops.softplus(of_codes) - ops.softplus(-of_prior)

    def compute_output_shape(self, of_codes_shape, of_prior_shape):
        return of_codes_shape


@keras.saving.register_keras_serializable("latent_lab")
class SignAccuracy(keras.layers.Layer):
    """The share of scores with the right sign, below 0 for codes and above for the prior: (batch, 1)."""

    def call(self, of_codes, of_prior):
        signs = ops.concatenate([of_codes < 0, of_prior > 0], axis=1)
        return ops.mean(ops.cast(signs, of_codes.dtype), axis=1, keepdims=True)

    def compute_output_shape(self, of_codes_shape, of_prior_shape):
        return of_codes_shape
