"""The encoder in a model that anybody has made: where its code is, and a model from whole images to it.

The rule, as the README states it: the layer that was named; else the model inside (or the whole) that is
called an encoder; else the narrowest place that everything passes through, the first one if there are
several, together with the activation, normalization and dropout that directly follow. Models inside models
are laid flat.
"""

import difflib
import math
from dataclasses import dataclass

import keras
import numpy as np
from keras import layers

from lib.common.errors import UserError
from lib.common.formatting import format_shape

# What belongs to the layer before it: these change numbers, not how many there are.
FOLLOWING = (
    layers.Activation, layers.ReLU, layers.LeakyReLU, layers.PReLU, layers.ELU, layers.BatchNormalization, layers.Dropout,
    layers.LayerNormalization, layers.GroupNormalization, layers.SpatialDropout2D, layers.GaussianNoise, layers.GaussianDropout,
    layers.AlphaDropout, layers.ActivityRegularization,
)  # fmt: skip
MAX_BYTE_SCALE = 0.01  # a Rescaling with less than this is for pixels of 0 to 255
MAX_LISTED = 8  # layers named in a message


@dataclass(frozen=True)
class LayerCall:
    """One call of a layer, or of a model inside another: `path` as in `encoder/dense_1`, what went in and
    what came out.
    """

    path: str
    layer: keras.Operation
    inputs: list
    output: keras.KerasTensor

    @property
    def shape(self) -> tuple:
        return tuple(self.output.shape[1:])

    @property
    def size(self) -> float:
        return math.prod(self.shape) if None not in self.shape else math.inf

    def __str__(self) -> str:
        return f"{self.path} ({format_shape(self.shape)})"


def extract_encoder(
    model: keras.Model, image: tuple[int, int, int], layer: str | None, where: str, has: str
) -> tuple[keras.Model, str]:
    """A model named `encoder` from images of shape (height, width, channels), 0 to 1, to the code, and which
    layer gives it.

    The layers are copies with the same weights. The model may take the images with channels, without (where
    there is one), or flat. Raises `UserError`, which begins with `where` and says what the data set `has`,
    when the images do not fit, and when there is no such code.
    """
    inputs = keras.Input(image, name="image")
    places: list[LayerCall] = []
    copies: dict[int, tuple] = {}
    outputs = _flatten_model(model, [_match_input(model, inputs, where, has)], (), places, copies)
    if layer:
        found = _find_named(places, layer, where)
    else:
        found = _find_encoder_model(model, outputs[0], places) or _find_bottleneck(
            places, math.prod(image), outputs[0], where
        )
    if found.output is inputs or not any(found.output is place.output for place in places):
        raise UserError(
            f"{where}: {found.path} gives back its input; name the layer of the code with --encoder-layer"
        )
    encoder = keras.Model(inputs, found.output, name="encoder")
    for original, copy in copies.values():
        if copy in encoder.layers:
            copy.set_weights(original.get_weights())
    return encoder, str(found)


def _match_input(model: keras.Model, inputs: keras.KerasTensor, where: str, has: str) -> keras.KerasTensor:
    """The images in the shape that the model takes."""
    if len(model.inputs) != 1:
        raise UserError(
            f"{where}: takes {len(model.inputs)} inputs; only models that take images alone have an encoder "
            f"for them"
        )
    wanted, image = tuple(model.inputs[0].shape[1:]), tuple(inputs.shape[1:])
    if _fits(wanted, image):
        return inputs
    for shape in ((math.prod(image),), image[:2] if image[2] == 1 else image):
        if _fits(wanted, shape):
            return layers.Reshape(shape, name="as_taken")(inputs)
    sizes = "×".join("any" if side is None else f"{side:,}" for side in wanted)
    raise UserError(f"{where}: its encoder takes images of {sizes}, the data set has {has}")


def _fits(wanted: tuple, given: tuple) -> bool:
    return len(wanted) == len(given) and all(
        side in (None, own) for side, own in zip(wanted, given, strict=True)
    )


def _flatten_model(
    model: keras.Model, tensors: list, path: tuple, places: list[LayerCall], copies: dict
) -> list:
    """Call copies of all layers of a model on `tensors`, those of the models inside it one by one; `places`
    notes each call.
    """
    calls = []

    def noted(layer, *args, **kwargs):
        calls.append((layer, args, kwargs, layer(*args, **kwargs)))
        return calls[-1][-1]

    graph = keras.Model(model.inputs, model.outputs)  # a Sequential has none of its own that can be walked
    walked = keras.models.clone_model(graph, clone_function=lambda layer: layer, call_function=noted)
    found = dict(zip(map(id, walked.inputs), tensors, strict=True))

    def given(value):
        return found.get(id(value), value)

    for layer, args, kwargs, outputs in calls:
        args, kwargs = keras.tree.map_structure(given, (args, kwargs))
        inputs = [
            value for value in keras.tree.flatten((args, kwargs)) if isinstance(value, keras.KerasTensor)
        ]
        if isinstance(layer, keras.Model):
            made = _flatten_model(layer, inputs, (*path, layer.name), places, copies)
        else:
            made = keras.tree.flatten(_copy_layer(layer, path, copies)(*args, **kwargs))
        found |= zip(map(id, keras.tree.flatten(outputs)), made, strict=True)
        places.append(LayerCall("/".join((*path, layer.name)), layer, inputs, made[0]))
    return [found[id(tensor)] for tensor in walked.outputs]


def _copy_layer(layer, path: tuple, copies: dict):
    """The copy of a layer, the same for each of its calls, under a name that no other has."""
    if not isinstance(layer, layers.Layer):
        return layer  # a sum or the like, which learns nothing
    if id(layer) not in copies:
        taken = {copy.name for _, copy in copies.values()} | {"image", "as_taken"}
        name = layer.name if layer.name not in taken else "_".join((*path, layer.name))
        while name in taken:
            name += "_"
        config = layer.get_config() | {"name": name}
        if isinstance(layer, layers.Rescaling) and np.max(np.abs(layer.scale)) < MAX_BYTE_SCALE:
            config["scale"] = (np.asarray(layer.scale) * 255).tolist()  # our pixels are 0 to 1 already
        copies[id(layer)] = layer, type(layer).from_config(config)
    return copies[id(layer)][1]


def _find_named(places: list[LayerCall], name: str, where: str) -> LayerCall:
    known = {place.path: place for place in reversed(places)}  # of several calls the first
    if name in known:
        return known[name]
    ends = [path for path in reversed(known) if path.endswith(f"/{name}")]
    if len(ends) == 1:
        return known[ends[0]]
    if ends:
        raise UserError(
            f"{where}: has {len(ends)} layers called {name}; give one of {', '.join(ends[:MAX_LISTED])}"
        )
    paths = list(reversed(known))
    names = list(dict.fromkeys(paths + [path.split("/")[-1] for path in paths]))
    close = difflib.get_close_matches(name, names, n=3)
    words = (
        f"did you mean {' or '.join(close)}?"
        if close
        else f"it has {', '.join(names[:MAX_LISTED])}{', …' * (len(names) > MAX_LISTED)}"
    )
    raise UserError(f"{where}: has no layer called {name!r}; {words}")


def _find_encoder_model(model: keras.Model, output, places: list[LayerCall]) -> LayerCall | None:
    """The outermost model that is called an encoder; its first output is the code (of a variational one the
    means).
    """
    parts = [
        LayerCall(model.name, model, [], output),
        *(place for place in places if isinstance(place.layer, keras.Model)),
    ]
    named = [part for part in parts if "encoder" in part.layer.name.lower().replace("autoencoder", "")]
    return min(named, key=lambda part: part.path.count("/"), default=None)


def _find_bottleneck(places: list[LayerCall], pixels: int, output, where: str) -> LayerCall:
    through = _find_cut_points(
        [place for place in places if not isinstance(place.layer, keras.Model)], output
    )
    if not through:
        raise UserError(f"{where}: has no layers; give an autoencoder")
    smallest = min(place.size for place in through)
    first = next(number for number, place in enumerate(through) if place.size == smallest)
    if smallest >= min(pixels, through[-1].size):
        narrow = sorted(through[:-1], key=lambda place: place.size)[:3]
        raise UserError(
            f"{where}: no layer that everything passes through is smaller than both input ({pixels:,} "
            f"numbers) and output "
            f"({format_shape(through[-1].shape)}); name that of the code with --encoder-layer"
            + (f", such as {', '.join(map(str, narrow))}" if narrow else "")
        )
    last = first
    while isinstance(through[last + 1].layer, FOLLOWING) and through[last + 1].size == smallest:
        last += 1
    return through[last]


def _find_cut_points(places: list[LayerCall], output) -> list[LayerCall]:
    """The places on every way from the input to `output`: after them nothing else is waiting to be used."""
    needed = {id(output)}
    used: list[LayerCall] = []
    for place in reversed(places):
        if id(place.output) in needed:
            used.insert(0, place)
            needed |= {id(tensor) for tensor in place.inputs}
    last_use = {id(tensor): number for number, place in enumerate(used) for tensor in place.inputs} | {
        id(output): len(used)
    }
    waiting, found = {id(tensor) for tensor in used[0].inputs} if used else set(), []
    for number, place in enumerate(used):
        waiting = {tensor for tensor in waiting | {id(place.output)} if last_use[tensor] > number}
        if waiting == {id(place.output)}:
            found.append(place)
    return found
