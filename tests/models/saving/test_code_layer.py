"""Where the latent code of a model is: names, widths and upsampling, on models as public programs build them.

python -m pytest tests/models/saving/test_code_layer.py
"""

import math
import re

import keras
import pytest
from keras import layers

from lib.common.errors import UserError
from lib.models.saving import code_layer, name_words
from lib.models.saving.code_layer import Graph, find_code, find_decoder_input
from lib.models.saving.graph_copy import GraphCopy


def graph_of(model: keras.Model) -> Graph:
    copy = GraphCopy(copies_layers=False)
    outputs = copy.call_model(model, [keras.Input(model.inputs[0].shape[1:])])
    return Graph(model.name, copy.calls, outputs)


def code_of(model: keras.Model, image_size: int | None = None) -> str:
    """The path and the shape of the code, without the numbers that Keras counts its layers with."""
    size = image_size or math.prod(model.inputs[0].shape[1:])
    return re.sub(r"_\d+(?= \(|/)", "", str(find_code(graph_of(model), None, size, "m.h5").call))


def chain(shape: tuple, *steps: layers.Layer, name: str | None = None) -> keras.Model:
    return keras.Sequential([keras.Input(shape), *steps], name=name)


def conv(filters: int, name: str | None = None, **options) -> layers.Layer:
    return layers.Conv2D(filters, 3, padding="same", activation="relu", name=name, **options)


def pool(name: str | None = None) -> layers.Layer:
    return layers.MaxPooling2D(2, padding="same", name=name)


def up() -> layers.Layer:
    return layers.UpSampling2D(2)


def keras_blog_dense():
    return chain((64,), layers.Dense(8, activation="relu"), layers.Dense(64, activation="sigmoid"))


def keras_blog_deep():
    return chain((64,), *(layers.Dense(units, activation="relu") for units in (32, 16, 8, 16, 32, 64)))


def keras_blog_convolutional():
    return chain(
        (8, 8, 1), conv(16), pool(), conv(8), pool(), conv(8), up(), conv(16), up(), conv(1)
    )  # fmt: skip


def keras_blog_denoising():
    """Its code, 2×2×32, is larger than the image of 64 numbers."""
    return chain((8, 8, 1), conv(32), pool(), conv(32), pool(), conv(32), up(), conv(32), up(), conv(1))


def keras_blog_vae_encoder():
    image = keras.Input((64,))
    hidden = layers.Dense(32, activation="relu")(image)
    mean, log_var = (layers.Dense(2, name=name)(hidden) for name in ("z_mean", "z_log_var"))
    return keras.Model(image, [mean, log_var], name="vae")


def keras_examples_vae():
    """`encoder` and `decoder` of the convolutional VAE, as one model of the means."""
    image = keras.Input((8, 8, 1))
    x = layers.Flatten()(conv(8, strides=2)(image))
    mean, log_var = (layers.Dense(2, name=name)(x) for name in ("z_mean", "z_log_var"))
    encoder = keras.Model(image, [mean, log_var], name="encoder")
    decoder = chain((2,), layers.Dense(64), layers.Reshape((8, 8, 1)), name="decoder")
    images = keras.Input((8, 8, 1))
    return keras.Model(images, decoder(encoder(images)[0]), name="vae")


def tensorflow_tutorial_denoising():
    encoder = chain((8, 8, 1), conv(16, strides=2), conv(8, strides=2))
    transposed = [layers.Conv2DTranspose(n, 3, strides=2, padding="same") for n in (8, 16)]
    decoder = chain((2, 2, 8), *transposed, layers.Conv2D(1, 3, padding="same"))
    return keras.Sequential([keras.Input((8, 8, 1)), encoder, decoder])


def course_program():
    """The report kind: three convolutions and two poolings; the last one is called encoder."""
    return chain(
        (8, 8, 1),
        *(conv(32), pool(), conv(64), pool(), conv(128, name="encoder")),
        *(conv(128), up(), conv(64), up(), layers.Conv2D(1, 3, padding="same", name="decoder")),
    )


def course_program_without_names():
    return chain(
        (8, 8, 1),
        *(conv(64), pool(), conv(64), layers.BatchNormalization(), pool(), conv(128)),
        *(layers.BatchNormalization(name="coded"), conv(128), layers.BatchNormalization()),
        *(up(), conv(64), up(), conv(1)),
    )


def prefixed_names():
    return chain(
        (8, 8, 1),
        *(conv(64, name="encoder_conv1"), pool("encoder_pool1"), conv(128, name="encoder_conv2")),
        *(conv(64, name="decoder_conv1"), up(), conv(1, name="decoder_conv2")),
    )


def prefixed_names_before_a_dense_code():
    return chain(
        (8, 8, 1),
        *(conv(8, name="enc_conv1", strides=2), layers.Flatten(name="enc_flatten"), layers.Dense(5)),
        *(layers.Dense(128, name="dec_fc"), layers.Reshape((4, 4, 8)), up(), conv(1, name="dec_out")),
    )


def numbered_encoders():
    units = zip(("encoder_1", "encoder_2", "decoder_1", "decoder_2"), (32, 16, 32, 64), strict=True)
    return chain((64,), *(layers.Dense(number, name=name) for name, number in units))


def latent_space_between_prefixed_names():
    return chain(
        (64,),
        *(layers.Dense(32, name="encoder_1"), layers.Dense(80, name="latent_space")),
        *(layers.Dense(32, name="decoder_1"), layers.Dense(64, name="decoder_2")),
    )


def geron_stacked():
    encoder = chain((8, 8), layers.Flatten(), layers.Dense(32), layers.Dense(6))
    decoder = chain((6,), layers.Dense(32), layers.Dense(64), layers.Reshape((8, 8)))
    return keras.Sequential([keras.Input((8, 8)), encoder, decoder])


def unet():
    image = keras.Input((8, 8, 1))
    one = conv(8)(image)
    two = conv(16)(pool()(one))
    bottom = conv(64, name="deepest")(pool()(two))
    x = layers.Concatenate()([up()(bottom), two])
    x = layers.Concatenate()([up()(conv(16)(x)), one])
    return keras.Model(image, layers.Conv2D(1, 1)(conv(8)(x)))


def unet_of_colors_to_one_mask():
    image = keras.Input((8, 8, 3))
    one = conv(8)(image)
    x = layers.Concatenate()([up()(conv(80, name="deepest")(pool()(one))), one])
    return keras.Model(image, layers.Conv2D(1, 1)(x))


def classifier_with_a_bottleneck_name():
    return chain((8, 8, 1), conv(4), layers.Flatten(), layers.Dense(12, name="Bottleneck"), layers.Dense(3))


@pytest.mark.parametrize(
    ("build", "code"),
    [
        (keras_blog_dense, "dense (8)"),
        (keras_blog_deep, "dense (8)"),
        (keras_blog_convolutional, "max_pooling2d (2×2×8)"),
        (keras_blog_denoising, "max_pooling2d (2×2×32)"),
        (keras_blog_vae_encoder, "z_mean (2)"),
        (keras_examples_vae, "encoder (2)"),
        (tensorflow_tutorial_denoising, "sequential/conv2d (2×2×8)"),
        (course_program, "encoder (2×2×128)"),
        (course_program_without_names, "coded (2×2×128)"),
        (prefixed_names, "encoder_conv2 (4×4×128)"),
        (prefixed_names_before_a_dense_code, "dense (5)"),
        (numbered_encoders, "encoder (16)"),
        (latent_space_between_prefixed_names, "latent_space (80)"),
        (geron_stacked, "sequential/dense (6)"),
        (unet, "deepest (2×2×64)"),
        (unet_of_colors_to_one_mask, "deepest (4×4×80)"),
        (classifier_with_a_bottleneck_name, "Bottleneck (12)"),
    ],
)
def test_the_code_of_public_programs(build, code):
    assert code_of(build()) == code


@pytest.mark.parametrize("name", ["encoder", "my_encoder", "Encoder2", "encoded", "imageEncoder", "enc"])
def test_names_of_encoders(name):
    assert name_words.says_encoder(name)


@pytest.mark.parametrize(
    "name", ["autoencoder", "AutoEncoder_3", "denoising_auto_encoder", "encoder_decoder", "decoder", "dense"]
)
def test_names_of_no_encoders(name):
    assert not name_words.says_encoder(name)


@pytest.mark.parametrize(
    "name", ["latent", "latent_space", "LatentVector", "code_layer", "z_mean", "bottle_neck", "my_embedding"]
)
def test_names_of_codes(name):
    assert (
        code_of(chain((9,), layers.Dense(8), layers.Dense(20, name=name), layers.Dense(9))) == f"{name} (20)"
    )


@pytest.mark.parametrize(
    "name",
    ["decode", "z_log_var", "patch_embedding", "decoder_latent", "zoom", "barcode", "to_latent_decoder"],
)
def test_names_of_no_codes(name):
    model = chain((9,), layers.Dense(4), layers.Dense(20, name=name), layers.Dense(9))
    assert code_of(model) == "dense (4)"


def test_a_refusal_offers_the_layers_that_a_person_named_first():
    model = chain((9,), layers.Dense(12), layers.Dense(40, name="wide"), layers.Dense(9))
    with pytest.raises(UserError, match=r"such as wide \(40\), dense.* \(12\)$"):
        code_of(model)


def test_the_decoder_is_the_mirror():
    model = keras_examples_vae()
    graph = graph_of(model)
    code = find_code(graph, None, 64, "m.h5")
    assert find_decoder_input(graph, code, None, "m.h5") is code.call.output
    graph = graph_of(course_program())
    code = find_code(graph, None, 64, "m.h5")
    # A layer called decoder is the last one in such programs, no beginning.
    assert find_decoder_input(graph, code, None, "m.h5") is code.call.output
    named = find_decoder_input(graph, code, "decoder", "m.h5")
    assert named is graph.calls[-1].inputs[0]
    assert code_layer.depends_only_on(graph, code.call.output, graph.outputs[0])
    bypassed = graph_of(unet())
    code = find_code(bypassed, None, 64, "m.h5")
    assert not code_layer.depends_only_on(bypassed, code.call.output, bypassed.outputs[0])
