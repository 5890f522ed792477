"""Per-image refinement of latent codes by gradient descent on the reconstruction error."""

from collections.abc import Callable
from threading import Event

import keras
import numpy as np
from keras import layers, ops

STEP_SIZE = 0.05  # learning rate of the first step, relative to a code's root mean square; decays to 0


class CodeRefinement:
    """An autoencoder whose latent codes are optimized for each image (semi-amortized inference).

    Part of the reconstruction error on new images is due to the encoder, which is one function for all images
    (the amortization gap: Cremer, Li and Duvenaud, "Inference suboptimality in variational autoencoders",
    2018; refined codes: Kim et al., "Semi-amortized variational autoencoders", 2018). Adam minimizes the
    squared error of each decoded image; only the codes change.

    Args:
        encoder: model from images (n, height, width, channels) to codes (n, …).
        decoder: model from codes to images of the same shape; it is frozen.
        steps: number of steps of Adam per batch.
        stop_event: ends the refinement of a batch early when it is set.
        on_progress: called after each step with the completed fraction of steps, above 0 and up to 1.

    Attributes:
        errors: mean squared errors of the images so far, one float32 array (2, n) per batch: with the
            encoder's codes, and with the refined codes.
    """

    def __init__(
        self,
        encoder: keras.Model,
        decoder: keras.Model,
        steps: int,
        stop_event: Event,
        on_progress: Callable[[float], None],
    ):
        self.encoder = encoder
        self.decoder = decoder
        self.steps = steps
        self.stop_event = stop_event
        self.on_progress = on_progress
        self.errors: list[np.ndarray] = []
        self._optimizer_model: keras.Model | None = None  # for the largest batch so far
        decoder.trainable = False

    def predict_on_batch(self, images: np.ndarray) -> np.ndarray:
        """Return the images decoded from refined codes, of the shape of `images`."""
        return self._refine(images)[1]

    def encode(self, images: np.ndarray) -> np.ndarray:
        """Return the refined codes, float32 (n, …), of images (n, height, width, channels)."""
        return self._refine(images)[0]

    def _refine(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Refined codes and decoded images; no error grows, nor depends on the other images of the batch."""
        count = len(images)
        initial_codes = self.encoder.predict_on_batch(images)
        if self._optimizer_model is None or count > self._optimizer_model.input_shape[0]:
            self._optimizer_model = self._build_optimizer_model(initial_codes.shape, images.shape)
        model = self._optimizer_model
        # Smaller batches are padded by repetition, since each other size would be compiled once more.
        padded = np.resize(np.arange(count), model.input_shape[0])
        images, initial_codes = images[padded], initial_codes[padded]
        codes = model.get_layer("codes")
        codes.assign(initial_codes)
        for variable in model.optimizer.variables:  # the momentum is that of the batch before
            variable.assign(np.zeros(variable.shape, variable.dtype))

        initial_outputs = model.predict_on_batch(images)
        for step in range(self.steps):
            if self.stop_event.is_set():
                break
            model.train_on_batch(images, images)
            self.on_progress((step + 1) / self.steps)
        outputs = model.predict_on_batch(images)

        initial_errors, errors = _image_errors(initial_outputs, images), _image_errors(outputs, images)
        self.errors.append(np.stack([initial_errors, np.minimum(initial_errors, errors)])[:, :count])
        improved = errors < initial_errors
        best_codes = np.where(_expand_dims_like(improved, initial_codes), codes.value, initial_codes)
        best_outputs = np.where(_expand_dims_like(improved, images), outputs, initial_outputs)
        return best_codes[:count], best_outputs[:count]

    def _build_optimizer_model(
        self, code_shape: tuple[int, ...], image_shape: tuple[int, ...]
    ) -> keras.Model:
        """A compiled model whose only trainable weights are a code per image of the batch."""
        inputs = keras.Input(batch_shape=image_shape, name="image")
        model = keras.Model(inputs, TrainableCodes(self.decoder, code_shape, name="codes")(inputs))
        learning_rate = keras.optimizers.schedules.CosineDecay(STEP_SIZE, self.steps)
        # A sum, since in a mean a code's gradient would shrink with the size of the batch.
        loss = keras.losses.MeanSquaredError(reduction="sum")
        model.compile(keras.optimizers.Adam(learning_rate), loss)
        model.optimizer.build(model.trainable_variables)
        return model


class TrainableCodes(layers.Layer):
    """Codes (n, …) as weights; returns their decoded images and ignores its inputs.

    A code is `start + scale · offset` with its own root mean square as scale, so that one learning rate suits
    all.
    """

    def __init__(self, decoder: keras.Model, shape: tuple[int, ...], **kwargs):
        super().__init__(**kwargs)
        self.decoder = decoder
        self.start = self.add_weight(shape=shape, trainable=False, name="start")
        self.scale = self.add_weight(
            shape=(shape[0], *(1,) * (len(shape) - 1)), trainable=False, name="scale"
        )
        self.offset = self.add_weight(shape=shape, initializer="zeros", name="offset")

    def assign(self, codes: np.ndarray) -> None:
        """Set the codes and restart from them."""
        scale = np.sqrt(np.square(codes).mean(axis=tuple(range(1, codes.ndim)), keepdims=True))
        self.start.assign(codes)
        self.scale.assign(np.where(scale > 0, scale, 1))
        self.offset.assign(np.zeros_like(codes))

    @property
    def value(self) -> np.ndarray:
        """The current codes, float32 (n, …)."""
        return ops.convert_to_numpy(self.start + self.scale * self.offset)

    def call(self, inputs):
        return self.decoder(self.start + self.scale * self.offset, training=False)

    def compute_output_shape(self, input_shape):
        return input_shape


def _image_errors(outputs: np.ndarray, images: np.ndarray) -> np.ndarray:
    return np.square(outputs - images).mean(axis=(1, 2, 3))


def _expand_dims_like(per_image: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Reshape (n,) to (n, 1, …) with the number of dimensions of `values`."""
    return per_image.reshape(-1, *(1,) * (values.ndim - 1))
