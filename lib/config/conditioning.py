"""Shapes and parameters of the labels that conditional encoders and decoders take as a second input."""

from math import prod

from lib.config.layer_specs import Shape

LABEL_NUMBERS = 16  # that a dense code gets from the label


def labeled_shape(shape: Shape) -> Shape:
    """Return the shape of maps or of a dense code to which the label is joined.

    Args:
        shape: (height, width, channels), which get one more channel, or (units,), which get `LABEL_NUMBERS`
            more.
    """
    *sides, channels = shape
    return (*sides, channels + (1 if sides else LABEL_NUMBERS))


def label_parameters(shape: Shape, classes: int) -> int:
    """Return the number of weights of what is joined to maps or a code of that shape, one set per class."""
    return classes * (prod(labeled_shape(shape)) - prod(shape))
