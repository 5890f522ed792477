"""The same network once more: with its weights or with others, in another precision, on other devices."""

import keras

from lib.config.hyperparameters import Hyperparameters
from lib.models.autoencoder import IDENTITY, initializer_of
from lib.models.fixed_layers import FIXED_PREFIX
from lib.models.initialization import initialize_as_identity


def clone_with_weights(encoder: keras.Model) -> keras.Model:
    """The same network with the same weights, which can be trained without changing the first."""
    found = clone_reinitialized(encoder)
    found.set_weights(encoder.get_weights())
    return found


def clone_reinitialized(encoder: keras.Model, hp: Hyperparameters | None = None) -> keras.Model:
    """The same network, begun anew, as `hp` of its autoencoder says where that is known; what is fixed in it
    stays.
    """
    fresh = keras.models.clone_model(encoder)
    fresh.trainable = True
    for layer in fresh.layers:
        layer.trainable = not layer.name.startswith(
            FIXED_PREFIX
        )  # the model's setter alone does not reach a clone's layers
        if not layer.trainable:
            layer.set_weights(encoder.get_layer(layer.name).get_weights())
    if hp is not None and initializer_of(hp) == IDENTITY:
        initialize_as_identity(fresh)
    return fresh
