"""Muon for convolutions as well."""

import keras
from keras import ops

FEWEST = 16  # rows and columns of a matrix for which it is used


class Muon(keras.optimizers.Muon):
    """Keras's Muon, which orthogonalises the steps of matrices, for kernels of convolutions too (Jordan et al., "Muon: an
    optimizer for hidden layers in neural networks", 2024).

    A kernel of shape (height, width, a, b) is a matrix of height · width · a rows and b columns. What faces images or classes
    (fewer than 16 channels or units on either side) and what is no matrix is AdamW's, with the same learning rate.
    """

    def _should_use_adamw(self, variable) -> bool:
        return len(variable.shape) not in (2, 4) or min(variable.shape[-2:]) < FEWEST

    def zeropower_via_newtonschulz5(self, x, steps: int):
        return ops.reshape(super().zeropower_via_newtonschulz5(_matrix(x), steps), x.shape)

    def lr_adjust(self, x):
        return ops.reshape(super().lr_adjust(_matrix(x)), x.shape)


def _matrix(kernel):
    return ops.reshape(kernel, (-1, kernel.shape[-1]))
