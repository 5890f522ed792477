"""Base class of the regularizers of the latent code, and layers that change gradients alone."""

import math
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import keras
from keras import ops

from lib.config.hyperparameters import AutoencoderHyperparameters

PENALTY_FACTOR = "penalty_factor"  # name of the layer by which the weight of the penalty changes


class CodeRegularizer:
    """A penalty on latent codes, as a part of the training model.

    Attributes:
        name: the output of the training model with the penalty of each image, shape (batch, 1), whose mean is
            added to the loss with the weight `hp.penalty_weight`.
        learns: whether it has a network of its own, which learns at full speed during a warm-up.
        measures: outputs, shape (batch, 1), with a metric function for Keras, whose name follows that of the
            output in a history; those besides `name` are not trained on.
    """

    name: ClassVar[str]
    learns: ClassVar[bool] = False
    measures: ClassVar[Mapping[str, Callable]] = {}

    def __init__(self, hp: AutoencoderHyperparameters):
        self.hp = hp

    def regularize(self, encoded: list) -> tuple[Any, dict[str, Any]]:
        """Return the code that is decoded, and the outputs by name.

        Args:
            encoded: the outputs of the encoder, Keras tensors: the code (batch, …), and of a variational
                encoder the logarithms of the variances.
        """
        raise NotImplementedError


@keras.saving.register_keras_serializable("latent_lab")
class GradientFactor(keras.layers.Layer):
    """The identity, whose gradient is multiplied by a factor.

    Losses keep their values, so that those of all epochs compare, while the factor changes what is learned.

    Args:
        factor: at the beginning; it is a weight that is not trained, so that a callback can change it.
    """

    def __init__(self, factor: float = 1.0, **kwargs):
        super().__init__(**kwargs)
        self.initial_factor = factor
        self.factor = self.add_weight(
            (), keras.initializers.Constant(factor), trainable=False, dtype="float32", name="factor"
        )

    def call(self, inputs):
        scaled = inputs * ops.cast(self.factor, inputs.dtype)
        return scaled + ops.stop_gradient(inputs - scaled)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return super().get_config() | {"factor": self.initial_factor}


@keras.saving.register_keras_serializable("latent_lab")
class StopGradient(keras.layers.Layer):
    """The identity, without a gradient."""

    def call(self, inputs):
        return ops.stop_gradient(inputs)

    def compute_output_shape(self, input_shape):
        return input_shape


@keras.saving.register_keras_serializable("latent_lab")
class PriorSample(keras.layers.Layer):
    """Draws as many codes from the standard normal distribution as there are codes in the batch.

    Args:
        seed: of the codes.
    """

    def __init__(self, seed: int | None = None, **kwargs):
        super().__init__(**kwargs)
        self.seed = seed
        self.generator = keras.random.SeedGenerator(seed)

    def call(self, codes):
        return keras.random.normal(ops.shape(codes), dtype=codes.dtype, seed=self.generator)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return super().get_config() | {"seed": self.seed}


def flatten(codes):
    """Return codes (batch, …) as rows, (batch, size)."""
    return ops.reshape(codes, (-1, math.prod(codes.shape[1:])))
