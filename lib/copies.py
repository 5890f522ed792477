"""The same network once more: with its weights or with others, in another precision, on other devices."""

from functools import partial

import keras
from keras import ops

from lib import backend
from lib.beginnings import begin_as_identities
from lib.fixed import FIXED
from lib.hyperparameters import Hyperparameters
from lib.networks import IDENTITY, initializer


def copied(encoder: keras.Model) -> keras.Model:
    """The same network with the same weights, which can be trained without changing the first."""
    found = with_random_weights(encoder)
    found.set_weights(encoder.get_weights())
    return found


def twin(model: keras.Model, precision: str = "float32") -> keras.Model:
    """The same network with the same weights, of which as much is frozen; where Keras distributes models, it lives there.

    With a `precision` of `bfloat16` the models inside it compute in that, but for `_exact`, and keep their weights as float32
    (Micikevicius et al., "Mixed precision training", 2018).
    """

    models: dict[int, keras.Model] = {}  # an encoder with feedback has the same decoder inside

    def again(layer, policies=None):
        if isinstance(layer, keras.Model):
            inside = policies_of(layer) if precision != "float32" else None
            if id(layer) not in models:
                models[id(layer)] = keras.models.clone_model(layer, clone_function=partial(again, policies=inside))
            return models[id(layer)]
        config = backend.spread(layer)
        if policies:
            config["dtype"] = policies[layer.name]
        return type(layer).from_config(config)

    def policies_of(part):
        exact = _exact(part)
        return {layer.name: "float32" if layer.name in exact else f"mixed_{precision}" for layer in part.layers}

    found = keras.models.clone_model(model, clone_function=again)
    hand_over(model, found)
    _freeze_alike(model, found)
    return found


def _exact(part: keras.Model) -> set[str]:
    """The layers of an encoder, a decoder or a head that are never rounded: the fixed ones, and those that give its first
    output (code, image, probabilities), back to the last ones with weights."""
    exact, wanted = {layer.name for layer in part.layers if layer.name.startswith(FIXED)}, {id(part.outputs[0])}
    for layer in reversed(part.layers):
        if id(layer.output) in wanted:
            exact.add(layer.name)
            if not layer.weights:
                wanted |= {id(tensor) for tensor in keras.tree.flatten(layer.input)}
    return exact


def hand_over(model: keras.Model, other: keras.Model) -> None:
    """Bring another model of the same network to the state of the first: weights, averages, and what dropout draws next."""
    for variable, its_twin in zip(model.variables, other.variables, strict=True):
        its_twin.assign(ops.convert_to_numpy(variable))


def _freeze_alike(model: keras.Model, other: keras.Model) -> None:
    for layer, its_twin in zip(model.layers, other.layers, strict=True):
        its_twin.trainable = layer.trainable
        if isinstance(layer, keras.Model):
            _freeze_alike(layer, its_twin)


def with_random_weights(encoder: keras.Model, hp: Hyperparameters | None = None) -> keras.Model:
    """The same network, begun anew, as `hp` of its autoencoder says where that is known; what is fixed in it stays."""
    fresh = keras.models.clone_model(encoder)
    fresh.trainable = True
    for layer in fresh.layers:
        layer.trainable = not layer.name.startswith(FIXED)  # the model's setter alone does not reach a clone's layers
        if not layer.trainable:
            layer.set_weights(encoder.get_layer(layer.name).get_weights())
    if hp is not None and initializer(hp) == IDENTITY:
        begin_as_identities(fresh)
    return fresh
