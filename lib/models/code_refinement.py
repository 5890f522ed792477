"""Codes improved after training, each for its own image: what a decoder can show when it is given the best
code there is.
"""

from collections.abc import Callable
from threading import Event

import keras
import numpy as np
from keras import layers, ops

STEP_SIZE = 0.05  # of a code's size: how far the first step goes; the last ones come to rest


class CodeRefinement:
    """An autoencoder whose codes are moved by gradient descent, each to a smaller squared error of the image
    made of it.

    What an autoencoder loses on new images is partly its encoder's, which is one function for all of them
    (the amortization gap: Cremer, Li and Duvenaud 2018; codes refined like these: Kim et al. 2018). So many
    `steps` of Adam, in which nothing but the codes changes; `stopped` ends them early, and `told` learns
    after each which share of them is done.
    """

    def __init__(
        self,
        encoder: keras.Model,
        decoder: keras.Model,
        steps: int,
        stopped: Event,
        told: Callable[[float], None],
    ):
        self.encoder, self.decoder, self.steps, self.stopped, self.told = (
            encoder,
            decoder,
            steps,
            stopped,
            told,
        )
        self.errors: list[
            np.ndarray
        ] = []  # of the images so far, float32 (2, n): with the encoder's codes, and with these
        self._searching: keras.Model | None = None  # for as many codes at once as there were at most
        decoder.trainable = False

    def predict_on_batch(self, images: np.ndarray) -> np.ndarray:
        """What the decoder makes of refined codes: images of the same shape."""
        return self._refined(images)[1]

    def encode(self, images: np.ndarray) -> np.ndarray:
        """The refined codes, float32 (n, …), of images (n, height, width, channels)."""
        return self._refined(images)[0]

    def _refined(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Codes and what is made of them. That of an image does not depend on those beside it, and is never
        worse than before.
        """
        codes, count = self.encoder.predict_on_batch(images), len(images)
        if self._searching is None or count > self._searching.input_shape[0]:
            self._searching = self._search(codes.shape, images.shape)
        search = self._searching
        # Fewer are filled up, since each other number of them would be compiled anew.
        places = np.resize(np.arange(count), search.input_shape[0])
        images, codes = images[places], codes[places]
        moved = search.get_layer("moved")
        moved.begin(codes)
        for variable in search.optimizer.variables:  # the codes before have left their momentum there
            variable.assign(np.zeros(variable.shape, variable.dtype))
        before = search.predict_on_batch(images)
        for step in range(self.steps):
            if self.stopped.is_set():
                break
            search.train_on_batch(images, images)
            self.told((step + 1) / self.steps)
        after = search.predict_on_batch(images)
        lost, left = _image_errors(before, images), _image_errors(after, images)
        better = left < lost
        self.errors.append(np.stack([lost, np.minimum(lost, left)])[:, :count])
        found = (
            np.where(_broadcast(better, codes), moved.codes, codes),
            np.where(_broadcast(better, images), after, before),
        )
        return found[0][:count], found[1][:count]

    def _search(self, codes: tuple[int, ...], images: tuple[int, ...]) -> keras.Model:
        """A model that is trained on images, and has nothing to learn but a code for each."""
        inputs = keras.Input(batch_shape=images, name="image")
        model = keras.Model(inputs, MovableCodes(self.decoder, codes, name="moved")(inputs))
        rate = keras.optimizers.schedules.CosineDecay(STEP_SIZE, self.steps)
        # A sum, since in a mean a code's gradient would be the smaller the more there are.
        model.compile(keras.optimizers.Adam(rate), keras.losses.MeanSquaredError(reduction="sum"))
        model.optimizer.build(model.trainable_variables)
        return model


class MovableCodes(layers.Layer):
    """Codes as weights, shape (n, …): whatever this layer is given, it gives their images, shape (n, height,
    width, channels).

    Each code moves in units of its own size, so that a rate means the same for all.
    """

    def __init__(self, decoder: keras.Model, shape: tuple[int, ...], **common):
        super().__init__(**common)
        self.decoder = decoder
        self.origin = self.add_weight(shape=shape, trainable=False, name="origin")
        self.size = self.add_weight(shape=(shape[0], *(1,) * (len(shape) - 1)), trainable=False, name="size")
        self.moves = self.add_weight(shape=shape, initializer="zeros", name="moves")

    def begin(self, codes: np.ndarray) -> None:
        """Start at these codes."""
        size = np.sqrt(np.square(codes).mean(axis=tuple(range(1, codes.ndim)), keepdims=True))
        self.origin.assign(codes)
        self.size.assign(np.where(size > 0, size, 1))
        self.moves.assign(np.zeros_like(codes))

    @property
    def codes(self) -> np.ndarray:
        """Where they are now."""
        return ops.convert_to_numpy(self.origin + self.size * self.moves)

    def call(self, inputs):
        return self.decoder(self.origin + self.size * self.moves, training=False)

    def compute_output_shape(self, input_shape):
        return input_shape


def _image_errors(outputs: np.ndarray, images: np.ndarray) -> np.ndarray:
    return np.square(outputs - images).mean(axis=(1, 2, 3))


def _broadcast(chosen: np.ndarray, values: np.ndarray) -> np.ndarray:
    """A choice for each of n, shaped for values of shape (n, …)."""
    return chosen.reshape(-1, *(1,) * (values.ndim - 1))
