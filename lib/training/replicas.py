"""Replicas of a model: the same network in another precision or on several devices."""

from __future__ import annotations

from functools import partial

import keras
from keras import ops

from lib.models.fixed_layers import FIXED_PREFIX
from lib.training.distributed import replica_config


def make_replica(model: keras.Model, precision: str = "float32") -> keras.Model:
    """A model with the same layers, weights, random states and frozen layers.

    Inside a distribution scope its variables live on all devices of the scope.

    Args:
        model: a model that contains models (encoder, decoder), such as `build_training_model` returns.
        precision: `float32`, or `bfloat16` for mixed precision inside the contained models: they compute in
            bfloat16 and keep float32 weights (Micikevicius et al., "Mixed precision training", 2018). Fixed
            layers, and the last layers of each model's first output, still compute in float32.
    """
    clones: dict[int, keras.Model] = {}  # an encoder with feedback contains the decoder a second time

    def clone_layer(layer, dtype_policies=None):
        if isinstance(layer, keras.Model):
            if id(layer) not in clones:
                policies = _dtype_policies(layer, precision) if precision != "float32" else None
                clones[id(layer)] = keras.models.clone_model(
                    layer, clone_function=partial(clone_layer, dtype_policies=policies)
                )
            return clones[id(layer)]
        config = replica_config(layer)
        if dtype_policies:
            config["dtype"] = dtype_policies[layer.name]
        return type(layer).from_config(config)

    replica = keras.models.clone_model(model, clone_function=clone_layer)
    copy_state(model, replica)
    _copy_trainable(model, replica)
    return replica


def copy_state(source: keras.Model, target: keras.Model) -> None:
    """Copy weights, moving averages and random states to another model of the same network.

    Both list their variables in the same order, because `clone_model` builds layers in the order of the
    source. Other shapes than the source's raise an error in `assign`.
    """
    for variable, copy in zip(source.variables, target.variables, strict=True):
        copy.assign(ops.convert_to_numpy(variable))


def _copy_trainable(source: keras.Model, target: keras.Model) -> None:
    for layer, copy in zip(source.layers, target.layers, strict=True):
        copy.trainable = layer.trainable
        if isinstance(layer, keras.Model):
            _copy_trainable(layer, copy)


def _dtype_policies(model: keras.Model, precision: str) -> dict[str, str]:
    """Keras's dtype policy of each layer, by the layer's name."""
    exact = _full_precision_layers(model)
    return {layer.name: "float32" if layer.name in exact else f"mixed_{precision}" for layer in model.layers}


def _full_precision_layers(model: keras.Model) -> set[str]:
    """Names of the layers that always compute in float32.

    These are the fixed layers, and those that lead to the first output (latent code, image, probabilities),
    back to the last ones with weights.
    """
    exact = {layer.name for layer in model.layers if layer.name.startswith(FIXED_PREFIX)}
    tensors = {id(model.outputs[0])}
    for layer in reversed(model.layers):
        if id(layer.output) in tensors:
            exact.add(layer.name)
            if not layer.weights:
                tensors |= {id(tensor) for tensor in keras.tree.flatten(layer.input)}
    return exact
