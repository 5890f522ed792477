"""Images of any depth and number of channels as figures and terminals show them: 8 bits, gray or color."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lib.tasks.pixels import to_float, to_uint8, white_of

DARK, BRIGHT = 0.5, 0.25  # limits that are not shown as they are: of white, and of black as a part of white
PERCENTILES = 0.1, 99.9  # of the pixels that are shown as black and as white
MAX_VALUES = 1_000_000  # of a channel, that the limits are found from


def select_channels(images: np.ndarray, shown: Sequence[int] = ()) -> np.ndarray:
    """Return images with the channels that are shown.

    Args:
        images: (…, channels).
        shown: one channel for gray, or up to three as red, green and blue, counted from 1; by default, and
            for images without these, the only channel or the first three.

    Returns:
        (…, 1 or 3), of the same type. Two channels are red and green, with black for blue.
    """
    count = images.shape[-1]
    if not shown or max(shown) > count:
        if count in (1, 3):
            return images
        shown = range(1, min(3, count) + 1)
    selected = images[..., [channel - 1 for channel in shown]]
    if len(shown) != 2:
        return selected
    return np.concatenate([selected, np.zeros_like(selected[..., :1])], axis=-1)


@dataclass(frozen=True)
class Display:
    """Channels that are shown, and the pixels that are black and white on the screen.

    Attributes:
        channels: as for `select_channels`.
        black: pixels in 0..1 that become black, one for each channel, or for all.
        white: those that become white.
    """

    channels: tuple[int, ...] = ()
    black: tuple[float, ...] = (0.0,)
    white: tuple[float, ...] = (1.0,)

    @classmethod
    def of(cls, channels: tuple[int, ...] | None, images: np.ndarray) -> "Display":
        """Return the display of images, and of outputs for them.

        Images of 8 bits are shown as they are. Of deeper ones, those whose values fill less than half of
        their range are made brighter; the channels of color together, others each by itself.

        Args:
            channels: of the setting `show_channels`; None for the first three.
            images: (n, height, width, channels), uint8 or uint16.
        """
        if images.dtype == np.uint8 or not images.size:
            return cls(channels or ())
        count = images.shape[-1]
        values = images.reshape(-1, 1 if count == 3 else count)
        step = -(-len(values) // MAX_VALUES)
        lows, highs = np.percentile(values[::step], PERCENTILES, axis=0) / white_of(images.dtype)
        whites = np.where((highs < DARK) & (highs > 0), highs, 1.0)
        blacks = np.where((lows > BRIGHT * whites) & (lows < whites), lows, 0.0)
        return cls(channels or (), tuple(blacks.tolist()), tuple(whites.tolist()))

    def show_pixels(self, pixels: np.ndarray) -> np.ndarray:
        """Return pixels (n, height, width, channels) in 0..1 as uint8 (n, height, width, 1 or 3)."""
        black, white = np.array(self.black), np.array(self.white)
        if len(black) not in (1, pixels.shape[-1]):  # such as gray inputs of colors
            black, white = black.min(), white.max()
        if np.any(black != 0) or np.any(white != 1):
            pixels = (pixels - black) / (white - black)
        return to_uint8(select_channels(pixels, self.channels))

    def show(self, images: np.ndarray) -> np.ndarray:
        """Return images, uint8 or uint16, as uint8 (n, height, width, 1 or 3)."""
        if images.dtype == np.uint8:
            return select_channels(images, self.channels)
        return self.show_pixels(to_float(images))
