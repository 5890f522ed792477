"""Fully connected layer."""

from dataclasses import dataclass

from lib.config.layer_specs.base import Shape, WeightedSpec


@dataclass(frozen=True, kw_only=True)
class Dense(WeightedSpec):
    """Fully connected layer of `outputs` units."""

    name = "dense"
    keras_class = "Dense"

    @property
    def output_shape(self) -> Shape:
        return (self.outputs,)

    @property
    def kernel_parameters(self) -> int:
        return self.input_shape[0] * self.outputs

    @property
    def arguments(self) -> dict:
        return super().arguments | {"units": self.outputs}
