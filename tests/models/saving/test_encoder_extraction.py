"""The code of models that others made: the rule, the flag, and what is refused. python -m pytest
tests/models/saving/test_encoder_extraction.py
"""

import re
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers
from keras.ops import convert_to_numpy as to_numpy

from lib.common.errors import UserError
from lib.config.hyperparameters import Hyperparameters
from lib.models import classifier, cloning
from lib.models.saving import model_files
from lib.runs import records
from lib.worker import probe_job, training_jobs
from tests.harness import sample_files
from tests.worker.test_training_jobs import Listener

IMAGE = (12, 10, 1)


def blog() -> keras.Model:
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
    """Any size of image, a residual block on the way, the code a pooling."""
    image = keras.Input((None, None, 1))
    x = layers.Conv2D(4, 3, padding="same", activation="relu")(image)
    y = layers.Conv2D(4, 3, padding="same")(x)
    x = layers.MaxPooling2D(2, padding="same")(layers.Add()([x, y]))
    x = layers.Conv2D(2, 3, padding="same", activation="relu")(x)
    code = layers.MaxPooling2D((2, 1), padding="same", name="pooled")(x)
    x = layers.UpSampling2D((4, 2))(layers.Conv2D(4, 3, padding="same")(code))
    return keras.Model(image, layers.Conv2D(1, 3, padding="same", activation="sigmoid")(x))


def nested(encoder: str = "Encoder") -> keras.Model:
    """Two models in one, both with layers of the same names; batch normalization inside."""
    image = keras.Input(IMAGE)
    inner = keras.Sequential(
        [
            keras.Input(IMAGE),
            layers.Conv2D(2, 3, strides=2, name="one"),
            layers.BatchNormalization(name="two"),
        ]
    )
    x = layers.Conv2D(1, 1, name="one")(image)
    x = layers.Dense(5, name="three")(layers.Flatten()(inner(x)))
    first = keras.Model(image, x, name=encoder)
    second = keras.Sequential(
        [keras.Input((5,)), layers.Dense(120, name="one"), layers.Reshape(IMAGE)], name="decoder"
    )
    whole = keras.Input(IMAGE)
    return keras.Model(whole, second(first(layers.GaussianNoise(0.1)(whole))), name="autoencoder")


def found(model: keras.Model, layer: str | None = None, image=IMAGE) -> model_files.SavedEncoder:
    """What is found in it after a stranger has compiled and saved it."""
    model.compile("adam", "mse")
    model.save("foreign.h5")
    return model_files.load_encoder(Path("foreign.h5"), image, layer)


def batch() -> np.ndarray:
    return np.random.default_rng(0).random((3, *IMAGE), np.float32)


def randomized(model: keras.Model) -> keras.Model:
    """Averages and offsets that are not those of a fresh layer, so that forgetting them shows."""
    random = np.random.default_rng(1)
    model.set_weights([random.uniform(0.1, 0.5, weights.shape) for weights in model.get_weights()])
    return model


@pytest.mark.parametrize(
    ("build", "inner", "layer", "taken"),
    [
        (blog, lambda m: m.layers[1].output, r"dense(_\d+)? \(8\)", (120,)),
        (without_channel, lambda m: m.get_layer("leaky").output, r"leaky \(6\)", (12, 10)),
        (convolutional, lambda m: m.get_layer("pooled").output, r"pooled \(3×5×2\)", IMAGE),
        (nested, lambda m: m.get_layer("Encoder").get_layer("three").output, r"Encoder \(5\)", IMAGE),
        (lambda: nested("a"), lambda m: m.get_layer("a").get_layer("three").output, r"a/three \(5\)", IMAGE),
    ],
)
def test_the_code_is_found_and_is_what_the_model_computes_there(build, inner, layer, taken):
    model = randomized(build())
    basis = found(model)
    assert re.fullmatch(layer, basis.layer), basis.layer
    assert basis.hp is None
    tensor = inner(model)
    seen = batch().reshape(3, *taken)
    part = next((part for part in model.layers if isinstance(part, keras.Model)), model)
    expected = keras.Model(part.inputs[0], tensor)(seen)
    np.testing.assert_allclose(to_numpy(basis.model(batch())), to_numpy(expected), atol=1e-5)


def test_a_model_inside_is_no_encoder_because_it_is_called_autoencoder():
    image = keras.Input((120,))
    inside = keras.Model(image, layers.Dense(120)(layers.Dense(4, name="code")(image)), name="my_autoencoder")
    whole = keras.Input((120,))
    assert found(keras.Model(whole, inside(whole))).layer == "my_autoencoder/code (4)"


def test_a_layer_can_be_named_wherever_it_is():
    model = nested("a")
    assert found(model, "three").layer == "a/three (5)"
    assert found(model, "a/three").layer == "a/three (5)"
    assert found(model, "decoder/one").layer == "decoder/one (120)"
    assert found(model, "a").layer == "a (5)"
    with pytest.raises(
        UserError,
        match=r"foreign\.h5: has 3 layers called one; give one of a/one, a/sequential.*/one, decoder/one",
    ):
        found(model, "one")
    with pytest.raises(UserError, match=r"foreign\.h5: has no layer called 'thre'; did you mean three"):
        found(model, "thre")
    with pytest.raises(
        UserError, match=r"foreign\.h5: has no layer called 'zzzz'; it has gaussian_noise.*, …"
    ):
        found(model, "zzzz")


def test_an_encoder_without_a_decoder():
    image = keras.Input((120,))
    code = layers.Dense(4, name="code")(layers.Dense(30)(image))
    assert found(keras.Model(image, code, name="CNN_encoder")).layer == "CNN_encoder (4)"
    assert found(keras.Model(image, code, name="model"), "code").layer == "code (4)"
    with pytest.raises(
        UserError,
        match=r"no layer .* smaller than both input \(120 numbers\) and output \(4\); name .* "
        r"--encoder-layer",
    ):
        found(keras.Model(image, code, name="model"))


def test_the_means_of_a_variational_encoder_are_the_code():
    image = keras.Input((120,))
    x = layers.Dense(9)(image)
    means = layers.Dense(3, name="z_mean")(x)
    basis = found(keras.Model(image, [means, layers.Dense(3, name="z_log_var")(x)], name="vae_encoder"))
    assert basis.model.output_shape == (None, 3)


def test_no_bottleneck_is_refused_with_layers_to_choose_from():
    image = keras.Input(IMAGE)
    x = layers.Conv2D(4, 3, padding="same", name="wide")(image)
    model = keras.Model(image, layers.Conv2D(1, 3, padding="same", name="last")(x))
    with pytest.raises(
        UserError,
        match=r"foreign\.h5: no layer .* name that of the code with --encoder-layer, such as wide "
        r"\(12×10×4\)",
    ):
        found(model)
    assert found(model, "wide").layer == "wide (12×10×4)"


def test_a_way_round_the_narrowest_layer_makes_it_none():
    image = keras.Input((120,))
    wide = layers.Dense(30, name="wide")(image)
    gate = layers.Dense(30)(layers.Dense(2, name="squeezed")(wide))
    code = layers.Multiply(name="gated")([wide, gate])
    basis = found(keras.Model(image, layers.Dense(120)(code)))
    assert basis.layer == "wide (30)"


def test_wrong_images_are_refused_with_both_shapes():
    with pytest.raises(
        UserError, match=r"foreign\.h5: its encoder takes images of 120, the data set has 28×28×1"
    ):
        found(blog(), image=(28, 28, 1))
    with pytest.raises(
        UserError, match=r"foreign\.h5: its encoder takes images of any×any×1, the data set has 12×10×3"
    ):
        found(convolutional(), image=(12, 10, 3))
    two = [keras.Input((120,)), keras.Input((120,))]
    with pytest.raises(UserError, match=r"foreign\.h5: takes 2 inputs"):
        found(keras.Model(two, layers.Dense(120)(layers.Dense(4)(layers.Add()(two)))))
    same = keras.Input((120,))
    with pytest.raises(UserError, match=r"foreign\.h5: encoder gives back its input"):
        found(keras.Model(same, same, name="encoder"))


def test_a_model_that_scales_bytes_itself_gets_what_it_expects():
    image = keras.Input(IMAGE)
    code = layers.Dense(3, name="code")(layers.Flatten()(layers.Rescaling(1 / 127.5, offset=-1)(image)))
    model = keras.Model(image, layers.Dense(120)(code))
    expected = keras.Model(image, code)(batch() * 255)
    np.testing.assert_allclose(to_numpy(found(model).model(batch())), to_numpy(expected), atol=1e-5)


def test_layers_inside_freeze_and_begin_anew():
    encoder = found(randomized(nested())).model
    classifier.set_trainable(encoder, False)
    assert encoder.trainable_weights == []
    classifier.set_trainable(encoder, True)
    normalized = [layer for layer in encoder.layers if isinstance(layer, layers.BatchNormalization)]
    assert len(normalized) == 1
    assert not normalized[0].trainable
    assert len(encoder.trainable_weights) == 6
    fresh = cloning.clone_reinitialized(encoder)
    assert not np.allclose(fresh.get_weights()[0], encoder.get_weights()[0])
    assert len(fresh.trainable_weights) == 8
    np.testing.assert_allclose(
        to_numpy(cloning.clone_with_weights(encoder)(batch())), to_numpy(encoder(batch())), atol=1e-6
    )


def data() -> dict:
    images, labels = sample_files.shapes(60)
    np.savez("all.npz", images=images, labels=labels)
    return dict(
        program="classification", dataset="all.npz", model="foreign.h5", fc_units=4, epochs=1, batch_size=16
    )


def test_both_phases_and_one_from_scratch_and_plain_keras_opens_the_outcome():
    found(nested())
    hp, listener = Hyperparameters(**data(), scratch=True), Listener()
    training_jobs.run_training(
        listener, {"hyperparameters": hp.to_json(), "output": "cl"}, training_jobs.open_dataset(hp)
    )
    record = records.load_record(Path("cl"))
    assert record["status"] == "finished"
    assert record["encoder_layer"] == "Encoder (5)"
    said = [event["plan"] for event in listener.events if event["event"] == "phase"]
    assert said == ["the code is the output of Encoder (5)", "", ""]
    for file in ("classifier-head.h5", "classifier.h5"):
        model = keras.models.load_model(f"cl/{file}", compile=False)
        assert model.input_shape == (None, *IMAGE)
    np.testing.assert_allclose(
        model(batch()), model_files.load_model(Path("cl/classifier.h5"))(batch()), atol=1e-6
    )


def test_probes_of_a_flat_one():
    found(blog())
    hp, listener = Hyperparameters(**data(), encoder_layer=None), Listener()
    probe_job.run_probe(listener, {"shares": [1.0], "output": "out"}, hp, training_jobs.open_dataset(hp))
    assert listener.events[-1]["record"]["encoder_layer"].endswith("(8)")
