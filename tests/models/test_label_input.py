"""Labels as a second input of encoders and decoders. python -m pytest tests/models/test_label_input.py"""

import subprocess
import sys

import keras
import numpy as np
import pytest

from lib.config.architecture_planner import plan_architecture
from lib.config.hyperparameters import AutoencoderHyperparameters
from lib.models.autoencoder import build_autoencoder, code_only
from lib.models.label_input import count_label_classes
from lib.models.saving.model_files import load_saved_model, save_model

IMAGE, CLASSES = (12, 10, 1), ("left", "middle", "bottom")
NETWORKS = {
    "dense code": dict(layers=2, kernels=4, latent_dim=3),
    "fully connected VAE": dict(layers=0, fc_units=8, latent_dim=3, regularization="kl"),
    "convolutional code": dict(layers=2, kernels=4),
    "quantized code": dict(layers=1, kernels=4, latent_dim=4, quantize="8,5"),
}
PLAIN_KERAS = """
import sys, keras, numpy as np
model = keras.models.load_model(sys.argv[1], compile=False)
assert not any(name.startswith("lib.") for name in sys.modules)
images, labels = np.zeros((4, 12, 10, 1), np.float32), np.array([0, 1, 2, 2])
outputs = model.predict([images, labels], verbose=0)
np.save("outputs.npy", outputs)
"""


def build(**values) -> keras.Model:
    hp = AutoencoderHyperparameters(conditional=True, **values)
    return build_autoencoder(plan_architecture(hp, IMAGE, len(CLASSES)))


@pytest.mark.parametrize("values", NETWORKS.values(), ids=NETWORKS)
def test_parameters_are_counted_before_the_network_is_built(values):
    hp = AutoencoderHyperparameters(conditional=True, **values)
    architecture = plan_architecture(hp, IMAGE, len(CLASSES))
    model = build_autoencoder(architecture)
    assert model.count_params() == architecture.parameters
    assert plan_architecture(hp, IMAGE).parameters < architecture.parameters
    assert count_label_classes(model) == len(CLASSES)
    assert code_only(model.get_layer("encoder")).output_shape[1:] == architecture.latent_shape


@pytest.mark.parametrize("values", NETWORKS.values(), ids=NETWORKS)
def test_outputs_depend_on_the_label(values):
    model = build(**values)
    images, labels = np.full((3, *IMAGE), 0.5, np.float32), np.arange(3)
    for part in (model, code_only(model.get_layer("encoder"))):
        outputs = part.predict([images, labels], verbose=0)
        assert len(np.unique(outputs.round(4).reshape(3, -1), axis=0)) == 3 or values.get("quantize")
    codes = np.zeros((3, *model.get_layer("decoder").inputs[0].shape[1:]), np.float32)
    decoded = model.get_layer("decoder").predict([codes, labels], verbose=0)
    assert len(np.unique(decoded.reshape(3, -1), axis=0)) == 3


def test_plain_keras_opens_the_file(tmp_path):
    hp = AutoencoderHyperparameters(conditional=True, **NETWORKS["convolutional code"])
    model = build_autoencoder(plan_architecture(hp, IMAGE, len(CLASSES)))
    save_model(model, tmp_path / "autoencoder.h5", hp, CLASSES)
    command = [sys.executable, "-c", PLAIN_KERAS, "autoencoder.h5"]
    subprocess.run(command, check=True, cwd=tmp_path, capture_output=True)
    images, labels = np.zeros((4, *IMAGE), np.float32), np.array([0, 1, 2, 2])
    expected = model.predict([images, labels], verbose=0)
    np.testing.assert_allclose(np.load(tmp_path / "outputs.npy"), expected, atol=1e-5)
    saved = load_saved_model(tmp_path / "autoencoder.h5")
    assert saved.classes == CLASSES
    assert count_label_classes(saved.model) == len(CLASSES)


def test_other_models_have_no_label_classes():
    hp = AutoencoderHyperparameters(layers=1, kernels=2)
    assert count_label_classes(build_autoencoder(plan_architecture(hp, IMAGE))) == 0
