"""The layer of a model that gives the latent code, and the input of its decoder, with the reason.

The code is the output of, in this order:

1. the layer that was named;
2. the outermost model whose name says encoder;
3. the layer whose name says latent, bottleneck, code, embedding or z_mean: of several the means, and of those
   the narrowest;
4. the layer called encoder; where the names of several begin so, the narrowest from the last of them on to
   the decoder;
5. the narrowest layer before the first upsampling that everything passes through, if it is narrower than the
   image;
6. the last feature maps before the first upsampling.

A layer of 5 and 6 counts with the activation, normalization and dropout that directly follow it. The decoder
is the mirror: the layer that was named and all after it, the model called decoder, or all after the code.
"""

import difflib
import math
import re
from collections.abc import Iterable
from typing import NamedTuple

import keras
from keras import layers

from lib.common.errors import UserError
from lib.models.saving.graph_copy import LayerCall, has_channels_first
from lib.models.saving.name_words import says_code, says_decoder, says_encoder, says_mean, says_only_encoder

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
MAX_LISTED = 8  # layers listed in a message
MIN_GROWTH = 2  # of the area of feature maps by upsampling; padding adds less


class Code(NamedTuple):
    """The call whose output is the code, and the reason to take it, as the end of a sentence."""

    call: LayerCall
    reason: str


class Graph(NamedTuple):
    """A model as calls of layers.

    Attributes:
        name: of the model.
        calls: as `GraphCopy` has them, in the order of execution.
        outputs: of the model.
    """

    name: str
    calls: list[LayerCall]
    outputs: list[keras.KerasTensor]

    @property
    def layer_calls(self) -> list[LayerCall]:
        """The calls without those of nested models, whose layers have calls of their own."""
        return [call for call in self.calls if not call.is_model]


def find_code(graph: Graph, layer: str | None, image_size: int, source: str) -> Code:
    """Find the layer that gives the code.

    Args:
        graph: the model.
        layer: name or path of the layer; `None` to find it by the rule of this module.
        image_size: numbers in an image.
        source: name of the model in error messages.

    Raises:
        UserError: there is no layer of this name, or no layer gives a code.
    """
    if layer:
        return Code(find_named_call(graph.calls, layer, source), "set by --encoder-layer")
    if not graph.layer_calls:
        raise UserError(f"{source}: has no layers; use an autoencoder")
    code = (
        _encoder_model(graph)
        or _layer_named_code(graph)
        or _layer_named_encoder(graph)
        or _narrowest_layer(graph, image_size)
        or _before_upsampling(graph)
    )
    if code is None:
        candidates = by_given_name(graph.layer_calls[:-1], sized=True)[:3]
        raise UserError(
            f"{source}: no layer is named encoder or code, no bottleneck is narrower than the image "
            f"({image_size:,} values), and no upsampling follows; set the layer of the latent code with "
            f"--encoder-layer" + (f", such as {', '.join(map(str, candidates))}" if candidates else "")
        )
    return code


def find_decoder_input(graph: Graph, code: Code, layer: str | None, source: str) -> keras.KerasTensor:
    """Return the tensor that the decoder begins with.

    Args:
        graph: the calls of the model.
        code: from `find_code`.
        layer: name or path of the first layer of the decoder; `None` to look for a model of such a name.
        source: name of the model in error messages.

    Raises:
        UserError: there is no layer of this name, or there are several.
    """
    if layer:
        return find_named_call(graph.calls, layer, source).inputs[0]
    decoders = [call for call in graph.calls if call.is_model and says_decoder(call.layer.name)]
    decoder = min(decoders, key=lambda call: call.path.count("/"), default=None)
    fits = decoder is not None and decoder.inputs[0].shape == code.call.output.shape
    return decoder.inputs[0] if decoder is not None and fits else code.call.output


def depends_only_on(graph: Graph, tensor: keras.KerasTensor, output: keras.KerasTensor) -> bool:
    """Return whether `output` can be computed from `tensor` alone."""
    used, pending, seen = False, [output], set()
    producers = {id(value): call for call in graph.layer_calls for value in call.outputs}
    while pending:
        value = pending.pop()
        if value is tensor:
            used = True
        elif id(value) not in producers:
            return False  # an input of the model
        elif id(value) not in seen:
            seen.add(id(value))
            pending += producers[id(value)].inputs
    return used


def find_named_call(calls: list[LayerCall], name: str, source: str) -> LayerCall:
    """Return the first call of the layer with this path, or with this name where it is unique.

    Raises:
        UserError: there is no such layer, or there are several.
    """
    by_path = {call.path: call for call in reversed(calls)}  # of several calls the first
    if name in by_path:
        return by_path[name]
    matches = [path for path in reversed(by_path) if path.endswith(f"/{name}")]
    if len(matches) == 1:
        return by_path[matches[0]]
    if matches:
        raise UserError(
            f"{source}: has {len(matches)} layers named {name}; use one of {', '.join(matches[:MAX_LISTED])}"
        )
    paths = [call.path for call in by_given_name(calls)]
    names = list(dict.fromkeys(paths + [path.split("/")[-1] for path in paths]))
    close = difflib.get_close_matches(name, names, n=3)
    suggestion = (
        f"did you mean {' or '.join(close)}?"
        if close
        else f"the layers are {', '.join(names[:MAX_LISTED])}{', …' * (len(names) > MAX_LISTED)}"
    )
    raise UserError(f"{source}: has no layer named {name!r}; {suggestion}")


def by_given_name(calls: Iterable[LayerCall], sized: bool = False) -> list[LayerCall]:
    """Sort calls: layers named by a person first, then those with Keras's names; `sized`: narrow ones first.

    Without `sized` the order of execution is kept.
    """
    unique = {call.path: call for call in calls}.values()
    ordered = sorted(unique, key=lambda call: call.size) if sized else list(unique)
    return sorted(ordered, key=_has_automatic_name)


def _has_automatic_name(call: LayerCall) -> bool:
    """True for a name that Keras gives, such as `conv2d_3`."""
    automatic = re.sub(r"\W", "", type(call.layer).__name__).lower()
    return re.sub(r"_\d+$", "", call.layer.name).replace("_", "").lower() == automatic


def _encoder_model(graph: Graph) -> Code | None:
    """The outermost model called encoder; its first output is the code (of a variational one the mean)."""
    if says_encoder(graph.name):
        whole = LayerCall(graph.name, graph.layer_calls[-1].layer, [], graph.outputs)
        return Code(whole, f"the whole model is named {graph.name!r}")
    models = [call for call in graph.calls if call.is_model and says_encoder(call.layer.name)]
    if not models:
        return None
    outermost = min(models, key=lambda call: call.path.count("/"))
    return Code(outermost, f"the model named {outermost.layer.name!r}")


def _outside_decoders(graph: Graph) -> list[LayerCall]:
    return [call for call in graph.calls if not any(says_decoder(part) for part in call.path.split("/"))]


def _layer_named_code(graph: Graph) -> Code | None:
    named = [call for call in _outside_decoders(graph) if says_code(call.layer.name)]
    means = [call for call in named if says_mean(call.layer.name)]
    narrowest = min(means or named, key=lambda call: call.size, default=None)
    return Code(narrowest, f"named {narrowest.layer.name!r}") if narrowest else None


def _layer_named_encoder(graph: Graph) -> Code | None:
    calls = [call for call in _outside_decoders(graph) if not call.is_model]
    named = [call for call in calls if says_encoder(call.layer.name)]
    if len({id(call.layer) for call in named}) <= 1:
        return Code(named[0], f"named {named[0].layer.name!r}") if named else None
    last = named[-1]
    exact = [call for call in named if says_only_encoder(call.layer.name)]
    if exact:
        return Code(exact[-1], f"named {exact[-1].layer.name!r}")
    # What follows the last of them and is not called after the decoder may still be the encoder's.
    following = graph.layer_calls[graph.layer_calls.index(last) :]
    end = next((i for i, call in enumerate(following) if says_decoder(call.layer.name)), len(following))
    end = min(end, max(1, _first_upsampling(following, learned=True)))
    code = min(following[:end], key=lambda call: call.size)
    if code is last:
        return Code(code, f"the last of the layers named encoder, {code.layer.name!r}")
    return Code(code, f"the narrowest layer between those named encoder and the decoder, {code.layer.name!r}")


def _narrowest_layer(graph: Graph, image_size: int) -> Code | None:
    """The narrowest cut point, or the last of the shape-preserving layers that directly follow it."""
    used = _needed(graph.layer_calls, graph.outputs[:1])
    encoding = used[: _first_upsampling(used)]
    cut_points = [call for call in _find_cut_points(used, graph.outputs[0]) if call in encoding]
    if used and cut_points and cut_points[-1] is used[-1] and _area(used[-1]) >= _area(used[0]) > 1:
        cut_points.pop()  # an image, if one with fewer channels
    if not cut_points:
        return None
    size = min(call.size for call in cut_points)
    if size >= image_size:
        return None
    index = next(index for index, call in enumerate(cut_points) if call.size == size)
    index = _skip_shape_preserving(cut_points, index)
    ends = index == len(cut_points) - 1 and cut_points[index] is used[-1]
    reason = f"the narrowest layer, {int(size):,} numbers"
    return Code(cut_points[index], reason + ("; the model ends there, it is an encoder" if ends else ""))


def _before_upsampling(graph: Graph) -> Code | None:
    """The first layer of the last shape before the first upsampling, with what preserves that shape."""
    used = _needed(graph.layer_calls, graph.outputs[:1])
    first = _first_upsampling(used)
    if first == len(used):
        return None
    producers = {id(value): call for call in used for value in call.outputs}
    call = producers[id(used[first].inputs[0])]
    chain = [call]
    while (
        len(call.inputs) == 1
        and (before := producers.get(id(call.inputs[0]))) is not None
        and before.shape == call.shape
    ):
        call = before
        chain.insert(0, call)
    return Code(
        chain[_skip_shape_preserving(chain, 0)],
        "no layer is narrower than the image; upsampling begins after these feature maps",
    )


def _skip_shape_preserving(calls: list[LayerCall], index: int) -> int:
    """The index of the last of the shape-preserving layers that follow a call, or its own."""
    shape = calls[index].shape
    while (
        index + 1 < len(calls)
        and isinstance(calls[index + 1].layer, SHAPE_PRESERVING_LAYERS)
        and calls[index + 1].shape == shape
    ):
        index += 1
    return index


def _first_upsampling(calls: list[LayerCall], learned: bool = False) -> int:
    """The index of the first call after a layer with weights that enlarges feature maps, or the length.

    Before such a layer, images are only brought to the shape that the model takes; `learned`: there was one.
    """
    for index, call in enumerate(calls):
        if (
            learned
            and call.inputs
            and _area(call)
            >= MIN_GROWTH * max(_area_of(tuple(tensor.shape[1:]), call.layer) for tensor in call.inputs)
        ):
            return index
        learned = learned or bool(call.layer.weights if isinstance(call.layer, layers.Layer) else False)
    return len(calls)


def _area(call: LayerCall) -> float:
    return _area_of(call.shape, call.layer)


def _area_of(shape: tuple, layer: keras.Operation) -> float:
    """Height times width of feature maps; 1 for flat outputs."""
    if None in shape:
        return math.inf
    return math.prod(shape[1:] if has_channels_first(layer) else shape[:-1])


def _needed(calls: list[LayerCall], outputs: list[keras.KerasTensor]) -> list[LayerCall]:
    """The calls that the outputs depend on, in the order of execution."""
    needed = {id(output) for output in outputs}
    used_calls: list[LayerCall] = []
    for call in reversed(calls):
        if any(id(output) in needed for output in call.outputs):
            used_calls.insert(0, call)
            needed |= {id(tensor) for tensor in call.inputs}
    return used_calls


def _find_cut_points(used_calls: list[LayerCall], output: keras.KerasTensor) -> list[LayerCall]:
    """The calls on every path from the input to `output`: after them no other tensor is still to be used."""
    last_use = {id(tensor): index for index, call in enumerate(used_calls) for tensor in call.inputs}
    last_use[id(output)] = len(used_calls)
    pending = {id(tensor) for tensor in used_calls[0].inputs} if used_calls else set()
    cut_points = []
    for index, call in enumerate(used_calls):
        pending = {tensor for tensor in pending | {id(call.output)} if last_use.get(tensor, -1) > index}
        if pending == {id(call.output)}:
            cut_points.append(call)
    return cut_points
