"""Layers that compute what a TensorFlow operation in a model of Keras 2 does.

Keras 2 writes `x / 255.` or `tf.nn.relu(x)` as a layer with the name of a function. Those for which Keras 3
has a layer become that layer; no function is ever looked up by a name from a file.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

FLOATS = ("float32", "float16", "bfloat16")


class TensorRef(NamedTuple):
    """An output of a call: name of the layer, number of its call, number of the output."""

    layer: str
    call: int
    output: int


class LayerConfig(NamedTuple):
    """A layer of Keras 3 in place of an operation.

    Attributes:
        class_name: of the layer.
        config: its settings without a name.
        inputs: the tensor that it takes, or a list of them.
    """

    class_name: str
    config: dict
    inputs: TensorRef | list[TensorRef]


def replace_operation(function: str, args: list, kwargs: dict) -> LayerConfig | None:
    """Return the layer that computes an operation; `None` if there is none.

    Args:
        function: its name without `tf.`, such as `math.truediv`.
        args: positional arguments: tensors (`TensorRef`, or lists of them) and constants.
        kwargs: the others, by name.
    """
    name = function.rsplit(".", 1)[-1]
    values = {key: value for key, value in kwargs.items() if key != "name" and value is not None}
    if name in ARITHMETIC:
        second = [values[key] for key in ("y", "bias", "b") if key in values]
        return _arithmetic(name, *(args + second)[:2]) if len(args + second) >= 2 else None
    if not args or name not in OPERATIONS:
        return None
    return OPERATIONS[name](args[0], values)


# Of two tensors the layer; of a tensor x and a constant c the factor and the summand, c second or first.
ARITHMETIC: dict[str, tuple[str | None, Callable | None, Callable | None]] = {
    "add": ("Add", lambda c: (1.0, c), lambda c: (1.0, c)),
    "subtract": ("Subtract", lambda c: (1.0, -c), lambda c: (-1.0, c)),
    "multiply": ("Multiply", lambda c: (c, 0.0), lambda c: (c, 0.0)),
    "truediv": (None, lambda c: (1 / c, 0.0), None),
    "divide": (None, lambda c: (1 / c, 0.0), None),
    "bias_add": (None, lambda c: (1.0, c), None),
    "maximum": ("Maximum", None, None),
    "minimum": ("Minimum", None, None),
}


def _arithmetic(name: str, first, second) -> LayerConfig | None:
    layer, constant_second, constant_first = ARITHMETIC[name]
    tensors = [value for value in (first, second) if isinstance(value, TensorRef)]
    if len(tensors) == 2:
        return LayerConfig(layer, {}, tensors) if layer else None
    formula, constant = (constant_second, second) if first in tensors else (constant_first, first)
    if formula is None or not tensors or not _is_numeric(constant):
        return None
    rows = [formula(float(c)) for c in (constant if isinstance(constant, list) else [constant])]
    scale, offset = ([row[part] for row in rows] for part in (0, 1))
    if not isinstance(constant, list):
        scale, offset = scale[0], offset[0]
    return LayerConfig("Rescaling", {"scale": scale, "offset": offset}, tensors[0])


def _is_numeric(constant) -> bool:
    numbers = constant if isinstance(constant, list) else [constant]
    return bool(numbers) and all(isinstance(c, int | float) and math.isfinite(c) for c in numbers)


def _activation(name: str) -> Callable:
    return lambda x, values: None if values else LayerConfig("Activation", {"activation": name}, x)


def _global_pooling(kind: str) -> Callable:
    def replace(x, values: dict) -> LayerConfig | None:
        axes, keepdims = values.get("axis"), bool(values.get("keepdims"))
        axes = [axes] if isinstance(axes, int) else axes
        if axes not in ([1], [1, 2], [1, 2, 3]):
            return None
        config = {"keepdims": keepdims, "data_format": "channels_last"}
        return LayerConfig(f"Global{kind}Pooling{len(axes)}D", config, x)

    return replace


def _clip(x, values: dict) -> LayerConfig | None:
    limits: list[Any] = [values.get("clip_value_min"), values.get("clip_value_max")]
    if not _is_numeric(limits):
        return None
    low, high = (float(limit) for limit in limits)
    if low == 0 < high:
        return LayerConfig("ReLU", {"max_value": high}, x)
    if low >= high:
        return None
    steps = [
        ("Rescaling", {"scale": 1.0, "offset": -low}),
        ("ReLU", {"max_value": high - low}),
        ("Rescaling", {"scale": 1.0, "offset": low}),
    ]
    return LayerConfig("Sequential", {"layers": stacked(steps)}, x)


def stacked(steps: list[tuple[str, dict]]) -> list[dict]:
    """The layers of a `Sequential` from their classes and settings, with names by their order."""
    return [
        {"class_name": class_name, "config": {"name": f"step_{number}"} | config}
        for number, (class_name, config) in enumerate(steps, start=1)
    ]


def _reshape(x, values: dict) -> LayerConfig | None:
    shape = values.get("shape")
    if not (isinstance(shape, list) and _is_numeric(shape) and shape[0] == -1 and -1 not in shape[1:]):
        return None
    return LayerConfig("Reshape", {"target_shape": shape[1:]}, x)


def _transpose(x, values: dict) -> LayerConfig | None:
    order = values.get("perm")
    if not (isinstance(order, list) and order[:1] == [0]) or values.get("conjugate"):
        return None
    return LayerConfig("Permute", {"dims": order[1:]}, x)


def _pad(x, values: dict) -> LayerConfig | None:
    sides = values.get("paddings")
    zeros = values.get("mode", "CONSTANT") == "CONSTANT" and not values.get("constant_values")
    if not (isinstance(sides, list) and zeros and sides[0] == sides[-1] == [0, 0] and 3 <= len(sides) <= 5):
        return None
    inner = sides[1:-1]
    return LayerConfig(f"ZeroPadding{len(inner)}D", {"padding": inner if len(inner) > 1 else inner[0]}, x)


def _resize(x, values: dict) -> LayerConfig | None:
    size = values.get("size")
    if not (isinstance(size, list) and len(size) == 2 and _is_numeric(size)):
        return None
    if values.get("antialias") or values.get("preserve_aspect_ratio"):
        return None
    config = {"height": size[0], "width": size[1], "interpolation": values.get("method", "bilinear")}
    return LayerConfig("Resizing", config | {"data_format": "channels_last"}, x)


# By the last part of their names: from the first argument and the others, to the layer or `None`.
OPERATIONS: dict[str, Callable[[Any, dict], LayerConfig | None]] = {
    **{
        name: _activation(name)
        for name in ("relu", "relu6", "sigmoid", "tanh", "softplus", "softsign", "elu", "selu", "silu")
    },
    "swish": _activation("silu"),
    "exp": _activation("exponential"),
    "gelu": lambda x, values: None if values.get("approximate") else _activation("gelu")(x, {}),
    "leaky_relu": lambda x, values: LayerConfig("LeakyReLU", {"negative_slope": values.get("alpha", 0.2)}, x),
    "softmax": lambda x, values: LayerConfig("Softmax", {"axis": values.get("axis", -1)}, x),
    "negative": lambda x, values: LayerConfig("Rescaling", {"scale": -1.0, "offset": 0.0}, x),
    "square": lambda x, values: LayerConfig("Multiply", {}, [x, x]),
    "identity": _activation("linear"),
    "cast": lambda x, values: LayerConfig("Identity", {}, x) if values.get("dtype") in FLOATS else None,
    "clip_by_value": _clip,
    "concat": lambda x, values: (
        LayerConfig("Concatenate", {"axis": values["axis"]}, x) if isinstance(x, list) else None
    ),
    "reshape": _reshape,
    "transpose": _transpose,
    "pad": _pad,
    "reduce_mean": _global_pooling("Average"),
    "reduce_max": _global_pooling("Max"),
    "resize": _resize,
    "resize_images_v2": _resize,
}
