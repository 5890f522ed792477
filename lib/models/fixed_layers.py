"""Layers with fixed weights, which only move numbers about and never learn.

Layers of our own would need our code to open a file; Keras's with weights that stay as they are do not.
"""

import numpy as np
from keras import layers

FIXED_PREFIX = "fixed_"  # begins the names of such layers in what may be trained


def mix_channels(x, matrix: np.ndarray, name: str):
    """Each pixel times a fixed matrix, shape (channels out, channels in)."""
    layer = layers.Conv2D(matrix.shape[0], 1, use_bias=False, trainable=False, name=name)
    found = layer(x)
    layer.set_weights([matrix.T[None, None]])
    return found


def map_axis(x, axis: int, matrix: np.ndarray, name: str):
    """Images whose rows (axis 0) or columns (axis 1) are others: a fixed matrix (before, after) says which.

    Permutations and a fixed dense layer, so that any Keras opens the file: the axis goes last and comes back.
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
    """Images as a mirror shows them: their columns from right to left."""
    return map_axis(x, 1, np.eye(x.shape[2], dtype=np.float32)[::-1], name)
