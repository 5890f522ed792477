"""Layers that round latent codes to a few levels, as finite scalar quantization does (Mentzer et al. 2023).

A saved encoder rounds by Keras's own layers, so that Keras opens it without our code. In the training model a
layer with a straight-through gradient takes their place.
"""

import keras
import numpy as np
from keras import layers, ops

from lib.config.quantization import Quantization

STEEPNESS = 2.0**22  # of the steps; numbers of a code are in steps of about 2⁻²²
BOUNDED = "code_bound"  # name of the layer whose output is rounded


def quantize(code, quantization: Quantization):
    """Return a code with each number at one of its levels.

    Args:
        code: Keras tensor (batch, …, size), any numbers.
        quantization: levels of the last axis.

    Returns:
        Keras tensor like the code, in -1..1. It has no gradient.
    """
    x = layers.Rescaling(1.0, offset=quantization.shift.tolist(), name="code_shift")(code)
    x = layers.Activation("tanh", name="code_tanh")(x)
    offset = (-quantization.offset).tolist()
    x = layers.Rescaling(quantization.half_range.tolist(), offset=offset, name=BOUNDED)(x)
    # The sum of steps at the thresholds between levels; Keras has no layer that rounds.
    steps = []
    for number in range(1, quantization.levels.max()):
        scale = np.where(number < quantization.levels, STEEPNESS, 0)
        thresholds = number - 0.5 - quantization.half_width
        arguments = {"scale": scale.tolist(), "offset": (-scale * thresholds).tolist()}
        step = layers.Rescaling(**arguments, name=f"code_threshold_{number}")(x)
        steps.append(layers.ReLU(max_value=1.0, name=f"code_step_{number}")(step))
    level = layers.Add(name="code_level")(steps) if len(steps) > 1 else steps[0]
    return layers.Rescaling((1 / quantization.half_width).tolist(), offset=-1.0, name="code_rounded")(level)


@keras.saving.register_keras_serializable("latent_lab")
class StraightThrough(keras.layers.Layer):
    """Rounds the output of the layer `BOUNDED` as `quantize` does, with the gradient that it has before.

    Args:
        half_width: the divisor of rounded numbers, (size,).
    """

    def __init__(self, half_width: list[float], **kwargs):
        super().__init__(**kwargs)
        self.half_width = half_width

    def call(self, bounded):
        rounded = bounded + ops.stop_gradient(ops.round(bounded) - bounded)
        return rounded / ops.convert_to_tensor(self.half_width, dtype=bounded.dtype)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return super().get_config() | {"half_width": self.half_width}


def encoder_before_rounding(encoder: keras.Model) -> keras.Model:
    """Return the encoder without its last layers, those of `quantize` that round; it shares the weights."""
    return keras.Model(encoder.inputs, encoder.get_layer(BOUNDED).output, name=encoder.name)
