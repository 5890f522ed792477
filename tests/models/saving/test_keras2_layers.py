"""Layers, activations and operations that Keras 3 would read otherwise than Keras 2, or not at all.

The files are written by hand in the form of tf_keras; `test_keras2_package` compares with tf_keras itself.

python -m pytest tests/models/saving/test_keras2_layers.py
"""

from pathlib import Path

import h5py
import keras
import numpy as np
import pytest
from keras.ops import convert_to_numpy as to_numpy

from lib.common.errors import UserError
from lib.models.saving import model_files
from tests.models.saving.test_keras2_compat import RANDOM, dense, functional, image, layer, sequential, write

X = RANDOM.normal(0, 2, (3, 4, 5, 2)).astype(np.float32)
KERNEL, BIAS = RANDOM.normal(size=(2, 3)), RANDOM.normal(size=3)
DENSE_WEIGHTS = {"dense/kernel": KERNEL, "dense/bias": BIAS}
RANDOM_LEFTOVERS = dict(seed=None, rng_type="stateful")


def hard_sigmoid(x):
    """The one of Keras 2."""
    return np.clip(0.2 * x + 0.5, 0, 1)


def softmax(x, axis):
    powers = np.exp(x - x.max(axis=axis, keepdims=True))
    return powers / powers.sum(axis=axis, keepdims=True)


def load(config: dict, weights: dict | None = None, version: str = "2.4.0", backend: str = "tensorflow"):
    write("keras2.h5", config, weights or {}, version)
    with h5py.File("keras2.h5", "a") as file:
        file.attrs["backend"] = backend
    return model_files.load_model(Path("keras2.h5"))


def load_stack(kind: str, weights: dict | None = None, **settings) -> keras.Model:
    """A stack of one layer on images, the weights of which are stored under its name."""
    name = settings.pop("name", kind.lower())
    first = layer(kind, name, batch_input_shape=[None, *X.shape[1:]], **settings)
    return load(sequential("sequential", first), {name: weights or {}})


def computed(model: keras.Model, x: np.ndarray = X) -> np.ndarray:
    """The outputs of a model, which plain Keras computes as well from a file that it saves."""
    outputs = to_numpy(model(x, training=False))
    model.save("saved_again.h5")
    again = keras.models.load_model("saved_again.h5", compile=False)
    np.testing.assert_allclose(to_numpy(again(x, training=False)), outputs, atol=1e-6)
    return outputs


@pytest.mark.parametrize(
    ("kind", "settings", "expected"),
    [
        ("Activation", dict(activation="hard_sigmoid"), hard_sigmoid(X)),
        ("Activation", dict(activation="softmax_v2"), softmax(X, -1)),
        ("LeakyReLU", dict(alpha=0.3), np.where(X > 0, X, 0.3 * X)),
        (
            "ReLU",  # Keras 2.2 stored its settings as arrays
            dict(max_value={"type": "ndarray", "value": 0.8}, negative_slope=0.0, threshold=0.0),
            np.clip(X, 0, 0.8),
        ),
        ("ThresholdedReLU", dict(theta=0.4), np.where(X > 0.4, X, 0)),
        ("SpatialDropout2D", dict(rate=0.5, noise_shape=None, seed=None), X),
        ("RandomFlip", dict(mode="horizontal") | RANDOM_LEFTOVERS, X),
        ("RandomZoom", dict(height_factor=[-0.2, 0.3], width_factor=None) | RANDOM_LEFTOVERS, X),
        ("RandomBrightness", dict(factor=0.2, value_range=[0, 1]) | RANDOM_LEFTOVERS, X),
        ("RandomHeight", dict(factor=0.2, interpolation="bilinear") | RANDOM_LEFTOVERS, X),
        ("RandomWidth", dict(factor=0.2, interpolation="bilinear") | RANDOM_LEFTOVERS, X),
        ("RandomCrop", dict(height=4, width=5) | RANDOM_LEFTOVERS, X),
    ],
)
def test_layers_without_weights(kind, settings, expected):
    np.testing.assert_allclose(computed(load_stack(kind, **settings)), expected, atol=1e-6)


def test_hard_sigmoid_of_a_layer_with_weights():
    model = load_stack("Dense", DENSE_WEIGHTS, name="dense", units=3, activation="hard_sigmoid")
    assert [type(part) for part in model.layers] == [keras.layers.Dense]
    np.testing.assert_allclose(computed(model), hard_sigmoid(X @ KERNEL + BIAS), atol=1e-5)


def test_hard_sigmoid_of_a_separable_convolution():
    depthwise = RANDOM.normal(size=(1, 1, 2, 1))
    weights = {"c/depthwise_kernel": depthwise, "c/pointwise_kernel": KERNEL[None, None], "c/bias": BIAS}
    settings = dict(filters=3, kernel_size=[1, 1], activation="hard_sigmoid", groups=1)
    model = load_stack("SeparableConv2D", weights, name="c", **settings)
    expected = hard_sigmoid((X * depthwise[0, 0, :, 0]) @ KERNEL + BIAS)
    np.testing.assert_allclose(computed(model), expected, atol=1e-5)


def test_hard_sigmoid_of_keras_3_stays_as_it_is():
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3, activation="hard_sigmoid")])
    model.save("keras3.h5")
    again = model_files.load_model(Path("keras3.h5"))
    np.testing.assert_array_equal(to_numpy(again(X[0, 0])), to_numpy(model(X[0, 0])))


def test_a_layer_as_an_activation():
    slope = {"class_name": "LeakyReLU", "config": {"name": "leaky", "alpha": 0.1, "dtype": "float32"}}
    x = X @ KERNEL + BIAS
    model = load_stack("Dense", DENSE_WEIGHTS, name="dense", units=3, activation=slope)
    np.testing.assert_allclose(computed(model), np.where(x > 0, x, 0.1 * x), atol=1e-5)


def test_mixed_precision_and_initializers():
    """Weights that are in the file are not made before, which takes minutes for large orthogonal ones."""
    orthogonal = {"class_name": "Orthogonal", "config": {"gain": 1.0}}
    policy = {"class_name": "Policy", "config": {"name": "mixed_float16"}}
    settings = dict(units=3, activation="linear", kernel_initializer=orthogonal, dtype=policy)
    model = load_stack("Dense", DENSE_WEIGHTS, name="dense", **settings)
    assert not isinstance(model.layers[0].kernel_initializer, keras.initializers.Orthogonal)
    assert model.outputs[0].dtype == "float32"
    np.testing.assert_allclose(computed(model), X @ KERNEL + BIAS, atol=1e-5)


def test_a_stack_as_a_bare_list():
    """The form of Keras before 2.2.3, here of a stack in a stack, for batches of one size."""
    parts = layer("Flatten", "flatten", batch_input_shape=[128, 4, 5, 2]), dense("dense", units=3)
    layers = [{key: part[key] for key in ("class_name", "config")} for part in parts]
    inner = {"class_name": "Sequential", "config": layers[1:]}
    whole = {"class_name": "Sequential", "config": [layers[0], inner, inner]}
    kernel, second = RANDOM.normal(size=(40, 3)), RANDOM.normal(size=(3, 3))
    weights = {"flatten": {}, "dense_2": {"k": kernel, "b": BIAS}, "dense_3": {"k": second, "b": BIAS}}
    expected = (X.reshape(3, 40) @ kernel + BIAS) @ second + BIAS
    np.testing.assert_allclose(computed(load(whole, weights, "2.1.6")), expected, atol=1e-4)


def test_batches_of_one_size_become_batches_of_any():
    start = image("x", 4, 5, 2)
    start["config"]["batch_input_shape"][0] = 128
    model = load(functional("model", [start, layer("ReLU", "relu", "x")], "x", "relu"), {"x": {}})
    assert model.input_shape == (None, 4, 5, 2)
    np.testing.assert_array_equal(computed(model), np.maximum(X, 0))


def test_normalization_of_the_first_versions():
    """`BatchNormalizationV1` of TensorFlow 1.13."""
    mean, variance = np.array([0.5, -0.5]), np.array([2.0, 3.0])
    weights = {"bn/gamma": np.ones(2), "bn/beta": np.zeros(2), "bn/m": mean, "bn/v": variance}
    settings = dict(axis=[3], momentum=0.99, epsilon=0.001, center=True, scale=True)
    model = load_stack("BatchNormalizationV1", weights, name="bn", **settings)
    np.testing.assert_allclose(computed(model), (X - mean) / np.sqrt(variance + 0.001), atol=1e-5)


def test_a_normalization_of_pixels():
    weights = {"n/mean": np.array([0.5, -0.5]), "n/variance": np.array([2.0, 3.0]), "n/count": np.array(0)}
    model = load_stack("Normalization", weights, name="n", axis=[-1], mean=None, variance=None, invert=False)
    expected = (X - weights["n/mean"]) / np.sqrt(weights["n/variance"])
    np.testing.assert_allclose(computed(model), expected, atol=1e-5)


def test_several_axes():
    """Keras 3 drops them from its own files, so that only these programs read the file that it saves."""
    model = load_stack("Softmax", axis=[1, 2])
    for _ in range(2):
        np.testing.assert_allclose(to_numpy(model(X)), softmax(X, (1, 2)), atol=1e-6)
        model.save("again.h5")
        model = model_files.load_model(Path("again.h5"))


def test_attention_with_tensors_by_name():
    shape, x = [None, 5, 2], X[:, 0]
    settings = dict(num_heads=1, key_dim=2, value_dim=2, use_bias=False, attention_axes=[1], dropout=0.0)
    attention = layer("MultiHeadAttention", "mha", **settings, query_shape=shape, key_shape=shape)
    attention["inbound_nodes"] = [[["x", 0, 0, {"value": ["x", 0, 0]}]]]
    names = ("query", "key", "value", "attention_output")
    arrays = [RANDOM.normal(size=(2, 1, 2)) for _ in names[:3]] + [RANDOM.normal(size=(1, 2, 2))]
    weights = {f"mha/{name}/kernel": array for name, array in zip(names, arrays, strict=True)}
    model = load(functional("model", [image("x", 5, 2), attention], "x", "mha"), {"mha": weights})
    query, key, value = (x @ array[:, 0] for array in arrays[:3])
    scores = softmax(query @ key.transpose(0, 2, 1) / np.sqrt(2), -1)
    np.testing.assert_allclose(computed(model, x), scores @ value @ arrays[3][0], atol=1e-4)


def operation(function: str, node: list, kind: str = "TFOpLambda") -> dict:
    name = f"tf.{function}"
    config = {"name": name, "trainable": True, "dtype": "float32", "function": function}
    return {"class_name": kind, "config": config, "name": name, "inbound_nodes": [node]}


def call(**kwargs) -> list:
    return ["x", 0, 0, kwargs]


def of_constant(value, **kwargs) -> list:
    return ["_CONSTANT_VALUE", -1, value, kwargs]


TENSOR = ["x", 0, 0]


@pytest.mark.parametrize(
    ("function", "node", "expected"),
    [
        ("math.truediv", call(y=255.0, name=None), X / 255),
        ("math.multiply", call(y=[2.0, 3.0]), X * np.array([2, 3])),
        ("math.subtract", call(y=0.5, name=None), X - 0.5),
        ("math.subtract", of_constant(1.0, y=TENSOR, name=None), 1 - X),
        ("__operators__.add", of_constant(3.0, y=TENSOR, name=None), 3 + X),
        ("__operators__.add", call(y=TENSOR, name=None), 2 * X),
        ("math.multiply", call(y=TENSOR), X * X),
        ("math.negative", call(), -X),
        ("math.square", call(name=None), X * X),
        ("math.maximum", call(y=TENSOR, name=None), X),
        ("nn.bias_add", call(bias=[1.0, -1.0], data_format="NHWC"), X + np.array([1, -1])),
        ("nn.relu", call(), np.maximum(X, 0)),
        ("nn.relu6", call(), np.clip(X, 0, 6)),
        ("nn.leaky_relu", call(alpha=0.1), np.where(X > 0, X, 0.1 * X)),
        ("math.sigmoid", call(), 1 / (1 + np.exp(-X))),
        ("math.tanh", call(), np.tanh(X)),
        ("math.exp", call(), np.exp(X)),
        ("nn.softmax", call(), softmax(X, -1)),
        ("nn.softmax", call(axis=1), softmax(X, 1)),
        ("clip_by_value", call(clip_value_min=0.0, clip_value_max=0.7), np.clip(X, 0, 0.7)),
        ("clip_by_value", call(clip_value_min=-0.5, clip_value_max=0.7), np.clip(X, -0.5, 0.7)),
        ("cast", call(dtype="float32"), X),
        ("concat", [call(axis=-1), call(axis=-1)], np.concatenate([X, X], -1)),
        ("reshape", call(shape=[-1, 20, 2]), X.reshape(3, 20, 2)),
        ("compat.v1.transpose", call(perm=[0, 3, 1, 2], conjugate=False), X.transpose(0, 3, 1, 2)),
        (
            "compat.v1.pad",
            call(paddings=[[0, 0], [1, 2], [0, 1], [0, 0]], mode="CONSTANT", constant_values=0),
            np.pad(X, [[0, 0], [1, 2], [0, 1], [0, 0]]),
        ),
        ("math.reduce_mean", call(axis=[1, 2]), X.mean((1, 2))),
        ("math.reduce_max", call(axis=[1, 2], keepdims=True), X.max((1, 2), keepdims=True)),
        ("image.resize", call(size=[4, 5]), X),
    ],
)
def test_operations(function, node, expected):
    graph = functional("model", [image("x", 4, 5, 2), operation(function, node)], "x", f"tf.{function}")
    np.testing.assert_allclose(computed(load(graph, {"x": {}})), expected, atol=1e-5)


@pytest.mark.parametrize(
    ("function", "node"),
    [
        ("math.truediv", call(y=TENSOR)),
        ("math.truediv", of_constant(1.0, y=TENSOR)),
        ("math.multiply", call(y=["a", "b"])),
        ("math.multiply", call(y=float("nan"))),
        ("math.add", call()),
        ("nn.gelu", call(approximate=True)),
        ("nn.relu", call(leak=2)),
        ("cast", call(dtype="uint8")),
        ("reshape", call(shape=[10, 12])),
        ("compat.v1.transpose", call(perm=[1, 0, 2, 3])),
        ("compat.v1.pad", call(paddings=[[0, 0], [1, 2], [0, 0]], mode="REFLECT")),
        ("math.reduce_mean", call()),
        ("image.resize", call(size=[4, 5], antialias=True)),
        ("clip_by_value", call(clip_value_min=2, clip_value_max=1)),
        ("io.read_file", call()),
        ("keras.utils.get_file", call()),
        (None, call()),
    ],
)
def test_other_operations_are_refused(function, node):
    graph = functional("model", [image("x", 4, 5, 2), operation("op", node)], "x", "tf.op")
    graph["config"]["layers"][1]["config"]["function"] = function
    with pytest.raises(UserError, match=f"layer tf.op is the TensorFlow operation {function}, which"):
        load(graph, {"x": {}})


def test_slices_are_refused():
    slices = call(slice_spec=[{"class_name": "__ellipsis__"}, {"start": None, "stop": None, "step": -1}])
    part = operation("__operators__.getitem", slices, "SlicingOpLambda")
    graph = functional("model", [image("x", 4, 5, 2), part], "x", part["name"])
    with pytest.raises(UserError, match=r"is the TensorFlow operation __operators__\.getitem, which"):
        load(graph, {"x": {}})


def test_losses_that_a_model_adds_are_left_out():
    parts = [
        image("x", 4, 5, 2),
        dense("dense", "x", units=3),
        dense("loss_only", "x", units=1),
        operation("math.log", ["dense", 0, 0, {}]),
        layer("AddLoss", "add_loss", "tf.math.log", unconditional=False),
        layer("AddMetric", "add_metric", "loss_only", aggregation="mean", metric_name="sum"),
    ]
    extra = {"kernel": np.ones((2, 1)), "bias": np.ones(1)}
    model = load(functional("vae", parts, "x", "dense"), {"dense": DENSE_WEIGHTS, "loss_only": extra})
    np.testing.assert_allclose(computed(model), X @ KERNEL + BIAS, atol=1e-5)


def test_theano_turned_kernels_around():
    kernel = np.zeros((3, 3, 2, 1))
    kernel[0, 0, 0] = 1  # at the upper left for TensorFlow, at the lower right for Theano
    parts = layer("Conv2D", "c", filters=1, kernel_size=[3, 3], padding="same", use_bias=False)
    parts["config"]["batch_input_shape"] = [None, 4, 5, 2]
    stack = sequential("sequential", parts)
    expected = np.pad(X[..., :1], [(0, 0), (0, 1), (0, 1), (0, 0)])[:, 1:, 1:]
    np.testing.assert_allclose(computed(load(stack, {"c": {"c/k": kernel}}, backend="theano")), expected)


@pytest.mark.parametrize(
    ("kind", "settings", "words"),
    [
        ("UpSampling2D", dict(size=[2, 2], interpolation="gaussian"), "interpolates by 'gaussian', which"),
        ("Resizing", dict(height=3, width=3, interpolation="mitchellcubic"), "interpolates by 'mitch"),
        ("BatchNormalization", dict(axis=[1, 3]), "normalizes several axes together, which Keras 3"),
    ],
)
def test_settings_that_keras_3_cannot_compute_are_refused(kind, settings, words):
    with pytest.raises(UserError, match=rf"that Keras can open \(layer {kind.lower()} {words}"):
        load_stack(kind, **settings)
