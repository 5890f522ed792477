"""Encoders of models made elsewhere: how the code is found, and which models are refused.

python -m pytest tests/models/saving/test_encoder_extraction.py
"""

import re
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers
from keras.ops import convert_to_numpy as to_numpy

from lib.common.errors import UserError
from lib.config.hyperparameters import ClassifierHyperparameters
from lib.models import classifier, cloning
from lib.models.saving import model_files
from lib.runs import records
from lib.runs.events import Note, PhaseStarted
from lib.worker import open_data, probe_job, training_jobs
from lib.worker.messages import Probe, Train
from tests.harness import sample_files
from tests.harness.in_process_worker import RecordingChannel

pytestmark = pytest.mark.usefixtures("unrendered", "eager")

IMAGE_SHAPE = (12, 10, 1)


def keras_blog_model() -> keras.Model:
    """The first autoencoder of the Keras blog, for smaller images: flat, dense, no names."""
    image = keras.Input((120,))
    encoded = layers.Dense(8, activation="relu")(image)
    return keras.Model(image, layers.Dense(120, activation="sigmoid")(encoded))


def without_channel() -> keras.Model:
    return keras.Sequential(
        [
            keras.Input((12, 10)),
            layers.Flatten(),
            layers.Dense(30, activation="relu"),
            layers.Dropout(0.2),
            layers.Dense(6, name="narrow"),
            layers.BatchNormalization(),
            layers.LeakyReLU(0.1, name="leaky"),
            layers.Dense(120),
            layers.Reshape((12, 10)),
        ]
    )


def convolutional() -> keras.Model:
    """Images of any size, a residual block, and a pooling layer as code."""
    image = keras.Input((None, None, 1))
    x = layers.Conv2D(4, 3, padding="same", activation="relu")(image)
    y = layers.Conv2D(4, 3, padding="same")(x)
    x = layers.MaxPooling2D(2, padding="same")(layers.Add()([x, y]))
    x = layers.Conv2D(2, 3, padding="same", activation="relu")(x)
    code = layers.MaxPooling2D((2, 1), padding="same", name="pooled")(x)
    x = layers.UpSampling2D((4, 2))(layers.Conv2D(4, 3, padding="same")(code))
    return keras.Model(image, layers.Conv2D(1, 3, padding="same", activation="sigmoid")(x))


def nested(encoder: str = "Encoder") -> keras.Model:
    """Two nested models with layers of the same names, and batch normalization inside."""
    image = keras.Input(IMAGE_SHAPE)
    inner = keras.Sequential(
        [
            keras.Input(IMAGE_SHAPE),
            layers.Conv2D(2, 3, strides=2, name="one"),
            layers.BatchNormalization(name="two"),
        ]
    )
    x = layers.Conv2D(1, 1, name="one")(image)
    x = layers.Dense(5, name="three")(layers.Flatten()(inner(x)))
    first = keras.Model(image, x, name=encoder)
    second = keras.Sequential(
        [keras.Input((5,)), layers.Dense(120, name="one"), layers.Reshape(IMAGE_SHAPE)], name="decoder"
    )
    images = keras.Input(IMAGE_SHAPE)
    return keras.Model(images, second(first(layers.GaussianNoise(0.1)(images))), name="autoencoder")


def save_and_load(
    model: keras.Model, layer: str | None = None, image_shape=IMAGE_SHAPE
) -> model_files.SavedEncoder:
    """The encoder of a model that plain Keras has compiled and saved."""
    model.compile("adam", "mse")
    model.save("other.h5")
    return model_files.load_encoder(Path("other.h5"), image_shape, layer)


def batch() -> np.ndarray:
    return np.random.default_rng(0).random((3, *IMAGE_SHAPE), np.float32)


def randomized(model: keras.Model) -> keras.Model:
    """Moving averages and offsets that differ from initial ones, so that a copy without them shows."""
    rng = np.random.default_rng(1)
    model.set_weights([rng.uniform(0.1, 0.5, weights.shape) for weights in model.get_weights()])
    return model


@pytest.mark.parametrize(
    ("build", "code_of", "layer", "input_shape"),
    [
        (keras_blog_model, lambda m: m.layers[1].output, r"dense(_\d+)? \(8\)", (120,)),
        (without_channel, lambda m: m.get_layer("leaky").output, r"leaky \(6\)", (12, 10)),
        (convolutional, lambda m: m.get_layer("pooled").output, r"pooled \(3×5×2\)", IMAGE_SHAPE),
        (nested, lambda m: m.get_layer("Encoder").get_layer("three").output, r"Encoder \(5\)", IMAGE_SHAPE),
        (
            lambda: nested("a"),
            lambda m: m.get_layer("a").get_layer("three").output,
            r"a/three \(5\)",
            IMAGE_SHAPE,
        ),
    ],
)
def test_the_code_is_found_and_computed_as_in_the_model(build, code_of, layer, input_shape):
    model = randomized(build())
    encoder = save_and_load(model)
    assert re.fullmatch(layer, encoder.layer), encoder.layer
    assert encoder.hp is None
    code = code_of(model)
    images = batch().reshape(3, *input_shape)
    submodel = next((layer for layer in model.layers if isinstance(layer, keras.Model)), model)
    expected = keras.Model(submodel.inputs[0], code)(images)
    np.testing.assert_allclose(to_numpy(encoder.model(batch())), to_numpy(expected), atol=1e-5)


def test_a_nested_model_called_autoencoder_is_not_taken_for_an_encoder():
    image = keras.Input((120,))
    nested = keras.Model(image, layers.Dense(120)(layers.Dense(4, name="code")(image)), name="my_autoencoder")
    images = keras.Input((120,))
    assert save_and_load(keras.Model(images, nested(images))).layer == "my_autoencoder/code (4)"


def test_a_layer_can_be_named_in_nested_models():
    model = nested("a")
    assert save_and_load(model, "three").layer == "a/three (5)"
    assert save_and_load(model, "a/three").layer == "a/three (5)"
    assert save_and_load(model, "decoder/one").layer == "decoder/one (120)"
    assert save_and_load(model, "a").layer == "a (5)"
    with pytest.raises(
        UserError,
        match=r"other\.h5: has 3 layers named one; use one of a/one, a/sequential.*/one, decoder/one",
    ):
        save_and_load(model, "one")
    with pytest.raises(UserError, match=r"other\.h5: has no layer named 'thre'; did you mean three"):
        save_and_load(model, "thre")
    with pytest.raises(UserError, match=r"has no layer named 'zzzz'; the layers are a/one, .*, gaussian"):
        save_and_load(model, "zzzz")


def test_an_encoder_without_a_decoder():
    image = keras.Input((120,))
    code = layers.Dense(4, name="code")(layers.Dense(30)(image))
    assert save_and_load(keras.Model(image, code, name="CNN_encoder")).layer == "CNN_encoder (4)"
    assert save_and_load(keras.Model(image, code, name="model"), "code").layer == "code (4)"
    unnamed = layers.Dense(4, name="last")(layers.Dense(30)(image))
    encoder = save_and_load(keras.Model(image, unnamed, name="model"))
    assert encoder.layer == "last (4)"
    assert encoder.notes[-1] == (
        "other.h5: the latent code is last (4): the narrowest layer, 4 numbers; the model ends there, it is "
        "an encoder."
    )


def test_the_mean_of_a_variational_encoder_is_the_code():
    image = keras.Input((120,))
    x = layers.Dense(9)(image)
    means = layers.Dense(3, name="z_mean")(x)
    encoder = save_and_load(
        keras.Model(image, [means, layers.Dense(3, name="z_log_var")(x)], name="vae_encoder")
    )
    assert encoder.model.output_shape == (None, 3)


def test_no_bottleneck_is_refused_with_layers_to_choose_from():
    image = keras.Input(IMAGE_SHAPE)
    x = layers.Conv2D(4, 3, padding="same", name="wide")(image)
    model = keras.Model(image, layers.Conv2D(1, 3, padding="same", name="last")(x))
    with pytest.raises(
        UserError,
        match=r"other\.h5: no layer .* set the layer of the latent code with --encoder-layer, such as wide "
        r"\(12×10×4\)",
    ):
        save_and_load(model)
    assert save_and_load(model, "wide").layer == "wide (12×10×4)"


def test_a_layer_with_a_bypass_is_no_bottleneck():
    image = keras.Input((120,))
    wide = layers.Dense(30, name="wide")(image)
    gate = layers.Dense(30)(layers.Dense(2, name="squeezed")(wide))
    code = layers.Multiply(name="gated")([wide, gate])
    encoder = save_and_load(keras.Model(image, layers.Dense(120)(code)))
    assert encoder.layer == "wide (30)"


def test_images_of_other_shapes_are_refused_with_both_shapes():
    with pytest.raises(UserError, match=r"other\.h5: takes images of 120 numbers, but the data set has 28"):
        save_and_load(keras_blog_model(), image_shape=(28, 28, 1))
    with pytest.raises(UserError, match=r"other\.h5: takes images of any×any×1, but the data set has 12"):
        save_and_load(convolutional(), image_shape=(12, 10, 3))
    two = [keras.Input((120,)), keras.Input((120,))]
    with pytest.raises(UserError, match=r"other\.h5: has 2 inputs"):
        save_and_load(keras.Model(two, layers.Dense(120)(layers.Dense(4)(layers.Add()(two)))))
    same, image = keras.Input((120,)), keras.Input((120,))
    encoder = keras.Model(same, same, name="encoder")
    with pytest.raises(UserError, match=r"other\.h5: encoder returns its input"):
        save_and_load(keras.Model(image, layers.Dense(120)(encoder(image))))


def test_a_rescaling_layer_for_bytes_is_adapted_to_pixels_from_0_to_1():
    image = keras.Input(IMAGE_SHAPE)
    code = layers.Dense(3, name="code")(layers.Flatten()(layers.Rescaling(1 / 127.5, offset=-1)(image)))
    model = keras.Model(image, layers.Dense(120)(code))
    expected = keras.Model(image, code)(batch() * 255)
    np.testing.assert_allclose(to_numpy(save_and_load(model).model(batch())), to_numpy(expected), atol=1e-5)


def test_nested_layers_are_frozen_and_reinitialized():
    encoder = save_and_load(randomized(nested())).model
    classifier.set_trainable(encoder, False)
    assert encoder.trainable_weights == []
    classifier.set_trainable(encoder, True)
    normalized = [layer for layer in encoder.layers if isinstance(layer, layers.BatchNormalization)]
    assert len(normalized) == 1
    assert not normalized[0].trainable
    assert len(encoder.trainable_weights) == 6
    clone = cloning.clone_reinitialized(encoder)
    assert not np.allclose(clone.get_weights()[0], encoder.get_weights()[0])
    assert len(clone.trainable_weights) == 8
    np.testing.assert_allclose(
        to_numpy(cloning.clone_with_weights(encoder)(batch())), to_numpy(encoder(batch())), atol=1e-6
    )


def data() -> dict:
    images, labels = sample_files.shapes(60)
    np.savez("all.npz", images=images, labels=labels)
    return dict(dataset="all.npz", model="other.h5", fc_units=4, epochs=1, batch_size=16)


def test_a_classifier_on_it_is_trained_and_opens_in_plain_keras():
    save_and_load(nested())
    hp, channel = ClassifierHyperparameters(**data(), scratch=True), RecordingChannel()
    training_jobs.run_training(channel, Train(hp, "cl"), open_data.open_dataset(hp))
    record = records.load_record(Path("cl"))
    assert record["status"] == "finished"
    assert record["encoder_layer"] == "Encoder (5)"
    descriptions = [event.plan for event in channel.events if isinstance(event, PhaseStarted)]
    assert descriptions == ["", "", ""]
    notes = [event.text for event in channel.events if isinstance(event, Note)]
    assert "other.h5: the latent code is Encoder (5): the model named 'Encoder'." in notes
    for file in ("classifier-head.h5", "classifier.h5"):
        model = keras.models.load_model(f"cl/{file}", compile=False)
        assert model.input_shape == (None, *IMAGE_SHAPE)
    np.testing.assert_allclose(
        model(batch()), model_files.load_model(Path("cl/classifier.h5"))(batch()), atol=1e-6
    )


def test_an_encoder_of_flat_images_is_probed():
    save_and_load(keras_blog_model())
    hp, channel = ClassifierHyperparameters(**data(), encoder_layer=None), RecordingChannel()
    probe_job.probe(channel, Probe(hp, (1.0,), "out"))
    assert channel.events[-1].record["encoder_layer"].endswith("(8)")
