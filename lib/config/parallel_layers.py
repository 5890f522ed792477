"""Layers beside the encoder and the decoder: the linear path, and feedback from the reconstruction."""

from dataclasses import dataclass
from math import prod

from lib.common.errors import UserError
from lib.common.formatting import format_shape
from lib.config.hyperparameters import AutoencoderHyperparameters
from lib.config.layer_specs import LayerSpec, LayerStack, Shape
from lib.config.layer_specs.base import LAYER
from lib.config.layer_specs.convolutions import Convolution, TransposedConvolution
from lib.config.layer_specs.dense import Dense
from lib.config.layer_specs.resizing import Cropping, Flatten, Reshape
from lib.tasks import ImageShape


@dataclass(frozen=True)
class LinearPath:
    """Linear layers into the code and out of it, parallel to the encoder and the decoder.

    Args:
        encoder: a convolution, or flatten and a dense layer.
        decoder: a transposed convolution and cropping, or a dense layer and reshape.
    """

    encoder: tuple[LayerSpec, ...]
    decoder: tuple[LayerSpec, ...]

    @property
    def convolution(self) -> Convolution | None:
        """The convolution into a code of feature maps; `None` for a dense code."""
        layer = self.encoder[-1]
        return layer if isinstance(layer, Convolution) else None

    @property
    def is_dense(self) -> bool:
        return self.convolution is None


@dataclass(frozen=True)
class FeedbackStep:
    """Two dense layers from image, residual and code to a correction of the code."""

    hidden: Dense
    correction: Dense


def plan_linear_path(
    hp: AutoencoderHyperparameters, stride: int, encoder_input: Shape, code: Shape, output: Shape
) -> LinearPath | None:
    """The linear path of `hp.linear_path`.

    Args:
        hp: hyperparameters of an autoencoder.
        stride: the factor by which the encoder reduces the image.
        encoder_input: (height, width, channels) of the encoder's first layer.
        code: shape of the code.
        output: (height, width, channels) of the decoder's output.

    Raises:
        UserError: its kernel is smaller than the stride, or inputs and outputs differ in size.
    """
    if hp.linear_path is None:
        return None
    if isinstance(hp.linear_path, int) and hp.linear_path < stride:
        raise UserError(
            f"linear path {hp.linear_path} is smaller than the stride of the encoder; the minimum is {stride}"
        )
    if encoder_input[:2] != output[:2]:
        raise UserError(
            f"linear path requires inputs and targets of one size, not {format_shape(encoder_input)} and "
            f"{format_shape(output)}"
        )
    encoder, decoder = LayerStack(encoder_input), LayerStack(code)
    if isinstance(hp.linear_path, int):
        options = {"kernel_size": (hp.linear_path, hp.linear_path), "stride": stride}
        encoder.add(Convolution, outputs=code[2], **options)
        decoder.add(TransposedConvolution, outputs=output[2], **options)
        decoder.add(Cropping, output[:2])
    else:
        encoder.add(Flatten)
        encoder.add(Dense, outputs=code[0])
        decoder.add(Dense, outputs=prod(output))
        decoder.add(Reshape, output)
    return LinearPath((*encoder.layers,), (*decoder.layers,))


def plan_feedback(hp: AutoencoderHyperparameters, image: ImageShape, code: Shape) -> tuple[FeedbackStep, ...]:
    """The steps of `hp.feedback`, for an input (height, width, channels) and the shape of a dense code."""
    inputs = (2 * prod(image) + prod(code),)
    return tuple(
        FeedbackStep(
            Dense(inputs, outputs=units, normalization=LAYER, activation=hp.activation),
            Dense((units,), outputs=prod(code), zero_initialized=True),
        )
        for units in hp.feedback
    )
