"""Architecture of an autoencoder: the layers of encoder and decoder, its sizes and number of parameters."""

from dataclasses import dataclass
from math import prod

from lib.common.formatting import format_shape
from lib.config.conditioning import label_parameters
from lib.config.hyperparameters import AutoencoderHyperparameters
from lib.config.layer_specs import LayerSpec, Shape, WeightedSpec
from lib.config.layer_specs.convolutions import BlockConvolution, Projection
from lib.config.layer_specs.pooling import Pool
from lib.config.layer_specs.resizing import Sum
from lib.config.parallel_layers import FeedbackStep, LinearPath
from lib.tasks import ImageShape, get_task
from lib.tasks.fixed_maps import FixedMaps


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
        feedback: steps that correct the code, in their order.
        classes: of a conditional autoencoder, whose encoder and decoder take a label; 0 for others, and where
            the number is not known.
    """

    hp: AutoencoderHyperparameters
    input_shape: ImageShape
    target_shape: ImageShape
    encoder: tuple[LayerSpec, ...]
    decoder: tuple[LayerSpec, ...]
    linear_path: LinearPath | None = None
    feedback: tuple[FeedbackStep, ...] = ()
    classes: int = 0

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
        return get_task(self.hp).fixed_maps(self.hp, self.input_shape, self.target_shape)

    @property
    def skip_sources(self) -> tuple[int, ...]:
        """Indices of the encoder's layers whose outputs are joined to the decoder, in the decoder's order."""
        return tuple(layer.source for layer in self.decoder if layer.source >= 0)

    @property
    def parameters(self) -> int:
        """Number of weights, moving averages and frozen ones included, equal to Keras's `count_params`."""
        layers = [*self.encoder, *self.decoder]
        if self.hp.variational:
            layers.append(self.encoder[-1])  # the layer of the log variances, equal to that of the means
        if self.linear_path:
            layers += [*self.linear_path.encoder, *self.linear_path.decoder]
        for step in self.feedback:
            layers += [step.hidden, step.correction]
        fixed = sum(fixed.matrix.size for fixed in self.fixed_maps if fixed)
        labels = sum(label_parameters(shape, self.classes) for shape in (self.input_shape, self.latent_shape))
        return sum(layer.parameters for layer in layers) + fixed + labels


def describe_architecture(architecture: Architecture) -> str:
    """Latent size, compression, parameters and feature map sizes in one line, for prompts and logs.

    The most important values come first, because a narrow terminal cuts the end off.
    """
    shapes: list[Shape] = [architecture.input_shape]
    for layer in architecture.encoder:
        is_whole = isinstance(layer, WeightedSpec) and not isinstance(layer, BlockConvolution | Projection)
        if is_whole or isinstance(layer, Sum):
            shapes.append(layer.output_shape)
        elif isinstance(layer, Pool):
            shapes[-1] = layer.output_shape
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
