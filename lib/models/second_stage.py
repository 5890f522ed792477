"""A small fully connected VAE on latent codes (Dai and Wipf, "Diagnosing and enhancing VAE models", 2019).

A first VAE can reconstruct well while its codes are not distributed as its prior. A second one, whose latent
dimension is the dimension of the codes, models their distribution.
"""

import threading
from collections.abc import Callable

import keras
import numpy as np
from keras import layers, ops

from lib.models.regularizers.kl import KLDivergence, Sampling
from lib.models.training_model import mean_output_loss

UNITS, HIDDEN_LAYERS = 256, 3  # of the encoder, and of the decoder
STEPS, BATCH_SIZE = 3000, 256  # of the training
LEARNING_RATE = 2e-3  # at first; it falls to 0 along half a cosine
FIRST_LOG_DEVIATION = -2.0  # of a decoded code around its mean; at the codes' own, 0, no value would be used
MIN_LOG_DEVIATION = -7.0
SAMPLE_BATCH = 4096


class GaussianError(layers.Layer):
    """Negative log-likelihood of codes around their reconstruction, in nats without a constant: (batch, 1).

    The standard deviation of all values is learned (section 3.1 of the paper): it falls as the reconstruction
    gets better, so that the KL divergence weighs less and less.
    """

    def build(self, *shapes):
        first = keras.initializers.Constant(FIRST_LOG_DEVIATION)
        self.log_deviation = self.add_weight(shape=(), initializer=first, name="log_deviation")

    def call(self, codes, reconstruction):
        log_deviation = ops.maximum(self.log_deviation, MIN_LOG_DEVIATION)
        scaled = ops.square((codes - reconstruction) * ops.exp(-log_deviation))
        return ops.sum(0.5 * scaled + log_deviation, axis=1, keepdims=True)

    def compute_output_shape(self, codes_shape, reconstruction_shape):
        return (codes_shape[0], 1)

    @property
    def deviation(self) -> float:
        """The standard deviation that was learned."""
        return float(np.exp(max(ops.convert_to_numpy(self.log_deviation), MIN_LOG_DEVIATION)))


class RandomRows(keras.utils.PyDataset):
    """Batches of random rows, with targets that the losses ignore; one epoch is the whole training."""

    def __init__(self, rows: np.ndarray, seed: int, steps: int):
        super().__init__()
        self.rows, self.seed, self.steps = rows, seed, steps

    def __len__(self) -> int:
        return self.steps

    def __getitem__(self, index: int):
        rng = np.random.default_rng((self.seed, index))
        batch = self.rows[rng.integers(len(self.rows), size=min(BATCH_SIZE, len(self.rows)))]
        zeros = np.zeros((len(batch), 1), np.float32)
        return batch, (zeros, zeros)


class FitReport(keras.callbacks.Callback):
    """Reports the progress of a fit, and stops it."""

    def __init__(self, steps: int, report: Callable[[float], None], stop_event: threading.Event):
        super().__init__()
        self.steps, self.report, self.stop_event = steps, report, stop_event

    def on_train_batch_end(self, batch, logs=None):
        self.report((batch + 1) / self.steps)
        if self.stop_event.is_set():
            self.model.stop_training = True


class SecondStage:
    """A VAE on codes, untrained at first.

    Args:
        size: values of a code.
        seed: of weights, batches and the noise of the training.
    """

    def __init__(self, size: int, seed: int):
        self.size, self.seed = size, seed
        codes = keras.Input((size,), name="codes")
        hidden = self._hidden(codes, "encoder", seed)
        z_mean = layers.Dense(size, name="z_mean", kernel_initializer=self._initializer(seed + 10))(hidden)
        z_log_var = layers.Dense(size, name="z_log_var", kernel_initializer="zeros")(hidden)
        z = Sampling(seed)(z_mean, z_log_var)
        self.decoder = self._build_decoder(seed + 20)
        self._error = GaussianError(name="error")
        outputs = [self._error(codes, self.decoder(z)), KLDivergence(name="kl")(z_mean, z_log_var)]
        self._training_model = keras.Model(codes, outputs, name="second_stage")

    def _build_decoder(self, seed: int) -> keras.Model:
        z = keras.Input((self.size,), name="z")
        # The skip of z to the output layer is the paper's, in its code for the second stage.
        joined = layers.Concatenate(name="joined")([self._hidden(z, "decoder", seed), z])
        outputs = layers.Dense(self.size, name="code", kernel_initializer=self._initializer(seed + 10))(
            joined
        )
        return keras.Model(z, outputs, name="second_decoder")

    @staticmethod
    def _hidden(x, part: str, seed: int):
        for number in range(HIDDEN_LAYERS):
            initializer = SecondStage._initializer(seed + number)
            x = layers.Dense(
                UNITS, activation="relu", kernel_initializer=initializer, name=f"{part}_{number + 1}"
            )(x)
        return x

    @staticmethod
    def _initializer(seed: int) -> keras.Initializer:
        return keras.initializers.GlorotUniform(seed)

    def fit(
        self,
        codes: np.ndarray,
        report: Callable[[float], None],
        stop_event: threading.Event,
    ) -> None:
        """Train it.

        Args:
            codes: float32 (n, size), each value with mean 0 and standard deviation 1.
            report: called with the fraction of the training that is done.
            stop_event: ends the training early.
        """
        schedule = keras.optimizers.schedules.CosineDecay(LEARNING_RATE, STEPS)
        losses = [mean_output_loss, mean_output_loss]
        self._training_model.compile(keras.optimizers.Adam(schedule), loss=losses)
        progress = FitReport(STEPS, report, stop_event)
        rows = RandomRows(codes, self.seed, STEPS)
        self._training_model.fit(rows, shuffle=False, verbose=0, callbacks=[progress])

    def sample(self, count: int, seed: int) -> np.ndarray:
        """Return codes sampled from the model: decoded standard normal codes with the learned noise.

        Args:
            count: of samples.
            seed: of the samples.

        Returns:
            float32 (count, size).
        """
        rng = np.random.default_rng(seed)
        parts = []
        for start in range(0, count, SAMPLE_BATCH):
            z = rng.standard_normal((min(SAMPLE_BATCH, count - start), self.size), np.float32)
            noise = rng.standard_normal(z.shape, np.float32)
            parts.append(self.decoder.predict_on_batch(z) + self._error.deviation * noise)
        return np.concatenate(parts)
