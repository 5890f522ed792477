"""Limits on the size of a model from a file: its calls, before Keras builds it, and what each call computes.

A model that is nested in another one and called ten times there counts ten times, so that a small file cannot
describe a model of any size. Sizes are known once the shapes are; nothing is allocated until then.
"""

import math
from collections.abc import Iterable

import keras
from keras import layers

from lib.common.errors import UserError
from lib.models.saving.graph_copy import GraphCopy, LayerCall

MAX_CALLS = 3_000  # of layers; Keras takes milliseconds for each, and the largest published models have 1,100
MAX_ATTEMPTS = 30_000  # of Keras to make these calls; it needs one for each in the order that it writes
MAX_CALL_VALUES = 2**27  # numbers that a call of a layer may take or give for one image: half a gigabyte
MAX_VALUES = 2**30  # that all of them may, few of which are kept; published models go up to two thirds
# Calls of ordinary layers that these cost as much as.
CALL_COSTS = {"MultiHeadAttention": 10, "AdditiveAttention": 5, "Attention": 3}


def require_buildable(description: dict, source: str) -> None:
    """Raise `UserError` unless Keras builds a model in seconds.

    Args:
        description: as `keras3_description` gives it.
        source: name of the model in messages.
    """
    if (calls := _count_calls(description)) > MAX_CALLS:
        raise UserError(
            f"{source}: contains {calls:,} layer calls, with those of nested models; at most "
            f"{MAX_CALLS:,} are allowed"
        )
    if _count_attempts(description) > MAX_ATTEMPTS:
        raise UserError(
            f"{source}: the layers are not in the order of their calls, and sorting them would take "
            f"more than {MAX_ATTEMPTS:,} steps; Keras does not write such files"
        )


def _count_calls(layer: dict) -> int:
    """The calls of layers that one call of a layer or model makes."""
    if layer["class_name"] not in ("Model", "Sequential"):
        return CALL_COSTS.get(layer["class_name"], 1)
    parts = layer["config"]["layers"]
    # A stack that begins with a model is built again for each layer that Keras adds to it.
    rebuilt = layer["class_name"] == "Sequential" and "layers" in parts[0]["config"]
    total = 0
    for position, part in enumerate(parts):
        calls = sum(max(1, len(_called_on(node))) for node in part.get("inbound_nodes", []))
        total += max(1, calls) * _count_calls(part) * (len(parts) - position if rebuilt else 1)
    return total


def _count_attempts(model: dict) -> int:
    """The attempts of Keras to make the calls of a model and those in it; not all beyond `MAX_ATTEMPTS`."""
    parts = model["config"]["layers"] if model["class_name"] in ("Model", "Sequential") else []
    attempts = sum(map(_count_attempts, parts))
    if model["class_name"] != "Model":
        return attempts
    waiting = {part["name"]: [_called_on(node) for node in part["inbound_nodes"]] for part in parts}
    made = {name: 0 if nodes else 1 for name, nodes in waiting.items()}
    progress = True
    while progress and attempts <= MAX_ATTEMPTS:
        progress = False
        for name, nodes in waiting.items():
            while made[name] < len(nodes):
                missing = [layer for layer, call in nodes[made[name]] if made.get(layer, 0) <= call]
                attempts += 1
                if missing:
                    attempts += made.get(missing[0], 0)  # Keras lists the calls made so far
                    break
                made[name] += 1
                progress = True
    return attempts


def _called_on(node) -> list[tuple[str, int]]:
    """The calls (layer, number) whose outputs a call takes."""
    found, waiting = [], [node]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            waiting += value.values()
        elif isinstance(value, list):
            if len(value) >= 3 and isinstance(value[0], str) and isinstance(value[1], int):
                found.append((value[0], value[1]))
            else:
                waiting += value
    return found


def require_small(model: keras.Model, source: str) -> None:
    """Raise `UserError` if a model, or a layer in it, computes more numbers of an image than fit in memory.

    Sides of any size count as 1; `require_small_calls` checks them when they are known.
    """
    require_small_calls(_all_calls(model), source)


def count_values(model: keras.Model) -> int:
    """Return how many numbers a model computes of one image; sides of any size count as 1."""
    return sum(map(_count_values, _all_calls(model)))


def _all_calls(model: keras.Model) -> list[LayerCall]:
    graph = GraphCopy(copies_layers=False)
    graph.call_model(model, list(model.inputs))
    return graph.calls


def require_small_calls(calls: Iterable[LayerCall], source: str) -> None:
    """Raise `UserError` if a call, or all together, compute more numbers of an image than fit in memory."""
    total = 0
    for call in calls:
        if (values := _count_values(call)) > MAX_CALL_VALUES:
            raise UserError(
                f"{source}: layer {call.path} computes {values:,} values per image; at most "
                f"{MAX_CALL_VALUES:,} fit in memory"
            )
        total += values
        if total > MAX_VALUES:
            raise UserError(
                f"{source}: the layers up to {call.path} compute {total:,} values per image; at most "
                f"{MAX_VALUES:,} fit in memory"
            )


def _count_values(call: LayerCall) -> int:
    """The numbers that a call takes and computes of an image: inputs, outputs, and scores of attention."""
    if call.is_model:
        return 0  # its layers count
    values = max(_size(tensor.shape) for tensor in [*call.inputs, *call.outputs])
    if isinstance(call.layer, layers.MultiHeadAttention | layers.Attention):  # also `AdditiveAttention`
        query, key = (_size(tensor.shape[:-1]) for tensor in (call.inputs[0], call.inputs[1]))
        if isinstance(call.layer, layers.MultiHeadAttention):
            return values + query * key * call.layer.num_heads
        inner = call.inputs[0].shape[-1] if isinstance(call.layer, layers.AdditiveAttention) else 1
        return values + query * key * (inner or 1)
    return values


def _size(shape: tuple) -> int:
    return math.prod(side or 1 for side in shape[1:])
