"""Fixed linear maps in the network of a task, and the part of images that its encoder takes."""

from typing import NamedTuple

import numpy as np

from lib.tasks.settings import ImageShape


class FixedMap(NamedTuple):
    """A linear map with constant weights along one axis of images, such as a mirror.

    Attributes:
        axis: 0 for rows, 1 for columns, 2 for channels.
        matrix: float32, shape (size before, size after).
    """

    axis: int
    matrix: np.ndarray

    def apply_to_shape(self, image: ImageShape) -> ImageShape:
        """Return the shape of images of a shape after the map."""
        height, width, channels = (
            self.matrix.shape[1] if axis == self.axis else size for axis, size in enumerate(image)
        )
        return height, width, channels


class FixedMaps(NamedTuple):
    """The fixed linear maps in the network of a task.

    Attributes:
        encoder: applied to the inputs before the encoder.
        estimate: from the inputs to the image that a residual output is added to; `None`: the inputs.
        join: of the channels of inputs and residual outputs together to those of the target, in place of
            adding the outputs to an image.
        known: from the inputs to the pixels that outputs keep, 0 where `hole` is 1; `None`: outputs are
            predictions alone.
        hole: from the inputs to a mask of one channel, 1 where predictions count.
    """

    encoder: FixedMap | None = None
    estimate: FixedMap | None = None
    join: FixedMap | None = None
    known: FixedMap | None = None
    hole: FixedMap | None = None


class InputPart(NamedTuple):
    """The part of whole images that a task shows the encoder.

    Attributes:
        rows: slice of the rows.
        columns: slice of the columns.
        channels: float32 (channels before, channels after), a linear map of the channels; `None` for all.
    """

    rows: slice = slice(None)
    columns: slice = slice(None)
    channels: np.ndarray | None = None
