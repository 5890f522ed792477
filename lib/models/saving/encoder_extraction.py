"""Models made elsewhere as models of images: autoencoder, encoder, decoder or classifier.

Whatever shape and range of pixels a model takes and gives, the models that are made of it here take and give
images, float32 (n, height, width, channels) in 0..1. `code_layer` says which layer gives the code, and
`pixel_ranges` what values the model was trained with.
"""

import math

import keras
from keras import layers

from lib.common.errors import UserError
from lib.common.formatting import format_shape
from lib.models.saving.code_layer import Code, Graph, depends_only_on, find_code, find_decoder_input
from lib.models.saving.graph_copy import GraphCopy
from lib.models.saving.graph_limits import require_small_calls
from lib.models.saving.image_formats import (
    adapt_output,
    image_pattern,
    input_pattern,
    takes_channels_first,
)
from lib.models.saving.name_words import says_decoder, says_encoder
from lib.models.saving.pixel_ranges import UNIT, describe_ranges, find_pixel_ranges
from lib.tasks import ImageShape
from lib.tasks.settings import MAX_CHANNELS

ADAPTERS = ("image", "code", "as_taken", "bytes", "channels_in", "as_given", "unit_range", "channels_out")


class ForeignModel:
    """A model made elsewhere, copied for images of one shape.

    Args:
        model: any Keras model with one input, which the images fit.
        image_shape: (height, width, channels).
        source: name of the model in messages.
        data_shape: the shape of the images in error messages.
        finds_ranges: `False` for a model that is known to work on pixels of 0..1.

    Attributes:
        notes: sentences about what was assumed: the range of the pixels, and after `find_code` the code.

    Raises:
        UserError: the images do not fit the model, or it computes too much of each.
    """

    def __init__(
        self,
        model: keras.Model,
        image_shape: ImageShape,
        source: str,
        data_shape: str = "",
        finds_ranges: bool = True,
    ):
        self.image_shape = image_shape
        self.source = source
        self.notes: list[str] = []
        pattern = input_pattern(model, source)
        if not pattern.fits(image_shape):
            raise UserError(
                f"{source}: takes images of {pattern}, but the data set has "
                f"{data_shape or format_shape(image_shape)}"
            )
        self._channels_first = takes_channels_first(model)
        self._input_range, self._output_range = UNIT, UNIT
        if finds_ranges:
            self._find_ranges(model)
        self._inputs = keras.Input(image_shape, name="image")
        self._copy = GraphCopy(reserved_names=ADAPTERS)
        outputs = self._copy.call_model(model, [self._adapt_images(tuple(model.inputs[0].shape[1:]))])
        require_small_calls(self._copy.calls, source)
        self._copy.copy_weights()
        if not says_encoder(model.name):  # else the first output is the code
            image = self._find_image(outputs)
            outputs = sorted(outputs, key=lambda output: output is not image)
        self._graph = Graph(model.name, self._copy.calls, outputs)
        self._code: Code | None = None

    def autoencoder(self) -> keras.Model:
        """Return the model from images to images. Raises `UserError` if it gives none."""
        outputs = self._image_output()
        return keras.Model(self._inputs, outputs, name="autoencoder")

    def encoder(self, layer: str | None = None) -> keras.Model:
        """Return the model `encoder` from images to codes (n, …).

        Args:
            layer: name or path of the layer that gives the code; `None` to find it.

        Raises:
            UserError: no layer gives a code.
        """
        code = self.find_code(layer)
        if not any(code.call.output is value for call in self._graph.layer_calls for value in call.outputs):
            raise UserError(
                f"{self.source}: {code.call.path} returns its input; set the layer of the latent code with "
                f"--encoder-layer"
            )
        return keras.Model(self._inputs, code.call.output, name="encoder")

    def decoder(self, encoder_layer: str | None = None, decoder_layer: str | None = None) -> keras.Model:
        """Return the model `decoder` from codes (n, …) to images.

        Args:
            encoder_layer: as in `encoder`.
            decoder_layer: name or path of the layer or model that takes the code; `None` to find it.

        Raises:
            UserError: images cannot be decoded from a code alone.
        """
        code, image = self.find_code(encoder_layer), self._image_output()
        tensor = find_decoder_input(self._graph, code, decoder_layer, self.source)
        if not depends_only_on(self._graph, tensor, self._raw_image()):
            raise UserError(
                f"{self.source}: the output depends on more than {decoder_layer or 'the latent code'}, for "
                f"example on skip connections, so codes alone cannot be decoded"
            )
        if tensor.shape != code.call.output.shape:
            raise UserError(
                f"{self.source}: the decoder from {decoder_layer} on takes codes of "
                f"{format_shape(tensor.shape[1:])}, but {code.call.path} returns "
                f"{format_shape(code.call.shape)}; set both layers with --encoder-layer and --decoder-layer"
            )
        return keras.Model(tensor, image, name="decoder")

    def find_code(self, layer: str | None = None) -> Code:
        """Find the layer that gives the code, and note it and the reason."""
        if self._code is None:
            size = math.prod(self.image_shape)
            self._code = find_code(self._graph, layer, size, self.source)
            self.notes.append(f"{self.source}: the latent code is {self._code.call}: {self._code.reason}.")
        return self._code

    def classifier(self) -> keras.Model:
        """Return the model from images to class probabilities (n, classes). Raises `UserError`."""
        output = self._graph.outputs[0]
        if len(output.shape) != 2 or output.shape[1] < 2:
            raise UserError(
                f"{self.source}: returns {format_shape(output.shape[1:])} per image, not one number per "
                f"class; use a classifier"
            )
        last = next(call for call in reversed(self._graph.layer_calls) if call.output is output)
        activation = getattr(getattr(last.layer, "activation", None), "__name__", "")
        if activation != "softmax" and not isinstance(last.layer, layers.Softmax):
            raise UserError(
                f"{self.source}: ends in {last.path}, which does not return probabilities; use a classifier; "
                f"if it is one, add a Softmax layer and save it again"
            )
        return keras.Model(self._inputs, output, name="classifier")

    def _find_ranges(self, model: keras.Model) -> None:
        """Assume the ranges that the model's layers tell, and note them."""
        inspected = GraphCopy(copies_layers=False)
        inputs = keras.Input(self._shape_as_taken(tuple(model.inputs[0].shape[1:])))
        outputs = inspected.call_model(model, [inputs])
        images = self._find_image(outputs)
        self._input_range, self._output_range = find_pixel_ranges(inspected.calls, inputs, images)
        given = None if images is None else self._output_range
        self.notes.append(f"{self.source}: {describe_ranges(self._input_range, given)}")

    def _shape_as_taken(self, input_shape: tuple) -> tuple[int, ...]:
        """The shape of an image as a model with inputs of this shape takes it."""
        height, width, channels = self.image_shape
        if len(input_shape) == 3:
            return (channels, height, width) if self._channels_first else self.image_shape
        return (height, width) if len(input_shape) == 2 else (math.prod(self.image_shape),)

    def _adapt_images(self, input_shape: tuple) -> keras.KerasTensor:
        """The images as the model takes them."""
        x, shape = self._inputs, self._shape_as_taken(input_shape)
        if not self._input_range.is_unit:
            low, high, _ = self._input_range
            x = layers.Rescaling(high - low, low, name="bytes")(x)
        if len(shape) == 3:
            return layers.Permute((3, 1, 2), name="channels_in")(x) if self._channels_first else x
        return layers.Reshape(shape, name="as_taken")(x)

    def _find_image(self, outputs: list[keras.KerasTensor]) -> keras.KerasTensor | None:
        """The first of the outputs that is an image of the shape of the inputs, as the model gives it."""
        height, width, channels = shape = self.image_shape
        shapes = [(channels, height, width) if self._channels_first else shape, (math.prod(shape),)]
        if channels == 1:
            shapes.append((height, width))
        return next((output for output in outputs if tuple(output.shape[1:]) in shapes), None)

    def _raw_image(self) -> keras.KerasTensor:
        if (image := self._find_image(self._graph.outputs)) is not None:
            return image
        given = " and ".join(format_shape(output.shape[1:]) for output in self._graph.outputs)
        grown = any(len(output.shape) == 4 for output in self._graph.outputs)
        raise UserError(
            f"{self.source}: returns {given} for images of {format_shape(self.image_shape)}, not images of "
            f"the same shape; use an autoencoder" + (", or images with even sides" if grown else "")
        )

    def _image_output(self) -> keras.KerasTensor:
        return adapt_output(self._raw_image(), self.image_shape, self._channels_first, self._output_range)


def is_decoder(model: keras.Model) -> bool:
    """Return whether a model is called decoder, or maps flat codes to larger outputs: a decoder alone."""
    if len(model.inputs) != 1 or says_encoder(model.name):
        return False
    code, output = model.inputs[0].shape[1:], model.outputs[0].shape[1:]
    if None in (*code, *output):
        return False
    return says_decoder(model.name) or (len(code) == 1 and code[0] < math.prod(output))


def adapt_decoder(model: keras.Model, source: str) -> tuple[keras.Model, str]:
    """Return a decoder that is a model of its own as one of images, and what was assumed of its pixels.

    Raises:
        UserError: its outputs are no images.
    """
    copy = GraphCopy(reserved_names=ADAPTERS)
    codes = keras.Input(model.inputs[0].shape[1:], name="code")
    output = copy.call_model(model, [codes])[0]
    copy.copy_weights()
    shape, channels_first = tuple(output.shape[1:]), takes_channels_first(model)
    pattern = image_pattern(shape, channels_first)
    image_shape = None if pattern is None else pattern.fixed
    if image_shape is None or image_shape[2] > MAX_CHANNELS:
        raise UserError(
            f"{source}: returns {format_shape(shape)} per code, which is not an image; use a decoder"
        )
    _, pixels = find_pixel_ranges(copy.calls, None, output)
    image = adapt_output(output, image_shape, channels_first, pixels)
    note = f"{source}: {describe_ranges(None, pixels)}"
    return keras.Model(codes, image, name="decoder"), note
