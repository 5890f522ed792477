"""Weights of a model from its `.h5` file: matched by name and shape first, then read one by one."""

import h5py
import keras
import numpy as np

from lib.common.formatting import format_shape

HARD_SIGMOID_RATIO = 1.2  # its slope in Keras 2 (1/5) over that in Keras 3 (1/6)
FLIPPED_BY_THEANO = ("Conv1D", "Conv2D", "Conv3D", "Conv2DTranspose")


def match_weights(model: keras.Model, file: h5py.File) -> list[tuple[keras.Variable, h5py.Dataset]]:
    """Return the model's variables with their arrays in the file; nothing is read yet.

    Raises:
        ValueError: a layer has no weights in the file, or others, in words for the user.
    """
    pairs, addresses = [], set()
    for layer, group in _match_layers(model, file["model_weights"]):
        variables = layer.trainable_weights + layer.non_trainable_weights  # in this order in the file
        names = _texts(group, "weight_names")
        if len(names) != len(variables):
            raise ValueError(
                f"its layer {layer.name} has {len(variables)} weights, the file has {len(names)} for it"
            )
        for variable, name in zip(variables, names, strict=True):
            array = group[name]
            if tuple(variable.shape) != array.shape:
                needed, given = (format_shape(shape) or "1" for shape in (variable.shape, array.shape))
                raise ValueError(
                    f"its layer {layer.name} takes weights of {needed}, the file has weights of {given}"
                )
            addresses.add(h5py.h5o.get_info(array.id).addr)
            pairs.append((variable, array))
    if len(addresses) < len(pairs):  # one array could otherwise become any number of them in memory
        raise ValueError("its layers share weights in a way that Keras does not write")
    return pairs


def _match_layers(model: keras.Model, groups: h5py.Group) -> list[tuple[keras.layers.Layer, h5py.Group]]:
    """The layers that have weights, with their groups: by name, or by order where names are missing.

    They are in files of Keras before 2.2.3, for models in models.
    """
    layers = [layer for layer in model.layers if layer.weights]
    stored = [groups[name] for name in _texts(groups, "layer_names") if name in groups]
    stored = [group for group in stored if _texts(group, "weight_names")]
    missing = [layer.name for layer in layers if layer.name not in groups]
    if not missing:
        return [(layer, groups[layer.name]) for layer in layers]
    if len(stored) != len(layers):
        raise ValueError(f"the file has no weights for its layer {missing[0]}")
    return list(zip(layers, stored, strict=True))


def _texts(group: h5py.Group, name: str) -> list[str]:
    """A list of texts among the attributes; Keras divides long ones into numbered parts."""
    parts = [group.attrs[name]] if name in group.attrs else []
    while f"{name}{len(parts)}" in group.attrs:
        parts.append(group.attrs[f"{name}{len(parts)}"])
    return [text.decode() if isinstance(text, bytes) else str(text) for part in parts for text in part]


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


def inner_layers(model: keras.Model) -> list[keras.layers.Layer]:
    """Return the layers of a model and of the models in it, each once."""
    unique: dict[int, keras.layers.Layer] = {}
    for layer in model.layers:
        inner = inner_layers(layer) if isinstance(layer, keras.Model) else [layer]
        unique |= {id(each): each for each in inner}
    return list(unique.values())
