"""The weight of the penalty of latent codes in the course of a training."""

from __future__ import annotations

from collections.abc import Callable

import keras

from lib.config.hyperparameters import AutoencoderHyperparameters
from lib.models.regularizers import PENALTY_FACTOR


def penalty_factor(hp: AutoencoderHyperparameters, progress: float) -> float:
    """Return the factor of the penalty's gradient, 0..1.

    It rises linearly in the first part of each cycle, and stays 1 in the rest of it (Fu et al., "Cyclical
    annealing schedule: a simple approach to mitigating KL vanishing", 2019).

    Args:
        hp: `beta_warmup`, the part in which it rises, and `beta_cycles`.
        progress: the part of the training that has passed, 0..1.
    """
    if not hp.beta_warmup or progress >= 1:
        return 1.0
    return min(1.0, progress * hp.beta_cycles % 1 / hp.beta_warmup)


class PenaltySchedule(keras.callbacks.Callback):
    """Changes the factor of the penalty's gradient in the course of a training.

    JAX takes a new factor at the beginning of an epoch only.

    Args:
        hp: of the training.
        steps: batches of an epoch.
        epochs: of the whole training, those of a run that this one continues included.
        progress: returns the part of the training that has passed, for one that ends by the clock.
    """

    def __init__(
        self,
        hp: AutoencoderHyperparameters,
        steps: int,
        epochs: int,
        progress: Callable[[], float] | None = None,
    ):
        super().__init__()
        self.hp, self.steps, self.epochs = hp, steps, epochs
        self._progress = progress
        self._epoch = 0

    def on_epoch_begin(self, epoch, logs=None):
        self._epoch = epoch

    def on_train_batch_begin(self, batch, logs=None):
        if self._progress is not None:
            progress = self._progress()
        elif keras.backend.backend() == "jax":
            progress = (self._epoch + 0.5) / self.epochs
        else:
            progress = (self._epoch * self.steps + batch) / (self.epochs * self.steps)
        layer = self.model.get_layer(PENALTY_FACTOR)
        layer.factor.assign(penalty_factor(self.hp, progress))
