"""Convolution, transposed convolution, and the convolutions of residual blocks."""

from dataclasses import dataclass
from math import prod

from lib.config.layer_specs.base import Shape, WeightedSpec


@dataclass(frozen=True, kw_only=True)
class Convolution(WeightedSpec):
    """Convolution over height and width.

    Args:
        kernel_size: (height, width), in pixels.
        stride: of both axes, in pixels.
        padding: `same` or `valid`.
    """

    name = "conv"
    keras_class = "Conv2D"

    kernel_size: tuple[int, int]
    stride: int = 1
    padding: str = "same"

    @property
    def output_shape(self) -> Shape:
        height, width = map(self._output_size, self.input_shape[:2], self.kernel_size)
        return (height, width, self.outputs)

    def _output_size(self, side: int, kernel: int) -> int:
        return -(-side // self.stride) if self.padding == "same" else (side - kernel) // self.stride + 1

    @property
    def kernel_parameters(self) -> int:
        return prod(self.kernel_size) * self.input_shape[-1] * self.outputs

    @property
    def arguments(self) -> dict:
        sizes = {"kernel_size": self.kernel_size, "strides": self.stride, "padding": self.padding}
        return super().arguments | {"filters": self.outputs} | sizes


@dataclass(frozen=True, kw_only=True)
class TransposedConvolution(Convolution):
    """Transposed convolution, which enlarges the feature map; its arguments are those of `Convolution`."""

    name = "transpose"
    keras_class = "Conv2DTranspose"
    setting = "upsampling"
    choice = "transpose"

    def _output_size(self, side: int, kernel: int) -> int:
        margin = max(kernel - self.stride, 0) if self.padding == "valid" else 0
        return side * self.stride + margin


class BlockConvolution(Convolution):
    """Convolution inside a residual block, whose initial weights are never the identity."""

    name = "block"


class Projection(Convolution):
    """Linear convolution in the shortcut of a residual block, where its shape changes."""

    name = "project"
