"""Labels as a second input of encoders and decoders, for conditional autoencoders.

Source: Sohn, Lee and Yan, "Learning structured output representation using deep conditional generative
models", 2015. A label is an integer. Maps get one more channel, a learned picture of the class; dense codes
get a learned vector of the class. All layers are Keras's own.
"""

from math import prod

import keras
from keras import layers

from lib.config.conditioning import labeled_shape

LABEL_LAYER = "label_values"  # name of the embedding in encoder and decoder, in saved files


def label_input() -> keras.KerasTensor:
    """Return the input of labels, integers (batch,)."""
    return keras.Input((), dtype="int32", name="label")


def join_label(x, label, classes: int):
    """Return feature maps or codes, with numbers learned for each class appended.

    Args:
        x: Keras tensor (batch, height, width, channels) or (batch, units).
        label: Keras tensor of integers from 0 to `classes` - 1, (batch,).
        classes: number of classes.

    Returns:
        Keras tensor (batch, *labeled_shape of the shape of x).
    """
    *sides, channels = x.shape[1:]
    shape = (*sides, labeled_shape(tuple(x.shape[1:]))[-1] - channels)
    initializer = keras.initializers.RandomNormal(stddev=0.5)
    embedding = layers.Embedding(classes, prod(shape), embeddings_initializer=initializer, name=LABEL_LAYER)
    values = layers.Reshape(shape, name="label_shape")(embedding(label))
    return layers.Concatenate(name="with_label")([x, values])


def count_label_classes(model: keras.Model) -> int:
    """Return the number of classes of a conditional model, or of one nested in it; 0 for other models."""
    for layer in model.layers:
        if isinstance(layer, layers.Embedding) and layer.name == LABEL_LAYER:
            return int(layer.input_dim)
        if isinstance(layer, keras.Model) and (classes := count_label_classes(layer)):
            return classes
    return 0
