"""The plan of a network: the size of every layer, the latent size and the parameters, from whole numbers
alone.

Nothing is built here. The prompt shows a plan, a refusal quotes it, `networks` builds from it.
"""

from contextlib import suppress
from dataclasses import dataclass, replace
from math import prod

from lib.common.errors import UserError
from lib.common.formatting import format_shape
from lib.config.architecture import Architecture, LayerSpec, Shape
from lib.config.hyperparameters import Hyperparameters
from lib.config.value_types import ALL
from lib.tasks.base import ImageShape, task_shapes
from lib.tasks.completion import sees_mirror_image

MIN_FEATURE_MAP = 8  # halving goes on until a side is this small: 28 -> 14 -> 7, 32 -> 16 -> 8 as in report A


@dataclass(frozen=True)
class Stage:
    """A convolution of the encoder with what reduces its map: what the decoder has to undo."""

    kernel_size: tuple[int, int]
    factor: int  # stride times pooling
    before: Shape
    source: int  # place of the layer that gave `before`, -1 for the image itself
    normalized: bool  # whether `before` came out of a normalization


def plan_architecture(hp: Hyperparameters, image: ImageShape) -> Architecture:
    """The network that `hp` describes for images of shape (height, width, channels).

    Unless told otherwise the first convolutions halve the image, by a stride of 2. (With 3×3 kernels on MNIST
    strides reached half the error of pools after three epochs.) The decoder mirrors the encoder (report C):
    as many convolutions, the same kernels in reverse, growing where the encoder shrinks, and returns the
    target's exact size.

    Raises `UserError` when something is larger than what is left of the image, with the largest that works.
    """
    given, target = task_shapes(hp, image)
    # A half that is mirrored first has the missing half's size from then on.
    seen = (*target[:2], given[2]) if sees_mirror_image(hp) else given
    try:
        convolutions, stages, code = _plan_encoder(hp, seen)
    except _KernelTooLarge as reason:
        raise UserError(f"{reason}; at most {_largest_fitting_kernel(hp, seen)} works") from None
    if hp.pca:
        encoder, decoder = _plan_pca(hp, given)
        return Architecture(
            hp,
            given,
            target,
            (*encoder,),
            (*decoder, *convolutions, *_plan_decoder_convolutions(hp, stages, code, target)),
        )
    encoder = convolutions + (_plan_dense_code(hp, code) if hp.latent_dim is not None else [])
    channels = 2 if hp.residual and hp.task == "colorize" else target[2]
    decoder = _plan_decoder(hp, stages, code, (*target[:2], channels))
    return Architecture(
        hp, given, target, (*encoder,), (*decoder,), _plan_linear_path(hp, stages, seen, target)
    )


def _plan_pca(hp: Hyperparameters, image: ImageShape) -> tuple[list[LayerSpec], list[LayerSpec]]:
    """From the image to its principal components and back, by weights that are not learned; the rest improves
    that image.
    """
    size, components = prod(image), hp.latent_dim or 0
    if components > size:
        raise UserError(
            f"latent size {components:,} with pca: an image of {format_shape(image)} has at most {size:,} "
            f"components"
        )
    into, out = (
        _weighted_spec("dense", (units,), (1, 1), size + components - units, fixed=True)
        for units in (components, size)
    )
    return [LayerSpec("flatten", (size,)), into], [out, LayerSpec("reshape", image)]


def _plan_encoder(hp: Hyperparameters, given: Shape) -> tuple[list[LayerSpec], list[Stage], Shape]:
    """The encoder's convolutions and pools, its stages, and the map that the last one leaves."""
    layers: list[LayerSpec] = []
    stages: list[Stage] = []
    size = given
    for number in range(1, hp.layers + 1):
        kernel = hp.kernel_size[number - 1]
        stride, pooled = _reduction(hp, number, given)
        _require_room(hp, number, size[:2], pooled)
        output = tuple(
            _convolved_size(side, k, stride, hp.padding) for side, k in zip(size, kernel, strict=False)
        )
        code = number == hp.layers and hp.latent_dim is None
        stages.append(
            Stage(
                kernel, stride * (2 if pooled else 1), size, len(layers) - 1, _is_normalized(hp, number - 1)
            )
        )
        layers.append(
            _weighted_spec(
                "conv",
                (*output, hp.kernels[number - 1]),
                kernel,
                size[2],
                stride=stride,
                padding=hp.padding,
                normalized=_is_normalized(hp, number) and not (code and (hp.linear_path or hp.variational)),
                activation=hp.latent_activation if code else hp.activation,
                dropout=hp.dropout > 0 and not hp.fc_units and not code,
                zeroed=code and hp.linear_path is not None,
            )
        )
        size = layers[-1].output
        if pooled and code and (hp.variational or hp.linear_path):
            kind = "variational" if hp.variational else "linear path"
            raise UserError(
                f"a pool after the last layer does not go with {kind}: the code must come from a convolution"
            )
        if pooled:
            size = (-(-size[0] // 2), -(-size[1] // 2), size[2])
            layers.append(LayerSpec("pool", size))
    return layers, stages, size


def _plan_dense_code(hp: Hyperparameters, size: Shape) -> list[LayerSpec]:
    """From the last map to a code of so many numbers."""
    layers = [LayerSpec("flatten", (prod(size),))]
    for units in hp.fc_units:
        layers.append(_dense_spec(hp, units, layers[-1].output[0]))
    return [
        *layers,
        _weighted_spec(
            "dense", (hp.latent_dim or 0,), (1, 1), layers[-1].output[0], activation=hp.latent_activation
        ),
    ]


def _reduction(hp: Hyperparameters, number: int, given: Shape) -> tuple[int, bool]:
    """Stride of a layer, and whether a pool follows it."""
    if hp.stride is not None or hp.pool:
        return (hp.stride[number - 1] if hp.stride else 1), hp.pool == ALL or number in hp.pool
    # With skip connections the first layer keeps the full size, so that fine detail has a way across.
    later = 1 if hp.skip and hp.layers > 1 else 0
    halves = later < number <= later + count_halvings(hp.layers - later, given)
    # A kernel of one pixel with stride 2 would never see three pixels in four: it is followed by a pool
    # instead.
    steps_over = min(hp.kernel_size[number - 1]) == 1
    return (2 if halves and not steps_over else 1), halves and steps_over


def count_halvings(layers: int, image: Shape) -> int:
    """How many convolutions halve the image when nobody says so: at least one where there is room."""
    side, count = min(image[:2]), 0
    while count < layers and side > (MIN_FEATURE_MAP if count else 1):
        side, count = -(-side // 2), count + 1
    return count


class _KernelTooLarge(Exception):
    """A kernel that is larger than what is left of the image, and before which layer."""

    def __init__(self, kernel: tuple[int, int], left: Shape, number: int):
        size = str(kernel[0]) if kernel[0] == kernel[1] else format_shape(kernel)
        super().__init__(
            f"kernel size {size} does not fit: {format_shape(left)} is left before layer {number}"
        )


def _require_room(hp: Hyperparameters, number: int, left: Shape, pooled: bool) -> None:
    kernel = hp.kernel_size[number - 1]
    # Where somebody places strides by hand, the margin of padding "same" counts as room (report A's sixth
    # variant).
    if (kernel[0] > left[0] or kernel[1] > left[1]) and (hp.padding == "valid" or hp.stride is None):
        raise _KernelTooLarge(kernel, left, number)
    if pooled and max(left) == 1:
        raise UserError(
            f"pool after layer {number}: 1×1 is left, nothing to halve; at most {number - 1} layers can "
            f"have one"
        )


def _largest_fitting_kernel(hp: Hyperparameters, given: Shape) -> int:
    """The largest kernel size that fits everywhere; 1 always does."""
    for size in range(max(max(sides) for sides in hp.kernel_size) - 1, 1, -1):
        with suppress(_KernelTooLarge):
            _plan_encoder(replace(hp, kernel_size=((size, size),)), given)
            return size
    return 1


def _plan_decoder(hp: Hyperparameters, stages: list[Stage], code: Shape, output: Shape) -> list[LayerSpec]:
    """From the code to the target: dense layers first, where the code is dense, then a convolution per stage."""
    layers = []
    if hp.latent_dim is not None:
        units = hp.latent_dim
        for wanted in reversed(hp.fc_units):
            layers.append(_dense_spec(hp, wanted, units))
            units = wanted
        if not stages:
            layers.append(
                _weighted_spec("dense", (prod(output),), (1, 1), units, activation=output_activation(hp))
            )
            return [*layers, LayerSpec("reshape", output)]
        layers += [_dense_spec(hp, prod(code), units, dropped=False), LayerSpec("reshape", code)]
    return layers + _plan_decoder_convolutions(hp, stages, code, output)


def _plan_decoder_convolutions(
    hp: Hyperparameters, stages: list[Stage], size: Shape, output: Shape
) -> list[LayerSpec]:
    """A convolution per stage, from the smallest map to the target's size."""
    layers: list[LayerSpec] = []
    steps = (
        _mirrored_steps(stages, output)
        if hp.decoder_kernels is None
        else _custom_steps(hp.decoder_kernels, stages, output)
    )
    for number, (kernels, kernel, factor, sides, stage) in enumerate(steps, 1):
        last = number == len(steps)
        normalized = stage.normalized if hp.decoder_kernels is None else bool(hp.batch_norm)
        layers += _plan_upsampling(hp, size, (*sides, kernels), kernel, factor, normalized and not last, last)
        size = layers[-1].output
        if hp.skip and not last and _joins(stage, sides):
            layers.append(LayerSpec("join", (*sides, size[2] + stage.before[2]), source=stage.source))
            size = layers[-1].output
    return layers


def _joins(stage: Stage, sides: tuple[int, int]) -> bool:
    """Whether the encoder has a map of this size to join: that which went into the mirrored stage."""
    return stage.source >= 0 and stage.before[:2] == tuple(sides)


def _mirrored_steps(stages: list[Stage], output: Shape) -> list[tuple]:
    """Per stage in reverse: kernels, kernel size, factor and size of the decoder's convolution, and the
    stage.
    """
    steps = [
        (stage.before[2], stage.kernel_size, stage.factor, stage.before[:2], stage)
        for stage in reversed(stages)
    ]
    return [*steps[:-1], (output[2], stages[0].kernel_size, stages[0].factor, output[:2], stages[0])]


def _custom_steps(named: tuple[int, ...], stages: list[Stage], output: Shape) -> list[tuple]:
    """The same for kernels that are named: what grows comes first, one factor a convolution; the last takes
    all that is left.
    """
    growing = [stage for stage in reversed(stages) if stage.factor > 1]
    steps: list[tuple] = []
    kept = stages[-1]
    for kernels in named:
        stage = growing.pop(0) if growing else None
        factor, sides = (stage.factor, stage.before[:2]) if stage else (1, None)
        kept = stage or kept
        steps.append(
            (kernels, kept.kernel_size, factor, sides or (steps[-1][3] if steps else kept.before[:2]), kept)
        )
    return [
        *steps,
        (output[2], stages[0].kernel_size, prod(stage.factor for stage in growing), output[:2], stages[0]),
    ]


def _plan_upsampling(
    hp, size: Shape, output: Shape, kernel: tuple[int, int], factor: int, normalized: bool, last: bool
) -> list[LayerSpec]:
    """One convolution of the decoder, with what brings its map to the exact size of `output`."""
    # A transposed convolution whose kernel is smaller than its stride would leave pixels that nothing was
    # written to.
    transposes = hp.upsampling == "transpose" and 1 < factor <= min(kernel)
    stride = factor if transposes else 1

    def grown(side: int, k: int) -> int:
        return side * factor + (max(k - stride, 0) if hp.padding == "valid" else 0)

    layers = []
    padded = [
        next(n for n in range(side, side + wanted + 1) if grown(n, k) >= wanted)
        for side, wanted, k in zip(size, output, kernel, strict=False)
    ]
    if tuple(padded) != size[:2]:
        size = (*padded, size[2])
        layers.append(LayerSpec("pad", size))
    made = tuple(grown(side, k) for side, k in zip(padded, kernel, strict=True))
    if factor > 1 and not transposes:
        size = (size[0] * factor, size[1] * factor, size[2])
        layers.append(LayerSpec("upsample", size, stride=factor))
    layers.append(
        _weighted_spec(
            "transpose" if transposes or hp.padding == "valid" else "conv",
            (*made, output[2]),
            kernel,
            size[2],
            stride=stride,
            padding=hp.padding,
            normalized=normalized,
            activation=output_activation(hp) if last else hp.activation,
            # What is added to something good already begins with nothing.
            zeroed=last and _output_is_added(hp),
        )
    )
    if made != output[:2]:
        layers.append(LayerSpec("crop", output))
    return layers


def output_activation(hp: Hyperparameters) -> str:
    """Sigmoid wherever the last layer makes an image by itself."""
    return hp.output_activation or ("linear" if _output_is_added(hp) else "sigmoid")


def _output_is_added(hp: Hyperparameters) -> bool:
    """Whether what the last layer makes is added to something good already, or is no image."""
    return hp.color_differences or hp.residual or hp.linear_path is not None or hp.pca


def _plan_linear_path(
    hp: Hyperparameters, stages: list[Stage], given: Shape, target: Shape
) -> tuple[int, int] | None:
    """Kernel size and stride of the linear path: as far as the code's pixels stand apart."""
    if hp.linear_path is None:
        return None
    stride = prod(stage.factor for stage in stages)
    if hp.linear_path < stride:
        raise UserError(
            f"linear path {hp.linear_path} leaves pixels out between the code's; at least {stride} works"
        )
    if given[:2] != target[:2]:
        raise UserError(
            f"a linear path needs input and target of one size; these are {format_shape(given)} and "
            f"{format_shape(target)}"
        )
    return hp.linear_path, stride


def _is_normalized(hp: Hyperparameters, number: int) -> bool:
    return number > 0 and (hp.batch_norm == ALL or number in hp.batch_norm)


def _convolved_size(side: int, kernel: int, stride: int, padding: str) -> int:
    return -(-side // stride) if padding == "same" else (side - kernel) // stride + 1


def _dense_spec(hp: Hyperparameters, units: int, inputs: int, dropped: bool = True) -> LayerSpec:
    return _weighted_spec(
        "dense",
        (units,),
        (1, 1),
        inputs,
        normalized=hp.batch_norm == ALL,
        activation=hp.activation,
        dropout=dropped and hp.dropout > 0,
    )


def _weighted_spec(
    kind: str, output: Shape, kernel: tuple[int, int], inputs: int, normalized: bool = False, **rest
) -> LayerSpec:
    # A normalized layer has no bias: the normalization brings its own, and three vectors more.
    weights = prod(kernel) * inputs * output[-1] + (4 if normalized else 1) * output[-1]
    return LayerSpec(kind, output, kernel, normalized=normalized, parameters=weights, **rest)
