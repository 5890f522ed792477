"""Small networks for tests."""

import keras

from lib.config.architecture import Architecture
from lib.config.architecture_planner import plan_architecture
from lib.config.hyperparameters import AutoencoderHyperparameters
from lib.models.autoencoder import build_autoencoder

FEEDBACK = dict(
    layers=1, kernels=3, fc_units="9", latent_dim=4, batch_norm="none", activation="silu", feedback="6,5"
)


def build(image_shape=(28, 28, 1), **values) -> tuple[keras.Model, Architecture]:
    """An untrained autoencoder with these hyperparameters."""
    architecture = plan_architecture(AutoencoderHyperparameters(**values), image_shape)
    return build_autoencoder(architecture), architecture
