"""Encoder of an `Architecture`: its convolutions and pools, and the stages that the decoder mirrors."""

from contextlib import suppress
from dataclasses import dataclass, replace

from lib.common.errors import UserError
from lib.common.formatting import format_shape
from lib.common.value_types import ALL
from lib.config.hyperparameters import AutoencoderHyperparameters
from lib.config.layer_specs import LayerStack, Shape, layer_choices
from lib.config.layer_specs.base import BATCH
from lib.config.layer_specs.convolutions import BlockConvolution, Convolution
from lib.config.layer_specs.dense import Dense
from lib.config.layer_specs.pooling import Pool
from lib.config.layer_specs.resizing import Flatten, Sum
from lib.config.network_settings import FULL, MAX_GROWN_KERNELS, RESIDUAL
from lib.config.program_settings import find_setting
from lib.config.residual_blocks import end_block

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


def plan_encoder(hp: AutoencoderHyperparameters, image: Shape) -> tuple[LayerStack, list[EncoderStage]]:
    """The convolutions and pools, and their stages."""
    encoder = LayerStack(image)
    stages: list[EncoderStage] = []
    reductions = 0  # strides after the first layer, and pools
    for number, kernel_size in enumerate(hp.kernel_size[: hp.layers], 1):
        stride, pool = _stride_and_pool(hp, number, image)
        _require_room(hp, number, encoder.shape[:2], pool is not None)
        is_code = number == hp.layers and hp.latent_dim is None
        if pool and is_code and (hp.variational or hp.linear_path):
            option = f"regularization {hp.regularization}" if hp.variational else "linear path"
            raise UserError(
                f"a pool after the last layer cannot be combined with {option}: "
                "the latent code must be the output of a convolution"
            )
        factor = stride * (pool.factor if pool else 1)
        source = len(encoder.layers) - 1
        stages.append(
            EncoderStage(kernel_size, factor, encoder.shape, source, _is_normalized(hp, number - 1))
        )
        reductions += number > 1 and stride > 1
        normalized = _is_normalized(hp, number) and not (is_code and (hp.linear_path or hp.variational))
        normalized |= is_code and hp.normalizes_code
        is_block = hp.block == RESIDUAL and not is_code
        encoder.add(
            BlockConvolution if is_block else Convolution,
            outputs=_kernels(hp, number, reductions),
            kernel_size=kernel_size,
            stride=stride,
            padding=hp.padding,
            normalization=BATCH if normalized else "",
            activation=hp.latent_activation if is_code else hp.activation,
            dropout=hp.dropout > 0 and not hp.fc_units and not is_code,
            zero_initialized=is_code and hp.linear_path is not None,
        )
        if is_block:
            end_block(encoder, kernel_size, reduction=stride)
        if pool:
            encoder.add(pool)
            reductions += 1
    return encoder, stages


def _kernels(hp: AutoencoderHyperparameters, number: int, reductions: int) -> int:
    """The kernels of a layer, where the feature map became smaller so many times after the first layer."""
    kernels = hp.kernels[number - 1]
    keeps_code = number == hp.layers and hp.latent_dim is None and not hp.skip
    if keeps_code or kernels >= MAX_GROWN_KERNELS:
        return kernels
    return min(round(kernels * hp.growth**reductions), MAX_GROWN_KERNELS)


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
    # With skip connections of full size the first layer keeps it, so that the decoder gets fine detail.
    first = 2 if hp.skip and hp.skip_size == FULL and hp.layers > 1 else 1
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


class KernelTooLarge(Exception):
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
        raise KernelTooLarge(kernel, feature_map, number)
    if pooled and max(feature_map) == 1:
        raise UserError(
            f"pool after layer {number} is impossible: the feature map is already 1×1; the maximum is "
            f"{number - 1} pools"
        )


def require_effects(hp: AutoencoderHyperparameters, encoder: LayerStack) -> None:
    """Raise `UserError` for a setting that changes no layer of the encoder's convolutions."""
    if hp.block == RESIDUAL and not any(isinstance(layer, Sum) for layer in encoder.layers):
        raise UserError("block residual has no effect: no convolution precedes the latent code; set --layers")
    if hp.growth > 1 and not _has_grown(hp, encoder):
        raise UserError(
            f"growth {hp.growth:g} has no effect: no layer after the first has a smaller feature map, except "
            "for the latent code; set --layers"
        )
    if hp.pool_type != find_setting("pool_type").default and not any(
        isinstance(layer, Pool) for layer in encoder.layers
    ):
        raise UserError(f"pool type {hp.pool_type} has no effect: no layer is followed by a pool; set --pool")


def _has_grown(hp: AutoencoderHyperparameters, encoder: LayerStack) -> bool:
    plain, _ = plan_encoder(replace(hp, growth=1.0), encoder.input_shape)
    return encoder.layers != plain.layers


def largest_fitting_kernel(hp: AutoencoderHyperparameters, image: Shape) -> int:
    """The largest square kernel that fits in every layer; 1 always does."""
    for size in range(max(max(sides) for sides in hp.kernel_size) - 1, 1, -1):
        with suppress(KernelTooLarge):
            plan_encoder(replace(hp, kernel_size=((size, size),)), image)
            return size
    return 1


def plan_dense_code(hp: AutoencoderHyperparameters, encoder: LayerStack) -> None:
    encoder.add(Flatten)
    for units in hp.fc_units:
        add_hidden_dense(hp, encoder, units, dropout=hp.dropout > 0)
    encoder.add(
        Dense,
        outputs=hp.latent_dim,
        normalization=BATCH if hp.normalizes_code else "",
        activation=hp.latent_activation,
        zero_initialized=hp.linear_path is not None,
    )


def add_hidden_dense(hp: AutoencoderHyperparameters, stack: LayerStack, units: int, dropout: bool) -> None:
    normalization = BATCH if hp.batch_norm == ALL else ""
    stack.add(Dense, outputs=units, normalization=normalization, activation=hp.activation, dropout=dropout)
