"""A discriminator of patches of pictures, against blurred outputs of an autoencoder.

Sources: Larsen et al., "Autoencoding beyond pixels using a learned similarity metric", 2016; of patches:
Isola et al., "Image-to-image translation with conditional adversarial networks", 2017. It learns in the same
step as the autoencoder, as `lib.models.regularizers.adversarial` has it.
"""

import math

import keras
from keras import layers

from lib.config.hyperparameters import AutoencoderHyperparameters
from lib.config.patch_layers import patch_layers
from lib.models.regularizers.adversarial import SLOPE, Distinction, SignAccuracy, accuracy, distinction
from lib.models.regularizers.base import GradientFactor, StopGradient

PATCHES, PATCH_DISCRIMINATOR = "patches", "patch_discriminator"  # outputs of the training model


MEASURES = {PATCHES: distinction, PATCH_DISCRIMINATOR: accuracy}  # metric function of each output


def discriminate(outputs, targets, hp: AutoencoderHyperparameters) -> dict:
    """Return how well a new discriminator tells outputs from targets, as outputs of a training model.

    Args:
        outputs: of the autoencoder, a Keras tensor (batch, height, width, channels).
        targets: likewise.
        hp: of the run. Where its reconstruction loss is summed over the pixels, the gradient for the
            autoencoder is multiplied by their number.

    Returns:
        Keras tensors (batch, 1): `PATCHES`, a mean over all patches of 2 log 2 minus the cross-entropy of the
        discriminator, in nats; and `PATCH_DISCRIMINATOR`, its accuracy.
    """
    shape = tuple(outputs.shape[1:])
    discriminator = _build_discriminator(shape, hp.seed)
    fixed = StopGradient(name="fixed_output")(outputs)
    of_outputs, of_fixed, of_targets = map(discriminator, (outputs, fixed, targets))
    penalty = Distinction(name="patch_distinction")(of_outputs, of_fixed, of_targets)
    if hp.has_prior:
        penalty = GradientFactor(math.prod(shape), name="patch_factor")(penalty)
    return {
        PATCHES: penalty,
        PATCH_DISCRIMINATOR: SignAccuracy(name="patch_accuracy")(of_outputs, of_targets),
    }


def _build_discriminator(shape: tuple[int, ...], seed: int) -> keras.Model:
    """A network from pictures to the logarithms of the odds that patches are of targets, (batch, patches)."""
    x = inputs = keras.Input(shape, name="picture")
    for number, layer in enumerate(patch_layers(shape), 1):
        x = layers.Conv2D(
            layer.channels,
            4,
            layer.stride,
            "same",
            kernel_initializer=keras.initializers.HeNormal(seed=seed + number),
            name=f"patch_conv_{number}",
        )(x)
        x = layers.LeakyReLU(SLOPE, name=f"patch_activation_{number}")(x)
    x = layers.Conv2D(1, 3, padding="same", name="patch_score")(x)
    return keras.Model(inputs, layers.Flatten(name="patch_scores")(x), name="patch_discriminator")
