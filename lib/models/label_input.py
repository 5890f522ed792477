"""Labels as a second input of encoders and decoders, for conditional autoencoders.

Source: Sohn, Lee and Yan, "Learning structured output representation using deep conditional generative
models", 2015. A label is an integer. Maps get one more channel, a learned picture of the class; dense codes
get a learned vector of the class. All layers are Keras's own.
"""

from math import prod

import keras
from keras import layers

from lib.config.conditioning import labeled_shape

LABEL_LAYER = "label_values_"  # beginning of the names of embeddings, in saved files


def label_input() -> keras.KerasTensor:
    """Return the input of labels, integers (batch,)."""
    return keras.Input((), dtype="int32", name="label")


def join_label(x, label, classes: int, network: str):
    """Return feature maps or codes, with numbers learned for each class appended.

    Args:
        x: Keras tensor (batch, height, width, channels) or (batch, units).
        label: Keras tensor of integers from 0 to `classes` - 1, (batch,).
        classes: number of classes.
        network: `encoder` or `decoder`, for the names of the layers.

    Returns:
        Keras tensor (batch, *labeled_shape of the shape of x).
    """
    *sides, channels = x.shape[1:]
    shape = (*sides, labeled_shape(tuple(x.shape[1:]))[-1] - channels)
    initializer = keras.initializers.RandomNormal(stddev=0.5)
    name = f"{LABEL_LAYER}{network}"
    values = layers.Embedding(classes, prod(shape), embeddings_initializer=initializer, name=name)(label)
    shaped = layers.Reshape(shape, name=f"label_shape_{network}")(values)
    return layers.Concatenate(name=f"with_label_{network}")([x, shaped])


def count_label_classes(model: keras.Model) -> int:
    """Return the number of classes of a conditional model, or of those nested in it; 0 for other models."""
    return max(_class_counts(model), default=0)


def has_label_inputs(model: keras.Model) -> bool:
    """Return whether a conditional model, and each one nested in it, has one input of labels, of one set."""
    nested = [layer for layer in model.layers if isinstance(layer, keras.Model)]
    shapes = [tuple(tensor.shape) for each in (model, *nested) for tensor in each.inputs[1:]]
    return shapes == [(None,)] * (1 + len(nested)) and len(_class_counts(model)) == 1


def _class_counts(model: keras.Model) -> set[int]:
    counts: set[int] = set()
    for layer in model.layers:
        if isinstance(layer, layers.Embedding) and layer.name.startswith(LABEL_LAYER):
            counts.add(int(layer.input_dim))
        elif isinstance(layer, keras.Model):
            counts |= _class_counts(layer)
    return counts
