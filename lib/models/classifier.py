"""The classifier on a saved encoder: its new layers, what it sees, what of it learns, and what it answers."""

import keras
from keras import layers

from lib.config.hyperparameters import Hyperparameters
from lib.models.autoencoder import MOMENTUM
from lib.models.fixed_layers import FIXED_PREFIX, mirror_columns, mix_channels
from lib.tasks.colorization import LUMA
from lib.tasks.completion import half_slices


def build_classifier(
    encoder: keras.Model, classes: int, hp: Hyperparameters, image: tuple, view=None
) -> keras.Model:
    """Fully connected layers on an encoder, named `classifier` (report C, part B): images in, class
    probabilities out.

    `image` is the shape of the images, `view` the hyperparameters of the autoencoder where its encoder saw
    only a part of them (gray, one half): fixed layers then take that part.
    """
    inputs = keras.Input(image, name="image")
    x = _select_input(inputs, encoder.input_shape[1:], view)
    head = build_head(encoder.output_shape[1:], classes, hp)
    return keras.Model(inputs, head(encoder(x)), name="classifier")


def classifier_for_inference(classifier: keras.Model, hp: Hyperparameters) -> keras.Model:
    """What is saved and scored of a classifier: itself, or with `hp.tta` a model of the same layers that
    gives the mean of the probabilities of an image and of its mirror image (test-time augmentation:
    Krizhevsky et al., "ImageNet classification with deep convolutional neural networks", 2012).
    """
    if not hp.tta:
        return classifier
    inputs = keras.Input(classifier.input_shape[1:], name="image")
    found = []
    for x in (inputs, mirror_columns(inputs, "image")):
        for layer in classifier.layers[1:]:  # a chain, whose models stay where they are found
            x = layer(x)
        found.append(x)
    return keras.Model(inputs, layers.Average(name="mean_probabilities")(found), name=classifier.name)


def _select_input(inputs, wanted: tuple, view: Hyperparameters | None):
    image = tuple(inputs.shape[1:])
    if view is None or image == tuple(wanted):
        return inputs
    if wanted[2] == 1 and image[2] == 3:
        return mix_channels(inputs, LUMA[None], "gray")
    given, _ = half_slices(view, image)
    sides = [part.indices(side)[:2] for part, side in zip(given, image, strict=False)]
    cropped = tuple((start, side - stop) for (start, stop), side in zip(sides, image, strict=False))
    return layers.Cropping2D(cropped, name="half")(inputs)


def encoder_for_images(encoder: keras.Model, image: tuple, view: Hyperparameters | None) -> keras.Model:
    """The encoder behind fixed layers that take from whole images of shape `image` what it saw in its task."""
    inputs = keras.Input(image, name="image")
    return keras.Model(inputs, encoder(_select_input(inputs, encoder.input_shape[1:], view)), name="seeing")


def build_head(code: tuple[int, ...], classes: int, hp: Hyperparameters) -> keras.Model:
    """The new layers alone, named `head`: codes in, class probabilities out."""
    inputs = keras.Input(code, name="code")
    x = layers.Flatten(name="flatten")(inputs)
    x = layers.BatchNormalization(momentum=MOMENTUM, name="norm_head")(x)
    penalty = keras.regularizers.L2(hp.l2) if hp.l2 else None
    for number, units in enumerate(hp.fc_units, 1):
        x = layers.Dense(
            units,
            activation="relu",
            kernel_initializer="he_normal",
            kernel_regularizer=penalty,
            name=f"fc_{number}",
        )(x)
        x = layers.Dropout(hp.dropout, seed=hp.seed + number, name=f"dropout_{number}")(x)
    return keras.Model(
        inputs, layers.Dense(classes, activation="softmax", name="probabilities")(x), name="head"
    )


def set_trainable(encoder: keras.Model, trainable: bool) -> None:
    """Freeze an encoder or let it train; its batch normalization keeps, either way, the averages that the
    autoencoder learned.
    """
    encoder.trainable = trainable
    for layer in encoder.layers:
        if layer.name.startswith(FIXED_PREFIX):
            layer.trainable = False
        if isinstance(layer, layers.BatchNormalization):
            # Not trainable means inference mode as well. (Calling the encoder with training=False does not:
            # Keras 3.15 passes the outer model's mode on, and the averages drift.)
            layer.trainable = False
