"""Muon for convolutions as well, and in fewer multiplications."""

import functools
import re

import keras
from keras import ops

from lib.config.hyperparameters import Hyperparameters

MIN_CHANNELS = 16  # channels or units on either side of a kernel for which it is used
MIN_ASPECT = 2  # so many times as long as wide must a matrix be for its Gram matrix to save multiplications
STEPS_PER_GRAM = 2  # steps, before the matrix itself is needed again


class Muon(keras.optimizers.Muon):
    """Keras's Muon, which orthogonalizes the steps of matrices, for kernels of convolutions too (Jordan et
    al., "Muon: an optimizer for hidden layers in neural networks", 2024).

    A kernel of shape (height, width, a, b) is a matrix of height · width · a rows and b columns. One with
    fewer than 16 channels or units on either side, as those that face images or classes, and what is no
    matrix is AdamW's, with the same learning rate.
    """

    def _should_use_adamw(self, variable) -> bool:
        if len(variable.shape) not in (2, 4) or min(variable.shape[-2:]) < MIN_CHANNELS:
            return True
        excluded = [*self.exclude_layers, *(["(?i)embedding"] if self.exclude_embeddings else [])]
        return any(re.search(name, variable.path) for name in excluded)

    def zeropower_via_newtonschulz5(self, x, steps: int):
        """What Keras's gives but for rounding, in float32 at the least.

        A step of Newton and Schulz multiplies a matrix X by a polynomial of its Gram matrix X Xᵀ, so several
        steps together do. Gram matrices alone are small squares: for a kernel of 9 · 64 rows and 64 columns
        this takes half of the multiplications. X is brought up to date after the first steps all the same,
        since what rounding leaves in its Gram matrix grows with each of them: tenfold steps, where a GPU
        multiplies with ten bits (TF32).
        """
        wide = _as_matrix(ops.cast(x, "float32"))
        tall = wide.shape[0] > wide.shape[1]
        wide = ops.transpose(wide) if tall else wide
        if wide.shape[1] < MIN_ASPECT * wide.shape[0]:
            wide = super().zeropower_via_newtonschulz5(wide, steps)
        else:
            wide = wide / (ops.norm(wide) + keras.config.epsilon())
            for some in (min(steps, STEPS_PER_GRAM), steps - STEPS_PER_GRAM):
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
        return ops.reshape(super().lr_adjust(_as_matrix(x)), x.shape)


def _as_matrix(kernel):
    return ops.reshape(kernel, (-1, kernel.shape[-1]))


WARM_UP_FRACTION = 0.05  # share of the steps in which the learning rate rises to its highest
FINAL_FRACTION = 0.01  # what the exponential schedule leaves of the learning rate
OPTIMIZER_CLASSES = {cls.lower(): cls for cls in (
    "Adam", "AdamW", "Nadam", "Adamax", "RMSprop", "SGD", "Adagrad", "Adadelta", "Adafactor", "Lion",
)}  # fmt: skip


def learning_rate_schedule(hp: Hyperparameters, rate: float, steps: int):
    """The learning rate as Keras's optimizers take it, for so many steps in all.

    `cosine`: a short linear warm-up, then half a cosine down to nothing: long steps first, fine ones last.
    """
    if hp.schedule in ("constant", "plateau"):
        return rate
    if hp.schedule == "exponential":
        return keras.optimizers.schedules.ExponentialDecay(rate, steps, FINAL_FRACTION)
    rising = max(1, round(WARM_UP_FRACTION * steps))
    return keras.optimizers.schedules.CosineDecay(
        rate / 10, max(1, steps - rising), alpha=0.0, warmup_target=rate, warmup_steps=rising
    )


def make_optimizer(hp: Hyperparameters, rate) -> keras.optimizers.Optimizer:
    """The optimizer of that Keras name, with `hp.weight_decay` where there is any."""
    if hp.optimizer == "muon":
        return Muon(rate, weight_decay=hp.weight_decay, adam_weight_decay=hp.weight_decay)
    decay = {"weight_decay": hp.weight_decay} if hp.weight_decay or hp.optimizer == "adamw" else {}
    return getattr(keras.optimizers, OPTIMIZER_CLASSES[hp.optimizer])(learning_rate=rate, **decay)
