"""Small models of Keras 2, with inputs and outputs: each layer and activation that an `.h5` file may hold.

python -m tests.harness.keras2_models FOLDER      writes NAME.h5 and NAME.npz (needs tf_keras, Keras 2's line)
"""

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import tensorflow as tf
import tf_keras as keras
from tf_keras import layers

IMAGE, SERIES, VOLUME, ROW = (6, 5, 3), (7, 4), (4, 4, 4, 2), (8,)

NO_ACTIVATIONS = {"deserialize", "get", "serialize"}
ACTIVATIONS = [name for name in vars(keras.activations) if name[0] != "_" and name not in NO_ACTIVATIONS]
ACTIVATIONS += ["leaky_relu", "log_softmax", "relu6", "silu"]  # TensorFlow's
INTERPOLATIONS = (
    *("nearest", "bilinear", "bicubic", "lanczos3", "lanczos5"),
    *("area", "gaussian", "mitchellcubic"),
)
# The places of an activation: its layers end with it.
ACTIVATED: dict[str, tuple[tuple, Callable]] = {
    "Activation": (IMAGE, lambda name: layers.Activation(name)),
    "Dense": (ROW, lambda name: layers.Dense(4, activation=name)),
    "Conv2D": (IMAGE, lambda name: layers.Conv2D(2, 3, activation=name)),
}
# Layers that take one tensor: the shape of that tensor, and layers of it one after another.
SINGLE: dict[str, tuple[tuple, Callable]] = {
    "Dense": (ROW, lambda: layers.Dense(3)),
    "Dense of an image": (IMAGE, lambda: layers.Dense(3, kernel_regularizer="l2", use_bias=False)),
    "EinsumDense": (SERIES, lambda: layers.EinsumDense("abc,cd->abd", (None, 3), bias_axes="d")),
    "EinsumDense hard_sigmoid": (
        SERIES,
        lambda: layers.EinsumDense("abc,cd->abd", (None, 3), activation="hard_sigmoid"),
    ),
    "Conv1D causal": (SERIES, lambda: layers.Conv1D(4, 3, padding="causal", dilation_rate=2)),
    "Conv1D same": (SERIES, lambda: layers.Conv1D(4, 3, strides=2, padding="same", groups=2)),
    "Conv2D": (IMAGE, lambda: layers.Conv2D(4, 3, strides=2, padding="same")),
    "Conv2D dilated": (IMAGE, lambda: layers.Conv2D(4, 2, dilation_rate=2, use_bias=False)),
    "Conv2D grouped": (IMAGE, lambda: layers.Conv2D(6, (2, 3), groups=3, kernel_constraint="max_norm")),
    "Conv3D": (VOLUME, lambda: layers.Conv3D(3, 2, padding="same")),
    "Conv1DTranspose": (SERIES, lambda: layers.Conv1DTranspose(3, 3, strides=2, padding="same")),
    "Conv1DTranspose padded": (SERIES, lambda: layers.Conv1DTranspose(3, 3, strides=2, output_padding=1)),
    "Conv2DTranspose same": (IMAGE, lambda: layers.Conv2DTranspose(3, 3, strides=2, padding="same")),
    "Conv2DTranspose valid": (IMAGE, lambda: layers.Conv2DTranspose(3, 4, strides=3)),
    "Conv2DTranspose padded": (
        IMAGE,
        lambda: layers.Conv2DTranspose(3, 4, strides=3, padding="same", output_padding=1),
    ),
    "Conv2DTranspose wide": (IMAGE, lambda: layers.Conv2DTranspose(3, 2, strides=3)),
    "Conv2DTranspose hard_sigmoid": (
        IMAGE,
        lambda: layers.Conv2DTranspose(1, 3, activation="hard_sigmoid", use_bias=False),
    ),
    "Conv3DTranspose": (VOLUME, lambda: layers.Conv3DTranspose(3, 3, strides=2, padding="same")),
    "DepthwiseConv1D": (SERIES, lambda: layers.DepthwiseConv1D(3, depth_multiplier=2)),
    "DepthwiseConv2D": (IMAGE, lambda: layers.DepthwiseConv2D(3, depth_multiplier=2, padding="same")),
    "DepthwiseConv2D hard_sigmoid": (IMAGE, lambda: layers.DepthwiseConv2D(3, activation="hard_sigmoid")),
    "DepthwiseConv2D dilated": (IMAGE, lambda: layers.DepthwiseConv2D(2, dilation_rate=2)),
    "SeparableConv1D": (SERIES, lambda: layers.SeparableConv1D(3, 3, depth_multiplier=2)),
    "SeparableConv2D": (IMAGE, lambda: layers.SeparableConv2D(4, 3, strides=2, padding="same")),
    "SeparableConv2D hard_sigmoid": (
        IMAGE,
        lambda: layers.SeparableConv2D(4, 3, depth_multiplier=2, activation="hard_sigmoid"),
    ),
    "SeparableConv2D dilated": (IMAGE, lambda: layers.SeparableConv2D(4, 2, dilation_rate=2)),
    **{
        f"{kind}Pooling{dimensions}D{padding}": (
            {1: SERIES, 2: IMAGE, 3: VOLUME}[dimensions],
            lambda kind=kind, dimensions=dimensions, padding=padding: getattr(
                layers, f"{kind}Pooling{dimensions}D"
            )(2, padding=padding.strip() or "valid"),
        )
        for kind in ("Max", "Average")
        for dimensions in (1, 2, 3)
        for padding in ("", " same")
    },
    "MaxPooling2D overlapping": (IMAGE, lambda: layers.MaxPooling2D(3, strides=1, padding="same")),
    "AveragePooling2D overlapping": (IMAGE, lambda: layers.AveragePooling2D(3, strides=2, padding="same")),
    **{
        f"Global{kind}Pooling{dimensions}D": (
            {1: SERIES, 2: IMAGE, 3: VOLUME}[dimensions],
            lambda kind=kind, dimensions=dimensions: getattr(layers, f"Global{kind}Pooling{dimensions}D")(
                keepdims=dimensions == 2
            ),
        )
        for kind in ("Max", "Average")
        for dimensions in (1, 2, 3)
    },
    "UpSampling1D": (SERIES, lambda: layers.UpSampling1D(2)),
    **{
        f"UpSampling2D {how}": (IMAGE, lambda how=how: layers.UpSampling2D((2, 3), interpolation=how))
        for how in INTERPOLATIONS
    },
    "UpSampling3D": (VOLUME, lambda: layers.UpSampling3D(2)),
    "ZeroPadding1D": (SERIES, lambda: layers.ZeroPadding1D((1, 2))),
    "ZeroPadding2D": (IMAGE, lambda: layers.ZeroPadding2D(((1, 0), (2, 3)))),
    "ZeroPadding3D": (VOLUME, lambda: layers.ZeroPadding3D(1)),
    "Cropping1D": (SERIES, lambda: layers.Cropping1D((1, 2))),
    "Cropping2D": (IMAGE, lambda: layers.Cropping2D(((1, 0), (2, 1)))),
    "Cropping3D": (VOLUME, lambda: layers.Cropping3D(1)),
    "Flatten": (IMAGE, lambda: layers.Flatten()),
    "Flatten channels_first": (IMAGE, lambda: layers.Flatten(data_format="channels_first")),
    "Reshape": (IMAGE, lambda: layers.Reshape((10, -1))),
    "Permute": (IMAGE, lambda: layers.Permute((3, 1, 2))),
    "RepeatVector": (ROW, lambda: layers.RepeatVector(3)),
    "Rescaling": (IMAGE, lambda: layers.Rescaling(2.0, -1.0)),
    "Rescaling by channel": (IMAGE, lambda: layers.Rescaling([1.0, 2.0, 3.0], [0.0, 1.0, 2.0])),
    "Normalization": (IMAGE, lambda: layers.Normalization(mean=[0.1, 0.2, 0.3], variance=[0.5, 0.6, 0.7])),
    "Normalization of one": (IMAGE, lambda: layers.Normalization(axis=None, mean=0.5, variance=0.25)),
    "Normalization inverted": (
        IMAGE,
        lambda: layers.Normalization(axis=None, mean=0.5, variance=2.0, invert=True),
    ),
    "Normalization adapted": (IMAGE, lambda: _adapted(layers.Normalization())),
    "Normalization of two axes": (IMAGE, lambda: _adapted(layers.Normalization(axis=(1, 3)))),
    **{
        f"Resizing {how}": (IMAGE, lambda how=how: layers.Resizing(9, 11, interpolation=how))
        for how in INTERPOLATIONS
    },
    **{
        f"Resizing down {how}": ((12, 14, 3), lambda how=how: layers.Resizing(5, 4, interpolation=how))
        for how in INTERPOLATIONS
    },
    "Resizing to aspect": (IMAGE, lambda: layers.Resizing(4, 8, crop_to_aspect_ratio=True)),
    "Resizing to aspect down": ((13, 10, 1), lambda: layers.Resizing(4, 7, crop_to_aspect_ratio=True)),
    "CenterCrop": ((7, 8, 3), lambda: layers.CenterCrop(4, 3)),
    "CenterCrop of less": (IMAGE, lambda: layers.CenterCrop(8, 4)),
    "RandomCrop": ((7, 8, 3), lambda: layers.RandomCrop(4, 3)),
    "RandomCrop of less": (IMAGE, lambda: layers.RandomCrop(8, 4)),
    "RandomFlip": (IMAGE, lambda: layers.RandomFlip("horizontal")),
    "RandomRotation": (IMAGE, lambda: layers.RandomRotation(0.2)),
    "RandomZoom": (IMAGE, lambda: layers.RandomZoom((-0.2, 0.3), fill_mode="nearest")),
    "RandomTranslation": (IMAGE, lambda: layers.RandomTranslation(0.1, 0.2)),
    "RandomContrast": (IMAGE, lambda: layers.RandomContrast(0.2)),
    "RandomBrightness": (IMAGE, lambda: layers.RandomBrightness(0.2, value_range=(0, 1))),
    "RandomHeight": (IMAGE, lambda: layers.RandomHeight(0.2)),
    "RandomWidth": (IMAGE, lambda: layers.RandomWidth(0.2)),
    "BatchNormalization": (IMAGE, lambda: layers.BatchNormalization()),
    "BatchNormalization frozen": (IMAGE, lambda: layers.BatchNormalization(trainable=False)),
    "BatchNormalization of rows": (
        IMAGE,
        lambda: layers.BatchNormalization(axis=1, epsilon=0.1, scale=False),
    ),
    "BatchNormalization renorm": (IMAGE, lambda: layers.BatchNormalization(renorm=True)),
    "BatchNormalization alone": (IMAGE, lambda: layers.BatchNormalization(center=False, scale=False)),
    "LayerNormalization": (IMAGE, lambda: layers.LayerNormalization()),
    "LayerNormalization of all axes": (IMAGE, lambda: layers.LayerNormalization(axis=[1, 2, 3], epsilon=0.1)),
    "GroupNormalization": ((4, 4, 6), lambda: layers.GroupNormalization(3)),
    "GroupNormalization of each": ((4, 4, 6), lambda: layers.GroupNormalization(-1)),
    "UnitNormalization": (IMAGE, lambda: layers.UnitNormalization()),
    "UnitNormalization of two axes": (IMAGE, lambda: layers.UnitNormalization(axis=[1, 3])),
    "Dropout": (IMAGE, lambda: layers.Dropout(0.5, noise_shape=(None, 1, 1, 3), seed=3)),
    "SpatialDropout1D": (SERIES, lambda: layers.SpatialDropout1D(0.5)),
    "SpatialDropout2D": (IMAGE, lambda: layers.SpatialDropout2D(0.5)),
    "SpatialDropout3D": (VOLUME, lambda: layers.SpatialDropout3D(0.5)),
    "AlphaDropout": (IMAGE, lambda: layers.AlphaDropout(0.5)),
    "GaussianDropout": (IMAGE, lambda: layers.GaussianDropout(0.5)),
    "GaussianNoise": (IMAGE, lambda: layers.GaussianNoise(0.5)),
    "ActivityRegularization": (IMAGE, lambda: layers.ActivityRegularization(0.1, 0.2)),
    "ReLU": (IMAGE, lambda: layers.ReLU()),
    "ReLU of all settings": (IMAGE, lambda: layers.ReLU(max_value=0.8, negative_slope=0.1, threshold=0.2)),
    "ReLU with a threshold": (IMAGE, lambda: layers.ReLU(threshold=0.3)),
    "ReLU with a slope": (IMAGE, lambda: layers.ReLU(negative_slope=0.3)),
    "LeakyReLU": (IMAGE, lambda: layers.LeakyReLU()),
    "LeakyReLU alpha": (IMAGE, lambda: layers.LeakyReLU(alpha=0.05)),
    "PReLU": (IMAGE, lambda: layers.PReLU(shared_axes=[1, 2], alpha_initializer="random_normal")),
    "ELU": (IMAGE, lambda: layers.ELU(alpha=0.7)),
    "ThresholdedReLU": (IMAGE, lambda: layers.ThresholdedReLU(theta=0.4)),
    "Softmax": (IMAGE, lambda: layers.Softmax()),
    "Softmax of rows": (IMAGE, lambda: layers.Softmax(axis=1)),
    "Softmax of two axes": (IMAGE, lambda: layers.Softmax(axis=[1, 2])),
    "Masking": (SERIES, lambda: layers.Masking(0.0)),
    "Identity": (IMAGE, lambda: layers.Identity()),
    "Dense with LeakyReLU": (ROW, lambda: layers.Dense(4, activation=layers.LeakyReLU(alpha=0.1))),
    "Activation of tf.nn": (IMAGE, lambda: layers.Activation(tf.nn.leaky_relu)),
    "Conv2D with tf.nn.softmax": (IMAGE, lambda: layers.Conv2D(3, 3, activation=tf.nn.softmax)),
    "Conv2D with tf.nn.swish": (IMAGE, lambda: layers.Conv2D(3, 3, activation=tf.nn.swish)),
    "Conv2D with tf.nn.relu6": (IMAGE, lambda: layers.Conv2D(3, 3, activation=tf.nn.relu6)),
    "Conv2D with tf.nn.sigmoid": (IMAGE, lambda: layers.Conv2D(3, 3, activation=tf.nn.sigmoid)),
    "Conv2D with tf.nn.tanh": (IMAGE, lambda: layers.Conv2D(3, 3, activation=tf.nn.tanh)),
    "Conv2D mixed_float16": (IMAGE, lambda: layers.Conv2D(3, 3, dtype="mixed_float16")),
    "Conv2D float64": (IMAGE, lambda: layers.Conv2D(3, 3, dtype="float64")),
    "Embedding": (ROW, lambda: layers.Embedding(5, 3)),
}
# Layers that take several tensors, made of one input.
COMBINED: dict[str, tuple[tuple, Callable]] = {
    **{
        name: (IMAGE, lambda x, name=name: getattr(layers, name)()(_three(x)))
        for name in ("Add", "Multiply", "Average", "Maximum", "Minimum", "Concatenate")
    },
    "Subtract": (IMAGE, lambda x: layers.Subtract()(_three(x)[:2])),
    "Concatenate rows": (IMAGE, lambda x: layers.Concatenate(axis=1)(_three(x))),
    "Dot": (SERIES, lambda x: layers.Dot(axes=(2, 2))(_two(x))),
    "Dot normalized": (SERIES, lambda x: layers.Dot(axes=1, normalize=True)(_two(x))),
    "Attention": (SERIES, lambda x: layers.Attention()(_two(x))),
    "Attention scaled": (SERIES, lambda x: layers.Attention(use_scale=True)(_three(x))),
    "Attention concat": (SERIES, lambda x: layers.Attention(score_mode="concat")(_two(x))),
    "AdditiveAttention": (SERIES, lambda x: layers.AdditiveAttention()(_two(x))),
    "MultiHeadAttention": (SERIES, lambda x: layers.MultiHeadAttention(2, 3)(*_two(x))),
    "MultiHeadAttention of itself": (SERIES, lambda x: layers.MultiHeadAttention(2, 3, value_dim=5)(x, x)),
    "MultiHeadAttention with key": (
        SERIES,
        lambda x: layers.MultiHeadAttention(2, 3, output_shape=6)(
            _three(x)[0], _three(x)[1], key=_three(x)[2]
        ),
    ),
    "MultiHeadAttention of axes": (
        IMAGE,
        lambda x: layers.MultiHeadAttention(2, 3, attention_axes=(1, 2), use_bias=False)(x, value=x),
    ),
    "Dense three times": (ROW, lambda x: _repeated(layers.Dense(8, activation="hard_sigmoid"), x)),
    "branches": (IMAGE, lambda x: _branches(x)),
    "training=False": (IMAGE, lambda x: layers.BatchNormalization()(layers.Conv2D(2, 3)(x), training=False)),
    # operations without a layer
    "x / 255": (IMAGE, lambda x: layers.Conv2D(2, 3)(x / 255.0)),
    "x * 2 - 1": (IMAGE, lambda x: x * 2.0 - 1.0),
    "1 - x": (IMAGE, lambda x: 1.0 - x),
    "-x": (IMAGE, lambda x: -x),
    "x + 3": (IMAGE, lambda x: 3.0 + x),
    "x + y": (IMAGE, lambda x: _three(x)[0] + _three(x)[1]),
    "x - y": (IMAGE, lambda x: _three(x)[0] - _three(x)[1]),
    "x * y": (IMAGE, lambda x: _three(x)[0] * _three(x)[1]),
    "tf.add": (IMAGE, lambda x: tf.add(_three(x)[0], _three(x)[1])),
    "tf.subtract": (IMAGE, lambda x: tf.subtract(x, 0.5)),
    "tf.multiply": (IMAGE, lambda x: tf.multiply(x, [1.0, 2.0, 3.0])),
    "tf.nn.relu": (IMAGE, lambda x: tf.nn.relu(x)),
    "tf.nn.relu6": (IMAGE, lambda x: tf.nn.relu6(x * 9.0)),
    "tf.nn.leaky_relu": (IMAGE, lambda x: tf.nn.leaky_relu(x, alpha=0.1)),
    "tf.nn.leaky_relu default": (IMAGE, lambda x: tf.nn.leaky_relu(x)),
    "tf.nn.sigmoid": (IMAGE, lambda x: tf.nn.sigmoid(x)),
    "tf.sigmoid": (IMAGE, lambda x: tf.sigmoid(x)),
    "tf.tanh": (IMAGE, lambda x: tf.tanh(x)),
    "tf.nn.softmax": (IMAGE, lambda x: tf.nn.softmax(x)),
    "tf.nn.softplus": (IMAGE, lambda x: tf.nn.softplus(x)),
    "tf.nn.elu": (IMAGE, lambda x: tf.nn.elu(x)),
    "tf.nn.selu": (IMAGE, lambda x: tf.nn.selu(x)),
    "tf.nn.gelu": (IMAGE, lambda x: tf.nn.gelu(x)),
    "tf.nn.gelu approximate": (IMAGE, lambda x: tf.nn.gelu(x, approximate=True)),
    "tf.nn.silu": (IMAGE, lambda x: tf.nn.silu(x)),
    "tf.exp": (IMAGE, lambda x: tf.exp(x)),
    "tf.concat": (IMAGE, lambda x: tf.concat([x, x * 2.0], axis=-1)),
    "tf.reshape": (IMAGE, lambda x: tf.reshape(x, (-1, 10, 9))),
    "tf.transpose": (IMAGE, lambda x: tf.transpose(x, (0, 3, 1, 2))),
    "tf.reduce_mean": (IMAGE, lambda x: tf.reduce_mean(x, axis=[1, 2])),
    "tf.reduce_max": (IMAGE, lambda x: tf.reduce_max(x, axis=[1, 2], keepdims=True)),
    "tf.clip_by_value": (IMAGE, lambda x: tf.clip_by_value(x, 0.0, 0.7)),
    "tf.clip_by_value of both signs": (IMAGE, lambda x: tf.clip_by_value(x, -0.5, 0.7)),
    "tf.cast": (IMAGE, lambda x: tf.cast(x, tf.float32)),
    "tf.identity": (IMAGE, lambda x: tf.identity(x)),
    "tf.square": (IMAGE, lambda x: tf.square(x)),
    "tf.maximum": (IMAGE, lambda x: tf.maximum(_three(x)[0], _three(x)[1])),
    "tf.image.resize": (IMAGE, lambda x: tf.image.resize(x, (9, 7))),
    "tf.image.resize nearest": (IMAGE, lambda x: tf.image.resize(x, (9, 7), method="nearest")),
    "tf.nn.depth_to_space": ((6, 5, 8), lambda x: tf.nn.depth_to_space(x, 2)),
    "tf.pad": (IMAGE, lambda x: tf.pad(x, [[0, 0], [1, 2], [0, 1], [0, 0]])),
    "keras.activations.relu": (IMAGE, lambda x: keras.activations.relu(x)),
    "keras.activations.hard_sigmoid": (IMAGE, lambda x: keras.activations.hard_sigmoid(x)),
    "tf.expand_dims": (SERIES, lambda x: tf.expand_dims(x, -1)),
    "tf.squeeze": ((6, 5, 1), lambda x: tf.squeeze(x, -1)),
    "x[:, 1:3]": (IMAGE, lambda x: x[:, 1:3]),
    "mobilenet.preprocess": (IMAGE, lambda x: keras.applications.mobilenet_v2.preprocess_input(x)),
    "vgg16.preprocess": (IMAGE, lambda x: keras.applications.vgg16.preprocess_input(x)),
    "densenet.preprocess": (IMAGE, lambda x: keras.applications.densenet.preprocess_input(x)),
}


def _adapted(layer):
    layer.adapt(np.random.default_rng(3).random((5, *IMAGE), np.float32))
    return layer


def _two(x):
    return [layers.Conv1D(4, 1, name="one")(x), layers.Conv1D(4, 1, name="two")(x)]


_MADE: dict = {}


def _three(x):
    """Three tensors of one shape; the same ones for the same `x`."""
    if id(x) not in _MADE:
        kind = layers.Conv1D if len(x.shape) == 3 else layers.Conv2D
        _MADE[id(x)] = x, [kind(4, 1)(x) for _ in range(3)]
    return _MADE[id(x)][1]


def _repeated(layer, x):
    return layer(layer(layer(x)))


def _branches(x):
    """Branches of different depth with weights of the same shapes."""
    left = layers.Conv2D(3, 3, padding="same", activation="hard_sigmoid")(x)
    left = layers.BatchNormalization()(left)
    left = layers.Activation("hard_sigmoid")(left)
    left = layers.Conv2D(3, 3, padding="same")(left)
    right = layers.Conv2D(3, 3, padding="same")(x)
    third = layers.Activation("hard_sigmoid")(layers.Conv2D(3, 3, padding="same")(right))
    return layers.Concatenate()([layers.Add()([left, right]), third, x])


def _graph(shape: tuple, call: Callable) -> keras.Model:
    x = keras.Input(shape)
    return keras.Model(x, call(x))


def _stack(shape: tuple, *parts) -> keras.Model:
    return keras.Sequential([keras.Input(shape), *parts])


def nested(kind: str) -> keras.Model:
    """An autoencoder of two models, the encoder frozen in part."""
    encoder = [layers.Flatten(), layers.Dense(5, activation="hard_sigmoid"), layers.BatchNormalization()]
    encoder += [layers.Dense(4)]
    encoder[1].trainable = False
    decoder = [layers.Dense(90, activation="sigmoid"), layers.Reshape(IMAGE)]
    if kind == "deferred":  # a stack without a shape of its own, called twice
        stack = keras.Sequential([layers.Dense(3, activation="hard_sigmoid"), layers.Dense(3)])
        return _graph(IMAGE, lambda x: layers.Add()([stack(stack(x)), x]))
    if kind == "graph in a stack":
        return keras.Sequential([_graph(IMAGE, chain(encoder)), *decoder])
    if kind == "stacks":
        return _stack(IMAGE, _stack(IMAGE, *encoder), _stack((4,), *decoder))
    make = _stack if kind == "stacks in a graph" else lambda shape, *parts: _graph(shape, chain(parts))
    first, second = make(IMAGE, *encoder), make((4,), *decoder)
    if kind == "frozen":
        first.trainable = False
    if kind == "twice":
        return _graph(IMAGE, lambda x: layers.Add()([second(first(x)), second(first(second(first(x))))]))
    return _graph(IMAGE, lambda x: second(first(x)))


def chain(parts) -> Callable:
    def call(x):
        for part in parts:
            x = part(x)
        return x

    return call


def variational() -> keras.Model:
    """An autoencoder with a loss of its own, which Keras 2 stores as further layers."""
    x = keras.Input(ROW)
    mean, deviation = layers.Dense(2, name="z_mean")(x), layers.Dense(2)(x)
    model = keras.Model(x, layers.Dense(8)(layers.Add()([mean, deviation])))
    model.add_loss(-0.5 * tf.reduce_mean(1 + deviation - tf.square(mean) - tf.exp(deviation)))
    model.add_metric(tf.reduce_sum(mean), name="sum")
    return model


def models() -> dict[str, Callable[[], keras.Model]]:
    made = {}
    for name, (shape, layer) in SINGLE.items():
        made[name] = lambda shape=shape, layer=layer: _stack(shape, layer())
        made[f"{name}, graph"] = lambda shape=shape, layer=layer: _graph(shape, layer())
    for place, (shape, layer) in ACTIVATED.items():
        for name in ACTIVATIONS:
            made[f"{place}({name})"] = lambda shape=shape, layer=layer, name=name: _stack(shape, layer(name))
    for name, (shape, call) in COMBINED.items():
        made[name] = lambda shape=shape, call=call: _graph(shape, call)
    kinds = ("stacks", "stacks in a graph", "graphs", "frozen", "twice", "deferred", "graph in a stack")
    for kind in kinds:
        made[f"nested {kind}"] = lambda kind=kind: nested(kind)
    return made | {"variational": variational}


def write(folder: Path, name: str, number: int, build: Callable[[], keras.Model]) -> None:
    """Save a model with random weights, some random inputs and what it computes of them."""
    draw = np.random.default_rng(number)
    model = build()
    model.set_weights([_draw_weights(draw, variable) for variable in model.weights])
    shape = (3, *model.input_shape[1:])
    inputs = draw.integers(0, 5, shape) if "Embedding" in name else draw.normal(0.0, 1.5, shape)
    outputs = model(inputs.astype(np.float32), training=False)
    model.save(folder / f"{number}.h5")
    arrays = {"inputs": inputs.astype(np.float32), "outputs": np.asarray(outputs, np.float64)}
    np.savez(folder / f"{number}.npz", name=name, **arrays)


def _draw_weights(draw: np.random.Generator, variable) -> np.ndarray:
    values = variable.numpy()
    if values.dtype.kind != "f":
        return values  # the count of a `Normalization`
    low = 0.1 if "var" in variable.name or "std" in variable.name else -0.4
    return draw.uniform(low, 0.6, values.shape).astype(values.dtype)


def main() -> None:
    keras.utils.set_random_seed(1)
    for number, (name, build) in enumerate(models().items()):
        write(Path(sys.argv[1]), name, number, build)


if __name__ == "__main__":
    main()
