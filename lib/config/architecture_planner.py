"""Computation of an `Architecture` from hyperparameters, with integers alone: no model is built.

The prompts show the sizes and the number of parameters before a training starts, error messages name the
largest value that fits, and `lib.models.autoencoder` builds the Keras model from the result.
"""

from contextlib import suppress
from dataclasses import dataclass, replace
from math import prod

from lib.common.errors import UserError
from lib.common.formatting import format_shape
from lib.config.architecture import Architecture, LayerSpec, LinearPath, Shape
from lib.config.hyperparameters import Hyperparameters
from lib.config.value_types import ALL
from lib.tasks import ImageShape, get_task, task_shapes

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


def plan_architecture(hp: Hyperparameters, image: ImageShape) -> Architecture:
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
    input_shape, target_shape = task_shapes(hp, image)
    maps = get_task(hp.task).fixed_maps(hp, input_shape, target_shape)
    encoder_input = maps.encoder.apply_to_shape(input_shape) if maps.encoder else input_shape
    try:
        convolutions, stages, last_map = _plan_encoder(hp, encoder_input)
    except _KernelTooLarge as reason:
        raise UserError(f"{reason}; the maximum is {_largest_fitting_kernel(hp, encoder_input)}") from None
    if hp.pca:
        encoder, decoder = _plan_pca(hp, input_shape)
        decoder += convolutions + _plan_decoder_convolutions(hp, stages, last_map, target_shape)
        return Architecture(hp, input_shape, target_shape, (*encoder,), (*decoder,))
    encoder = convolutions + (_plan_dense_code(hp, last_map) if hp.latent_dim is not None else [])
    channels = maps.join.matrix.shape[0] - input_shape[2] if maps.join else target_shape[2]
    decoder = _plan_decoder(hp, stages, last_map, (*target_shape[:2], channels))
    linear_path = _plan_linear_path(hp, stages, encoder_input, target_shape)
    return Architecture(hp, input_shape, target_shape, (*encoder,), (*decoder,), linear_path)


def output_activation(hp: Hyperparameters) -> str:
    """The activation of the last layer: that of `hp`, else sigmoid where the output is an image in 0..1."""
    return hp.output_activation or ("linear" if _output_is_added(hp) else "sigmoid")


def _plan_pca(hp: Hyperparameters, image: ImageShape) -> tuple[list[LayerSpec], list[LayerSpec]]:
    """Frozen dense layers from the image to its principal components, and back."""
    size, components = prod(image), hp.latent_dim or 0
    if components > size:
        raise UserError(
            f"latent size {components:,} is too large for PCA: images of {format_shape(image)} have at most "
            f"{size:,} components"
        )
    project, reconstruct = (
        _weighted_spec("dense", (outputs,), (1, 1), inputs, frozen=True)
        for inputs, outputs in ((size, components), (components, size))
    )
    return [LayerSpec("flatten", (size,)), project], [reconstruct, LayerSpec("reshape", image)]


# --- encoder


def _plan_encoder(hp: Hyperparameters, image: Shape) -> tuple[list[LayerSpec], list[EncoderStage], Shape]:
    """The convolutions and pools, their stages, and the shape of the last feature map."""
    layers: list[LayerSpec] = []
    stages: list[EncoderStage] = []
    shape = image
    for number in range(1, hp.layers + 1):
        kernel_size = hp.kernel_size[number - 1]
        stride, pooled = _stride_and_pool(hp, number, image)
        _require_room(hp, number, shape[:2], pooled)
        is_code = number == hp.layers and hp.latent_dim is None
        if pooled and is_code and (hp.variational or hp.linear_path):
            option = "variational" if hp.variational else "linear path"
            raise UserError(
                f"a pool after the last layer cannot be combined with {option}: "
                "the latent code must be the output of a convolution"
            )
        factor = stride * (2 if pooled else 1)
        stages.append(
            EncoderStage(kernel_size, factor, shape, len(layers) - 1, _is_normalized(hp, number - 1))
        )
        layers.append(_plan_convolution(hp, number, shape, stride, is_code))
        if pooled:
            height, width, channels = layers[-1].output_shape
            layers.append(LayerSpec("pool", (-(-height // 2), -(-width // 2), channels)))
        shape = layers[-1].output_shape
    return layers, stages, shape


def _plan_convolution(
    hp: Hyperparameters, number: int, shape: Shape, stride: int, is_code: bool
) -> LayerSpec:
    kernel_size = hp.kernel_size[number - 1]
    height, width = (
        _convolved_size(side, kernel, stride, hp.padding)
        for side, kernel in zip(shape[:2], kernel_size, strict=True)
    )
    return _weighted_spec(
        "conv",
        (height, width, hp.kernels[number - 1]),
        kernel_size,
        shape[2],
        stride=stride,
        padding=hp.padding,
        normalized=_is_normalized(hp, number) and not (is_code and (hp.linear_path or hp.variational)),
        activation=hp.latent_activation if is_code else hp.activation,
        dropout=hp.dropout > 0 and not hp.fc_units and not is_code,
        zero_initialized=is_code and hp.linear_path is not None,
    )


def _plan_dense_code(hp: Hyperparameters, shape: Shape) -> list[LayerSpec]:
    layers = [LayerSpec("flatten", (prod(shape),))]
    for units in hp.fc_units:
        layers.append(_dense_spec(hp, units, layers[-1].output_shape[0]))
    code = _weighted_spec(
        "dense",
        (hp.latent_dim or 0,),
        (1, 1),
        layers[-1].output_shape[0],
        activation=hp.latent_activation,
        zero_initialized=hp.linear_path is not None,
    )
    return [*layers, code]


def _stride_and_pool(hp: Hyperparameters, number: int, image: Shape) -> tuple[int, bool]:
    """The stride of a layer, and whether a pool follows it."""
    if hp.stride is not None or hp.pool:
        return (hp.stride[number - 1] if hp.stride else 1), hp.pool == ALL or number in hp.pool
    # With skip connections the first layer keeps the full size, so that the decoder gets fine detail.
    first = 2 if hp.skip and hp.layers > 1 else 1
    halves = first <= number < first + _count_halvings(hp.layers - first + 1, image)
    # A 1×1 kernel with stride 2 would skip three pixels of four: a pool halves instead.
    pooled = halves and min(hp.kernel_size[number - 1]) == 1
    return (2 if halves and not pooled else 1), pooled


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


def _require_room(hp: Hyperparameters, number: int, feature_map: Shape, pooled: bool) -> None:
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


def _largest_fitting_kernel(hp: Hyperparameters, image: Shape) -> int:
    """The largest square kernel that fits in every layer; 1 always does."""
    for size in range(max(max(sides) for sides in hp.kernel_size) - 1, 1, -1):
        with suppress(_KernelTooLarge):
            _plan_encoder(replace(hp, kernel_size=((size, size),)), image)
            return size
    return 1


# --- decoder


def _plan_decoder(
    hp: Hyperparameters, stages: list[EncoderStage], last_map: Shape, output: Shape
) -> list[LayerSpec]:
    """Dense layers, where the code is dense, then one convolution per stage of the encoder."""
    layers = []
    if hp.latent_dim is not None:
        inputs = hp.latent_dim
        for units in reversed(hp.fc_units):
            layers.append(_dense_spec(hp, units, inputs))
            inputs = units
        if not stages:
            activation = output_activation(hp)
            layers.append(_weighted_spec("dense", (prod(output),), (1, 1), inputs, activation=activation))
            return [*layers, LayerSpec("reshape", output)]
        layers += [_dense_spec(hp, prod(last_map), inputs, dropout=False), LayerSpec("reshape", last_map)]
    return layers + _plan_decoder_convolutions(hp, stages, last_map, output)


def _plan_decoder_convolutions(
    hp: Hyperparameters, stages: list[EncoderStage], shape: Shape, output: Shape
) -> list[LayerSpec]:
    """The convolutions from the smallest feature map, of `shape`, to the target's size."""
    layers: list[LayerSpec] = []
    if hp.decoder_kernels is None:
        steps = _mirrored_steps(stages, output)
    else:
        steps = _custom_steps(hp.decoder_kernels, bool(hp.batch_norm), stages, output)
    for step in steps:
        layers += _plan_upsampling(hp, shape, step)
        shape = layers[-1].output_shape
        if hp.skip and not step.is_last and _can_join(step):
            channels = shape[2] + step.stage.input_shape[2]
            layers.append(LayerSpec("join", (*shape[:2], channels), source=step.stage.source))
            shape = layers[-1].output_shape
    return layers


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


def _plan_upsampling(hp: Hyperparameters, shape: Shape, step: DecoderStep) -> list[LayerSpec]:
    """One step of the decoder: padding, upsampling and convolution, cropping to the exact size."""
    # A transposed convolution whose kernel is smaller than its stride would leave pixels without a value.
    transposed = hp.upsampling == "transpose" and 1 < step.factor <= min(step.kernel_size)
    stride = step.factor if transposed else 1

    def upsampled(side: int, kernel: int) -> int:
        return side * step.factor + (max(kernel - stride, 0) if hp.padding == "valid" else 0)

    layers = []
    padded = tuple(
        next(size for size in range(side, side + target + 1) if upsampled(size, kernel) >= target)
        for side, target, kernel in zip(shape[:2], step.output_shape[:2], step.kernel_size, strict=True)
    )
    if padded != shape[:2]:
        shape = (*padded, shape[2])
        layers.append(LayerSpec("pad", shape))
    convolved = tuple(upsampled(side, kernel) for side, kernel in zip(padded, step.kernel_size, strict=True))
    if step.factor > 1 and not transposed:
        shape = (shape[0] * step.factor, shape[1] * step.factor, shape[2])
        layers.append(LayerSpec("upsample", shape, stride=step.factor))
    layers.append(
        _weighted_spec(
            "transpose" if transposed or hp.padding == "valid" else "conv",
            (*convolved, step.output_shape[2]),
            step.kernel_size,
            shape[2],
            stride=stride,
            padding=hp.padding,
            normalized=step.normalized,
            activation=output_activation(hp) if step.is_last else hp.activation,
            # A training that starts with zero starts with the image that the output is added to.
            zero_initialized=step.is_last and _output_is_added(hp),
        )
    )
    if convolved != step.output_shape[:2]:
        layers.append(LayerSpec("crop", step.output_shape))
    return layers


def _output_is_added(hp: Hyperparameters) -> bool:
    """True if the last layer's output is added to an image, or is UV, and so is not itself in 0..1."""
    return not hp.outputs_pixels or hp.residual or hp.linear_path is not None or hp.pca


def _plan_linear_path(
    hp: Hyperparameters, stages: list[EncoderStage], encoder_input: Shape, target: Shape
) -> LinearPath | None:
    if hp.linear_path is None:
        return None
    stride = prod(stage.factor for stage in stages)
    if isinstance(hp.linear_path, int) and hp.linear_path < stride:
        raise UserError(
            f"linear path {hp.linear_path} is smaller than the stride of the encoder; the minimum is {stride}"
        )
    if encoder_input[:2] != target[:2]:
        raise UserError(
            f"linear path requires inputs and targets of one size, not {format_shape(encoder_input)} and "
            f"{format_shape(target)}"
        )
    return LinearPath(hp.linear_path, stride) if isinstance(hp.linear_path, int) else LinearPath()


# --- layers


def _is_normalized(hp: Hyperparameters, number: int) -> bool:
    return number > 0 and (hp.batch_norm == ALL or number in hp.batch_norm)


def _convolved_size(side: int, kernel: int, stride: int, padding: str) -> int:
    return -(-side // stride) if padding == "same" else (side - kernel) // stride + 1


def _dense_spec(hp: Hyperparameters, units: int, inputs: int, dropout: bool = True) -> LayerSpec:
    return _weighted_spec(
        "dense",
        (units,),
        (1, 1),
        inputs,
        normalized=hp.batch_norm == ALL,
        activation=hp.activation,
        dropout=dropout and hp.dropout > 0,
    )


def _weighted_spec(
    kind: str,
    output_shape: Shape,
    kernel_size: tuple[int, int],
    inputs: int,
    normalized: bool = False,
    **options,
) -> LayerSpec:
    # A normalized layer has no bias; the normalization has four vectors: scale, offset, mean and variance.
    vectors = 4 if normalized else 1
    parameters = prod(kernel_size) * inputs * output_shape[-1] + vectors * output_shape[-1]
    return LayerSpec(kind, output_shape, kernel_size, normalized=normalized, parameters=parameters, **options)
