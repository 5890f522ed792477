"""Descriptions of models as Keras 3 builds them, from those in `.h5` files of Keras 3 and 2.

A description is rebuilt from its classes, settings and calls alone; the result holds plain layers of Keras 3,
so that a model saved later needs none of this. Keras 2 differs in the form of stacks and calls, in how calls
of nested models are counted, in operations without a layer, and in settings (`keras2_layers`).
"""

from typing import NamedTuple

from lib.models.saving.keras2_layers import convert_layer
from lib.models.saving.keras2_operations import TensorRef, replace_operation

GRAPHS = ("Functional", "Model")
OPERATION_LAYERS = ("TFOpLambda", "SlicingOpLambda")
LOSS_LAYERS = ("AddLoss", "AddMetric")
ROUNDED = ("float16", "bfloat16")  # computed in float32 instead, as the weights are stored
CONSTANT = "_CONSTANT_VALUE"


def keras3_description(description: dict, keras2: bool) -> dict:
    """Return the description that `keras.saving.deserialize_keras_object` takes.

    Args:
        description: of a model, as in the file.
        keras2: True for a file of Keras 2.

    Raises:
        ValueError: Keras 3 cannot compute the model, in words for the user.
        KeyError, TypeError, IndexError: it is no description of a model.
    """
    if description["class_name"] not in (*GRAPHS, "Sequential"):
        raise ValueError(f"it is a {description['class_name']}, not a model")
    return _convert(description, keras2)


def _convert(layer: dict, keras2: bool) -> dict:
    """A layer or a model without its calls."""
    class_name, config = layer["class_name"], layer["config"]
    if class_name == "Sequential":
        return _described("Sequential", _convert_stack(config, layer.get("name", "model"), keras2))
    if class_name in GRAPHS:
        return _described("Model", _convert_graph(config, keras2))
    # The weights are in the file; an orthogonal matrix in their place would take minutes.
    config = {key: value for key, value in config.items() if not key.endswith("_initializer")}
    # Keras does not save layers again that hold lists.
    ranges = {key: value for key, value in config.items() if key.endswith("factor")}
    config |= {key: tuple(value) for key, value in ranges.items() if isinstance(value, list)}
    if "dtype" in config:
        config["dtype"] = _dtype_name(config["dtype"])
    if class_name == "InputLayer":
        return _described("InputLayer", _convert_input(config))
    if keras2:
        class_name, config = convert_layer(class_name, config)
        if class_name == "Sequential":
            return _described(class_name, _convert_stack(config, config["name"], keras2=False))
    return _described(class_name, config)


def _described(class_name: str, config: dict) -> dict:
    module = "keras.models" if class_name in ("Model", "Sequential") else "keras.layers"
    return {"module": module, "class_name": class_name, "config": config, "registered_name": None}


def _dtype_name(dtype) -> str | None:
    """A data type or policy by its name; mixed precision becomes float32."""
    name = dtype["config"]["name"] if isinstance(dtype, dict) else dtype
    return "float32" if isinstance(name, str) and (name in ROUNDED or name.startswith("mixed_")) else name


def _convert_input(config: dict) -> dict:
    """An input of any number of images, also where the file has a number."""
    shape = config.get("batch_shape") or config["batch_input_shape"]
    kept = {key: config[key] for key in ("name", "dtype", "sparse") if key in config}
    return kept | {"batch_shape": [None, *shape[1:]]}


def _convert_stack(config, name: str, keras2: bool) -> dict:
    """A `Sequential`; before Keras 2.2.3 its settings were the bare list of its layers.

    In Keras up to 2.3 the first layer holds the shape of the input. Here the model does: with an input layer
    Keras would build it again for every layer that it adds.
    """
    if isinstance(config, list):
        layers = [{"name": f"{name}_{number}"} | layer for number, layer in enumerate(config, start=1)]
        config = {"name": name, "layers": layers}
    layers, first = config["layers"], config["layers"][0]
    shape = config.get("build_input_shape")
    if isinstance(first["config"], dict):
        shape = first["config"].get("batch_shape") or first["config"].get("batch_input_shape") or shape
    if first["class_name"] == "InputLayer":
        layers = layers[1:]
    stack = {"name": config["name"], "layers": [_convert(layer, keras2) for layer in layers]}
    shape = shape or _input_shape(stack)
    return stack | {"build_input_shape": [None, *shape[1:]]} if shape else stack


def _input_shape(model: dict) -> list | None:
    """The shape of the input that a converted model states; `None` if it states none."""
    if "input_layers" not in model:
        first = model["layers"][0]["config"]
        return model.get("build_input_shape") or (_input_shape(first) if "layers" in first else None)
    name = model["input_layers"][0]
    name = name if isinstance(name, str) else name[0]
    return next((part["config"]["batch_shape"] for part in model["layers"] if part["name"] == name), None)


def _single(ends: list) -> list:
    """The one input or output itself, as Keras 3 writes it, in place of a list of one."""
    return ends[0] if len(ends) == 1 and isinstance(ends[0], list) else ends


class _Node(NamedTuple):
    """A call in a graph of Keras 2: what is given, tensors as `TensorRef`."""

    inputs: object
    kwargs: dict


def _convert_graph(config: dict, keras2: bool) -> dict:
    settings = {key: config[key] for key in ("name", "trainable") if key in config}
    ends = {key: _single(config[key]) for key in ("input_layers", "output_layers")}
    if not keras2:
        layers = [
            _convert(layer, keras2) | {"name": layer["name"], "inbound_nodes": layer["inbound_nodes"]}
            for layer in config["layers"]
        ]
        return settings | ends | {"layers": layers}
    classes = {layer["name"]: layer["class_name"] for layer in config["layers"]}
    nodes = {
        layer["name"]: [_parse_node(node, classes) for node in layer["inbound_nodes"]]
        for layer in config["layers"]
    }
    outputs = _references(ends["output_layers"], classes)
    needed = _without_losses(classes, nodes, outputs)
    first_calls = _first_calls(classes, [*nodes.values(), outputs])
    layers = [
        _convert_call(layer, _shift(nodes[layer["name"]], first_calls))
        for layer in config["layers"]
        if layer["name"] in needed
    ]
    # For the other classes of models Keras 3 counts the outputs from 1 itself.
    stacks = {name: first for name, first in first_calls.items() if classes[name] == "Sequential"}
    ends["output_layers"] = _map_refs(_shift(outputs, stacks), list)
    return settings | ends | {"layers": layers}


def _parse_node(node: list, names) -> _Node:
    """A call: a list of tensors, each with the other arguments, or one such tensor."""
    calls = [node] if node and not isinstance(node[0], list) else node
    inputs = [call[2] if call[0] == CONSTANT else TensorRef(*call[:3]) for call in calls]
    kwargs = calls[-1][3] if calls and len(calls[-1]) > 3 else {}
    return _Node(inputs if len(inputs) != 1 else inputs[0], _references(kwargs, names))


def _references(value, names):
    """The same structure with `TensorRef` in place of lists that name a layer's output."""
    if isinstance(value, dict):
        return {key: _references(item, names) for key, item in value.items()}
    if not isinstance(value, list):
        return value
    if len(value) == 3 and isinstance(value[0], str) and value[0] in names and isinstance(value[1], int):
        return TensorRef(*value)
    return [_references(item, names) for item in value]


def _map_refs(value, change):
    """The same structure with every `TensorRef` changed."""
    if isinstance(value, TensorRef):
        return change(value)
    if isinstance(value, _Node):
        return _Node(_map_refs(value.inputs, change), _map_refs(value.kwargs, change))
    if isinstance(value, dict):
        return {key: _map_refs(item, change) for key, item in value.items()}
    return [_map_refs(item, change) for item in value] if isinstance(value, list) else value


def _collect_refs(value) -> list[TensorRef]:
    found: list[TensorRef] = []
    _map_refs(value, found.append)
    return found


def _without_losses(classes: dict, nodes: dict, outputs) -> set[str]:
    """The names of the layers without losses, metrics, and operations that compute only those."""
    removable = {name for name, kind in classes.items() if kind in (*LOSS_LAYERS, *OPERATION_LAYERS)}
    needed = set(classes) - removable
    waiting = [*_collect_refs(outputs), *(ref for name in needed for ref in _collect_refs(nodes[name]))]
    while waiting:
        name = waiting.pop().layer
        if name in removable and name not in needed:
            needed.add(name)
            waiting += _collect_refs(nodes[name])
    return needed


def _first_calls(classes: dict, values: list) -> dict[str, int]:
    """The number of the first call of each nested model: 1 where the model has inputs of its own, else 0."""
    numbers: dict[str, int] = {}
    for ref in _collect_refs(values):
        if classes[ref.layer] in (*GRAPHS, "Sequential"):
            numbers[ref.layer] = min(numbers.get(ref.layer, ref.call), ref.call)
    return numbers


def _shift(value, first_calls: dict[str, int]):
    return _map_refs(value, lambda ref: ref._replace(call=ref.call - first_calls.get(ref.layer, 0)))


def _convert_call(layer: dict, nodes: list[_Node]) -> dict:
    """A layer of a graph of Keras 2 with its calls."""
    name = layer["name"]
    if layer["class_name"] in OPERATION_LAYERS:
        function = layer["config"].get("function")
        args = [nodes[0].inputs]
        replaced = replace_operation(str(function), args, nodes[0].kwargs) if len(nodes) == 1 else None
        if replaced is None:
            raise ValueError(
                f"layer {name} is the TensorFlow operation {function}, which has no layer in Keras 3; "
                f"save the model without it, or only the part before it"
            )
        nodes = [_Node(replaced.inputs, {})]
        config = replaced.config | {"name": name}
        converted = _convert({"class_name": replaced.class_name, "config": config, "name": name}, False)
    else:
        converted = _convert(layer, keras2=True)
    calls = [_map_refs({"args": [node.inputs], "kwargs": node.kwargs}, _tensor) for node in nodes]
    return converted | {"name": name, "inbound_nodes": calls}


def _tensor(ref: TensorRef) -> dict:
    """A tensor as Keras 3 describes it; it goes by the history and replaces shape and type."""
    config = {"shape": [None], "dtype": "float32", "keras_history": list(ref)}
    return {"class_name": "__keras_tensor__", "config": config}
