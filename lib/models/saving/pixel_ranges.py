"""Pixel ranges of models made elsewhere, from the layers that their images pass first and last.

A `Rescaling` or a normalization at the beginning tells the range of the inputs, the last activation and a
`Rescaling` after it that of the outputs. An autoencoder is trained to give back its inputs: where one of the
ranges is not told, it is the other's; where none is, 0 to 1.
"""

import math
from typing import NamedTuple

import keras
import numpy as np
from keras import layers

from lib.models.saving.graph_copy import LayerCall, scale_and_offset

MAX_BYTE_SCALE = 0.05  # a Rescaling by less than this is meant for pixels of 0..255
MIN_BYTE_MEAN = 1.5  # a normalization with a mean above this, too
NEGATIVE_MEAN = -0.02  # one with a mean below this is meant for pixels of -1..1
TOLERANCE = 0.02  # of a range's limits: 1/256 is taken for 1/255
# They change the shape of images, or nothing once a model is trained, and leave the range of the pixels.
RANGE_PRESERVING_LAYERS = (
    *("Reshape", "Flatten", "Permute", "Identity", "ZeroPadding2D", "Cropping2D", "Resizing", "CenterCrop"),
    *("UpSampling2D", "MaxPooling2D", "AveragePooling2D", "Dropout", "SpatialDropout2D", "GaussianNoise"),
    *("GaussianDropout", "RandomFlip", "RandomRotation", "RandomZoom", "RandomTranslation", "RandomCrop"),
    *("RandomContrast", "RandomBrightness", "ActivityRegularization"),
)
ACTIVATION_RANGES = {
    "sigmoid": (0.0, 1.0),
    "hard_sigmoid": (0.0, 1.0),
    "tanh": (-1.0, 1.0),
    "hard_tanh": (-1.0, 1.0),
    "softsign": (-1.0, 1.0),
}
AS_OUTPUTS = "as its outputs"  # a reason


class PixelRange(NamedTuple):
    """Values of black and white, and the reason to assume them, empty where nothing told them."""

    low: float
    high: float
    reason: str = ""

    @property
    def is_unit(self) -> bool:
        """True for 0 to 1."""
        return (self.low, self.high) == (0, 1)

    def __str__(self) -> str:
        return f"{self.low:g} to {self.high:g}"


UNIT, SIGNED, BYTES = PixelRange(0, 1), PixelRange(-1, 1), PixelRange(0, 255)


def find_pixel_ranges(
    calls: list[LayerCall], inputs: keras.KerasTensor | None, output: keras.KerasTensor | None
) -> tuple[PixelRange, PixelRange]:
    """Return the ranges of a model's inputs and outputs.

    Args:
        calls: the calls of its layers.
        inputs: its input; `None` if that is no image.
        output: its output that is an image; `None` if there is none.
    """
    input_range = None if inputs is None else _input_range(calls, inputs)
    output_range = None if output is None else _output_range(calls, output)
    if input_range is None and output_range is None:
        return UNIT, UNIT
    if input_range is None:
        assert output_range is not None
        input_range = output_range._replace(reason=AS_OUTPUTS)
    if output_range is None:
        output_range = input_range._replace(reason="as its inputs")
    return input_range, output_range


def describe_ranges(inputs: PixelRange | None, outputs: PixelRange | None) -> str:
    """Return the sentence about the pixels that a model takes and gives; `None` for none of them."""
    names = [("inputs", inputs), ("outputs", outputs)]
    if inputs is not None and outputs is not None and str(inputs) == str(outputs):
        told = outputs if inputs.reason in ("", AS_OUTPUTS) else inputs
        names = [("inputs and outputs", told)]
    parts = [
        f"its {name} are assumed to be pixels in {pixels} ({pixels.reason or 'no layer indicates otherwise'})"
        for name, pixels in names
        if pixels is not None
    ]
    return ", ".join(parts) + "."


def _input_range(calls: list[LayerCall], inputs: keras.KerasTensor) -> PixelRange | None:
    """The range that the first layers with numbers of their own are made for, if they tell it."""
    tensor = inputs
    for call in calls:
        if call.is_model or not any(tensor is value for value in call.inputs):
            continue
        layer = call.layer
        reason = f"the first layer is the {type(layer).__name__} {layer.name}"
        if isinstance(layer, layers.Rescaling):
            return _rescaled_range(layer)._replace(reason=reason)
        if isinstance(layer, layers.Normalization):
            mean, deviation = _statistics(layer)
            return _normalized_range(mean, deviation)._replace(reason=reason)
        if isinstance(layer, layers.BatchNormalization):
            mean, variance = (
                keras.ops.convert_to_numpy(value) for value in (layer.moving_mean, layer.moving_variance)
            )
            if np.any(mean) or np.any(variance != 1):  # else it has not been trained
                return _normalized_range(mean, np.sqrt(variance))._replace(reason=reason)
            return None
        if type(layer).__name__ not in RANGE_PRESERVING_LAYERS:
            return None
        tensor = call.output
    return None


def _rescaled_range(layer: layers.Rescaling) -> PixelRange:
    scale, offset = scale_and_offset(layer)
    if np.max(np.abs(scale)) < MAX_BYTE_SCALE:
        return BYTES
    signed = np.allclose(scale, 0.5, atol=TOLERANCE) and np.allclose(offset, 0.5, atol=TOLERANCE)
    return SIGNED if signed else UNIT


def _statistics(layer: layers.Normalization) -> tuple[np.ndarray, np.ndarray]:
    scale, offset = scale_and_offset(layer)
    return (offset, scale) if layer.invert else (-offset / scale, 1 / scale)


def _normalized_range(mean: np.ndarray, deviation: np.ndarray) -> PixelRange:
    """The range of pixels with these means and standard deviations."""
    if np.max(mean) > MIN_BYTE_MEAN or np.max(deviation) > MIN_BYTE_MEAN:
        return BYTES
    return SIGNED if np.min(mean) < NEGATIVE_MEAN else UNIT


def _output_range(calls: list[LayerCall], output: keras.KerasTensor) -> PixelRange | None:
    """The range of the last activation, as the `Rescaling` layers after it change it."""
    rescalings: list[LayerCall] = []
    tensor = output
    for call in reversed(calls):
        if call.is_model or not any(tensor is value for value in call.outputs):
            continue
        if isinstance(call.layer, layers.Rescaling):
            rescalings.insert(0, call)
        elif type(call.layer).__name__ not in RANGE_PRESERVING_LAYERS:
            return _activated_range(call.layer, rescalings)
        tensor = call.inputs[0]
    return None


def _activated_range(layer: keras.Operation, rescalings: list[LayerCall]) -> PixelRange | None:
    """The range of a layer's outputs after rescaling; a linear layer's is told by the rescaling alone."""
    activation = getattr(getattr(layer, "activation", None), "__name__", "")
    maximum = getattr(layer, "max_value", None)
    activated = (0.0, float(maximum)) if maximum else ACTIVATION_RANGES.get(activation)
    names = [activation or type(layer).__name__] if activated else []
    reason = "the last activation is " + " and ".join([*names, *(call.layer.name for call in rescalings)])
    if activated:
        return _rescale(activated, rescalings)._replace(reason=reason)
    if not rescalings:
        return None
    guesses = [_rescale((start.low, start.high), rescalings) for start in (UNIT, SIGNED)]
    usual = [guess for guess in guesses if guess in (UNIT, SIGNED, BYTES)]
    return usual[0]._replace(reason=reason) if usual else None


def _rescale(limits: tuple[float, float], rescalings: list[LayerCall]) -> PixelRange:
    for call in rescalings:
        scale, offset = scale_and_offset(call.layer)
        low, high = (limit * float(scale.mean()) + float(offset.mean()) for limit in limits)
        limits = low, high
    return next(
        (
            usual
            for usual in (UNIT, SIGNED, BYTES)
            if all(
                math.isclose(limit, end, abs_tol=TOLERANCE * (usual.high - usual.low))
                for limit, end in zip(limits, usual[:2], strict=True)
            )
        ),
        PixelRange(min(limits), max(limits)),
    )
