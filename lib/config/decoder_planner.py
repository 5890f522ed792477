"""Decoder of an `Architecture`: dense layers, then the mirrored or the given convolutions."""

from dataclasses import dataclass, replace
from math import prod

from lib.config.encoder_planner import EncoderStage, add_hidden_dense
from lib.config.hyperparameters import AutoencoderHyperparameters
from lib.config.layer_specs import LayerStack, Shape, layer_choices
from lib.config.layer_specs.base import BATCH
from lib.config.layer_specs.convolutions import BlockConvolution, Convolution, TransposedConvolution
from lib.config.layer_specs.dense import Dense
from lib.config.layer_specs.resizing import Cropping, Join, Padding, Reshape, Upsampling
from lib.config.network_settings import RESIDUAL
from lib.config.residual_blocks import end_block
from lib.tasks import get_task


@dataclass(frozen=True)
class DecoderStep:
    """A convolution of the decoder with its upsampling, padding and cropping.

    Args:
        output_shape: (height, width, channels) after all of them.
        kernel_size: (height, width), in pixels.
        factor: by which the feature map becomes larger.
        normalized: batch normalization follows.
        stage: the encoder's stage that it mirrors.
        is_last: its output is that of the decoder.
    """

    output_shape: Shape
    kernel_size: tuple[int, int]
    factor: int
    normalized: bool
    stage: EncoderStage
    is_last: bool = False


def plan_decoder(
    hp: AutoencoderHyperparameters, code: Shape, stages: list[EncoderStage], feature_map: Shape, output: Shape
) -> LayerStack:
    """Dense layers, where the code is dense, then one convolution per stage of the encoder."""
    decoder = LayerStack(code)
    if hp.latent_dim is not None:
        for units in reversed(hp.fc_units):
            add_hidden_dense(hp, decoder, units, dropout=hp.dropout > 0)
        if not stages:
            decoder.add(Dense, outputs=prod(output), activation=output_activation(hp))
            decoder.add(Reshape, output)
            return decoder
        add_hidden_dense(hp, decoder, prod(feature_map), dropout=False)
        decoder.add(Reshape, feature_map)
    plan_decoder_convolutions(hp, decoder, stages, output)
    return decoder


def plan_decoder_convolutions(
    hp: AutoencoderHyperparameters, decoder: LayerStack, stages: list[EncoderStage], output: Shape
) -> None:
    """The convolutions from the smallest feature map to the target's size."""
    if hp.decoder_kernels is None:
        steps = _mirrored_steps(stages, output)
    else:
        steps = _custom_steps(hp.decoder_kernels, bool(hp.batch_norm), stages, output)
    for step in steps:
        _plan_upsampling(hp, decoder, step)
        if hp.skip and not step.is_last and _can_join(step):
            decoder.add(Join, step.stage.input_shape[2], step.stage.source)


def _can_join(step: DecoderStep) -> bool:
    """True if the input of the mirrored stage is a feature map of the encoder with the size of the output."""
    return step.stage.source >= 0 and step.stage.input_shape[:2] == step.output_shape[:2]


def _mirrored_steps(stages: list[EncoderStage], output: Shape) -> list[DecoderStep]:
    steps = [
        DecoderStep(stage.input_shape, stage.kernel_size, stage.factor, stage.input_normalized, stage)
        for stage in reversed(stages)
    ]
    return [*steps[:-1], replace(steps[-1], output_shape=output, normalized=False, is_last=True)]


def _custom_steps(
    kernels: tuple[int, ...], normalized: bool, stages: list[EncoderStage], output: Shape
) -> list[DecoderStep]:
    """The steps for given kernels: the first ones upsample, and the last one by the remaining factor."""
    upsampling = [stage for stage in reversed(stages) if stage.factor > 1]
    stage, steps = stages[-1], []
    for channels in kernels:
        factor = 1
        if upsampling:
            stage = upsampling.pop(0)
            factor = stage.factor
        output_shape = (*stage.input_shape[:2], channels)
        steps.append(DecoderStep(output_shape, stage.kernel_size, factor, normalized, stage))
    remaining = prod(stage.factor for stage in upsampling)
    return [*steps, DecoderStep(output, stages[0].kernel_size, remaining, False, stages[0], is_last=True)]


def _plan_upsampling(hp: AutoencoderHyperparameters, decoder: LayerStack, step: DecoderStep) -> None:
    """One step of the decoder: padding, upsampling and convolution, cropping to the exact size."""
    upsampling = layer_choices("upsampling")[hp.upsampling]
    # A transposed convolution whose kernel is smaller than its stride would leave pixels without a value.
    transposed = issubclass(upsampling, TransposedConvolution) and 1 < step.factor <= min(step.kernel_size)
    stride = step.factor if transposed else 1
    # Without padding, a convolution adds the rows and columns that the encoder's convolution took away.
    margins = [max(kernel - stride, 0) if hp.padding == "valid" else 0 for kernel in step.kernel_size]
    size = step.output_shape[:2]
    padded = tuple(
        max(side, -(-(target - margin) // step.factor))
        for side, target, margin in zip(decoder.shape[:2], size, margins, strict=True)
    )
    if padded != decoder.shape[:2]:
        decoder.add(Padding, padded)
    if step.factor > 1 and not transposed:
        decoder.add(upsampling if issubclass(upsampling, Upsampling) else Upsampling, step.factor)
    is_block = hp.block == RESIDUAL and not step.is_last
    convolution = BlockConvolution if is_block else Convolution
    decoder.add(
        TransposedConvolution if transposed or hp.padding == "valid" else convolution,
        outputs=step.output_shape[2],
        kernel_size=step.kernel_size,
        stride=stride,
        padding=hp.padding,
        normalization=BATCH if step.normalized else "",
        activation=output_activation(hp) if step.is_last else hp.activation,
        # A training that starts with zero starts with the image that the output is added to.
        zero_initialized=step.is_last and _output_is_added(hp),
    )
    if is_block:
        end_block(decoder, step.kernel_size, enlargement=stride)
    if decoder.shape[:2] != size:
        decoder.add(Cropping, size)


def output_activation(hp: AutoencoderHyperparameters) -> str:
    """The activation of the last layer: that of `hp`, else sigmoid where the output is an image in 0..1."""
    return hp.output_activation or ("linear" if _output_is_added(hp) else "sigmoid")


def pixel_loss_name(hp: AutoencoderHyperparameters) -> str:
    """The loss of `hp`, else `bce` for a regularization with outputs in 0..1, else `mse`."""
    is_likelihood = hp.has_prior and output_activation(hp) == "sigmoid"
    return hp.loss or ("bce" if is_likelihood else "mse")


def _output_is_added(hp: AutoencoderHyperparameters) -> bool:
    """True if the last layer's output is added to an image, or is UV, and so is not itself in 0..1."""
    is_other = bool(get_task(hp).output_name(hp))
    return is_other or hp.residual or hp.linear_path is not None or hp.pca
