"""The same network once more: with its weights or with others, in another precision, on other devices."""

from functools import partial

import keras
from keras import ops

from lib.models.fixed_layers import FIXED_PREFIX
from lib.training.distributed import replica_config


def make_replica(model: keras.Model, precision: str = "float32") -> keras.Model:
    """The same network with the same weights, of which as much is frozen; where Keras distributes models, it
    lives there.

    With a `precision` of `bfloat16` the models inside it compute in that, but for `_exact`, and keep their
    weights as float32 (Micikevicius et al., "Mixed precision training", 2018).
    """

    models: dict[int, keras.Model] = {}  # an encoder with feedback has the same decoder inside

    def again(layer, policies=None):
        if isinstance(layer, keras.Model):
            inside = policies_of(layer) if precision != "float32" else None
            if id(layer) not in models:
                models[id(layer)] = keras.models.clone_model(
                    layer, clone_function=partial(again, policies=inside)
                )
            return models[id(layer)]
        config = replica_config(layer)
        if policies:
            config["dtype"] = policies[layer.name]
        return type(layer).from_config(config)

    def policies_of(part):
        exact = _full_precision_layers(part)
        return {
            layer.name: "float32" if layer.name in exact else f"mixed_{precision}" for layer in part.layers
        }

    found = keras.models.clone_model(model, clone_function=again)
    copy_state(model, found)
    _copy_trainable(model, found)
    return found


def _full_precision_layers(part: keras.Model) -> set[str]:
    """The layers of an encoder, a decoder or a head that are never rounded: the fixed ones, and those that
    give its first output (code, image, probabilities), back to the last ones with weights.
    """
    exact, wanted = (
        {layer.name for layer in part.layers if layer.name.startswith(FIXED_PREFIX)},
        {id(part.outputs[0])},
    )
    for layer in reversed(part.layers):
        if id(layer.output) in wanted:
            exact.add(layer.name)
            if not layer.weights:
                wanted |= {id(tensor) for tensor in keras.tree.flatten(layer.input)}
    return exact


def copy_state(model: keras.Model, other: keras.Model) -> None:
    """Bring another model of the same network to the state of the first: weights, averages, and what dropout
    draws next.
    """
    for variable, its_twin in zip(model.variables, other.variables, strict=True):
        its_twin.assign(ops.convert_to_numpy(variable))


def _copy_trainable(model: keras.Model, other: keras.Model) -> None:
    for layer, its_twin in zip(model.layers, other.layers, strict=True):
        its_twin.trainable = layer.trainable
        if isinstance(layer, keras.Model):
            _copy_trainable(layer, its_twin)
