"""The plan of a network: the size of every layer, the latent size and the parameters, from whole numbers alone.

Nothing is built here. The prompt shows a plan, a refusal quotes it, `networks` builds from it.
"""

from dataclasses import dataclass
from math import prod

from lib.errors import UserError
from lib.hyperparameters import Hyperparameters

Shape = tuple[int, int, int]  # (height, width, channels)

SMALLEST_MAP = 8  # pooling goes on until a side is this small: 28 -> 14 -> 7, 32 -> 16 -> 8 as in report A


@dataclass(frozen=True)
class Layer:
    """One step of the encoder or the decoder: `conv`, `pool` (halves), `upsample` (doubles) or `crop`."""

    kind: str
    output: Shape
    kernel_size: int = 0
    normalised: bool = False
    parameters: int = 0


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

    The decoder mirrors the encoder (report C): as many convolutions, the same kernels in reverse, an upsampling where
    the encoder pools, a crop where a side was odd; so it returns the target's exact size.

    Raises `UserError` when a kernel is larger than what is left of the image, with the largest that works.
    """
    target = image
    maps = [image]  # what goes into each convolution, and at the end what comes out of the encoder
    encoder = []
    for number, kernels in enumerate(hp.kernels):
        height, width, channels = maps[-1]
        if hp.kernel_size > min(height, width):
            raise UserError(
                f"kernel size {hp.kernel_size} does not fit: {height}×{width} is left before layer {number + 1}; "
                f"at most {largest_kernel(hp.layers, image)} works"
            )
        layer = _convolution(height, width, channels, kernels, hp.kernel_size)
        encoder.append(layer)
        if number < pools(hp.layers, image):
            layer = Layer("pool", (-(-height // 2), -(-width // 2), kernels))
            encoder.append(layer)
        maps.append(layer.output)

    decoder = []
    height, width, channels = maps.pop()
    while maps:
        mirrored = maps.pop()
        if mirrored[:2] != (height, width):
            decoder.append(Layer("upsample", (2 * height, 2 * width, channels)))
            if mirrored[:2] != decoder[-1].output[:2]:
                decoder.append(Layer("crop", (*mirrored[:2], channels)))
        height, width = mirrored[:2]
        kernels = mirrored[2] if maps else target[2]
        decoder.append(_convolution(height, width, channels, kernels, hp.kernel_size, normalised=bool(maps)))
        channels = kernels
    return Plan(image, target, tuple(encoder), tuple(decoder))


def pools(layers: int, image: Shape) -> int:
    """How many of the encoder's first convolutions are followed by a pool: at least one where there is room."""
    side, count = min(image[:2]), 0
    while count < layers and side > (SMALLEST_MAP if count else 1):
        side, count = -(-side // 2), count + 1
    return count


def largest_kernel(layers: int, image: Shape) -> int:
    """The largest kernel size that fits before every one of so many layers."""
    side = min(image[:2])
    for _ in range(min(pools(layers, image), layers - 1)):
        side = -(-side // 2)
    return side


def _convolution(height, width, channels, kernels, kernel_size, normalised=True) -> Layer:
    # A normalised convolution has no bias: the normalisation brings its own, and three vectors more.
    weights = kernel_size**2 * channels * kernels + (4 if normalised else 1) * kernels
    return Layer("conv", (height, width, kernels), kernel_size, normalised, weights)


def describe(plan: Plan) -> str:
    """The plan in a line: sizes, latent size, compression, parameters."""
    sizes = [plan.input]
    for layer in plan.encoder:
        if layer.kind == "pool":
            sizes[-1] = layer.output
        else:
            sizes.append(layer.output)
    shown = [*map(text, sizes)] if len(sizes) <= 6 else [*map(text, sizes[:3]), "…", *map(text, sizes[-2:])]
    ratio = plan.compression
    compared = f"{ratio:.1f}× smaller than" if ratio > 1.05 else f"{1 / ratio:.1f}× as large as"
    return (
        f"{' → '.join(shown)} · latent {plan.latent_size:,}, {compared} the image · {plan.parameters:,} parameters"
    )


def text(shape) -> str:
    """A shape as people write it: 28×28×1."""
    return "×".join(map(str, shape))
