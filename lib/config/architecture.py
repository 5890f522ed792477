"""What a plan holds: the layers of a network with their sizes, and what can be said of them in a line."""

from dataclasses import dataclass
from math import prod

from lib.common.formatting import format_shape
from lib.config.hyperparameters import Hyperparameters
from lib.tasks import ImageShape
from lib.tasks.completion import cut_axis, sees_mirror_image

Shape = tuple[int, ...]  # (height, width, channels) or (units,)


@dataclass(frozen=True)
class LayerSpec:
    """One step of the encoder or the decoder.

    `conv` convolves (with a stride it shrinks), `transpose` is its mirror (with a stride it grows); `pool`
    halves, `upsample` grows by its stride, `pad` and `crop` put on or take off rows at the bottom and columns
    at the right; `dense`, `flatten` and `reshape` are what Keras calls so; `join` takes in the map that layer
    `source` of the encoder gave. `activation` comes after normalization, `dropout` after the activation.
    """

    kind: str
    output: Shape
    kernel_size: tuple[int, int] = (0, 0)
    stride: int = 1
    padding: str = "same"
    normalized: bool = False
    activation: str = "linear"
    dropout: bool = False
    zeroed: bool = False  # begins with weights of zero
    fixed: bool = False  # has weights, but does not learn
    parameters: int = 0
    source: int = -1

    @property
    def has_weights(self) -> bool:
        return self.parameters > 0


@dataclass(frozen=True)
class Architecture:
    """Encoder and decoder as lists of layers; sizes are (height, width, channels), or (units,) for a dense
    code.

    `linear` is the kernel size and the stride of the linear path beside them, where there is one.
    """

    hp: Hyperparameters
    input: ImageShape
    target: ImageShape
    encoder: tuple[LayerSpec, ...]
    decoder: tuple[LayerSpec, ...]
    linear: tuple[int, int] | None = None

    @property
    def latent(self) -> Shape:
        return self.encoder[-1].output

    @property
    def latent_size(self) -> int:
        return prod(self.latent)

    @property
    def compression(self) -> float:
        """Numbers in an input per number in its code."""
        return prod(self.input) / self.latent_size

    @property
    def joined(self) -> tuple[int, ...]:
        """The encoder's layers whose maps the decoder gets besides the code, in the decoder's order."""
        return tuple(layer.source for layer in self.decoder if layer.kind == "join")

    @property
    def parameters(self) -> int:
        """All weights, those of the moving averages included, as Keras's `count_params` has it."""
        count = sum(layer.parameters for layer in self.encoder + self.decoder)
        if self.hp.variational:
            count += self.encoder[-1].parameters  # the variances have a layer like that of the means
        if self.linear:
            code, given, made = self.latent[-1], self.input[-1], self.decoder[-1].output[-1]
            count += self.linear[0] ** 2 * code * (given + made) + code + made
        for units in self.hp.feedback:  # its layers see the image, what is left over of it, and the code
            seen = 2 * prod(self.input) + self.latent_size
            count += (seen + 2) * units + (units + 1) * self.latent_size
        if sees_mirror_image(self.hp):
            axis = cut_axis(self.hp)
            # Fixed: for the encoder, and for what is added to.
            count += (1 + self.hp.residual) * self.input[axis] * self.target[axis]
        return count + (9 if self.hp.residual and self.hp.task == "colorize" else 0)


def describe_architecture(plan: Architecture) -> str:
    """The plan in a line: latent size, compression, parameters, sizes."""
    sizes: list[Shape] = [plan.input]
    for layer in plan.encoder:
        if layer.kind == "pool":
            sizes[-1] = layer.output
        elif layer.has_weights:
            sizes.append(layer.output)
    shown = (
        [*map(format_shape, sizes)]
        if len(sizes) <= 6
        else [*map(format_shape, sizes[:3]), "…", *map(format_shape, sizes[-2:])]
    )
    ratio = plan.compression
    if 0.95 < ratio < 1.05:
        compared = "as large as the image"
    else:
        compared = (
            f"{ratio:.1f}× smaller than the image" if ratio > 1 else f"{1 / ratio:.1f}× as large as the image"
        )
    # What matters stands first: a narrow terminal cuts the rest off.
    return f"latent {plan.latent_size:,}, {compared} · {plan.parameters:,} parameters · {' → '.join(shown)}"


Shape = tuple[int, ...]  # that, or (units,)
