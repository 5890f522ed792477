"""Small files that describe models of any size, and plain models near to them.

python -m pytest tests/models/saving/test_graph_limits.py
"""

import json
import resource
import time
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest
from keras import layers
from keras.ops import convert_to_numpy as to_numpy

from lib.common.errors import UserError
from lib.models.saving import graph_limits, model_files

PATH = Path("attack.h5")
SHAPE = [None, 4, 4, 1]


def part(kind: str, name: str, *calls: dict, **settings) -> dict:
    config = {"name": name} | settings
    return {"class_name": kind, "config": config, "name": name, "inbound_nodes": list(calls)}


def call(*names: str) -> dict:
    """A call on tensors; `name:3` is the output of the fourth call of a layer."""
    tensors = [
        {
            "class_name": "__keras_tensor__",
            "config": {"shape": SHAPE, "dtype": "float32", "keras_history": [name, int(number or 0), 0]},
        }
        for name, _, number in (each.partition(":") for each in names)
    ]
    return {"args": tensors if len(tensors) == 1 else [tensors], "kwargs": {}}


def chained(name: str, count: int) -> list[dict]:
    """Calls of a layer, on the input and then on its own outputs."""
    return [call("image"), *(call(f"{name}:{number}") for number in range(count - 1))]


def graph(*parts: dict, end: str, shape=SHAPE, name: str = "model") -> dict:
    last, _, number = end.partition(":")
    config = {
        "name": name,
        "trainable": True,
        "layers": [part("InputLayer", "image", batch_shape=shape, dtype="float32"), *parts],
        "input_layers": ["image", 0, 0],
        "output_layers": [last, int(number or 0), 0],
    }
    return {"class_name": "Functional", "config": config}


def nested(levels: int, count: int) -> dict:
    """A model that calls a model so many times, which calls a model so many times, …"""
    if levels == 0:
        return graph(part("ReLU", "x", *chained("x", count)), end=f"x:{count - 1}")
    inner = nested(levels - 1, count) | {"name": "x", "inbound_nodes": chained("x", count)}
    inner["config"]["name"] = "x"
    return graph(inner, end=f"x:{count}")  # the outputs of models are counted from 1


def reversed_chain(count: int) -> dict:
    """A layer after the other, described from the last to the first."""
    chain = [part("ReLU", f"x{n}", call(f"x{n - 1}" if n else "image")) for n in range(count)]
    return graph(*reversed(chain), end=f"x{count - 1}")


def wide_chain() -> dict:
    """Layers none of which computes too much, all of which do."""
    chain = [part("ReLU", f"x{n}", call(f"x{n - 1}" if n else "image")) for n in range(9)]
    return graph(*chain, end="x8", shape=[None, 2**13, 2**14, 1])


def stack(*parts: dict, name: str) -> dict:
    return {"class_name": "Sequential", "config": {"name": name, "layers": list(parts)}}


def load(description: dict) -> keras.Model:
    with h5py.File(PATH, "w") as file:
        file.attrs["keras_version"], file.attrs["backend"] = "3.15.0", "tensorflow"
        file.attrs["model_config"] = json.dumps(description)
        weights = file.create_group("model_weights")
        weights.attrs["layer_names"] = np.array([b"none"])
        weights.create_group("none").attrs["weight_names"] = np.array([], "S1")
    return model_files.load_model(PATH)


INNER = stack(
    part("InputLayer", "image", batch_shape=SHAPE), *(part("ReLU", f"r{n}") for n in range(9)), name="inner"
)
TOO_LARGE = {
    "upsampling, again and again": graph(
        part("UpSampling2D", "up", *chained("up", 14), size=[2, 2]),
        part("GlobalMaxPooling2D", "end", call("up:13")),
        end="end",
    ),
    "attention to each pixel": graph(
        part("Attention", "up", call("image", "image")), end="up", shape=[None, 2**15, 2]
    ),
    "additive attention": graph(
        part("AdditiveAttention", "up", call("image", "image"), use_scale=False),
        end="up",
        shape=[None, 2**10, 2**9],
    ),
    "outer product": graph(
        part("Dot", "up", call("image", "image"), axes=[2, 2]), end="up", shape=[None, 2**15, 1]
    ),
    "padding": graph(part("ZeroPadding2D", "up", call("image"), padding=[[10**6, 0], [10**6, 0]]), end="up"),
    "repetition": graph(part("RepeatVector", "up", call("image"), n=10**9), end="up", shape=[None, 4]),
    "resizing": graph(part("Resizing", "up", call("image"), height=10**6, width=10**6), end="up"),
    "doubling": graph(
        part("Concatenate", "up", call("image", "image"), *(call(f"up:{n}", f"up:{n}") for n in range(30))),
        end="up:30",
    ),
    "images without end": graph(
        part("GlobalMaxPooling2D", "up", call("image")), end="up", shape=[None, 10**6, 10**6, 1]
    ),
}


@pytest.mark.parametrize("name", TOO_LARGE)
def test_models_that_compute_too_much_are_refused(name):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(UserError, match=r"attack\.h5: layer up computes [\d,]+ values per"):
        load(TOO_LARGE[name])
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000  # KiB


def test_layers_that_compute_too_much_together_are_refused():
    with pytest.raises(UserError, match="the layers up to x8 compute 1,207,959,552 values per image"):
        load(wide_chain())


@pytest.mark.parametrize(
    ("description", "calls"),
    [
        (nested(9, 10), "11,111,111,111"),
        (graph(part("ReLU", "x", *[call("image")] * 20_000), end="x"), "20,001"),
        (graph(part("Add", "x", call(*["image"] * 20_000)), end="x"), "20,001"),
        (graph(part("MultiHeadAttention", "x", *[call("image", "image")] * 200), end="x"), "4,001"),
        (stack(INNER, *(part("ReLU", f"x{n}") for n in range(100)), name="outer"), "5,959"),
    ],
    ids=["models in models", "calls", "inputs", "attention", "stack"],
)
def test_models_of_too_many_calls_are_refused_at_once(description, calls):
    start = time.perf_counter()
    with pytest.raises(UserError, match=f"contains {calls} layer calls, with those of nested models"):
        load(description)
    assert time.perf_counter() - start < 5
    assert PATH.stat().st_size < 10 * 2**20


def test_layers_in_an_order_that_keras_sorts_for_minutes_are_refused():
    with pytest.raises(UserError, match="sorting them would take more than 30,000 steps"):
        load(reversed_chain(400))
    turns = [part("ReLU", "b", *(call(f"a:{n}") for n in range(500)))]
    turns += [part("ReLU", "a", call("image"), *(call(f"b:{n}") for n in range(499)))]
    with pytest.raises(UserError, match="sorting them would take more than 30,000 steps"):
        load(graph(*turns, end="b:499"))


def test_calls_in_any_order_are_made_where_they_are_few():
    chain = [part("ReLU", f"x{n}", call(f"x{n - 1}" if n else "image")) for n in range(20)]
    turns = [part("ReLU", "b", *(call(f"a:{n}") for n in range(5)))]
    turns += [part("ReLU", "a", call("x19"), *(call(f"b:{n}") for n in range(4)))]
    model = load(graph(*turns, *reversed(chain), end="b:4"))
    image = np.random.default_rng(0).normal(size=(2, 4, 4, 1)).astype(np.float32)
    np.testing.assert_array_equal(to_numpy(model(image)), np.maximum(image, 0))


def test_models_in_models_are_opened_while_they_are_small():
    model = load(nested(2, 3))
    image = np.random.default_rng(0).normal(size=(2, 4, 4, 1)).astype(np.float32)
    np.testing.assert_array_equal(to_numpy(model(image)), np.maximum(image, 0))


def test_a_long_stack_is_built_once(monkeypatch):
    """Keras would build it again for each of its layers, which took minutes."""
    calls, compute = [], layers.ReLU.compute_output_shape
    monkeypatch.setattr(
        layers.ReLU, "compute_output_shape", lambda layer, shape: calls.append(layer) or compute(layer, shape)
    )
    start = part("InputLayer", "image", batch_shape=SHAPE)
    load(stack(start, *(part("ReLU", f"x{n}") for n in range(30)), name="stack"))
    assert 30 <= len(calls) < 5 * 30


def test_arrays_that_are_used_twice_are_refused():
    image = keras.Input((4,))
    x = layers.Dense(4, name="two", use_bias=False)(layers.Dense(4, name="one", use_bias=False)(image))
    keras.Model(image, x).save(PATH)
    with h5py.File(PATH, "a") as file:
        name = file["model_weights/one"].attrs["weight_names"][0]
        file["model_weights/two"].attrs["weight_names"] = [f"/model_weights/one/{name}"]
    with pytest.raises(UserError, match="layers share weights in a way that Keras does not write"):
        model_files.load_model(PATH)


@pytest.mark.parametrize("kind", ["Attention", "AdditiveAttention", "MultiHeadAttention"])
def test_attention_of_plain_keras(kind):
    x = keras.Input((5, 4))
    attention = getattr(layers, kind)(*([2, 3] if kind == "MultiHeadAttention" else []))
    y = attention(x, x) if kind == "MultiHeadAttention" else attention([x, layers.Dense(4)(x)])
    model = keras.Model(x, layers.Dense(2)(layers.Flatten()(y)))
    model.save(PATH)
    batch = np.random.default_rng(0).normal(size=(3, 5, 4)).astype(np.float32)
    loaded = model_files.load_model(PATH)
    np.testing.assert_allclose(to_numpy(loaded(batch)), to_numpy(model(batch)), atol=1e-6)


def test_scores_of_several_heads_count(monkeypatch):
    x = keras.Input((5, 4))
    keras.Model(x, layers.MultiHeadAttention(3, 2)(x, x)).save(PATH)
    monkeypatch.setattr(graph_limits, "MAX_CALL_VALUES", 3 * 5 * 5 + 5 * 4)
    model_files.load_model(PATH)
    monkeypatch.setattr(graph_limits, "MAX_CALL_VALUES", 3 * 5 * 5 + 5 * 4 - 1)
    with pytest.raises(UserError, match=r"computes 95 values per image; at most 94 fit in memory"):
        model_files.load_model(PATH)
