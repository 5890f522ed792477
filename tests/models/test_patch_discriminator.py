"""The discriminator of patches. python -m pytest tests/models/test_patch_discriminator.py"""

import keras
import numpy as np
import pytest

from lib.config.architecture_planner import plan_architecture
from lib.config.hyperparameters import AutoencoderHyperparameters
from lib.models.autoencoder import build_autoencoder
from lib.models.patch_discriminator import PATCH_DISCRIMINATOR, PATCHES, discriminate
from lib.models.training_model import RECONSTRUCTION, build_training_model, mean_output_loss
from lib.training.phases import make_training_targets

HP = AutoencoderHyperparameters(adversarial_weight=1.0, layers=1, kernels=2)
SHAPE = (8, 8, 1)


class Shift(keras.layers.Layer):
    """Adds a trained number."""

    def build(self, shape):
        self.shift = self.add_weight((), "zeros", name="shift")

    def call(self, inputs):
        return inputs + self.shift


def test_it_learns_to_tell_outputs_and_they_move_to_the_targets():
    inputs, targets = keras.Input(SHAPE), keras.Input(SHAPE)
    shift = Shift()
    outputs = discriminate(shift(inputs), targets, HP)
    model = keras.Model([inputs, targets], outputs)
    rng = np.random.default_rng(0)
    dark, bright = (rng.uniform(0, 0.2, (256, *SHAPE)).astype(np.float32) + level for level in (0, 0.5))
    zeros = dict.fromkeys(outputs, np.zeros((256, 1), np.float32))
    keras.utils.set_random_seed(0)
    shift.trainable = False
    model.compile(keras.optimizers.Adam(0.01), {PATCHES: mean_output_loss})
    model.fit([dark, bright], zeros, batch_size=64, epochs=5, verbose=0)
    assert model.predict([dark, bright], verbose=0)[PATCH_DISCRIMINATOR].mean() > 0.95
    shift.trainable = True
    model.compile(keras.optimizers.Adam(0.02), {PATCHES: mean_output_loss})
    model.fit([dark, bright], zeros, batch_size=64, epochs=10, verbose=0)
    assert float(np.asarray(shift.shift)) > 0.25  # the difference is 0.5


@pytest.mark.parametrize("shape", [(2, 3, 1), (12, 10, 3), (64, 64, 1)])
def test_any_size_has_patches(shape):
    outputs = discriminate(keras.Input(shape), keras.Input(shape), HP)
    assert {tensor.shape for tensor in outputs.values()} == {(None, 1)}


@pytest.mark.parametrize(
    ("values", "inputs"),
    [
        ({}, ["image", "target"]),
        ({"regularization": "kl", "latent_dim": 2, "conditional": True}, ["image", "label", "target"]),
    ],
)
def test_targets_are_the_last_input_of_the_model_that_is_trained(values, inputs):
    hp = AutoencoderHyperparameters(adversarial_weight=0.1, layers=1, kernels=2, **values)
    architecture = plan_architecture(hp, SHAPE, 3)
    model = build_training_model(build_autoencoder(architecture), architecture)
    assert [tensor.name for tensor in model.inputs] == inputs
    assert {RECONSTRUCTION, PATCHES, PATCH_DISCRIMINATOR} <= model.output.keys()
    images, labels = np.zeros((4, *SHAPE), np.float32), np.zeros(4, int)
    batch = (images, labels) if hp.conditional else images
    arrays, targets = make_training_targets(hp, batch, images, labels)
    assert len(arrays) == len(inputs)
    assert targets.keys() == model.output.keys()
