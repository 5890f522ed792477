"""Keras models from a plan: encoder, decoder, the autoencoder that joins them, and the classifier on an encoder."""

import keras
from keras import layers

from lib.hyperparameters import Hyperparameters
from lib.shapes import Layer, Plan

# Keras's default of 0.99 leaves the moving averages far behind in the few hundred steps of a short training.
MOMENTUM = 0.9


def build_autoencoder(plan: Plan) -> keras.Model:
    """The plan as a Keras model named `autoencoder`, made of the models `encoder` and `decoder`.

    Takes and gives float32 of shape (batch, height, width, channels), 0 to 1.
    """
    inputs = keras.Input(plan.input, name="image")
    encoder = keras.Model(inputs, _stack(inputs, plan.encoder, "encoder", last="linear"), name="encoder")
    codes = keras.Input(plan.latent, name="code")
    decoder = keras.Model(codes, _stack(codes, plan.decoder, "decoder", last="sigmoid"), name="decoder")
    inputs = keras.Input(plan.input, name="image")
    return keras.Model(inputs, decoder(encoder(inputs)), name="autoencoder")


def _stack(x, steps: tuple[Layer, ...], half: str, last: str):
    """The layers of one half after one another; the last convolution has the activation `last`, the others ReLU."""
    convolutions = sum(step.learns for step in steps)
    number = 0
    for step in steps:
        if step.learns:
            number += 1
            name = f"{half}_{number}"  # unlike any other in the whole model: .h5 files tell weights apart by name
            kind = layers.Conv2DTranspose if step.kind == "transpose" else layers.Conv2D
            x = kind(
                step.output[2], step.kernel_size, strides=step.stride, padding="same", use_bias=not step.normalised,
                kernel_initializer="he_normal", name=f"conv_{name}",
            )(x)  # fmt: skip
            if step.normalised:
                x = layers.BatchNormalization(momentum=MOMENTUM, name=f"norm_{name}")(x)
            x = layers.Activation(last if number == convolutions else "relu", name=f"activation_{name}")(x)
        elif step.kind == "pool":
            x = layers.MaxPooling2D(2, padding="same", name=f"pool_{number}")(x)
        elif step.kind == "upsample":
            x = layers.UpSampling2D(2, name=f"upsample_{number + 1}")(x)
        else:
            height, width = x.shape[1] - step.output[0], x.shape[2] - step.output[1]
            x = layers.Cropping2D(((0, height), (0, width)), name=f"crop_{number}")(x)
    return x


def build_classifier(encoder: keras.Model, classes: int, hp: Hyperparameters) -> keras.Model:
    """Fully connected layers on an encoder, named `classifier` (report C, part B): images in, class probabilities out."""
    inputs = keras.Input(encoder.input_shape[1:], name="image")
    head = build_head(encoder.output_shape[1:], classes, hp)
    return keras.Model(inputs, head(encoder(inputs)), name="classifier")


def set_trainable(encoder: keras.Model, trainable: bool) -> None:
    """Freeze an encoder or let it train; its batch normalisation keeps, either way, the averages that the autoencoder learned."""
    encoder.trainable = trainable
    for layer in encoder.layers:
        if isinstance(layer, layers.BatchNormalization):
            # Not trainable means inference mode as well. (Calling the encoder with training=False does not: Keras 3.15
            # passes the outer model's mode on, and the averages drift.)
            layer.trainable = False


def build_head(code: tuple[int, ...], classes: int, hp: Hyperparameters) -> keras.Model:
    """The new layers alone, named `head`: codes in, class probabilities out."""
    inputs = keras.Input(code, name="code")
    x = layers.Flatten(name="flatten")(inputs)
    x = layers.BatchNormalization(momentum=MOMENTUM, name="norm_head")(x)
    for number, units in enumerate(hp.fc_units, 1):
        x = layers.Dense(units, activation="relu", kernel_initializer="he_normal", name=f"fc_{number}")(x)
        x = layers.Dropout(hp.dropout, seed=hp.seed + number, name=f"dropout_{number}")(x)
    return keras.Model(inputs, layers.Dense(classes, activation="softmax", name="probabilities")(x), name="head")
