"""Layers without weights: upsampling, padding, cropping, reshaping, joining and adding."""

from dataclasses import dataclass
from math import prod
from typing import ClassVar

from lib.config.layer_specs.base import LayerSpec, Shape


@dataclass(frozen=True)
class Upsampling(LayerSpec):
    """Upsampling by interpolation; `choice` is Keras's name of the interpolation.

    Args:
        factor: by which both sides become larger.
    """

    name = "upsample"
    keras_class = "UpSampling2D"
    setting = "upsampling"
    choice = "nearest"

    factor: int

    @property
    def output_shape(self) -> Shape:
        height, width, channels = self.input_shape
        return (height * self.factor, width * self.factor, channels)

    @property
    def arguments(self) -> dict:
        return {"size": self.factor, "interpolation": self.choice}


@dataclass(frozen=True)
class _Margins(LayerSpec):
    """Base class of layers that change a feature map at the bottom and at the right.

    Args:
        size: height and width of the output.
    """

    argument: ClassVar[str]

    size: Shape

    @property
    def output_shape(self) -> Shape:
        return (*self.size, self.input_shape[2])

    @property
    def arguments(self) -> dict:
        rows, columns = (abs(old - new) for old, new in zip(self.input_shape[:2], self.size, strict=True))
        return {self.argument: ((0, rows), (0, columns))}


class Padding(_Margins):
    """Rows and columns of zeros."""

    name = "pad"
    keras_class = "ZeroPadding2D"
    argument = "padding"


class Cropping(_Margins):
    """Removal of rows and columns."""

    name = "crop"
    keras_class = "Cropping2D"
    argument = "cropping"


class Flatten(LayerSpec):
    """A feature map as one vector."""

    name = "flatten"
    keras_class = "Flatten"

    @property
    def output_shape(self) -> Shape:
        return (prod(self.input_shape),)


@dataclass(frozen=True)
class Reshape(LayerSpec):
    """A vector as a feature map of `target_shape`."""

    name = "reshape"
    keras_class = "Reshape"

    target_shape: Shape

    @property
    def output_shape(self) -> Shape:
        return self.target_shape

    @property
    def arguments(self) -> dict:
        return {"target_shape": self.target_shape}


@dataclass(frozen=True)
class Join(LayerSpec):
    """Concatenation with a feature map of the encoder, a skip connection.

    Args:
        channels: of the encoder's feature map.
        encoder_layer: index of the encoder's layer that gives it.
    """

    name = "join"
    keras_class = "Concatenate"

    channels: int
    encoder_layer: int

    @property
    def output_shape(self) -> Shape:
        return (*self.input_shape[:2], self.input_shape[2] + self.channels)

    @property
    def source(self) -> int:
        return self.encoder_layer


@dataclass(frozen=True)
class Sum(LayerSpec):
    """Sum with the output of an earlier layer of the same shape, the end of a residual block.

    Args:
        other: places before, as in `back`, of the layer that gives the second addend.
    """

    name = "sum"
    keras_class = "Add"

    other: int

    @property
    def output_shape(self) -> Shape:
        return self.input_shape

    @property
    def addend(self) -> int:
        return self.other
