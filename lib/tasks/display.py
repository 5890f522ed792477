"""Images of any number of channels as figures and terminals show them: gray, or three channels as colors."""

from collections.abc import Sequence

import numpy as np


def select_channels(images: np.ndarray, shown: Sequence[int] = ()) -> np.ndarray:
    """Return images with the channels that are shown.

    Args:
        images: (…, channels).
        shown: one channel for gray, or up to three as red, green and blue, counted from 1; by default the
            only channel, or the first three.

    Returns:
        (…, 1 or 3), of the same type. Two channels are red and green, with black for blue.
    """
    count = images.shape[-1]
    if not shown:
        if count in (1, 3):
            return images
        shown = range(1, min(3, count) + 1)
    selected = images[..., [channel - 1 for channel in shown]]
    if len(shown) != 2:
        return selected
    return np.concatenate([selected, np.zeros_like(selected[..., :1])], axis=-1)
