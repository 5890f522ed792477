"""Optimizers by their flag's name, Muon for convolutions, and learning rate schedules."""

import functools
import re

import keras
from keras import ops

from lib.config.hyperparameters import Hyperparameters
from lib.training._compat import MuonWithChoice

MIN_CHANNELS = 16  # channels or units on both sides of a kernel that Muon trains
MIN_ASPECT_RATIO = 2  # of a matrix for which steps on its Gram matrix save multiplications
STEPS_PER_GRAM = 2  # Newton-Schulz steps on a Gram matrix before it is computed again

WARM_UP_FRACTION = 0.05  # of the steps, in which the cosine schedule's learning rate rises
FINAL_FRACTION = 0.01  # of the learning rate, at the end of the exponential schedule

# `lib.config.fields.OPTIMIZERS` as Keras's classes; Muon is `Muon` below.
_CLASSES = "Adam AdamW Nadam Adamax RMSprop SGD Adagrad Adadelta Adafactor Lion"
OPTIMIZER_CLASSES = {name.lower(): name for name in _CLASSES.split()}


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


def learning_rate_schedule(
    hp: Hyperparameters, learning_rate: float, steps: int
) -> float | keras.optimizers.schedules.LearningRateSchedule:
    """The learning rate as Keras's optimizers take it.

    `cosine` is a short linear warm-up, then half a cosine down to zero. `plateau` is constant here; the
    callback `ReduceLROnPlateau` lowers it.

    Args:
        hp: its `schedule` is used.
        learning_rate: the highest learning rate.
        steps: number of steps of the whole training.
    """
    if hp.schedule in ("constant", "plateau"):
        return learning_rate
    if hp.schedule == "exponential":
        return keras.optimizers.schedules.ExponentialDecay(learning_rate, steps, FINAL_FRACTION)
    warm_up_steps = max(1, round(WARM_UP_FRACTION * steps))
    return keras.optimizers.schedules.CosineDecay(
        learning_rate / 10,
        max(1, steps - warm_up_steps),
        alpha=0.0,
        warmup_target=learning_rate,
        warmup_steps=warm_up_steps,
    )


def make_optimizer(
    hp: Hyperparameters, learning_rate: float | keras.optimizers.schedules.LearningRateSchedule
) -> keras.optimizers.Optimizer:
    """The optimizer `hp.optimizer` with `hp.weight_decay`.

    Keras's defaults of 0.004 for AdamW's and Muon's weight decay are never used.
    """
    if hp.optimizer == "muon":
        return Muon(learning_rate, weight_decay=hp.weight_decay, adam_weight_decay=hp.weight_decay)
    decay = {"weight_decay": hp.weight_decay} if hp.weight_decay or hp.optimizer == "adamw" else {}
    optimizer_class = getattr(keras.optimizers, OPTIMIZER_CLASSES[hp.optimizer])
    return optimizer_class(learning_rate=learning_rate, **decay)
