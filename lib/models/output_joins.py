"""Outputs of a decoder joined to the inputs: residual outputs, and outputs for a hole alone."""

from keras import layers

from lib.config.architecture import Architecture
from lib.models.fixed_layers import map_axis, mix_channels


def add_residual(inputs, outputs, architecture: Architecture, suffix: str):
    """Return the decoder's outputs, added to the inputs, or to the task's first estimate of the target.

    The outputs are noise to remove, color differences that keep the luma, or the difference of the missing
    half from the mirror image of the given one.

    Args:
        inputs: of the autoencoder, a Keras tensor (batch, height, width, channels).
        outputs: of the decoder, likewise.
        architecture: of the autoencoder.
        suffix: ends the names of layers.
    """
    maps = architecture.fixed_maps
    estimate, join = maps.estimate, maps.join
    if join:
        joined = layers.Concatenate(name=f"yuv{suffix}")([inputs, outputs])
        return mix_channels(joined, join.matrix.T, f"rgb{suffix}")  # names in saved files, which never change
    if estimate:
        inputs = map_axis(inputs, *estimate, f"output{suffix}")
    total = layers.Add(name=f"residual{suffix}")([inputs, outputs])
    # Clipped at 0 and 1: values below black or above white are not visible and need not be learned.
    return layers.ReLU(max_value=1.0, name=f"clip{suffix}")(total)


def keep_known(inputs, outputs, architecture: Architecture, suffix: str):
    """Return the inputs with the outputs in their hole; known pixels stay exactly as they are.

    Arguments are those of `add_residual`.
    """
    maps = architecture.fixed_maps
    assert maps.known is not None
    assert maps.hole is not None
    known = mix_channels(inputs, maps.known.matrix.T, f"known{suffix}")
    hole = mix_channels(inputs, maps.hole.matrix.T, f"hole{suffix}")
    predicted = layers.Multiply(name=f"predicted{suffix}")([outputs, hole])
    return layers.Add(name=f"completed{suffix}")([known, predicted])
