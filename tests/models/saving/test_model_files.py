"""python -m pytest tests/models/saving/test_model_files.py"""

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
from lib.config.hyperparameters import Hyperparameters
from lib.models import autoencoder
from lib.models.saving import model_files

HP = Hyperparameters(dataset="/home/somebody/secret.idx", layers=2, kernels=3)


@pytest.fixture
def model():
    return autoencoder.build_autoencoder(architecture_planner.plan_architecture(HP, (9, 7, 1)))


def test_plain_keras_opens_what_we_save_without_our_code(model):
    batch = np.random.default_rng(0).random((2, 9, 7, 1), np.float32)
    for part in (model, model.get_layer("encoder"), model.get_layer("decoder")):
        model_files.save_model(part, Path(f"{part.name}.h5"), HP)
    expected = to_numpy(model(batch))
    np.save("batch.npy", batch)
    script = """
import sys, keras, numpy
assert not any(name.startswith("lib") for name in sys.modules)
whole, encoder, decoder = (keras.models.load_model(f"{n}.h5", compile=False) for n in ("autoencoder", "encoder", "decoder"))
batch = numpy.load("batch.npy")
numpy.save("whole.npy", whole(batch)), numpy.save("halves.npy", decoder(encoder(batch)))
"""
    subprocess.run([sys.executable, "-c", script], check=True, env={**os.environ, "PYTHONPATH": ""})
    for name in ("whole", "halves"):
        np.testing.assert_allclose(np.load(f"{name}.npy"), expected, atol=1e-5)


def test_what_it_is_stands_inside(model):
    model_files.save_model(model, Path("a.h5"), HP)
    with h5py.File("a.h5") as file:
        assert file.attrs["latent_lab_part"] == "autoencoder"
        assert file.attrs["latent_lab_task"] == "reconstruct"
        assert file.attrs["latent_lab_pixel_range"] == "0..1"
        assert json.loads(file.attrs["latent_lab_hyperparameters"])["kernels"] == [3, 3]
    assert b"secret" not in Path("a.h5").read_bytes()
    assert [path.name for path in Path().iterdir()] == ["a.h5"]


def test_the_encoder_of_either_file(model):
    batch = np.random.default_rng(0).random((2, 9, 7, 1), np.float32)
    expected = to_numpy(model.get_layer("encoder")(batch))
    for part in (model, model.get_layer("encoder")):
        model_files.save_model(part, Path("a.h5"), HP)
        found = model_files.load_encoder(Path("a.h5"), (9, 7, 1))
        encoder, hp = found.model, found.hp
        np.testing.assert_allclose(to_numpy(encoder(batch)), expected, atol=1e-6)
        assert hp.kernels == HP.kernels


@pytest.mark.parametrize(
    "values",
    [
        dict(variational=True, latent_dim=2),
        dict(task="denoise", skip=True),
        dict(task="colorize", color_space="yuv"),
        dict(task="complete", missing="top"),
        dict(latent_dim=3, fc_units=5),
        dict(linear_path=4),
        dict(latent_dim=3, batch_norm="none", feedback=4),
    ],
)
def test_the_encoder_of_every_kind_gives_its_code_and_nothing_else(values):
    hp = Hyperparameters(layers=2, kernels=3, **values)
    plan = architecture_planner.plan_architecture(hp, (12, 8, 3))
    whole = autoencoder.build_autoencoder(plan)
    batch = np.random.default_rng(0).random((2, *plan.input), np.float32)
    found = whole.get_layer("encoder")(batch)
    expected = to_numpy(found[0] if isinstance(found, list) else found)
    for part in (whole, whole.get_layer("encoder")):
        model_files.save_model(part, Path("a.h5"), hp)
        found = model_files.load_encoder(Path("a.h5"), (12, 8, 3))
        encoder, described = found.model, found.hp
        np.testing.assert_allclose(to_numpy(encoder(batch)), expected, atol=1e-6)
        assert described.task == hp.task
    if plan.input != (12, 8, 3):
        with pytest.raises(UserError, match=r"its encoder takes images of .*, the data set has 9×9×3; "):
            model_files.load_encoder(Path("a.h5"), (9, 9, 3))


def test_a_file_that_says_nothing_of_itself_is_taken_by_its_shape(model):
    model.save("plain.h5")
    assert model_files.load_encoder(Path("plain.h5"), (9, 7, 1)).hp is None
    for text in ('{"layers": "many"}', "[1]", "[" * 10_000, b"\xff", 3):
        with h5py.File("plain.h5", "a") as file:
            file.attrs["latent_lab_hyperparameters"] = file.attrs["latent_lab_classes"] = text
        described = model_files.load_saved(Path("plain.h5"))
        assert (described.hp, described.classes) == (None, ())


def test_model_refusals(model):
    model_files.save_model(model.get_layer("decoder"), Path("decoder.h5"), HP)
    with pytest.raises(UserError, match=r"decoder\.h5: holds no model called encoder"):
        model_files.load_encoder(Path("decoder.h5"), (9, 7, 1))
    model_files.save_model(model, Path("a.h5"), HP)
    with pytest.raises(
        UserError, match=r"a\.h5: its encoder takes images of 9×7×1, the data set has 28×28×1"
    ):
        model_files.load_encoder(Path("a.h5"), (28, 28, 1))
    Path("cut.h5").write_bytes(Path("a.h5").read_bytes()[:3000])
    with pytest.raises(UserError, match=r"cut\.h5: is no model that Keras can open"):
        model_files.load_model(Path("cut.h5"))
    with h5py.File("empty.h5", "w"):
        pass
    with pytest.raises(UserError, match=r"empty\.h5: holds no model that Keras can open, at most weights"):
        model_files.load_model(Path("empty.h5"))


def test_a_file_that_cannot_be_written_is_a_sentence(model):
    Path("file").write_text("where a folder should be")
    with pytest.raises(RunFailed, match="cannot be written"):
        model_files.save_model(model, Path("file/a.h5"), HP)
