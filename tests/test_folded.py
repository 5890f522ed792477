"""python -m pytest tests/test_folded.py"""

from contextlib import nullcontext

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import layers

from lib.copies import twin
from lib.folded import folded
from tests.test_networks import built

INPUT = (4, 5, 3)


def doubling(shape=INPUT, size=(2, 2), interpolation="nearest", **convolution) -> keras.Model:
    """A model that makes images larger and convolves them."""
    inputs = keras.Input(shape)
    x = layers.UpSampling2D(size, interpolation=interpolation, name="large")(inputs)
    convolution = dict(filters=2, kernel_size=5, padding="same", activation="relu") | convolution
    return keras.Model(inputs, layers.Conv2D(**convolution, bias_initializer="random_uniform", name="seen")(x))


def is_folded(model: keras.Model) -> bool:
    with folded(model):
        changed = ["call" in vars(layer) or "convolution_op" in vars(layer) for layer in model.layers]
    assert not any("call" in vars(layer) or "convolution_op" in vars(layer) for layer in model.layers)
    return any(changed)


def given_images(shape=INPUT) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(3, *shape)).astype(np.float32)


@settings(max_examples=60, deadline=None)
@given(
    rows=st.integers(1, 6), columns=st.integers(1, 6), size=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    kernel=st.tuples(st.integers(1, 8), st.integers(1, 8)), padding=st.sampled_from(["same", "valid"]),
)  # fmt: skip
def test_the_numbers_are_those_of_the_convolution_of_the_large_image(rows, columns, size, kernel, padding):
    if padding == "valid":
        kernel = (min(kernel[0], rows * size[0]), min(kernel[1], columns * size[1]))
    model, images = doubling((rows, columns, 3), size, kernel_size=kernel, padding=padding), given_images((rows, columns, 3))
    plain = np.asarray(model(images))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("lib.folded.FEW", 1)
        with folded(model):
            assert "call" in vars(model.get_layer("large"))
            quick = np.asarray(model(images))
    assert quick.shape == plain.shape
    np.testing.assert_allclose(quick, plain, atol=2e-5)


@pytest.mark.parametrize(("kernel", "fewer"), [(1, False), (2, False), (3, False), (4, False), (5, True), (6, False), (7, True)])
def test_it_is_done_where_it_takes_far_fewer_products(kernel, fewer):
    assert is_folded(doubling(kernel_size=kernel)) == fewer


@pytest.mark.parametrize(
    "changed", [dict(strides=2), dict(dilation_rate=2), dict(filters=3, groups=3), dict(interpolation="bilinear")]
)
def test_other_convolutions_are_left_as_they_are(changed):
    model = doubling(**changed)
    assert not is_folded(model)
    with folded(model):
        assert model(given_images()).shape[1] in (4, 8)


@pytest.mark.parametrize("how", ["read by two", "an output", "not followed by a convolution", "of any size"])
def test_what_somebody_else_needs_is_made(how):
    inputs = keras.Input((None, None, 3) if how == "of any size" else INPUT)
    large = layers.UpSampling2D(2)(inputs)
    found = layers.Conv2D(3, 5, padding="same")(large)
    if how == "read by two":
        found = layers.Add()([found, large])
    elif how == "not followed by a convolution":
        found = layers.Conv2D(3, 5)(layers.ZeroPadding2D(2)(large))
    model = keras.Model(inputs, [found, large] if how == "an output" else found)
    assert not is_folded(model)


def test_layers_in_a_row_are_folded_and_a_model_of_code_is_left_as_it_is():
    def row() -> list[layers.Layer]:
        return [layers.UpSampling2D(2), layers.Conv2D(2, 5, padding="same")]

    assert is_folded(keras.Sequential([keras.Input(INPUT), *row()]))
    assert not is_folded(keras.Sequential(row()))

    class Code(keras.Model):
        def __init__(self):
            super().__init__()
            self.row = row()

        def call(self, inputs):
            return self.row[1](self.row[0](inputs))

    model = Code()
    model(given_images())
    assert not is_folded(model)


def test_a_gpu_is_left_alone(monkeypatch):
    model = doubling()
    monkeypatch.setattr(keras.distribution, "list_devices", lambda: ["cpu:0", "gpu:0"])
    assert not is_folded(model)


def test_what_fails_in_the_block_leaves_the_model_as_it_was():
    model, wrong = doubling(), given_images((4, 5, 1))
    with pytest.raises(ValueError, match="incompatible"), folded(model):
        model(wrong)
    assert "call" not in vars(model.get_layer("large"))
    assert "convolution_op" not in vars(model.get_layer("seen"))


@pytest.mark.parametrize(
    "changed", [{}, dict(kernel_size=7), dict(stride=3, pool=(), layers=2, kernels=[4, 6]), dict(precision="bfloat16")]
)
def test_a_report_s_network_learns_the_same(changed):
    """The decoder inside the autoencoder, with gradients through the folded kernels."""
    values = dict(
        layers=3, kernels=[4, 6, 8], kernel_size=5, pool=[1, 2], upsampling="nearest", decoder_kernels=[6], batch_norm="none",
        initializer="he_normal",
    ) | changed  # fmt: skip
    images = np.random.default_rng(1).random((48, 28, 28, 3), np.float32)
    losses = []
    for context in (nullcontext, folded):
        keras.utils.set_random_seed(3)
        model = twin(built((28, 28, 3), **values)[0], values.get("precision", "float32"))
        model.compile(keras.optimizers.Adam(0.01), "mse")
        with context(model):
            changed = [layer.name for layer in model.get_layer("decoder").layers if "convolution_op" in vars(layer)]
            fit = dict(batch_size=16, epochs=4, shuffle=False, verbose=0, validation_data=(images[:8], images[:8]))
            history = model.fit(images, images, **fit).history
        losses.append([*history["loss"], *history["val_loss"]])
    assert len(changed) == 2
    assert losses[0][3] < losses[0][0]
    np.testing.assert_allclose(losses[1], losses[0], rtol=2e-2 if "precision" in values else 1e-4)
