"""Extraction of the encoder from any Keras autoencoder.

The latent code is the output of, in this order: the layer that was named; the outermost model that is called
an encoder; the bottleneck, which is the smallest layer that all data passes through (the first of several),
together with the activation, normalization and dropout layers that directly follow it. Nested models are
flattened.
"""

import difflib
import math
from dataclasses import dataclass
from typing import NamedTuple

import keras
import numpy as np
from keras import layers

from lib.common.errors import UserError
from lib.common.formatting import format_shape
from lib.tasks import ImageShape

# They change the values of the layer before them, not its shape.
SHAPE_PRESERVING_LAYERS = (
    layers.Activation,
    layers.ReLU,
    layers.LeakyReLU,
    layers.PReLU,
    layers.ELU,
    layers.BatchNormalization,
    layers.Dropout,
    layers.LayerNormalization,
    layers.GroupNormalization,
    layers.SpatialDropout2D,
    layers.GaussianNoise,
    layers.GaussianDropout,
    layers.AlphaDropout,
    layers.ActivityRegularization,
)
MAX_BYTE_SCALE = 0.01  # a Rescaling by less than this is meant for pixels of 0..255
MAX_LISTED = 8  # layers listed in a message


@dataclass(frozen=True)
class LayerCall:
    """One call of a layer or of a nested model; `path` is for example `encoder/dense_1`."""

    path: str
    layer: keras.Operation
    inputs: list[keras.KerasTensor]
    output: keras.KerasTensor  # the first, of several

    @property
    def shape(self) -> tuple:
        return tuple(self.output.shape[1:])

    @property
    def size(self) -> float:
        return math.prod(self.shape) if None not in self.shape else math.inf

    def __str__(self) -> str:
        return f"{self.path} ({format_shape(self.shape)})"


def extract_encoder(
    model: keras.Model, image_shape: ImageShape, layer: str | None, source: str, data_shape: str
) -> tuple[keras.Model, str]:
    """Build a model from images to the latent code of an autoencoder.

    Args:
        model: any Keras model with one input: images with channels, without (where there is one), or flat.
        image_shape: (height, width, channels) of the images.
        layer: name or path of the layer that gives the code; `None` to find it.
        source: name of the model in error messages.
        data_shape: shape of the images of the data set in error messages.

    Returns:
        Keras model `encoder` of copied layers with the same weights, from images, float32 (n, height, width,
        channels) in 0..1, to codes (n, …); and the path and shape of the layer that gives the code, such as
        `encoder/dense_1 (8)`.

    Raises:
        UserError: the images do not fit the model, or no layer gives a code.
    """
    inputs = keras.Input(image_shape, name="image")
    flat = _FlatCopy()
    outputs = flat.call_model(model, [_match_input(model, inputs, source, data_shape)])
    if layer:
        code = _find_named(flat.calls, layer, source)
    else:
        code = _find_encoder_model(model, outputs[0], flat.calls) or _find_bottleneck(
            flat.calls, math.prod(image_shape), outputs[0], source
        )
    if code.output is inputs or not any(code.output is call.output for call in flat.calls):
        raise UserError(
            f"{source}: {code.path} gives back its input; name the layer of the code with --encoder-layer"
        )
    encoder = keras.Model(inputs, code.output, name="encoder")
    for original, copy in flat.copies.values():
        if copy in encoder.layers:
            copy.set_weights(original.get_weights())
    return encoder, str(code)


def _match_input(
    model: keras.Model, images: keras.KerasTensor, source: str, data_shape: str
) -> keras.KerasTensor:
    """Images in the shape that the model takes."""
    if len(model.inputs) != 1:
        raise UserError(
            f"{source}: takes {len(model.inputs)} inputs; only models that take images alone have an encoder "
            f"for them"
        )
    input_shape, image_shape = tuple(model.inputs[0].shape[1:]), tuple(images.shape[1:])
    if _shape_matches(input_shape, image_shape):
        return images
    for shape in ((math.prod(image_shape),), image_shape[:2] if image_shape[2] == 1 else image_shape):
        if _shape_matches(input_shape, shape):
            return layers.Reshape(shape, name="as_taken")(images)
    sizes = "×".join("any" if side is None else f"{side:,}" for side in input_shape)
    raise UserError(f"{source}: its encoder takes images of {sizes}, the data set has {data_shape}")


def _shape_matches(pattern: tuple, shape: tuple) -> bool:
    """Compare shapes; `None` in the pattern matches any size."""
    return len(pattern) == len(shape) and all(
        expected in (None, side) for expected, side in zip(pattern, shape, strict=True)
    )


class _RecordedCall(NamedTuple):
    layer: keras.Operation
    args: tuple
    kwargs: dict
    outputs: object  # a tensor, or a structure of tensors


class _FlatCopy:
    """Copies of all layers of a model and its nested models, called one by one on other tensors.

    Attributes:
        calls: each call of a layer or nested model, in the order of execution.
        copies: each layer and its copy, by the id of the layer.
    """

    def __init__(self) -> None:
        self.calls: list[LayerCall] = []
        self.copies: dict[int, tuple[layers.Layer, layers.Layer]] = {}

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
                copied_outputs = keras.tree.flatten(self._copy_layer(layer, path)(*args, **kwargs))
            copied_tensors |= zip(map(id, keras.tree.flatten(outputs)), copied_outputs, strict=True)
            self.calls.append(LayerCall("/".join((*path, layer.name)), layer, tensors, copied_outputs[0]))
        return [copied_tensors[id(tensor)] for tensor in graph.outputs]

    def _copy_layer(self, layer, path: tuple[str, ...]):
        """The copy of a layer, the same for each of its calls, under a unique name."""
        if not isinstance(layer, layers.Layer):
            return layer  # an operation such as a sum, without weights
        if id(layer) not in self.copies:
            names = {copy.name for _, copy in self.copies.values()} | {"image", "as_taken"}
            name = layer.name if layer.name not in names else "_".join((*path, layer.name))
            while name in names:
                name += "_"
            config = layer.get_config() | {"name": name}
            if isinstance(layer, layers.Rescaling) and np.max(np.abs(layer.scale)) < MAX_BYTE_SCALE:
                config["scale"] = (np.asarray(layer.scale) * 255).tolist()  # the pixels are 0..1 already
            self.copies[id(layer)] = layer, type(layer).from_config(config)
        return self.copies[id(layer)][1]


def _record_calls(model: keras.Model) -> tuple[keras.Model, list[_RecordedCall]]:
    """A functional model of the same layers, and their calls in it."""
    calls = []

    def record(layer, *args, **kwargs):
        outputs = layer(*args, **kwargs)
        calls.append(_RecordedCall(layer, args, kwargs, outputs))
        return outputs

    graph = keras.Model(model.inputs, model.outputs)  # a Sequential has no graph for `clone_model` to walk
    return keras.models.clone_model(graph, clone_function=lambda layer: layer, call_function=record), calls


def _find_named(calls: list[LayerCall], name: str, source: str) -> LayerCall:
    """The call of the layer with this path, or with this name where it is unique."""
    by_path = {call.path: call for call in reversed(calls)}  # of several calls the first
    if name in by_path:
        return by_path[name]
    paths = list(reversed(by_path))
    matches = [path for path in paths if path.endswith(f"/{name}")]
    if len(matches) == 1:
        return by_path[matches[0]]
    if matches:
        raise UserError(
            f"{source}: has {len(matches)} layers called {name}; give one of "
            f"{', '.join(matches[:MAX_LISTED])}"
        )
    names = list(dict.fromkeys(paths + [path.split("/")[-1] for path in paths]))
    close = difflib.get_close_matches(name, names, n=3)
    suggestion = (
        f"did you mean {' or '.join(close)}?"
        if close
        else f"it has {', '.join(names[:MAX_LISTED])}{', …' * (len(names) > MAX_LISTED)}"
    )
    raise UserError(f"{source}: has no layer called {name!r}; {suggestion}")


def _find_encoder_model(model: keras.Model, output, calls: list[LayerCall]) -> LayerCall | None:
    """The outermost model called an encoder; its first output is the code (of a variational one the mean)."""
    models = [
        LayerCall(model.name, model, [], output),
        *(call for call in calls if isinstance(call.layer, keras.Model)),
    ]
    encoders = [call for call in models if "encoder" in call.layer.name.lower().replace("autoencoder", "")]
    return min(encoders, key=lambda call: call.path.count("/"), default=None)


def _find_bottleneck(calls: list[LayerCall], image_size: int, output, source: str) -> LayerCall:
    """The smallest cut point, or the last of the shape-preserving layers that directly follow it."""
    cut_points = _find_cut_points([call for call in calls if not isinstance(call.layer, keras.Model)], output)
    if not cut_points:
        raise UserError(f"{source}: has no layers; give an autoencoder")
    smallest = min(call.size for call in cut_points)
    index = next(index for index, call in enumerate(cut_points) if call.size == smallest)
    if smallest >= min(image_size, cut_points[-1].size):
        candidates = sorted(cut_points[:-1], key=lambda call: call.size)[:3]
        raise UserError(
            f"{source}: no layer that everything passes through is smaller than both input ({image_size:,} "
            f"numbers) and output "
            f"({format_shape(cut_points[-1].shape)}); name that of the code with --encoder-layer"
            + (f", such as {', '.join(map(str, candidates))}" if candidates else "")
        )
    while (
        isinstance(cut_points[index + 1].layer, SHAPE_PRESERVING_LAYERS)
        and cut_points[index + 1].size == smallest
    ):
        index += 1
    return cut_points[index]


def _find_cut_points(calls: list[LayerCall], output) -> list[LayerCall]:
    """The calls on every path from the input to `output`: after them no other tensor is still to be used."""
    needed = {id(output)}
    used_calls: list[LayerCall] = []
    for call in reversed(calls):
        if id(call.output) in needed:
            used_calls.insert(0, call)
            needed |= {id(tensor) for tensor in call.inputs}
    last_use = {id(tensor): index for index, call in enumerate(used_calls) for tensor in call.inputs}
    last_use[id(output)] = len(used_calls)
    pending = {id(tensor) for tensor in used_calls[0].inputs} if used_calls else set()
    cut_points = []
    for index, call in enumerate(used_calls):
        pending = {tensor for tensor in pending | {id(call.output)} if last_use[tensor] > index}
        if pending == {id(call.output)}:
            cut_points.append(call)
    return cut_points
