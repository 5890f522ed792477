"""Features of images by which generated images are compared with real ones.

Features are those of a classifier of these programs, the inputs of its last fully connected layer, or those
of InceptionV3 with the weights in Keras's cache, as for the FID.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
from keras import layers

from lib.common.errors import UserError, reason
from lib.common.filesystem import keras_folder
from lib.common.formatting import format_shape
from lib.models import inference
from lib.models.saving.model_files import SavedModel
from lib.tasks import ImageShape
from lib.tasks.display import select_channels
from lib.tasks.pixels import to_float

MAX_FEATURES = 4096  # per image: covariance matrices of more take too much time and memory
INCEPTION = "InceptionV3"
INCEPTION_FILE = "inception_v3_weights_tf_dim_ordering_tf_kernels_notop.h5"
INCEPTION_SIDE, INCEPTION_BATCH = 299, 32


@dataclass(frozen=True)
class FeatureModel:
    """A model of features.

    Attributes:
        name: of the model, in messages and tables.
        model: maps pixels, float32 (n, height, width, channels) in 0..1, to features (n, size).
        batch_size: images at once.
        only_color: it takes RGB, so that gray images are repeated and further channels left out.
    """

    name: str
    model: keras.Model
    batch_size: int = 256
    only_color: bool = False

    def extract(self, images: np.ndarray) -> np.ndarray:
        """Return the features of images, float32 (n, size).

        Args:
            images: uint8 or uint16 (n, height, width, channels).
        """
        if self.only_color:
            images = select_channels(images)
            images = np.repeat(images, 3 // images.shape[-1], axis=-1)
        starts = range(0, len(images), self.batch_size)
        parts = [images[start : start + self.batch_size] for start in starts]
        return np.concatenate([inference.predict(self.model, to_float(part)) for part in parts])

    def extract_all(self, batches: Iterable[np.ndarray]) -> np.ndarray:
        """Return the features of batches of images, float32 (n, size)."""
        return np.concatenate([self.extract(images) for images in batches])


def classifier_features(saved: SavedModel, path: Path, image_shape: ImageShape) -> FeatureModel:
    """Return the inputs of the last fully connected layer of a classifier as a model of features.

    Of a classifier with test-time augmentation they are the mean over the image and its mirror image.

    Args:
        saved: the content of the file.
        path: of the file.
        image_shape: (height, width, channels) of the images.

    Raises:
        UserError: it is not a classifier of `classification.py`, it takes images of another shape, or it has
            too many features.
    """
    head = saved.submodel("head")
    dense = [layer for layer in head.layers if isinstance(layer, layers.Dense)] if head else []
    if saved.hp is None or saved.model.name != "classifier" or head is None or not dense:
        raise UserError(f"{path}: is not a classifier; use a classifier.h5 saved by classification.py")
    if (shape := tuple(saved.model.input_shape[1:])) != tuple(image_shape):
        raise UserError(
            f"{path}: the classifier takes images of {format_shape(shape)}, the data set has "
            f"{format_shape(image_shape)}; pass a classifier of such images with --features"
        )
    last = dense[-1]
    size = last.input.shape[-1]
    if size > MAX_FEATURES:
        raise UserError(
            f"{path}: the last layer of the classifier has {size:,} inputs, and features are at most "
            f"{MAX_FEATURES:,}; train it with --fc-units 64"
        )
    features = keras.Model(head.input, last.input, name="head")
    model = keras.models.clone_model(
        saved.model, clone_function=lambda layer: features if layer is head else layer
    )
    return FeatureModel(str(path), model)


def inception_weights() -> Path | None:
    """Return the file of InceptionV3's weights in Keras's cache, or None if it is not there."""
    path = keras_folder() / "models" / INCEPTION_FILE
    return path if path.is_file() else None


def inception_features(weights: Path, image_shape: ImageShape) -> FeatureModel:
    """Return InceptionV3 with the weights in a file as a model of 2,048 features.

    Images are enlarged to 299×299 bilinearly. The weights are Keras's, not those of the first FID, so values
    differ a little from those of papers.

    Args:
        weights: of `keras.applications.InceptionV3` without its top.
        image_shape: (height, width, channels) of the images.

    Raises:
        UserError: the file does not hold these weights.
    """
    try:
        network = keras.applications.InceptionV3(
            include_top=False,
            weights=str(weights),
            input_shape=(INCEPTION_SIDE, INCEPTION_SIDE, 3),
            pooling="avg",
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"{weights}: cannot be read as the weights of InceptionV3 ({reason(error)}); delete it, or set "
            f"--no-fid"
        ) from None
    inputs = keras.Input((*image_shape[:2], 3), name="image")
    x = layers.Resizing(INCEPTION_SIDE, INCEPTION_SIDE, interpolation="bilinear")(inputs)
    features = network(layers.Rescaling(2.0, offset=-1.0)(x))
    return FeatureModel(INCEPTION, keras.Model(inputs, features), INCEPTION_BATCH, only_color=True)
