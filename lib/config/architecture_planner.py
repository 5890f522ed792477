"""Computation of an `Architecture` from hyperparameters, with integers alone: no model is built.

The prompts show the sizes and the number of parameters before a training starts, error messages name the
largest value that fits, and `lib.models.autoencoder` builds the Keras model from the result.
"""

from contextlib import suppress
from dataclasses import dataclass, replace
from math import prod

from lib.common.errors import UserError
from lib.common.formatting import format_shape
from lib.common.value_types import ALL
from lib.config.architecture import Architecture
from lib.config.hyperparameters import AutoencoderHyperparameters
from lib.config.layer_specs import LayerStack, Shape, layer_choices
from lib.config.layer_specs.base import BATCH
from lib.config.layer_specs.convolutions import Convolution, TransposedConvolution
from lib.config.layer_specs.dense import Dense
from lib.config.layer_specs.pooling import Pool
from lib.config.layer_specs.resizing import Cropping, Flatten, Join, Padding, Reshape, Upsampling
from lib.config.parallel_layers import plan_feedback, plan_linear_path
from lib.config.program_settings import find_setting
from lib.tasks import ImageShape, get_task

# Automatic strides halve a feature map until a side is at most this: 32 -> 16 -> 8 as in report A.
MIN_FEATURE_MAP = 8


@dataclass(frozen=True)
class EncoderStage:
    """A convolution of the encoder with the pool that follows it, which the decoder mirrors.

    Args:
        kernel_size: (height, width), in pixels.
        factor: stride times pool size, by which the feature map becomes smaller.
        input_shape: (height, width, channels) before the convolution.
        source: index of the encoder's layer whose output is the input; -1 for the image.
        input_normalized: the input is the output of a batch normalization.
    """

    kernel_size: tuple[int, int]
    factor: int
    input_shape: Shape
    source: int
    input_normalized: bool


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


def plan_architecture(hp: AutoencoderHyperparameters, image: ImageShape) -> Architecture:
    """The architecture of an autoencoder for images of one shape.

    The decoder mirrors the encoder (report C): as many convolutions, the same kernels in reverse order,
    upsampling where the encoder reduces the feature map, and the target's exact size at the end. Without
    given strides and pools the first convolutions have a stride of 2 (on MNIST, with 3×3 kernels, strides
    reached half the error of pools after three epochs).

    Args:
        hp: hyperparameters of the program `autoencoder`.
        image: (height, width, channels) of the data set's images.

    Raises:
        UserError: a kernel or a pool is larger than the feature map before it (the message names the largest
            value that works), or the task cannot be done with such images.
    """
    task = get_task(hp.task)
    input_shape, target_shape = task.shapes(hp, image)
    maps = task.fixed_maps(hp, input_shape, target_shape)
    encoder_input = maps.encoder.apply_to_shape(input_shape) if maps.encoder else input_shape
    try:
        convolutions, stages = _plan_encoder(hp, encoder_input)
    except _KernelTooLarge as reason:
        raise UserError(f"{reason}; the maximum is {_largest_fitting_kernel(hp, encoder_input)}") from None
    _require_pool(hp, convolutions)
    feature_map = convolutions.shape
    if hp.pca:
        encoder, decoder = _plan_pca(hp, input_shape)
        decoder.extend(convolutions.layers)
        _plan_decoder_convolutions(hp, decoder, stages, target_shape)
        return Architecture(hp, input_shape, target_shape, (*encoder.layers,), (*decoder.layers,))
    encoder = convolutions
    if hp.latent_dim is not None:
        _plan_dense_code(hp, encoder)
    channels = maps.join.matrix.shape[0] - input_shape[2] if maps.join else target_shape[2]
    decoder = _plan_decoder(hp, encoder.shape, stages, feature_map, (*target_shape[:2], channels))
    stride = prod(stage.factor for stage in stages)
    return Architecture(
        hp,
        input_shape,
        target_shape,
        (*encoder.layers,),
        (*decoder.layers,),
        plan_linear_path(hp, stride, encoder_input, encoder.shape, decoder.shape),
        plan_feedback(hp, input_shape, encoder.shape),
    )


def output_activation(hp: AutoencoderHyperparameters) -> str:
    """The activation of the last layer: that of `hp`, else sigmoid where the output is an image in 0..1."""
    return hp.output_activation or ("linear" if _output_is_added(hp) else "sigmoid")


def _plan_pca(hp: AutoencoderHyperparameters, image: ImageShape) -> tuple[LayerStack, LayerStack]:
    """Frozen dense layers from the image to its principal components, and back."""
    size, components = prod(image), hp.latent_dim or 0
    if components > size:
        raise UserError(
            f"latent size {components:,} is too large for PCA: images of {format_shape(image)} have at most "
            f"{size:,} components"
        )
    encoder = LayerStack(image)
    encoder.add(Flatten)
    encoder.add(Dense, outputs=components, frozen=True)
    decoder = LayerStack(encoder.shape)
    decoder.add(Dense, outputs=size, frozen=True)
    decoder.add(Reshape, image)
    return encoder, decoder


# --- encoder


def _plan_encoder(hp: AutoencoderHyperparameters, image: Shape) -> tuple[LayerStack, list[EncoderStage]]:
    """The convolutions and pools, and their stages."""
    encoder = LayerStack(image)
    stages: list[EncoderStage] = []
    for number, kernel_size in enumerate(hp.kernel_size[: hp.layers], 1):
        stride, pool = _stride_and_pool(hp, number, image)
        _require_room(hp, number, encoder.shape[:2], pool is not None)
        is_code = number == hp.layers and hp.latent_dim is None
        if pool and is_code and (hp.variational or hp.linear_path):
            option = "variational" if hp.variational else "linear path"
            raise UserError(
                f"a pool after the last layer cannot be combined with {option}: "
                "the latent code must be the output of a convolution"
            )
        factor = stride * (pool.factor if pool else 1)
        source = len(encoder.layers) - 1
        stages.append(
            EncoderStage(kernel_size, factor, encoder.shape, source, _is_normalized(hp, number - 1))
        )
        normalized = _is_normalized(hp, number) and not (is_code and (hp.linear_path or hp.variational))
        encoder.add(
            Convolution,
            outputs=hp.kernels[number - 1],
            kernel_size=kernel_size,
            stride=stride,
            padding=hp.padding,
            normalization=BATCH if normalized else "",
            activation=hp.latent_activation if is_code else hp.activation,
            dropout=hp.dropout > 0 and not hp.fc_units and not is_code,
            zero_initialized=is_code and hp.linear_path is not None,
        )
        if pool:
            encoder.add(pool)
    return encoder, stages


def _plan_dense_code(hp: AutoencoderHyperparameters, encoder: LayerStack) -> None:
    encoder.add(Flatten)
    for units in hp.fc_units:
        _add_hidden_dense(hp, encoder, units, dropout=hp.dropout > 0)
    encoder.add(
        Dense,
        outputs=hp.latent_dim,
        activation=hp.latent_activation,
        zero_initialized=hp.linear_path is not None,
    )


def _add_hidden_dense(hp: AutoencoderHyperparameters, stack: LayerStack, units: int, dropout: bool) -> None:
    normalization = BATCH if hp.batch_norm == ALL else ""
    stack.add(Dense, outputs=units, normalization=normalization, activation=hp.activation, dropout=dropout)


def _is_normalized(hp: AutoencoderHyperparameters, number: int) -> bool:
    return number > 0 and (hp.batch_norm == ALL or number in hp.batch_norm)


def _stride_and_pool(
    hp: AutoencoderHyperparameters, number: int, image: Shape
) -> tuple[int, type[Pool] | None]:
    """The stride of a layer, and the pool that follows it."""
    pool = layer_choices("pool_type")[hp.pool_type]
    assert issubclass(pool, Pool)
    if hp.stride is not None or hp.pool:
        is_pooled = hp.pool == ALL or number in hp.pool
        return (hp.stride[number - 1] if hp.stride else 1), pool if is_pooled else None
    # With skip connections the first layer keeps the full size, so that the decoder gets fine detail.
    first = 2 if hp.skip and hp.layers > 1 else 1
    if not first <= number < first + _count_halvings(hp.layers - first + 1, image):
        return 1, None
    # A 1×1 kernel with stride 2 would skip three pixels of four: a pool halves instead.
    return (1, pool) if min(hp.kernel_size[number - 1]) == 1 else (2, None)


def _count_halvings(layers: int, image: Shape) -> int:
    """The number of convolutions that halve the image by default: at least one where there is room."""
    side, count = min(image[:2]), 0
    while count < layers and side > (MIN_FEATURE_MAP if count else 1):
        side, count = -(-side // 2), count + 1
    return count


class _KernelTooLarge(Exception):
    """A kernel that is larger than the feature map before layer `number`."""

    def __init__(self, kernel: tuple[int, int], feature_map: Shape, number: int):
        size = str(kernel[0]) if kernel[0] == kernel[1] else format_shape(kernel)
        super().__init__(
            f"kernel size {size} does not fit the {format_shape(feature_map)} feature map before layer "
            f"{number}"
        )


def _require_room(hp: AutoencoderHyperparameters, number: int, feature_map: Shape, pooled: bool) -> None:
    kernel = hp.kernel_size[number - 1]
    # With given strides and padding "same" the padded margin counts as room (report A's sixth variant).
    if (kernel[0] > feature_map[0] or kernel[1] > feature_map[1]) and (
        hp.padding == "valid" or hp.stride is None
    ):
        raise _KernelTooLarge(kernel, feature_map, number)
    if pooled and max(feature_map) == 1:
        raise UserError(
            f"pool after layer {number} is impossible: the feature map is already 1×1; the maximum is "
            f"{number - 1} pools"
        )


def _require_pool(hp: AutoencoderHyperparameters, encoder: LayerStack) -> None:
    if hp.pool_type != find_setting("pool_type").default and not any(
        isinstance(layer, Pool) for layer in encoder.layers
    ):
        raise UserError(f"pool type {hp.pool_type} has no effect: no layer is followed by a pool; set --pool")


def _largest_fitting_kernel(hp: AutoencoderHyperparameters, image: Shape) -> int:
    """The largest square kernel that fits in every layer; 1 always does."""
    for size in range(max(max(sides) for sides in hp.kernel_size) - 1, 1, -1):
        with suppress(_KernelTooLarge):
            _plan_encoder(replace(hp, kernel_size=((size, size),)), image)
            return size
    return 1


# --- decoder


def _plan_decoder(
    hp: AutoencoderHyperparameters, code: Shape, stages: list[EncoderStage], feature_map: Shape, output: Shape
) -> LayerStack:
    """Dense layers, where the code is dense, then one convolution per stage of the encoder."""
    decoder = LayerStack(code)
    if hp.latent_dim is not None:
        for units in reversed(hp.fc_units):
            _add_hidden_dense(hp, decoder, units, dropout=hp.dropout > 0)
        if not stages:
            decoder.add(Dense, outputs=prod(output), activation=output_activation(hp))
            decoder.add(Reshape, output)
            return decoder
        _add_hidden_dense(hp, decoder, prod(feature_map), dropout=False)
        decoder.add(Reshape, feature_map)
    _plan_decoder_convolutions(hp, decoder, stages, output)
    return decoder


def _plan_decoder_convolutions(
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
    decoder.add(
        TransposedConvolution if transposed or hp.padding == "valid" else Convolution,
        outputs=step.output_shape[2],
        kernel_size=step.kernel_size,
        stride=stride,
        padding=hp.padding,
        normalization=BATCH if step.normalized else "",
        activation=output_activation(hp) if step.is_last else hp.activation,
        # A training that starts with zero starts with the image that the output is added to.
        zero_initialized=step.is_last and _output_is_added(hp),
    )
    if decoder.shape[:2] != size:
        decoder.add(Cropping, size)


def _output_is_added(hp: AutoencoderHyperparameters) -> bool:
    """True if the last layer's output is added to an image, or is UV, and so is not itself in 0..1."""
    is_other = bool(get_task(hp.task).output_name(hp))
    return is_other or hp.residual or hp.linear_path is not None or hp.pca
