"""Files of Keras 2, written by hand in the form that tf_keras 2.21 gives them.

python -m pytest tests/models/saving/test_keras2_compat.py
"""

import json
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest
from keras.ops import convert_to_numpy as to_numpy

from lib.models.saving import model_files

RANDOM = np.random.default_rng(0)


def layer(kind: str, name: str, *before: str, **config) -> dict:
    """A layer in a list of layers, called on `before` (`name:1` is the second call)."""
    config = {"name": name, "trainable": True, "dtype": "float32"} | config
    calls = [[b.split(":")[0], int((b + ":0").split(":")[1]), 0, {}] for b in before]
    return {"class_name": kind, "config": config, "name": name, "inbound_nodes": [calls] if calls else []}


def image(name: str, *shape: int) -> dict:
    return layer("InputLayer", name, batch_input_shape=[None, *shape], sparse=False, ragged=False)


def dense(name: str, *before: str, units: int, activation: str = "linear", **config) -> dict:
    return layer(
        "Dense",
        name,
        *before,
        units=units,
        activation=activation,
        use_bias=True,
        kernel_regularizer=None,
        **config,
        kernel_initializer={"class_name": "GlorotUniform", "config": {"seed": None}},
        bias_initializer={"class_name": "Zeros", "config": {}},
    )


def norm(name: str, *before: str, axis: int = 1) -> dict:
    return layer(
        "BatchNormalization",
        name,
        *before,
        axis=[axis],
        momentum=0.99,
        epsilon=0.001,
        center=True,
        scale=True,
    )


def functional(name: str, layers: list[dict], start: str, end: str, kind: str = "Functional") -> dict:
    config = {
        "name": name,
        "trainable": True,
        "layers": layers,
        "input_layers": [[start, 0, 0]],
        "output_layers": [[end, 0, 0]],
    }
    return {"class_name": kind, "config": config}


def sequential(name: str, *layers: dict) -> dict:
    """Each layer without its calls; the first one has the shape of the input."""
    parts = [{key: part[key] for key in ("class_name", "config")} for part in layers]
    return {"class_name": "Sequential", "config": {"name": name, "layers": parts}}


def inside(model: dict, *before: str) -> dict:
    calls = [[b.split(":")[0], int((b + ":0").split(":")[1]), 0, {}] for b in before]
    return model | {"name": model["config"]["name"], "inbound_nodes": [calls]}


def write(path: str, config: dict, weights: dict[str, dict[str, np.ndarray]], version: str = "2.4.0") -> None:
    """`weights`: for each layer of the model its arrays by their names, those that learn first."""
    with h5py.File(path, "w") as file:
        file.attrs["keras_version"], file.attrs["backend"] = version, "tensorflow"
        file.attrs["model_config"] = json.dumps(config).encode()
        file.attrs["training_config"] = json.dumps(
            {"loss": "mse", "optimizer_config": {"class_name": "Adam", "config": {}}}
        ).encode()
        group = file.create_group("model_weights")
        group.attrs["layer_names"] = [name.encode() for name in weights]
        group.attrs["backend"], group.attrs["keras_version"] = b"tensorflow", version.encode()
        for name, arrays in weights.items():
            part = group.create_group(name)
            part.attrs["weight_names"] = [f"{array}:0".encode() for array in arrays]
            for array, values in arrays.items():
                part.create_dataset(f"{array}:0", data=values.astype(np.float32))


def arrays(name: str, *shape: int) -> dict[str, np.ndarray]:
    return {f"{name}/kernel": RANDOM.normal(size=shape), f"{name}/bias": RANDOM.normal(size=shape[-1])}


def averages(name: str, count: int) -> tuple[dict, dict]:
    learned = {f"{name}/{part}": RANDOM.uniform(0.5, 1, count) for part in ("gamma", "beta")}
    return learned, {f"{name}/moving_{part}": RANDOM.uniform(0.5, 1, count) for part in ("mean", "variance")}


def normalized(x, weights: dict, name: str):
    gamma, beta, mean, variance = (
        weights[f"{name}/{part}"] for part in ("gamma", "beta", "moving_mean", "moving_variance")
    )
    return gamma * (x - mean) / np.sqrt(variance + 0.001) + beta


BATCH = RANDOM.random((3, 4, 5, 1), np.float32)


@pytest.mark.parametrize("kind", ["Functional", "Model"])
def test_the_blogs_first_autoencoder(kind):
    layers = [
        image("input_1", 20),
        dense("dense", "input_1", units=3, activation="relu"),
        dense("dense_1", "dense", units=20),
    ]
    weights = {"input_1": {}, "dense": arrays("dense", 20, 3), "dense_1": arrays("dense_1", 3, 20)}
    write("blog.h5", functional("model", layers, "input_1", "dense_1", kind), weights, "2.2.4-tf")
    loaded = model_files.load_encoder(Path("blog.h5"), (4, 5, 1))
    assert loaded.layer == "dense (3)"
    kernel, bias = weights["dense"].values()
    expected = np.maximum(BATCH.reshape(3, 20) @ kernel + bias, 0)
    np.testing.assert_allclose(to_numpy(loaded.model(BATCH)), expected, atol=1e-5)


@pytest.mark.parametrize("form", ["sequential", "functional", "sequential in sequential"])
def test_models_inside_models_whose_calls_are_counted_from_one(form):
    parts = [
        layer(
            "Flatten", "flatten", "input_2", batch_input_shape=[None, 4, 5, 1], data_format="channels_last"
        ),
        dense("dense", "flatten", units=3),
        norm("batch_normalization", "dense"),
        layer("LeakyReLU", "leaky_re_lu", "batch_normalization", alpha=0.25),
    ]
    back = [
        dense("dense_1", "input_3", units=20, batch_input_shape=[None, 3]),
        layer("Reshape", "reshape", "dense_1", target_shape=[4, 5, 1]),
    ]
    if form == "functional":
        encoder = functional("encoder", [image("input_2", 4, 5, 1), *parts], "input_2", "leaky_re_lu")
        decoder = functional("decoder", [image("input_3", 3), *back], "input_3", "reshape")
    else:
        encoder, decoder = sequential("encoder", *parts), sequential("decoder", *back)
    learned, kept = averages("batch_normalization", 3)
    weights = arrays("dense", 20, 3) | learned | kept
    stored = {"encoder": weights, "decoder": arrays("dense_1", 3, 20)}
    if form == "sequential in sequential":
        whole = sequential("sequential", inside(encoder), inside(decoder))
    else:
        layers = [image("input_1", 4, 5, 1), inside(encoder, "input_1"), inside(decoder, "encoder:1")]
        whole = functional("model", layers, "input_1", "decoder")
        whole["config"]["output_layers"] = [["decoder", 1, 0]]
        stored = {"input_1": {}} | stored
    write("nested.h5", whole, stored)
    loaded = model_files.load_encoder(Path("nested.h5"), (4, 5, 1))
    assert loaded.layer == "encoder (3)"
    kernel, bias = list(weights.values())[:2]
    x = normalized(BATCH.reshape(3, 20) @ kernel + bias, weights, "batch_normalization")
    np.testing.assert_allclose(to_numpy(loaded.model(BATCH)), np.where(x > 0, x, 0.25 * x), atol=1e-4)


def test_settings_that_keras_2_wrote_for_layers_without_them():
    spread = dict(
        filters=1,
        kernel_size=[3, 3],
        strides=[2, 2],
        padding="same",
        groups=1,
        activation="linear",
        use_bias=True,
        data_format="channels_last",
        dilation_rate=[1, 1],
        output_padding=None,
    )
    apart = dict(
        filters=2,
        kernel_size=[3, 3],
        strides=[2, 2],
        padding="same",
        groups=1,
        activation="relu",
        use_bias=True,
        data_format="channels_last",
        dilation_rate=[1, 1],
        depth_multiplier=1,
        kernel_initializer=None,
        kernel_regularizer=None,
        kernel_constraint=None,
    )
    parts = [
        layer("SeparableConv2D", "separable", **apart, batch_input_shape=[None, 4, 4, 1]),
        layer("Conv2DTranspose", "spread", **spread),
    ]
    shapes = {"depthwise_kernel": (3, 3, 1, 1), "pointwise_kernel": (1, 1, 1, 2), "bias": (2,)}
    separable = {f"separable/{name}": RANDOM.normal(size=shape) for name, shape in shapes.items()}
    transposed = {"spread/kernel": RANDOM.normal(size=(3, 3, 1, 2)), "spread/bias": RANDOM.normal(size=1)}
    write("odd.h5", sequential("sequential", *parts), {"separable": separable, "spread": transposed})
    loaded = model_files.load_encoder(Path("odd.h5"), (4, 4, 1))
    assert loaded.layer == "separable (2×2×2)"
    same = keras.layers.SeparableConv2D(2, 3, strides=2, padding="same", activation="relu")
    same.build((None, 4, 4, 1))
    same.set_weights(list(separable.values()))
    np.testing.assert_allclose(
        to_numpy(loaded.model(BATCH[:, :, :4])), to_numpy(same(BATCH[:, :, :4])), atol=1e-5
    )
    assert type(model_files.load_model(Path("odd.h5")).layers[-1]) is keras.layers.Conv2DTranspose
