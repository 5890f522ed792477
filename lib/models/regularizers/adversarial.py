"""Adversarial autoencoders: a discriminator that tells codes of images from codes of the prior.

Source: Makhzani et al., "Adversarial autoencoders", 2015. Encoder and discriminator learn in the same step,
on every backend, in place of two optimizers that take turns: gradients that are not meant for one of them are
stopped, or cancel each other.
"""

import math

import keras
from keras import layers, ops

from lib.models.regularizers.base import CodeRegularizer, PriorSample, StopGradient

UNITS = (256, 256)  # of the discriminator's hidden layers
SLOPE = 0.2  # of their leaky ReLU
DISCRIMINATOR = "discriminator"  # output with its accuracy


def accuracy(targets, outputs):
    """Keras metric function of an output that is an accuracy itself, shape (batch, 1)."""
    return ops.mean(outputs, axis=-1)


def distinction(targets, outputs):
    """Keras metric function of an output that is a distinction itself, shape (batch, 1)."""
    return ops.mean(outputs, axis=-1)


class AdversarialRegularizer(CodeRegularizer):
    """The distinction of codes from the prior by a discriminator, in nats: twice their divergence, estimated.

    The penalty is 2 log 2 minus the discriminator's cross-entropy: for the best discriminator twice the
    Jensen-Shannon divergence (Goodfellow et al., "Generative adversarial nets", 2014, theorem 1), 0 where it
    knows nothing. The discriminator lowers its cross-entropy. The encoder raises the probability that its
    codes are taken for the prior (the non-saturating loss of section 3 there): it has a gradient, too, where
    the discriminator is never wrong.
    """

    name = "adversarial"
    learns = True
    measures = {name: distinction, DISCRIMINATOR: accuracy}  # noqa: RUF012 (a constant of the class)

    def regularize(self, encoded):
        (code,) = encoded
        discriminator = _build_discriminator(code.shape[1:], self.hp.seed)
        fixed_code = StopGradient(name="fixed_code")(code)
        prior = PriorSample(self.hp.seed, name="prior")(code)
        of_code, of_fixed, of_prior = map(discriminator, (code, fixed_code, prior))
        penalty = Distinction(name="distinction")(of_code, of_fixed, of_prior)
        return code, {self.name: penalty, DISCRIMINATOR: SignAccuracy(name="accuracy")(of_code, of_prior)}


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
    """2 log 2 minus the cross-entropy of scores of codes and of the prior, in nats: means, (batch, 1).

    Its gradient is that of the discriminator's cross-entropy, and for the encoder that of the cross-entropy
    of codes that are taken for the prior. The inputs are the scores of codes, the same without a gradient for
    the encoder, and those of the prior, (batch, scores) each.
    """

    def call(self, of_code, of_fixed, of_prior):
        cross_entropy = ops.softplus(of_fixed) + ops.softplus(-of_prior)
        # In the difference the gradients of the discriminator cancel, and the encoder's remains.
        deception = ops.softplus(-of_code) - ops.softplus(-of_fixed)
        loss = cross_entropy + deception
        distinction = 2 * math.log(2) - ops.stop_gradient(cross_entropy) + loss - ops.stop_gradient(loss)
        return ops.mean(distinction, axis=1, keepdims=True)

    def compute_output_shape(self, of_code_shape, of_fixed_shape, of_prior_shape):
        return (of_code_shape[0], 1)


@keras.saving.register_keras_serializable("latent_lab")
class SignAccuracy(keras.layers.Layer):
    """The share of scores with the right sign, below 0 for codes and above for the prior, (batch, 1)."""

    def call(self, of_codes, of_prior):
        signs = ops.concatenate([of_codes < 0, of_prior > 0], axis=1)
        return ops.mean(ops.cast(signs, of_codes.dtype), axis=1, keepdims=True)

    def compute_output_shape(self, of_codes_shape, of_prior_shape):
        return (of_codes_shape[0], 1)
