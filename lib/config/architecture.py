"""Architecture of an autoencoder: the layer specs of encoder and decoder, with sizes and parameter counts."""

from dataclasses import dataclass
from math import prod

from lib.common.formatting import format_shape
from lib.config.hyperparameters import Hyperparameters
from lib.tasks import ImageShape, get_task
from lib.tasks.base import FixedMaps

Shape = tuple[int, ...]  # (height, width, channels) or (units,)


@dataclass(frozen=True)
class LayerSpec:
    """One layer of the encoder or the decoder, followed by its normalization, activation and dropout.

    Args:
        kind: `conv`, `transpose` (transposed convolution), `dense`, `pool` (max pooling of 2), `upsample`
            (nearest neighbors), `pad` and `crop` (rows at the bottom, columns at the right), `flatten`,
            `reshape`, or `join` (concatenation with a feature map of the encoder).
        output_shape: (height, width, channels) or (units,), without the batch.
        kernel_size: height and width of the kernel, in pixels.
        stride: stride of a convolution; factor of an `upsample` layer.
        padding: `same` or `valid`.
        normalized: batch normalization follows, and the layer has no bias.
        activation: its Keras name, applied after the normalization.
        dropout: dropout follows the activation.
        zero_initialized: the initial weights are zero.
        frozen: the weights are not trained.
        parameters: number of weights, those of the normalization included.
        source: index of the encoder's layer whose output a `join` layer takes; -1 for other layers.
    """

    kind: str
    output_shape: Shape
    kernel_size: tuple[int, int] = (0, 0)
    stride: int = 1
    padding: str = "same"
    normalized: bool = False
    activation: str = "linear"
    dropout: bool = False
    zero_initialized: bool = False
    frozen: bool = False
    parameters: int = 0
    source: int = -1

    @property
    def has_weights(self) -> bool:
        return self.parameters > 0


@dataclass(frozen=True)
class LinearPath:
    """A linear layer into the code and one out of it, parallel to the encoder and the decoder.

    Args:
        kernel_size: side of the square kernel of two convolutions, in pixels; 0 for two dense layers.
        stride: stride of the convolutions: the factor by which the encoder reduces the image.
    """

    kernel_size: int = 0
    stride: int = 0

    @property
    def is_dense(self) -> bool:
        return not self.kernel_size


@dataclass(frozen=True)
class Architecture:
    """The layers of an autoencoder and its sizes, as `plan_architecture` computes them.

    Args:
        hp: the hyperparameters that it follows from.
        input_shape: (height, width, channels) of the encoder's input.
        target_shape: (height, width, channels) of the decoder's output.
        encoder: layers from the input to the code.
        decoder: layers from the code to the output.
        linear_path: the linear path, if there is one.
    """

    hp: Hyperparameters
    input_shape: ImageShape
    target_shape: ImageShape
    encoder: tuple[LayerSpec, ...]
    decoder: tuple[LayerSpec, ...]
    linear_path: LinearPath | None = None

    @property
    def latent_shape(self) -> Shape:
        """(height, width, channels) of a convolutional code, (units,) of a dense one."""
        return self.encoder[-1].output_shape

    @property
    def latent_size(self) -> int:
        return prod(self.latent_shape)

    @property
    def compression(self) -> float:
        """Number of input values per value of the code."""
        return prod(self.input_shape) / self.latent_size

    @property
    def fixed_maps(self) -> FixedMaps:
        """The fixed linear maps that the task puts into the network."""
        return get_task(self.hp.task).fixed_maps(self.hp, self.input_shape, self.target_shape)

    @property
    def skip_sources(self) -> tuple[int, ...]:
        """Indices of the encoder's layers whose outputs are joined to the decoder, in the decoder's order."""
        return tuple(layer.source for layer in self.decoder if layer.kind == "join")

    @property
    def parameters(self) -> int:
        """Number of weights, moving averages and frozen ones included, equal to Keras's `count_params`."""
        count = sum(layer.parameters for layer in self.encoder + self.decoder)
        if self.hp.variational:
            count += self.encoder[-1].parameters  # the layer of the log variances, equal to that of the means
        if self.linear_path:
            count += self._linear_path_parameters(self.linear_path)
        for units in self.hp.feedback:  # two dense layers: (image, remaining error, code) -> units -> code
            inputs = 2 * prod(self.input_shape) + self.latent_size
            count += (inputs + 2) * units + (units + 1) * self.latent_size
        return count + sum(fixed.matrix.size for fixed in self.fixed_maps if fixed)

    def _linear_path_parameters(self, path: LinearPath) -> int:
        """Number of weights of the layer into the code and of the one out of it."""
        code, inputs, outputs = self.latent_shape, self.input_shape, self.decoder[-1].output_shape
        if path.is_dense:
            return prod(code) * (prod(inputs) + prod(outputs)) + prod(code) + prod(outputs)
        weights = path.kernel_size**2 * code[-1] * (inputs[-1] + outputs[-1])
        return weights + code[-1] + outputs[-1]


def describe_architecture(architecture: Architecture) -> str:
    """Latent size, compression, parameters and feature map sizes in one line, for prompts and logs.

    The most important values come first, because a narrow terminal cuts the end off.
    """
    shapes: list[Shape] = [architecture.input_shape]
    for layer in architecture.encoder:
        if layer.kind == "pool":
            shapes[-1] = layer.output_shape
        elif layer.has_weights:
            shapes.append(layer.output_shape)
    sizes = [format_shape(shape) for shape in shapes]
    if len(sizes) > 6:
        sizes = [*sizes[:3], "…", *sizes[-2:]]
    ratio = architecture.compression
    if 0.95 < ratio < 1.05:
        comparison = "as large as the image"
    elif ratio > 1:
        comparison = f"{ratio:.1f}× smaller than the image"
    else:
        comparison = f"{1 / ratio:.1f}× as large as the image"
    return (
        f"latent {architecture.latent_size:,}, {comparison} · {architecture.parameters:,} parameters · "
        f"{' → '.join(sizes)}"
    )
