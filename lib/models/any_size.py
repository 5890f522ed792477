"""Convolutional models for pictures of any size: how a model sees its input, and a copy of it without a size.

A model is convolutional here if every output depends on a bounded surrounding of inputs, in the same way at
every place. `receptive_field` finds that surrounding from the layers.
"""

from fractions import Fraction
from typing import Any, NamedTuple

import keras
from keras import layers

from lib.models.fixed_layers import FIXED_PREFIX
from lib.models.saving.graph_copy import GraphCopy

CONVOLUTIONS = (layers.Conv2D, layers.DepthwiseConv2D, layers.SeparableConv2D)
POOLS = (layers.MaxPooling2D, layers.AveragePooling2D)
# Their outputs at a place depend on their inputs at that place alone.
POINTWISE = (
    *(layers.BatchNormalization, layers.Activation, layers.ReLU, layers.LeakyReLU, layers.Dropout),
    *(layers.ELU, layers.Rescaling, layers.GaussianNoise, layers.SpatialDropout2D, layers.Identity),
)
MERGES = (layers.Add, layers.Subtract, layers.Multiply, layers.Average, layers.Maximum, layers.Minimum)
RESIZED = (layers.UpSampling2D, layers.Conv2DTranspose, layers.Concatenate)
# With margins a model is convolutional for its own size only, of which tiles can be made.
MARGINS = (layers.Cropping2D, layers.ZeroPadding2D)
TILEABLE = (layers.InputLayer, *CONVOLUTIONS, *POOLS, *POINTWISE, *MERGES, *RESIZED, *MARGINS)


class ReceptiveField(NamedTuple):
    """The inputs that a value of a feature map depends on, along a side.

    Attributes:
        step: pixels between neighboring values.
        before: pixels before the place of the value that have an effect on it.
        after: those after it.
        stride: the largest step so far, of which the sides of a picture must be multiples.
    """

    step: Fraction = Fraction(1)
    before: Fraction = Fraction(0)
    after: Fraction = Fraction(0)
    stride: int = 1

    @property
    def reach(self) -> int:
        """The larger number of pixels, before or after."""
        return int(-(-max(self.before, self.after) // 1))


class _NotConvolutional(Exception):
    """A layer that is none of the above."""


def receptive_field(model: keras.Model) -> ReceptiveField | None:
    """Return what an output pixel of a model depends on; `None` if the model is bound to its size.

    Args:
        model: model from images to images.
    """
    graph = GraphCopy(copies_layers=False)
    (output,) = graph.call_model(model, list(model.inputs))
    fields = {id(tensor): ReceptiveField() for tensor in model.inputs}
    try:
        for call in graph.calls:
            if not call.is_model and not isinstance(call.layer, layers.InputLayer):
                fields[id(call.output)] = _after(call.layer, [fields[id(tensor)] for tensor in call.inputs])
    except _NotConvolutional:
        return None
    field = fields[id(output)]
    return field if field.step == 1 else None


def without_size(model: keras.Model) -> keras.Model:
    """Return a copy of a model with the same weights for images of any size.

    Args:
        model: one that `receptive_field` describes.
    """
    inputs, graph = keras.Input((None, None, model.input_shape[-1])), GraphCopy()
    outputs = graph.call_model(model, [inputs])
    graph.copy_weights()
    return keras.Model(inputs, outputs[0], name=model.name)


def is_tileable(model: keras.Model) -> bool:
    """Return whether a model of a fixed size is convolutional but for margins and mirrors, so that it can be
    applied to tiles of a picture.
    """
    graph = GraphCopy(copies_layers=False)
    graph.call_model(model, list(model.inputs))
    return all(
        call.is_model or isinstance(call.layer, TILEABLE) or _is_mirror(call.layer) for call in graph.calls
    )


def _is_mirror(layer: keras.Operation) -> bool:
    """Whether it is part of a fixed mirror of columns, as `lib.models.fixed_layers.map_axis` makes it."""
    is_dense = isinstance(layer, layers.Dense) and layer.name.startswith(f"{FIXED_PREFIX}mirror")
    return is_dense or (isinstance(layer, layers.Permute) and layer.name.startswith("mirror_"))


# --- fields


def _after(layer: keras.Operation, given: list[ReceptiveField]) -> ReceptiveField:
    """The field of a layer's output."""
    if isinstance(layer, (*MERGES, layers.Concatenate)):
        return _merge(layer, given)
    if len(given) != 1:
        raise _NotConvolutional
    (field,) = given
    if isinstance(layer, POINTWISE):
        return _pointwise(layer, field)
    if isinstance(layer, layers.UpSampling2D):
        return _upsampled(layer, field)
    if isinstance(layer, layers.Conv2DTranspose):
        return _transposed(field, _side(layer.kernel_size), _side(layer.strides), layer)
    if isinstance(layer, CONVOLUTIONS):
        size = (_side(layer.kernel_size) - 1) * _side(layer.dilation_rate) + 1
        return _convolved(field, size, _side(layer.strides), layer)
    if isinstance(layer, POOLS):
        return _convolved(field, _side(layer.pool_size), _side(layer.strides), layer)
    raise _NotConvolutional


def _side(pair: Any) -> int:
    """The larger one of two sizes."""
    return max(pair) if isinstance(pair, (tuple, list)) else int(pair)


def _pointwise(layer: keras.Operation, field: ReceptiveField) -> ReceptiveField:
    is_softmax = isinstance(layer, layers.Activation) and layer.activation is keras.activations.softmax
    if is_softmax or (isinstance(layer, layers.BatchNormalization) and layer.axis not in (-1, 3)):
        raise _NotConvolutional
    return field


def _merge(layer: keras.Operation, given: list[ReceptiveField]) -> ReceptiveField:
    if len({field.step for field in given}) > 1:
        raise _NotConvolutional
    if isinstance(layer, layers.Concatenate) and layer.axis not in (-1, 3):
        raise _NotConvolutional
    before, after = max(field.before for field in given), max(field.after for field in given)
    return ReceptiveField(given[0].step, before, after, max(field.stride for field in given))


def _convolved(field: ReceptiveField, size: int, stride: int, layer: keras.Operation) -> ReceptiveField:
    """After a kernel or a pool of `size`; "same" padding is larger on the far side."""
    if getattr(layer, "padding", "") != "same" and (size, stride) != (1, 1) and size != stride:
        raise _NotConvolutional
    step, first = field.step, max(size - stride, 0) // 2
    # One more on both sides, for backends that divide the padding otherwise.
    slack = 1 if size > stride > 1 else 0
    before = field.before + (first + slack) * step
    after = field.after + (size - 1 - first + slack) * step
    return ReceptiveField(step * stride, before, after, max(field.stride, int(step * stride)))


def _transposed(field: ReceptiveField, size: int, stride: int, layer: keras.Operation) -> ReceptiveField:
    if layer.padding != "same" or _side(layer.dilation_rate) > 1:
        raise _NotConvolutional
    step, first = field.step / stride, max(size - stride, 0) // 2
    before = field.before + (size - 1 - first + stride) * step
    return field._replace(step=step, before=before, after=field.after + (first + stride) * step)


def _upsampled(layer: keras.Operation, field: ReceptiveField) -> ReceptiveField:
    factor = _side(layer.size)
    step = field.step / factor
    around = 0 if layer.interpolation == "nearest" else 1
    before = field.before + (factor - 1) * step + around * field.step
    return field._replace(step=step, before=before, after=field.after + around * field.step)
