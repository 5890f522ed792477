"""Base classes of layer specs, and the registry of their types."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar

Shape = tuple[int, ...]  # (height, width, channels) or (units,)

LAYER_CLASSES: list[type[LayerSpec]] = []

# Vectors of one value per channel: scale and offset, for batches also the moving mean and variance.
BATCH, LAYER = "batch", "layer"
NORMALIZATION_VECTORS = {BATCH: 4, LAYER: 2}


@dataclass(frozen=True)
class LayerSpec(ABC):
    """One layer of the encoder or the decoder: sizes, parameters, and the Keras layer that it becomes.

    Args:
        input_shape: (height, width, channels) or (units,), without the batch.
        back: the input is the output of the layer so many places before; 1 is the layer just before.

    Attributes:
        name: beginning of the names of its Keras layers, which saved files contain: it never changes.
        keras_class: name of the layer in `keras.layers`.
        setting: hyperparameter by which the layer is chosen; empty for layers that need no choice.
        choice: value of that hyperparameter.
    """

    input_shape: Shape
    back: int = field(default=1, kw_only=True)

    name: ClassVar[str]
    keras_class: ClassVar[str]
    setting: ClassVar[str] = ""
    choice: ClassVar[str] = ""

    def __init_subclass__(cls) -> None:
        if hasattr(cls, "keras_class"):
            LAYER_CLASSES.append(cls)

    @property
    @abstractmethod
    def output_shape(self) -> Shape:
        """(height, width, channels) or (units,), without the batch."""

    @property
    def source(self) -> int:
        """Index of the encoder's layer whose output is the second input; -1 for a layer with one input."""
        return -1

    @property
    def addend(self) -> int:
        """Places before, as in `back`, of the layer whose output is the second input; 0 for one input."""
        return 0

    @property
    def arguments(self) -> dict[str, Any]:
        """Keyword arguments of the Keras layer, without its name."""
        return {}

    @property
    def parameters(self) -> int:
        """Number of weights, those of the normalization included."""
        return 0


@dataclass(frozen=True, kw_only=True)
class WeightedSpec(LayerSpec):
    """A layer with a kernel, followed by its normalization, activation and dropout.

    Args:
        input_shape: as in `LayerSpec`.
        outputs: channels or units of the output.
        normalization: `BATCH` or `LAYER`: the layer has no bias, and that normalization follows; else empty.
        activation: its Keras name, applied after the normalization.
        dropout: dropout follows the activation.
        zero_initialized: the initial output is zero: the kernel, or the scale of a normalization after it.
        frozen: the weights are not trained.
    """

    outputs: int
    normalization: str = ""
    activation: str = "linear"
    dropout: bool = False
    zero_initialized: bool = False
    frozen: bool = False

    @property
    @abstractmethod
    def kernel_parameters(self) -> int:
        """Number of weights of the kernel."""

    @property
    def parameters(self) -> int:
        vectors = NORMALIZATION_VECTORS[self.normalization] if self.normalization else 1
        return self.kernel_parameters + vectors * self.outputs

    @property
    def arguments(self) -> dict[str, Any]:
        return {"use_bias": not self.normalization, "trainable": not self.frozen}


def layer_choices(setting: str) -> dict[str, type[LayerSpec]]:
    """Return the layers that a hyperparameter chooses from.

    Args:
        setting: name of the hyperparameter, such as `pool_type`.

    Returns:
        The classes by the values of the hyperparameter.
    """
    return {cls.choice: cls for cls in LAYER_CLASSES if cls.setting == setting and cls.choice}


class LayerStack:
    """Layers one after another, each with the output of the one before as its input."""

    def __init__(self, input_shape: Shape):
        self.input_shape = input_shape
        self.layers: list[LayerSpec] = []

    @property
    def shape(self) -> Shape:
        """The output shape of the last layer."""
        return self._shape_before(1)

    def add(self, layer_class: Callable[..., LayerSpec], *arguments, **options) -> None:
        """Append a layer; its input is the output of the last layer, or of the one that `back` names."""
        input_shape = self._shape_before(options.get("back", 1))
        self.layers.append(layer_class(input_shape, *arguments, **options))

    def extend(self, layers: list[LayerSpec]) -> None:
        """Append layers that follow one another, the first of them on the last layer."""
        self.layers += layers

    def _shape_before(self, back: int) -> Shape:
        return self.layers[-back].output_shape if back <= len(self.layers) else self.input_shape
