"""Classifiers on an encoder. python -m pytest tests/models/test_classifier.py"""

import keras
import numpy as np
import pytest
from keras.ops import convert_to_numpy as to_numpy

from lib.config import architecture_planner
from lib.config.hyperparameters import AutoencoderHyperparameters, ClassifierHyperparameters
from lib.models import classifier
from lib.models.autoencoder import build_autoencoder, code_only
from lib.tasks import make_inference_pair, pixels
from lib.tasks.halves import SIDES


@pytest.mark.parametrize(
    "task_settings",
    [{"task": "colorize"}, *({"task": "complete", "missing": side} for side in (*SIDES, "center"))],
)
def test_a_classifier_selects_the_input_of_its_encoder_from_whole_images(task_settings):
    hp = AutoencoderHyperparameters(layers=1, kernels=2, **task_settings)
    architecture = architecture_planner.plan_architecture(hp, (9, 7, 3))
    autoencoder = build_autoencoder(architecture)
    encoder = code_only(autoencoder.get_layer("encoder"))
    model = classifier.build_classifier(encoder, 3, ClassifierHyperparameters(), (9, 7, 3), hp)
    names = [layer.name for layer in model.layers]  # as in files of earlier versions
    selects_channels = hp.task == "colorize" or hp.missing not in SIDES
    assert names == ["image", "grey" if selects_channels else "half", "encoder", "head"]
    images = np.random.default_rng(0).integers(0, 256, (4, 9, 7, 3), dtype=np.uint8)
    inputs, _ = make_inference_pair(hp, images)  # of a hole with an empty mask
    expected = model.get_layer("head")(encoder(inputs))
    np.testing.assert_allclose(to_numpy(model(pixels.to_float(images))), to_numpy(expected), atol=1e-6)


@pytest.mark.parametrize(
    "task_settings",
    [None, dict(task="colorize"), dict(task="complete"), dict(task="complete", missing="top")],
)
def test_test_time_augmentation_averages_the_probabilities_of_mirror_images(task_settings, tmp_path):
    """Also in a file that plain Keras opens."""
    keras.utils.set_random_seed(0)
    encoder_hp = AutoencoderHyperparameters(layers=1, kernels=2, latent_dim=3, **(task_settings or {}))
    encoder = build_autoencoder(architecture_planner.plan_architecture(encoder_hp, (9, 7, 3))).get_layer(
        "encoder"
    )
    hp = ClassifierHyperparameters(fc_units=(5,), flip=True, tta=True)
    plain = classifier.build_classifier(encoder, 4, hp, (9, 7, 3), encoder_hp)
    averaging = classifier.classifier_for_inference(plain, hp)
    images = np.random.default_rng(0).random((6, 9, 7, 3), np.float32)
    expected = (plain.predict_on_batch(images) + plain.predict_on_batch(images[:, :, ::-1])) / 2
    averaging.save(tmp_path / "classifier.h5", include_optimizer=False)
    for model in (averaging, keras.models.load_model(tmp_path / "classifier.h5", compile=False)):
        assert model.name == "classifier"
        assert {"encoder", "head"} <= {layer.name for layer in model.layers}
        np.testing.assert_allclose(model.predict_on_batch(images), expected, atol=1e-6)
        np.testing.assert_allclose(model.predict_on_batch(images[:, :, ::-1]), expected, atol=1e-6)
    assert np.abs(plain.predict_on_batch(images) - expected).max() > 1e-4


@pytest.mark.parametrize("units", ["7", "7,5"])
def test_the_classifier_gives_probabilities(units):
    encoder = build_autoencoder(
        architecture_planner.plan_architecture(AutoencoderHyperparameters(layers=1, kernels=2), (8, 8, 1))
    ).get_layer("encoder")
    hp = ClassifierHyperparameters(fc_units=units, dropout=0.9)
    model = classifier.build_classifier(encoder, 3, hp, (8, 8, 1))
    outputs = to_numpy(model(np.zeros((4, 8, 8, 1), np.float32)))
    np.testing.assert_allclose(outputs.sum(axis=1), 1, rtol=1e-5)
    assert [
        layer.units for layer in model.get_layer("head").layers if isinstance(layer, keras.layers.Dense)
    ] == [*hp.fc_units, 3]


def test_moving_averages_of_the_encoder_stay_when_all_layers_train():
    hp = AutoencoderHyperparameters(layers=1, kernels=2)
    encoder = build_autoencoder(architecture_planner.plan_architecture(hp, (8, 8, 1))).get_layer("encoder")
    model = classifier.build_classifier(encoder, 2, hp, (8, 8, 1))
    classifier.set_trainable(encoder, True)
    model.compile("sgd", "sparse_categorical_crossentropy")
    means = [to_numpy(weight) for weight in encoder.non_trainable_weights]
    kernel = to_numpy(encoder.trainable_weights[0])
    assert len(means) == 4
    model.fit(np.random.default_rng(0).random((8, 8, 8, 1)), np.arange(8) % 2, verbose=0)
    for before, after in zip(means, encoder.non_trainable_weights, strict=True):
        np.testing.assert_array_equal(before, to_numpy(after))
    assert not np.array_equal(kernel, to_numpy(encoder.trainable_weights[0]))
