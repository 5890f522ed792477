"""Pooling layers: the values of `--pool-type`."""

from typing import ClassVar

from lib.config.layer_specs.base import LayerSpec, Shape


class Pool(LayerSpec):
    """Base class of the pooling layers, which reduce both sides of a feature map by a factor, rounded up.

    A subclass has a `choice` and the `keras_class`; `choice` becomes a value of `--pool-type`.
    """

    name = "pool"
    setting = "pool_type"
    factor: ClassVar[int] = 2

    @property
    def output_shape(self) -> Shape:
        height, width, channels = self.input_shape
        return (-(-height // self.factor), -(-width // self.factor), channels)

    @property
    def arguments(self) -> dict:
        return {"pool_size": self.factor, "padding": "same"}


class MaxPool(Pool):
    """Maximum of each 2×2 block."""

    keras_class = "MaxPooling2D"
    choice = "max"


class AveragePool(Pool):
    """Mean of each 2×2 block."""

    keras_class = "AveragePooling2D"
    choice = "average"
