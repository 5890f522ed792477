"""Shapes of images as models made elsewhere take and give them: with channels last or first, or flat."""

import math
from dataclasses import dataclass

import keras
from keras import layers

from lib.common.errors import UserError
from lib.models.saving.graph_copy import has_channels_first
from lib.models.saving.pixel_ranges import PixelRange
from lib.models.saving.weight_loading import inner_layers
from lib.tasks import ImageShape

CHANNELS = (1, 3)  # of flat images: gray or color


@dataclass(frozen=True)
class ImagePattern:
    """The images that a model takes.

    Attributes:
        shape: (height, width, channels), each `None` where it may be any; `None` for flat images.
        flat_size: numbers in a flat image, else 0.
    """

    shape: tuple[int | None, int | None, int | None] | None
    flat_size: int = 0

    @property
    def fixed(self) -> ImageShape | None:
        """The shape of images if it is the only one; of flat images a square, in color or gray."""
        if self.shape is not None:
            height, width, channels = self.shape
            return None if height is None or width is None or channels is None else (height, width, channels)
        for channels in CHANNELS:
            side = math.isqrt(self.flat_size // channels)
            if channels * side**2 == self.flat_size:
                return side, side, channels
        return None

    def fits(self, image_shape: ImageShape) -> bool:
        """Return whether the model takes images of a shape."""
        if self.shape is None:
            return math.prod(image_shape) == self.flat_size
        return all(side in (None, size) for side, size in zip(self.shape, image_shape, strict=True))

    def __str__(self) -> str:
        if self.shape is None:
            return f"{self.flat_size:,} numbers"
        return "×".join("any" if side is None else f"{side:,}" for side in self.shape)


def image_pattern(shape: tuple[int | None, ...], channels_first: bool) -> ImagePattern | None:
    """Return the images that inputs or outputs of a shape can be; `None` for none."""
    if len(shape) == 3:
        return ImagePattern((*shape[1:], shape[0]) if channels_first else shape)
    if len(shape) == 2:
        return ImagePattern((*shape, 1))
    return ImagePattern(None, shape[0]) if len(shape) == 1 and shape[0] is not None else None


def input_pattern(model: keras.Model, source: str) -> ImagePattern:
    """Return the images that a model takes.

    Raises:
        UserError: it takes something else, or more than one input.
    """
    if len(model.inputs) != 1:
        raise UserError(
            f"{source}: has {len(model.inputs)} inputs; only models whose single input is an image are "
            f"supported"
        )
    shape = tuple(model.inputs[0].shape[1:])
    pattern = image_pattern(shape, takes_channels_first(model))
    if pattern is None:
        sizes = " × ".join("any" if size is None else f"{size:,}" for size in shape)
        raise UserError(f"{source}: takes inputs of {sizes}, which are not images; use a model of images")
    return pattern


def takes_channels_first(model: keras.Model) -> bool:
    """Return whether a model has layers that take images as (n, channels, height, width)."""
    return any(map(has_channels_first, inner_layers(model)))


def adapt_output(
    output: keras.KerasTensor, image_shape: ImageShape, channels_first: bool, pixels: PixelRange
) -> keras.KerasTensor:
    """Return images of an output in another shape or range.

    Args:
        output: of a decoder.
        image_shape: (height, width, channels).
        channels_first: whether an output of four dimensions is (n, channels, height, width).
        pixels: range of the output's values.

    Returns:
        images (n, height, width, channels) in 0..1.
    """
    x, (height, width, channels) = output, image_shape
    wanted = (channels, height, width) if channels_first and len(output.shape) == 4 else image_shape
    if tuple(x.shape[1:]) != wanted:
        x = layers.Reshape(wanted, name="as_given")(x)
    if wanted != image_shape:
        x = layers.Permute((2, 3, 1), name="channels_out")(x)
    if not pixels.is_unit:
        span = pixels.high - pixels.low
        x = layers.Rescaling(1 / span, -pixels.low / span, name="unit_range")(x)
    return x
