"""Saving and loading of models. python -m pytest tests/models/saving/test_model_files.py"""

import json
import os
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
from keras.ops import convert_to_numpy as to_numpy

from lib.common.errors import RunFailed, UserError
from lib.config import architecture_planner
from lib.config.hyperparameters import AutoencoderHyperparameters
from lib.models import autoencoder
from lib.models.saving import model_files

HP = AutoencoderHyperparameters(dataset="/home/somebody/secret.idx", layers=2, kernels=3)


@pytest.fixture
def model():
    return autoencoder.build_autoencoder(architecture_planner.plan_architecture(HP, (9, 7, 1)))


def test_plain_keras_opens_saved_models_without_our_code(model):
    batch = np.random.default_rng(0).random((2, 9, 7, 1), np.float32)
    for part in (model, model.get_layer("encoder"), model.get_layer("decoder")):
        model_files.save_model(part, Path(f"{part.name}.h5"), HP)
    expected = to_numpy(model(batch))
    np.save("batch.npy", batch)
    script = """
import sys, keras, numpy
assert not any(name.startswith("lib") for name in sys.modules)
names = "autoencoder", "encoder", "decoder"
autoencoder, encoder, decoder = (keras.models.load_model(f"{name}.h5", compile=False) for name in names)
batch = numpy.load("batch.npy")
numpy.save("autoencoder.npy", autoencoder(batch))
numpy.save("encoder_decoder.npy", decoder(encoder(batch)))
"""
    subprocess.run([sys.executable, "-c", script], check=True, env={**os.environ, "PYTHONPATH": ""})
    for name in ("autoencoder", "encoder_decoder"):
        np.testing.assert_allclose(np.load(f"{name}.npy"), expected, atol=1e-5)


def test_attributes_describe_the_model_without_paths(model):
    model_files.save_model(model, Path("a.h5"), HP)
    with h5py.File("a.h5") as file:
        assert file.attrs["latent_lab_part"] == "autoencoder"
        assert file.attrs["latent_lab_task"] == "reconstruct"
        assert file.attrs["latent_lab_pixel_range"] == "0..1"
        assert json.loads(file.attrs["latent_lab_hyperparameters"])["kernels"] == [3, 3]
    assert b"secret" not in Path("a.h5").read_bytes()
    assert [path.name for path in Path().iterdir()] == ["a.h5"]


def test_the_encoder_is_loaded_from_autoencoder_and_encoder_files(model):
    batch = np.random.default_rng(0).random((2, 9, 7, 1), np.float32)
    expected = to_numpy(model.get_layer("encoder")(batch))
    for part in (model, model.get_layer("encoder")):
        model_files.save_model(part, Path("a.h5"), HP)
        encoder = model_files.load_encoder(Path("a.h5"), (9, 7, 1))
        np.testing.assert_allclose(to_numpy(encoder.model(batch)), expected, atol=1e-6)
        assert encoder.hp.kernels == HP.kernels


@pytest.mark.parametrize(
    "values",
    [
        dict(regularization="kl", latent_dim=2),
        dict(task="denoise", skip=True),
        dict(task="colorize", color_space="yuv"),
        dict(task="complete", missing="top"),
        dict(latent_dim=3, fc_units=5),
        dict(linear_path=4),
        dict(pool="1", pool_type="average"),
        dict(latent_dim=3, batch_norm="none", feedback=4),
    ],
)
def test_every_encoder_is_loaded_with_the_code_as_only_output(values):
    hp = AutoencoderHyperparameters(layers=2, kernels=3, **values)
    architecture = architecture_planner.plan_architecture(hp, (12, 8, 3))
    model = autoencoder.build_autoencoder(architecture)
    batch = np.random.default_rng(0).random((2, *architecture.input_shape), np.float32)
    encoded = model.get_layer("encoder")(batch)
    expected = to_numpy(encoded[0] if isinstance(encoded, list) else encoded)
    for saved in (model, model.get_layer("encoder")):
        model_files.save_model(saved, Path("a.h5"), hp)
        encoder = model_files.load_encoder(Path("a.h5"), (12, 8, 3))
        np.testing.assert_allclose(to_numpy(encoder.model(batch)), expected, atol=1e-6)
        assert encoder.hp.task == hp.task
    if architecture.input_shape != (12, 8, 3):
        with pytest.raises(UserError, match=r"takes images of .*, but the data set has 9×9×3; "):
            model_files.load_encoder(Path("a.h5"), (9, 9, 3))


def test_a_file_without_valid_attributes_is_loaded_without_hyperparameters(model):
    model.save("plain.h5")
    assert model_files.load_encoder(Path("plain.h5"), (9, 7, 1)).hp is None
    for text in ('{"layers": "many"}', "[1]", "[" * 10_000, b"\xff", 3):
        with h5py.File("plain.h5", "a") as file:
            file.attrs["latent_lab_hyperparameters"] = file.attrs["latent_lab_classes"] = text
        saved = model_files.load_saved_model(Path("plain.h5"))
        assert (saved.hp, saved.classes) == (None, ())


def test_model_refusals(model):
    model_files.save_model(model.get_layer("decoder"), Path("decoder.h5"), HP)
    with pytest.raises(UserError, match=r"decoder\.h5: contains no model named encoder"):
        model_files.load_encoder(Path("decoder.h5"), (9, 7, 1))
    model_files.save_model(model, Path("a.h5"), HP)
    with pytest.raises(UserError, match=r"has 28×28×1; .* --size 9x7 --color gray$"):
        model_files.load_encoder(Path("a.h5"), (28, 28, 1))
    Path("cut.h5").write_bytes(Path("a.h5").read_bytes()[:3000])
    with pytest.raises(UserError, match=r"cut\.h5: is not a model that Keras can open"):
        model_files.load_model(Path("cut.h5"))
    with h5py.File("empty.h5", "w"):
        pass
    with pytest.raises(UserError, match=r"empty\.h5: contains weights at most, not a model"):
        model_files.load_model(Path("empty.h5"))


def test_a_file_that_cannot_be_written_is_an_error(model):
    Path("file").write_text("where a folder should be")
    with pytest.raises(RunFailed, match="cannot be written"):
        model_files.save_model(model, Path("file/a.h5"), HP)
