"""Classifiers on a saved encoder: new fully connected layers, the encoder's input, freezing, averaging."""

import keras
from keras import layers

from lib.config.hyperparameters import AutoencoderHyperparameters, ClassifierHyperparameters
from lib.models.autoencoder import MOMENTUM
from lib.models.fixed_layers import FIXED_PREFIX, mirror_columns, mix_channels
from lib.tasks import ImageShape, get_task


def build_classifier(
    encoder: keras.Model,
    classes: int,
    hp: ClassifierHyperparameters,
    image_shape: ImageShape,
    encoder_hp: AutoencoderHyperparameters | None = None,
) -> keras.Model:
    """Build a classifier on an encoder: fully connected layers on its code (report C, part B).

    Args:
        encoder: model from its task's inputs to codes (n, …); it becomes a layer of the classifier.
        classes: number of classes.
        hp: hyperparameters of the classifier.
        image_shape: (height, width, channels) of whole images.
        encoder_hp: hyperparameters of the encoder's autoencoder. Where its task showed the encoder only a
            part of an image (gray, one half), fixed layers select that part. `None` for encoders made
            elsewhere.

    Returns:
        Keras model `classifier` with the models `encoder` and `head` in it: images, float32 (n, height,
        width, channels) in 0..1, to class probabilities (n, classes).
    """
    inputs = keras.Input(image_shape, name="image")
    x = _select_input(inputs, encoder.input_shape[1:], encoder_hp)
    head = build_head(encoder.output_shape[1:], classes, hp)
    return keras.Model(inputs, head(encoder(x)), name="classifier")


def classifier_for_inference(classifier: keras.Model, hp: ClassifierHyperparameters) -> keras.Model:
    """Return the model that is saved and evaluated, with test-time augmentation if `hp.tta`.

    Args:
        classifier: model of `build_classifier`.
        hp: its hyperparameters.

    Returns:
        With `hp.tta` a model that shares the weights; its probabilities are the mean of those of an image and
        of its mirror image (Krizhevsky, Sutskever and Hinton, "ImageNet classification with deep
        convolutional neural networks", 2012). Else `classifier` itself.
    """
    if not hp.tta:
        return classifier
    inputs = keras.Input(classifier.input_shape[1:], name="image")
    probabilities = []
    for x in (inputs, mirror_columns(inputs, "image")):
        for layer in classifier.layers[1:]:  # one by one, so that `encoder` and `head` stay outermost
            x = layer(x)
        probabilities.append(x)
    mean = layers.Average(name="mean_probabilities")(probabilities)
    return keras.Model(inputs, mean, name=classifier.name)


def encoder_for_images(
    encoder: keras.Model, image_shape: ImageShape, encoder_hp: AutoencoderHyperparameters | None
) -> keras.Model:
    """Return an encoder of whole images, also where its task showed it only a part of them.

    Args:
        encoder: model from its task's inputs to codes (n, …).
        image_shape: (height, width, channels) of whole images.
        encoder_hp: hyperparameters of the encoder's autoencoder; `None` for encoders made elsewhere.

    Returns:
        Keras model from images, float32 (n, height, width, channels) in 0..1, to codes (n, …).
    """
    inputs = keras.Input(image_shape, name="image")
    code = encoder(_select_input(inputs, encoder.input_shape[1:], encoder_hp))
    return keras.Model(inputs, code, name="encoder_for_images")


def _select_input(inputs, encoder_input_shape: tuple, encoder_hp: AutoencoderHyperparameters | None):
    """Select the part of whole images that the encoder takes: gray, one half, or all."""
    image_shape = tuple(inputs.shape[1:])
    if encoder_hp is None or image_shape == tuple(encoder_input_shape):
        return inputs
    *sides, channels = get_task(encoder_hp).input_part(encoder_hp, image_shape)
    # The names of these layers are in saved files and never change.
    if channels is not None:
        inputs = mix_channels(inputs, channels.T, "grey")
    cropping = []
    for part, side in zip(sides, image_shape, strict=False):  # rows and columns
        start, stop, _ = part.indices(side)
        cropping.append((start, side - stop))
    return layers.Cropping2D(tuple(cropping), name="half")(inputs) if any(map(any, cropping)) else inputs


def build_head(code_shape: tuple[int, ...], classes: int, hp: ClassifierHyperparameters) -> keras.Model:
    """Build the model `head`: codes (n, *code_shape) to class probabilities (n, classes)."""
    inputs = keras.Input(code_shape, name="code")
    x = layers.Flatten(name="flatten")(inputs)
    x = layers.BatchNormalization(momentum=MOMENTUM, name="norm_head")(x)
    for number, units in enumerate(hp.fc_units, 1):
        x = layers.Dense(
            units,
            activation="relu",
            kernel_initializer="he_normal",
            kernel_regularizer=keras.regularizers.L2(hp.l2) if hp.l2 else None,
            name=f"fc_{number}",
        )(x)
        x = layers.Dropout(hp.dropout, seed=hp.seed + number, name=f"dropout_{number}")(x)
    probabilities = layers.Dense(classes, activation="softmax", name="probabilities")(x)
    return keras.Model(inputs, probabilities, name="head")


def set_trainable(encoder: keras.Model, trainable: bool) -> None:
    """Freeze or unfreeze an encoder; its fixed layers and its batch normalization stay frozen either way.

    The moving averages of the batch normalization therefore remain those of the autoencoder's training.

    Args:
        encoder: part of a classifier, which must be compiled afterwards.
        trainable: whether its weights are trained.
    """
    encoder.trainable = trainable
    for layer in encoder.layers:
        if layer.name.startswith(FIXED_PREFIX):
            layer.trainable = False
        if isinstance(layer, layers.BatchNormalization):
            # Frozen batch normalization runs in inference mode as well. (Calling the encoder with
            # training=False does not do it: Keras 3.15 passes the outer model's mode on, and the averages
            # drift.)
            layer.trainable = False
