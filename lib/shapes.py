"""The plan of a network: the size of every layer, the latent size and the parameters, from whole numbers alone.

Nothing is built here. The prompt shows a plan, a refusal quotes it, `networks` builds from it.
"""

from dataclasses import dataclass
from math import prod

from lib.errors import UserError
from lib.files import by
from lib.hyperparameters import Hyperparameters

Shape = tuple[int, int, int]  # (height, width, channels)

SMALLEST_MAP = 8  # halving goes on until a side is this small: 28 -> 14 -> 7, 32 -> 16 -> 8 as in report A


@dataclass(frozen=True)
class Layer:
    """One step of the encoder or the decoder.

    `conv` convolves (with stride 2 it halves), `transpose` is its mirror (with stride 2 it doubles); `pool` halves,
    `upsample` doubles, `crop` takes off the last row or column.
    """

    kind: str
    output: Shape
    kernel_size: int = 0
    stride: int = 1
    normalised: bool = False
    parameters: int = 0

    @property
    def learns(self) -> bool:
        return self.parameters > 0


@dataclass(frozen=True)
class Plan:
    """Encoder and decoder as lists of layers; sizes are (height, width, channels)."""

    input: Shape
    target: Shape
    encoder: tuple[Layer, ...]
    decoder: tuple[Layer, ...]

    @property
    def latent(self) -> Shape:
        return self.encoder[-1].output

    @property
    def latent_size(self) -> int:
        return prod(self.latent)

    @property
    def compression(self) -> float:
        """Numbers in an image per number in its code."""
        return prod(self.input) / self.latent_size

    @property
    def parameters(self) -> int:
        """All weights, those of the moving averages included, as Keras's `count_params` has it."""
        return sum(layer.parameters for layer in self.encoder + self.decoder)


def plan(hp: Hyperparameters, image: Shape) -> Plan:
    """The network that `hp` describes for images of shape (height, width, channels).

    The first convolutions halve the image, by a stride of 2. (With 3×3 kernels on MNIST strides reached half the error
    of pools after three epochs.) The decoder mirrors the encoder (report C): as many convolutions, the same kernels in
    reverse, doubling where the encoder halves, a crop where a side was odd; so it returns the target's exact size.

    Raises `UserError` when a kernel is larger than what is left of the image, with the largest that works.
    """
    target = image
    encoder, maps = _encoder(hp, image)
    decoder = []
    height, width, channels = maps.pop()
    while maps:
        mirrored = maps.pop()
        kernels, last = (mirrored[2], False) if maps else (target[2], True)
        doubles = mirrored[:2] != (height, width)
        height, width = (2 * height, 2 * width) if doubles else (height, width)
        stride = 2 if doubles and not _steps_over_pixels(hp) else 1
        if doubles and stride == 1:
            decoder.append(Layer("upsample", (height, width, channels)))
        decoder.append(_convolution(hp.kernel_size, (height, width), channels, kernels, stride, not last, mirror=True))
        if mirrored[:2] != (height, width):
            decoder.append(Layer("crop", (*mirrored[:2], kernels)))
        height, width, channels = (*mirrored[:2], kernels)
    return Plan(image, target, tuple(encoder), tuple(decoder))


def _encoder(hp: Hyperparameters, image: Shape) -> tuple[list[Layer], list[Shape]]:
    """The encoder's layers, and the maps between its convolutions: the image first, the code last."""
    layers, maps = [], [image]
    for number, kernels in enumerate(hp.kernels):
        height, width, channels = maps[-1]
        if hp.kernel_size > min(height, width):
            raise UserError(
                f"kernel size {hp.kernel_size} does not fit: {height}×{width} is left before layer {number + 1}; "
                f"at most {largest_kernel(hp.layers, image)} works"
            )
        halves = number < halvings(hp.layers, image)
        half = (-(-height // 2), -(-width // 2))
        if halves and _steps_over_pixels(hp):
            layers += [
                _convolution(hp.kernel_size, (height, width), channels, kernels, 1),
                Layer("pool", (*half, kernels)),
            ]
        else:
            layers.append(
                _convolution(hp.kernel_size, half if halves else (height, width), channels, kernels, 2 if halves else 1)
            )
        maps.append(layers[-1].output)
    return layers, maps


def _steps_over_pixels(hp: Hyperparameters) -> bool:
    """A kernel of one pixel with stride 2 would never see three pixels in four: it is followed by a pool instead."""
    return hp.kernel_size == 1


def halvings(layers: int, image: Shape) -> int:
    """How many of the encoder's first convolutions halve the image: at least one where there is room."""
    side, count = min(image[:2]), 0
    while count < layers and side > (SMALLEST_MAP if count else 1):
        side, count = -(-side // 2), count + 1
    return count


def largest_kernel(layers: int, image: Shape) -> int:
    """The largest kernel size that fits before every one of so many layers."""
    side = min(image[:2])
    for _ in range(min(halvings(layers, image), layers - 1)):
        side = -(-side // 2)
    return side


def _convolution(kernel_size, size, channels, kernels, stride, normalised=True, mirror=False) -> Layer:
    # A normalised convolution has no bias: the normalisation brings its own, and three vectors more.
    weights = kernel_size**2 * channels * kernels + (4 if normalised else 1) * kernels
    kind = "transpose" if mirror and stride > 1 else "conv"
    return Layer(kind, (*size, kernels), kernel_size, stride, normalised, weights)


def describe(plan: Plan) -> str:
    """The plan in a line: sizes, latent size, compression, parameters."""
    sizes = [plan.input]
    for layer in plan.encoder:
        if layer.kind == "pool":
            sizes[-1] = layer.output
        else:
            sizes.append(layer.output)
    shown = [*map(by, sizes)] if len(sizes) <= 6 else [*map(by, sizes[:3]), "…", *map(by, sizes[-2:])]
    ratio = plan.compression
    if 0.95 < ratio < 1.05:
        compared = "as large as the image"
    else:
        compared = f"{ratio:.1f}× smaller than the image" if ratio > 1 else f"{1 / ratio:.1f}× as large as the image"
    # What matters stands first: a narrow terminal cuts the rest off.
    return f"latent {plan.latent_size:,}, {compared} · {plan.parameters:,} parameters · {' → '.join(shown)}"
