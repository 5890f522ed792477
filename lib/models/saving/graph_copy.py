"""Copies of Keras models as flat graphs: every call of a layer, those in nested models included."""

import math
from dataclasses import dataclass
from typing import NamedTuple

import keras
import numpy as np
from keras import layers

from lib.common.formatting import format_shape

CHANNELS_FIRST = "channels_first"


@dataclass(frozen=True, eq=False)
class LayerCall:
    """One call of a layer or of a nested model; `path` is for example `encoder/dense_1`."""

    path: str
    layer: keras.Operation
    inputs: list[keras.KerasTensor]
    outputs: list[keras.KerasTensor]

    @property
    def output(self) -> keras.KerasTensor:
        """The first output, of several."""
        return self.outputs[0]

    @property
    def shape(self) -> tuple:
        return tuple(self.output.shape[1:])

    @property
    def size(self) -> float:
        return math.prod(self.shape) if None not in self.shape else math.inf

    @property
    def is_model(self) -> bool:
        return isinstance(self.layer, keras.Model)

    def __str__(self) -> str:
        return f"{self.path} ({format_shape(self.shape)})"


class _RecordedCall(NamedTuple):
    layer: keras.Operation
    args: tuple
    kwargs: dict
    outputs: object  # a tensor, or a structure of tensors


class GraphCopy:
    """All layers of a model and its nested models, called one by one on other tensors.

    Layers are copied under unique names, with the same weights after `copy_weights`. Copies compute with
    channels last, which every device can, also where the originals have channels first; a `Normalization`
    becomes the `Rescaling` that computes the same without weights.

    Args:
        reserved_names: names of other layers of the graph that is built.
        copies_layers: `False` to call the layers themselves, to look at their shapes.

    Attributes:
        calls: each call of a layer or nested model, in the order of execution.
    """

    def __init__(self, reserved_names: tuple[str, ...] = (), copies_layers: bool = True) -> None:
        self.calls: list[LayerCall] = []
        self._copies_layers = copies_layers
        self._copies: dict[int, tuple[keras.Operation, keras.Operation]] = {}
        self._permutations: dict[tuple[int, str], layers.Permute] = {}
        self._names = set(reserved_names)

    def call_model(self, model: keras.Model, inputs: list, path: tuple[str, ...] = ()) -> list:
        """Compute the outputs of a model, which is nested in the models of `path`, for other inputs."""
        graph, recorded_calls = _record_calls(model)
        copied_tensors = dict(zip(map(id, graph.inputs), inputs, strict=True))

        def substitute(value):
            return copied_tensors.get(id(value), value)

        for layer, args, kwargs, outputs in recorded_calls:
            args, kwargs = keras.tree.map_structure(substitute, (args, kwargs))
            arguments = keras.tree.flatten((args, kwargs))
            tensors = [value for value in arguments if isinstance(value, keras.KerasTensor)]
            if isinstance(layer, keras.Model):
                copied_outputs = self.call_model(layer, tensors, (*path, layer.name))
            else:
                copied_outputs = keras.tree.flatten(self._call_layer(layer, args, kwargs, path))
            copied_tensors |= zip(map(id, keras.tree.flatten(outputs)), copied_outputs, strict=True)
            self.calls.append(LayerCall("/".join((*path, layer.name)), layer, tensors, copied_outputs))
        return [copied_tensors[id(tensor)] for tensor in graph.outputs]

    def copy_weights(self) -> None:
        """Give the copies the weights of the originals."""
        for original, copy in self._copies.values():
            if original is not copy and copy.weights:
                copy.set_weights(original.get_weights())

    def _call_layer(self, layer: keras.Operation, args: tuple, kwargs: dict, path: tuple[str, ...]):
        if not self._copies_layers:
            return layer(*args, **kwargs)
        copy = self._copy_layer(layer, path)
        if not has_channels_first(layer) or len(args[0].shape) != 4:
            return copy(*args, **kwargs)
        x = self._permutation(copy, "channels_last", (2, 3, 1))(args[0])
        x = copy(x, *args[1:], **kwargs)
        return self._permutation(copy, CHANNELS_FIRST, (3, 1, 2))(x) if len(x.shape) == 4 else x

    def _permutation(self, copy: keras.Operation, order: str, dimensions: tuple) -> layers.Permute:
        key = id(copy), order
        if key not in self._permutations:
            name = self._unique_name(f"{copy.name}_{order}")
            self._permutations[key] = layers.Permute(dimensions, name=name)
        return self._permutations[key]

    def _copy_layer(self, layer: keras.Operation, path: tuple[str, ...]) -> keras.Operation:
        """The copy of a layer, the same for each of its calls."""
        if not isinstance(layer, layers.Layer):
            return layer  # an operation such as a sum, without weights
        if id(layer) not in self._copies:
            name = layer.name if layer.name not in self._names else "_".join((*path, layer.name))
            self._copies[id(layer)] = layer, _copy(layer, self._unique_name(name))
        return self._copies[id(layer)][1]

    def _unique_name(self, name: str) -> str:
        while name in self._names:
            name += "_"
        self._names.add(name)
        return name


def has_channels_first(layer: keras.Operation) -> bool:
    """Return whether a layer takes images as (n, channels, height, width)."""
    # `Flatten` puts the channels last itself before it flattens.
    return getattr(layer, "data_format", None) == CHANNELS_FIRST and not isinstance(layer, layers.Flatten)


def _copy(layer: layers.Layer, name: str) -> layers.Layer:
    if isinstance(layer, layers.Normalization):
        scale, offset = scale_and_offset(layer)
        return layers.Rescaling(scale.tolist(), offset.tolist(), name=name)
    config = layer.get_config() | {"name": name}
    if has_channels_first(layer):
        config["data_format"] = "channels_last"
    return type(layer).from_config(config)


def scale_and_offset(layer: layers.Rescaling | layers.Normalization) -> tuple[np.ndarray, np.ndarray]:
    """Return the factor and the summand by which a layer changes pixels, each of any shape that fits them."""
    if isinstance(layer, layers.Rescaling):
        return np.asarray(layer.scale, float), np.asarray(layer.offset, float)
    mean, variance = (
        np.squeeze(keras.ops.convert_to_numpy(value), axis=0).astype(float)  # without the batch
        for value in (layer.mean, layer.variance)
    )
    deviation = np.maximum(np.sqrt(variance), keras.config.epsilon())
    if layer.invert:
        return deviation, mean
    return 1 / deviation, -mean / deviation


def _record_calls(model: keras.Model) -> tuple[keras.Model, list[_RecordedCall]]:
    """A functional model of the same layers, and their calls in it."""
    calls = []

    def record(layer, *args, **kwargs):
        outputs = layer(*args, **kwargs)
        calls.append(_RecordedCall(layer, args, kwargs, outputs))
        return outputs

    graph = keras.Model(model.inputs, model.outputs)  # a Sequential has no graph for `clone_model` to walk
    return keras.models.clone_model(graph, clone_function=lambda layer: layer, call_function=record), calls
