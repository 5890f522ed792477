"""Optimizers by their flag's name, Muon for convolutions, and learning rate schedules."""

import functools
import re

import keras
from keras import ops

from lib.config.hyperparameters import Hyperparameters
from lib.config.training_choices import OPTIMIZERS, SCHEDULES
from lib.training._compat import MuonWithChoice

MIN_CHANNELS = 16  # channels or units on both sides of a kernel that Muon trains
MIN_ASPECT_RATIO = 2  # of a matrix for which steps on its Gram matrix save multiplications
STEPS_PER_GRAM = 2  # Newton-Schulz steps on a Gram matrix before it is computed again


class Muon(MuonWithChoice):
    """Muon for convolution kernels as well as matrices.

    Source: Jordan et al., "Muon: an optimizer for hidden layers in neural networks", 2024.

    A kernel of shape (height, width, a, b) is orthogonalized as a matrix of height * width * a rows and b
    columns. AdamW trains kernels with fewer than 16 channels or units on either side, such as those next to
    the image or the classes, and everything that is neither a matrix nor a convolution kernel.
    """

    def uses_adamw(self, variable: keras.Variable) -> bool:
        if len(variable.shape) not in (2, 4) or min(variable.shape[-2:]) < MIN_CHANNELS:
            return True
        excluded = [*self.exclude_layers, *(["(?i)embedding"] if self.exclude_embeddings else [])]
        return any(re.search(name, variable.path) for name in excluded)

    def zeropower_via_newtonschulz5(self, x, steps: int):
        """The orthogonalized kernel: Keras's result up to rounding, in float32 and fewer multiplications.

        A Newton-Schulz step multiplies a matrix X by a polynomial of its Gram matrix X Xᵀ. The Gram matrix
        after the step follows from the one before, so several steps are one product with X. For a kernel of
        9 * 64 rows and 64 columns this halves the multiplications. X itself is updated after `STEPS_PER_GRAM`
        steps, because rounding errors in the Gram matrix grow with each step: with the ten-bit mantissas of a
        GPU's TF32, steps became ten times too long.
        """
        matrix = _as_matrix(ops.cast(x, "float32"))
        is_tall = matrix.shape[0] > matrix.shape[1]
        wide = ops.transpose(matrix) if is_tall else matrix
        if wide.shape[1] < MIN_ASPECT_RATIO * wide.shape[0]:
            wide = super().zeropower_via_newtonschulz5(wide, steps)
        else:
            wide = wide / (ops.norm(wide) + keras.config.epsilon())
            for count in (min(steps, STEPS_PER_GRAM), steps - STEPS_PER_GRAM):
                wide = self._newton_schulz(wide, count)
        return ops.cast(ops.reshape(ops.transpose(wide) if is_tall else wide, x.shape), x.dtype)

    def _newton_schulz(self, wide, steps: int):
        """A wide matrix after some Newton-Schulz steps on one Gram matrix."""
        gram = wide @ ops.transpose(wide)
        identity = ops.eye(wide.shape[0])
        factors = []
        for step in range(steps):
            factors.append(self.muon_a * identity + self.muon_b * gram + self.muon_c * gram @ gram)
            if step < steps - 1:
                gram = factors[-1] @ gram @ factors[-1]
        return functools.reduce(lambda product, factor: factor @ product, factors) @ wide if factors else wide

    def lr_adjust(self, x):
        """A step scaled by the root of its matrix's longer side."""
        return ops.reshape(super().lr_adjust(_as_matrix(x)), x.shape)


def _as_matrix(kernel):
    return ops.reshape(kernel, (-1, kernel.shape[-1]))


OWN_CLASSES = {"Muon": Muon}


def learning_rate_schedule(
    hp: Hyperparameters, learning_rate: float, steps: int
) -> float | keras.optimizers.schedules.LearningRateSchedule:
    """The learning rate as Keras's optimizers take it.

    Args:
        hp: its `schedule` is used.
        learning_rate: the highest learning rate.
        steps: number of steps of the whole training.
    """
    entry = SCHEDULES[hp.schedule]
    if not entry.class_name:
        return learning_rate
    return getattr(keras.optimizers.schedules, entry.class_name)(**entry.arguments(learning_rate, steps))


def make_optimizer(
    hp: Hyperparameters, learning_rate: float | keras.optimizers.schedules.LearningRateSchedule
) -> keras.optimizers.Optimizer:
    """The optimizer `hp.optimizer` with `hp.weight_decay`.

    Keras's defaults of 0.004 for AdamW's and Muon's weight decay are never used.
    """
    entry = OPTIMIZERS[hp.optimizer]
    decays = hp.weight_decay or entry.decays_by_default
    decay = dict.fromkeys(entry.decay_arguments, hp.weight_decay) if decays else {}
    optimizer_class = OWN_CLASSES.get(entry.class_name) or getattr(keras.optimizers, entry.class_name)
    return optimizer_class(learning_rate=learning_rate, **decay)
