"""Muon for convolutions as well, and in fewer multiplications."""

import functools
import re

import keras
from keras import ops

FEWEST = 16  # channels or units on either side of a kernel for which it is used
GAINS = 2  # so many times as long as wide must a matrix be for its Gram matrix to save multiplications
TOGETHER = 2  # steps, before the matrix itself is needed again


class Muon(keras.optimizers.Muon):
    """Keras's Muon, which orthogonalises the steps of matrices, for kernels of convolutions too (Jordan et al., "Muon: an
    optimizer for hidden layers in neural networks", 2024).

    A kernel of shape (height, width, a, b) is a matrix of height · width · a rows and b columns. One with fewer than 16 channels
    or units on either side, as those that face images or classes, and what is no matrix is AdamW's, with the same learning rate.
    """

    def _should_use_adamw(self, variable) -> bool:
        if len(variable.shape) not in (2, 4) or min(variable.shape[-2:]) < FEWEST:
            return True
        excluded = [*self.exclude_layers, *(["(?i)embedding"] if self.exclude_embeddings else [])]
        return any(re.search(name, variable.path) for name in excluded)

    def zeropower_via_newtonschulz5(self, x, steps: int):
        """What Keras's gives but for rounding, in float32 at the least.

        A step of Newton and Schulz multiplies a matrix X by a polynomial of its Gram matrix X Xᵀ, so several steps together do.
        Gram matrices alone are small squares: for a kernel of 9 · 64 rows and 64 columns this takes half of the
        multiplications. X is brought up to date after the first steps all the same, since what rounding leaves in its Gram
        matrix grows with each of them: tenfold steps, where a GPU multiplies with ten bits (TF32).
        """
        wide = _matrix(ops.cast(x, "float32"))
        tall = wide.shape[0] > wide.shape[1]
        wide = ops.transpose(wide) if tall else wide
        if wide.shape[1] < GAINS * wide.shape[0]:
            wide = super().zeropower_via_newtonschulz5(wide, steps)
        else:
            wide = wide / (ops.norm(wide) + keras.config.epsilon())
            for some in (min(steps, TOGETHER), steps - TOGETHER):
                wide = self._stepped(wide, some)
        return ops.cast(ops.reshape(ops.transpose(wide) if tall else wide, x.shape), x.dtype)

    def _stepped(self, wide, steps: int):
        """A matrix after so many steps of Newton and Schulz."""
        gram, identity = wide @ ops.transpose(wide), ops.eye(wide.shape[0])
        factors = []
        for step in range(steps):
            factors.append(self.muon_a * identity + self.muon_b * gram + self.muon_c * gram @ gram)
            if step < steps - 1:
                gram = factors[-1] @ gram @ factors[-1]
        return functools.reduce(lambda whole, factor: factor @ whole, factors) @ wide if factors else wide

    def lr_adjust(self, x):
        return ops.reshape(super().lr_adjust(_matrix(x)), x.shape)


def _matrix(kernel):
    return ops.reshape(kernel, (-1, kernel.shape[-1]))
