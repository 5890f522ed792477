"""Nearest neighbours and the convolution after them as one convolution of the small maps: the same but for rounding, sooner.

Where an image is doubled first, a kernel of 5×5 sees only nine different pixels at each place. Which weights fall on the same
pixel depends on the place's row and column, even or odd; added up beforehand they are four kernels of 3×3, whose outputs take
turns (Shi et al., "Is the deconvolution layer the same as a convolutional layer?", 2016): 36 products for four places, not 100.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

import keras
import numpy as np
from keras import layers, ops

from lib import backend

FEW = 0.4  # of the products; with 3×3 kernels, 4/9 of them, putting the outputs in order takes what is gained


@dataclass(frozen=True)
class Axis:
    """One axis of maps of `length`, made `size` times as long and convolved with a kernel of so many weights."""

    length: int
    size: int
    kernel: int
    same: bool

    @property
    def before(self) -> int:
        """How many zeros `same` puts before the first pixel."""
        return (self.kernel - 1) // 2 if self.same else 0

    @property
    def outputs(self) -> int:
        return self.length * self.size - (0 if self.same else self.kernel - 1)

    @property
    def taps(self) -> int:
        """How many of the small map's pixels a kernel sees at the most."""
        return (self.size - 1 + self.kernel - 1) // self.size + 1

    @property
    def first(self) -> int:
        """The small map's pixel at which the first kernel begins, below 0 among the zeros."""
        return -self.before // self.size

    @property
    def padding(self) -> tuple[int, int]:
        """How many zeros the small map gets on both sides."""
        last = (self.outputs - 1 - self.before) // self.size
        return -self.first, last + self.taps - self.length

    @property
    def kept(self) -> slice:
        """Which of the outputs, which come in whole turns, are there without folding."""
        start = -self.before - self.first * self.size
        return slice(start, start + self.outputs)

    @property
    def turns(self) -> np.ndarray:
        """Which pixel each weight falls on, in each place of a turn: ones and zeros (size, taps, kernel)."""
        falls = np.add.outer(np.arange(self.size), np.arange(self.kernel)) // self.size
        return (falls[:, None] == np.arange(self.taps)[:, None]).astype(np.float32)


@contextmanager
def folded(model: keras.Model) -> Iterator[None]:
    """In this block a model's convolutions after nearest neighbours are computed so, where that takes far fewer products.

    Not on GPUs, where it was not measured.
    """
    pairs = [] if backend.accelerators() else list(_pairs(model))
    for upsampling, convolution, rows, columns in pairs:
        upsampling.call = lambda inputs: inputs
        convolution.convolution_op = partial(_convolved, rows=rows, columns=columns)
    try:
        yield
    finally:
        for upsampling, convolution, *_ in pairs:
            del upsampling.call
            del convolution.convolution_op


def _pairs(model: keras.Model) -> Iterator[tuple[layers.UpSampling2D, layers.Conv2D, Axis, Axis]]:
    """Layers of a model, and of models in it, that can be folded: what the one gives is read by the other alone."""
    readers: dict[int, list[layers.Layer]] = {}
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from _pairs(layer)
        for node in layer._inbound_nodes:
            for tensor in node.input_tensors:
                readers.setdefault(id(tensor), []).append(layer)
    outputs = {id(tensor) for tensor in getattr(model, "outputs", ())}  # a model that somebody's code makes as it runs has none
    for layer in model.layers:
        if type(layer) is not layers.UpSampling2D or layer.interpolation != "nearest" or len(layer._inbound_nodes) != 1:
            continue
        [big], [small] = layer._inbound_nodes[0].output_tensors, layer._inbound_nodes[0].input_tensors
        reading = readers.get(id(big), [])
        if id(big) in outputs or len(reading) != 1 or not _foldable(reading[0], layer, small):
            continue
        same = reading[0].padding == "same"
        axes = [Axis(*of, same) for of in zip(small.shape[1:3], layer.size, reading[0].kernel_size, strict=True)]
        if np.prod([axis.taps for axis in axes]) <= FEW * np.prod(reading[0].kernel_size):
            yield layer, reading[0], *axes


def _foldable(layer: layers.Layer, upsampling: layers.UpSampling2D, small) -> bool:
    return (
        type(layer) is layers.Conv2D
        and len(layer._inbound_nodes) == 1
        and layer.padding in ("same", "valid")
        and {*layer.strides, *layer.dilation_rate, layer.groups} == {1}
        and {layer.data_format, upsampling.data_format} == {"channels_last"}
        and None not in small.shape[1:]
    )


def _convolved(inputs, kernel, rows: Axis, columns: Axis):
    """What the convolution of the large maps gives, from the small ones."""
    kernel = ops.convert_to_tensor(kernel)
    channels, filters = kernel.shape[2:]
    for axis in (rows, columns):  # (rows, columns, channels, filters), then twice the first axis for two at the end
        kernel = ops.tensordot(kernel, ops.cast(axis.turns, kernel.dtype), [[0], [2]])
    # (channels, filters, row in its turn, row's tap, column in its turn, column's tap)
    kernel = ops.reshape(ops.transpose(kernel, (3, 5, 0, 2, 4, 1)), (rows.taps, columns.taps, channels, -1))
    maps = ops.conv(ops.pad(inputs, ((0, 0), rows.padding, columns.padding, (0, 0))), kernel, padding="valid")
    high, wide = maps.shape[1:3]
    maps = ops.reshape(maps, (-1, high, wide, rows.size, columns.size, filters))
    maps = ops.reshape(ops.transpose(maps, (0, 1, 3, 2, 4, 5)), (-1, high * rows.size, wide * columns.size, filters))
    return maps[:, rows.kept, columns.kept]
