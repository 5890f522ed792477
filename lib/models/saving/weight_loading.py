"""Weights of a model from its `.h5` file: matched by name and shape, read one by one, and checked."""

from pathlib import Path

import h5py
import keras
import numpy as np

from lib.common.errors import RunFailed
from lib.common.formatting import format_shape

HARD_SIGMOID_RATIO = 1.2  # its slope in Keras 2 (1/5) over that in Keras 3 (1/6)
MAX_NAMES_BYTES = 2**31  # that a list of names may take in memory
FLIPPED_BY_THEANO = ("Conv1D", "Conv2D", "Conv3D", "Conv2DTranspose")


def match_weights(
    model: keras.Model, file: h5py.File, longest_text: int
) -> list[tuple[keras.Variable, h5py.Dataset]]:
    """Return the model's variables with their arrays in the file; nothing but names is read yet.

    Args:
        model: the model, whose variables have shapes.
        file: its file.
        longest_text: bytes that a name in the file may have.

    Raises:
        ValueError: a layer has no weights in the file, or others, in words for the user.
    """
    pairs, addresses = [], set()
    for layer, group in _match_layers(model, file["model_weights"], longest_text):
        variables = layer.trainable_weights + layer.non_trainable_weights  # in this order in the file
        if (count := _count_names(group, "weight_names")) != len(variables):
            raise ValueError(f"layer {layer.name} has {len(variables)} weights, the file has {count}")
        for variable, name in zip(variables, _names(group, "weight_names", longest_text), strict=True):
            array = group[name]
            if tuple(variable.shape) != array.shape:
                needed, given = (format_shape(shape) or "1" for shape in (variable.shape, array.shape))
                raise ValueError(f"layer {layer.name} takes weights of {needed}, the file has {given}")
            addresses.add(h5py.h5o.get_info(array.id).addr)
            pairs.append((variable, array))
    if len(addresses) < len(pairs):  # one array could otherwise become any number of them in memory
        raise ValueError("layers share weights in a way that Keras does not write")
    return pairs


def _match_layers(
    model: keras.Model, groups: h5py.Group, longest_text: int
) -> list[tuple[keras.layers.Layer, h5py.Group]]:
    """The layers that have weights, with their groups: by name, or by order where names are missing.

    They are in files of Keras before 2.2.3, for models in models.
    """
    layers = [layer for layer in model.layers if layer.weights]
    missing = [layer.name for layer in layers if layer.name not in groups]
    if not missing:
        return [(layer, groups[layer.name]) for layer in layers]
    stored = [groups[name] for name in _names(groups, "layer_names", longest_text) if name in groups]
    stored = [group for group in stored if _count_names(group, "weight_names")]
    if len(stored) != len(layers):
        raise ValueError(f"the file has no weights for layer {missing[0]}")
    return list(zip(layers, stored, strict=True))


def _attributes(group: h5py.Group, name: str) -> list[h5py.h5a.AttrID]:
    """A list of names among the attributes; Keras divides long ones into numbered parts."""
    parts = [h5py.h5a.open(group.id, name.encode())] if name in group.attrs else []
    while f"{name}{len(parts)}" in group.attrs:
        parts.append(h5py.h5a.open(group.id, f"{name}{len(parts)}".encode()))
    return parts


def _count_names(group: h5py.Group, name: str) -> int:
    return sum(part.get_space().get_simple_extent_npoints() for part in _attributes(group, name))


def _names(group: h5py.Group, name: str, longest_text: int) -> list[str]:
    if (count := _count_names(group, name)) * longest_text > MAX_NAMES_BYTES:  # many may share a long text
        raise ValueError(f"a list has {count:,} names, which may take more than {MAX_NAMES_BYTES:,} bytes")
    values = [value for part in _attributes(group, name) for value in group.attrs[part.name.decode()]]
    return [value.decode() if isinstance(value, bytes) else str(value) for value in values]


def load_weights(model: keras.Model, pairs: list[tuple[keras.Variable, h5py.Dataset]]) -> None:
    """Read the arrays, each into its variable."""
    for variable, array in pairs:
        variable.assign(array[()])
    for layer in inner_layers(model):
        if isinstance(layer, keras.layers.Normalization) and layer.weights:
            layer.finalize_state()  # it computes with what it derives from its weights


def correct_keras2_weights(model: keras.Model, backend: str) -> None:
    """Change weights of Keras 2 so that Keras 3 computes the same with them.

    A `hard_sigmoid` is steeper in Keras 2: the layer that ends in one gets larger weights instead. Theano, as
    a backend, turned the kernels of convolutions around.
    """
    for layer in inner_layers(model):
        if getattr(layer, "activation", None) is keras.activations.hard_sigmoid:
            inner = getattr(layer, "depthwise_kernel", None) if hasattr(layer, "pointwise_kernel") else None
            for variable in layer.weights:
                if variable is not inner:
                    variable.assign(variable * HARD_SIGMOID_RATIO)
        if backend == "theano" and type(layer).__name__ in FLIPPED_BY_THEANO:
            kernel = keras.ops.convert_to_numpy(layer.kernel)
            layer.kernel.assign(np.flip(kernel, axis=tuple(range(kernel.ndim - 2))))


def require_finite_weights(model: keras.Model, path: Path) -> None:
    """Raise `RunFailed` if a weight of a model from the file `path` is NaN or infinite."""
    for layer in inner_layers(model):
        for weights in layer.weights:
            values = keras.ops.convert_to_numpy(weights)
            if not np.isfinite(values).all():
                kind = "NaN" if np.isnan(values).any() else "infinite weights"
                raise RunFailed(
                    f"{path}: returns no finite numbers: layer {layer.name} contains {kind}; the training "
                    f"diverged; train it again with a lower learning rate"
                )


def inner_layers(model: keras.Model) -> list[keras.layers.Layer]:
    """Return the layers of a model and of the models in it, each once."""
    unique: dict[int, keras.layers.Layer] = {}
    for layer in model.layers:
        inner = inner_layers(layer) if isinstance(layer, keras.Model) else [layer]
        unique |= {id(each): each for each in inner}
    return list(unique.values())
