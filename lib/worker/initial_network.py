"""A new autoencoder with its initial weights, some of them computed from training images."""

from math import prod

import keras

from lib.config.architecture import Architecture
from lib.data.splits import Subset
from lib.models.autoencoder import build_autoencoder
from lib.models.initialization import initialize_linear_path, initialize_pca
from lib.models.pca import Components, available_components, principal_components
from lib.runs.events import Stage
from lib.training.batches import Batches
from lib.worker.process import Channel

LINEAR_IMAGES = 2000  # that the linear path is initialized from, fewer of large images
LINEAR_VALUES = LINEAR_IMAGES * 64 * 64 * 3


def build_initial_network(
    channel: Channel, architecture: Architecture, train: Subset
) -> tuple[keras.Model, Components | None]:
    """Return the network, and the principal components of the training images if it begins with them."""
    hp, path, components = architecture.hp, architecture.linear_path, None
    model = build_autoencoder(architecture)
    if path and not path.is_dense:
        count = min(LINEAR_IMAGES, max(LINEAR_VALUES // prod(train.shape), 1))
        _, targets = Batches(train.first(count), count, hp)[0]
        initialize_linear_path(model, architecture, targets)
    starts_as_pca = architecture.input_shape == architecture.target_shape
    if hp.pca or (path and path.is_dense and starts_as_pca):
        count = available_components(train, architecture.latent_size)
        channel.emit(Stage(f"computing {count:,} principal components"))
        components = principal_components(train, architecture.latent_size, hp.seed)
        initialize_pca(model, architecture, *components)
    return model, components
