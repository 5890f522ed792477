"""Layers with constant weights: color conversion and mirroring.

They are built from Keras's own layers, since custom layers would need our code to open a file.
"""

import numpy as np
from keras import layers

FIXED_PREFIX = "fixed_"  # of the names of those fixed layers that stand between trainable ones


def mix_channels(x, matrix: np.ndarray, name: str):
    """Apply a fixed linear map to the channels of each pixel, as a 1×1 convolution named `name`.

    Args:
        x: Keras tensor, shape (batch, height, width, channels in).
        matrix: float32, shape (channels out, channels in).

    Returns:
        Keras tensor, shape (batch, height, width, channels out).
    """
    layer = layers.Conv2D(matrix.shape[0], 1, use_bias=False, trainable=False, name=name)
    mixed = layer(x)
    layer.set_weights([matrix.T[None, None]])
    return mixed


def map_axis(x, axis: int, matrix: np.ndarray, name: str):
    """Apply a fixed linear map to the rows or columns of images.

    Built of permutations and a dense layer (the axis goes last and comes back), which any Keras can open.

    Args:
        x: Keras tensor, shape (batch, height, width, channels).
        axis: 0 for rows, 1 for columns.
        matrix: float32, shape (rows or columns before, rows or columns after).

    Returns:
        Keras tensor with the new number of rows or columns.
    """
    swap = (3, 2, 1) if axis == 0 else (1, 3, 2)
    x = layers.Permute(swap, name=f"mirror_in_{name}")(x)
    layer = layers.Dense(
        matrix.shape[1], use_bias=False, trainable=False, name=f"{FIXED_PREFIX}mirror_{name}"
    )
    x = layer(x)
    layer.set_weights([matrix])
    return layers.Permute(swap, name=f"mirror_out_{name}")(x)


def mirror_columns(x, name: str):
    """Flip images (batch, height, width, channels) horizontally."""
    return map_axis(x, 1, np.eye(x.shape[2], dtype=np.float32)[::-1], name)
