"""Clones of encoders: with the same weights, or with newly initialized ones."""

import keras

from lib.config.hyperparameters import AutoencoderHyperparameters
from lib.models.autoencoder import IDENTITY, kernel_initializer
from lib.models.fixed_layers import FIXED_PREFIX
from lib.models.initialization import initialize_as_identity


def clone_with_weights(encoder: keras.Model) -> keras.Model:
    """Return a trainable copy of an encoder with the same weights, independent of the original."""
    clone = clone_reinitialized(encoder)
    clone.set_weights(encoder.get_weights())
    return clone


def clone_reinitialized(encoder: keras.Model, hp: AutoencoderHyperparameters | None = None) -> keras.Model:
    """Return a trainable copy of an encoder with newly initialized weights; fixed layers keep theirs.

    Args:
        encoder: the encoder to copy.
        hp: hyperparameters of its autoencoder, which say whether convolutions start as the identity; `None`
            for encoders made elsewhere.
    """
    clone = keras.models.clone_model(encoder)
    clone.trainable = True
    for layer in clone.layers:
        # The setter of the model alone does not reach the layers of a clone.
        layer.trainable = not layer.name.startswith(FIXED_PREFIX)
        if not layer.trainable:
            layer.set_weights(encoder.get_layer(layer.name).get_weights())
    if hp is not None and kernel_initializer(hp) == IDENTITY:
        initialize_as_identity(clone)
    return clone
