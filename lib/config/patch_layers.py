"""Layers of the discriminator of patches, as numbers: what the model is built from, and its memory."""

from typing import NamedTuple

from lib.config.layer_specs import Shape

CHANNELS = (32, 64, 128)  # of its convolutions, which halve the picture while it is large enough
MIN_SIDE = 4  # of its last feature map
PASSES = 3  # of each batch: outputs, outputs without a gradient for the autoencoder, targets


class PatchLayer(NamedTuple):
    """A convolution: its channels, its stride, and (height, width) of its output."""

    channels: int
    stride: int
    sides: tuple[int, int]


def patch_layers(shape: Shape) -> list[PatchLayer]:
    """Return the convolutions of the discriminator for pictures of (height, width, channels)."""
    layers: list[PatchLayer] = []
    height, width = shape[:2]
    for channels in CHANNELS:
        stride = 2 if min(height, width) >= 2 * MIN_SIDE else 1
        if stride == 1 and layers:
            break
        height, width = -(-height // stride), -(-width // stride)
        layers.append(PatchLayer(channels, stride, (height, width)))
    return layers
