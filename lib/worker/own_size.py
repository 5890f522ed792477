"""Application of saved autoencoders to pictures at their own size.

Where input and output are the whole image, a convolutional model is applied to the whole picture, or to
overlapping tiles of it. Where the task needs the scale that it was trained at (colors, missing halves), the
prediction is made at that size, scaled up and joined with the picture.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from threading import Event
from typing import NamedTuple

import keras
import numpy as np
from PIL import Image

from lib.common.errors import UserError
from lib.common.formatting import format_shape
from lib.data.unscaled_pictures import UnscaledPicture
from lib.data.user_images import UserImages
from lib.models import inference
from lib.models.tiling import PictureModel, picture_model
from lib.tasks import Task, get_task, make_inference_pair
from lib.tasks.pixels import UNKNOWN, rgb_to_luma, to_float, to_uint8
from lib.worker.saved_models import LoadedAutoencoder, require_finite

OWN, MODEL = "own", "model"
BAND_ROWS = 256  # of a picture that are joined with a prediction at once


class OwnSizeOutput(NamedTuple):
    """The output for a picture, its mean squared error, and what the model was given.

    Attributes:
        pixels: uint8 (height, width, channels).
        error: of the pixels that are predicted, in 0..1; NaN where none is.
        given: uint8 (height, width, channels), the rest gray.
    """

    pixels: np.ndarray
    error: float
    given: np.ndarray


@dataclass(frozen=True)
class OwnSizeModel:
    """An autoencoder that returns pictures of their own size.

    Attributes:
        loaded: the autoencoder.
        convolutional: the same for pictures of any size; `None` for one that takes its own size alone.
    """

    loaded: LoadedAutoencoder
    convolutional: PictureModel | None

    @property
    def notes(self) -> list[str]:
        """Sentences for the user about how pictures get their own size back."""
        size = self.loaded.image_shape[:2]
        if not self._task.predicts_scaled:
            return []
        if self.convolutional is None or self.convolutional.tile:
            how = f"pictures are stretched to {format_shape(size)}"
        else:
            how = f"pictures are scaled until they cover {format_shape(size)}"
        return [f"{self.loaded.path}: {how} for the prediction, which is scaled up to their own size"]

    def require_fitting(self, picture: UnscaledPicture) -> None:
        """Raise `UserError` for a picture that the model does not take, such as a column to be halved."""
        self._task.predicted_part(self.loaded.hp, picture.pixels)

    def apply(self, picture: UnscaledPicture, name: str, stop_event: Event) -> OwnSizeOutput:
        """Return the output for a picture, and its mean squared error.

        Args:
            picture: the picture. A model that completes holes predicts its hole; with an empty one it stays
                as it is.
            name: of the picture, for errors.
            stop_event: ends the work early; the result is to be dropped.

        Raises:
            RunFailed: outputs are NaN or infinite.
        """
        pixels, hole = picture.pixels, picture.hole if self._task.hole(self.loaded.hp) else None
        if hole is not None and not hole.any():
            return OwnSizeOutput(pixels, math.nan, pixels)
        mask, rows_of_output = self._predict(pixels, hole)
        output, error, count = np.empty_like(pixels), 0.0, 0
        stays_gray = self._keeps_gray(pixels)
        for top, predicted in rows_of_output:
            require_finite(predicted[None], [name], self.loaded.path)
            rows = slice(top, top + len(predicted))
            predicted, given = np.clip(predicted, 0, 1), to_float(pixels[rows])
            if stays_gray:
                predicted = np.broadcast_to(rgb_to_luma(predicted), predicted.shape)
            differences = np.square(predicted - given)
            if mask is not None:
                predicted = np.where(mask[rows][..., None], predicted, given)
                differences = differences[mask[rows]]
            error += float(differences.sum(dtype=np.float64))
            count += differences.size
            output[rows] = to_uint8(predicted)
            if stop_event.is_set():
                break
        return OwnSizeOutput(output, error / max(1, count), self._input_picture(pixels, mask))

    def _keeps_gray(self, pixels: np.ndarray) -> bool:
        """Whether a picture is gray and its output, too: the task changes pictures, but adds no color."""
        if pixels.shape[-1] != 3 or self._task.targets_are_inputs:
            return False
        sees_color = self._inputs(np.zeros((1, *self.loaded.image_shape), np.uint8)).shape[-1] >= 3
        return sees_color and bool((pixels == pixels[..., :1]).all())

    def _input_picture(self, pixels: np.ndarray, mask: np.ndarray | None) -> np.ndarray:
        """What is given of a picture, uint8 (height, width, channels), for comparisons."""
        if mask is not None:
            return np.where(mask[..., None], np.uint8(UNKNOWN), pixels)
        if not self._task.predicts_scaled:
            return pixels
        inputs = np.empty((*pixels.shape[:2], self._inputs(pixels[None, :1, :1]).shape[-1]), np.uint8)
        for top in range(0, len(pixels), BAND_ROWS):
            rows = slice(top, top + BAND_ROWS)
            inputs[rows] = to_uint8(self._inputs(pixels[None, rows])[0])
        return inputs

    @property
    def _task(self) -> Task:
        return get_task(self.loaded.hp)

    def _inputs(self, parts: np.ndarray) -> np.ndarray:
        return make_inference_pair(self.loaded.hp, parts)[0]

    def _predict(
        self, pixels: np.ndarray, hole: np.ndarray | None
    ) -> tuple[np.ndarray | None, Iterator[tuple[int, np.ndarray]]]:
        """Which pixels are predicted (all for `None`), and these from top to bottom: row and pixels."""
        if not self._task.predicts_scaled:
            assert self.convolutional is not None
            return None, self.convolutional.output_rows(pixels, self._inputs)
        hp, small = self.loaded.hp, self._scale_down(pixels)
        if hole is None:
            inputs, mask = self._inputs(small[None]), self._task.predicted_part(hp, pixels)
        else:
            # In floating point, so that a single missing pixel of many counts.
            missing = Image.fromarray(hole.astype(np.float32))
            small_hole = np.asarray(missing.resize(small.shape[1::-1], Image.Resampling.BILINEAR)) > 0
            inputs, mask = make_inference_pair(hp, small[None], small_hole[None])[0], hole
        return mask, self._join(pixels, inputs, self._outputs(inputs))

    def _outputs(self, inputs: np.ndarray) -> np.ndarray:
        """The model's outputs for the inputs of a picture (1, height, width, channels)."""
        if self.convolutional is not None and not self.convolutional.tile:
            return self.convolutional.output(inputs[0], lambda parts: parts)[None]
        assert isinstance(self.loaded.model, keras.Model)
        return inference.predict(self.loaded.model, inputs)

    def _join(
        self, pixels: np.ndarray, inputs: np.ndarray, outputs: np.ndarray
    ) -> Iterator[tuple[int, np.ndarray]]:
        """Pixels of a picture with the prediction scaled up, from top to bottom."""
        predicted = self._task.to_pixels(self.loaded.hp, inputs, outputs)[1][0]
        for top in range(0, len(pixels), BAND_ROWS):
            band = to_float(pixels[top : top + BAND_ROWS])
            enlarged = _scale_up(predicted, pixels.shape[:2], top, len(band))
            yield top, self._task.join_scaled(self.loaded.hp, band, enlarged)

    def _scale_down(self, pixels: np.ndarray) -> np.ndarray:
        """The picture at the scale of the training; its proportions are kept where they can be."""
        height, width = self.loaded.image_shape[:2]
        if self.convolutional is not None and not self.convolutional.tile:
            scale = max(height / pixels.shape[0], width / pixels.shape[1])
            height, width = (2 * max(1, round(side * scale / 2)) for side in pixels.shape[:2])  # equal halves
        image = Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)
        small = np.asarray(image.resize((width, height), Image.Resampling.LANCZOS))
        return small.reshape(height, width, pixels.shape[-1])


def _scale_up(predicted: np.ndarray, size: tuple[int, int], top: int, rows: int) -> np.ndarray:
    """Some rows of pixels that are scaled up to `size`, float32 (rows, width, channels)."""
    height, width = size
    scale = predicted.shape[0] / height
    box = (0, top * scale, predicted.shape[1], min(predicted.shape[0], (top + rows) * scale))
    planes = [
        np.asarray(Image.fromarray(plane).resize((width, rows), Image.Resampling.BICUBIC, box))
        for plane in np.moveaxis(np.ascontiguousarray(predicted, np.float32), -1, 0)
    ]
    return np.stack(planes, axis=-1)


def own_size_models(
    models: list[LoadedAutoencoder], output_size: str | None, user_images: UserImages
) -> tuple[list[OwnSizeModel] | None, list[str]]:
    """Return the models for pictures of their own size, or `None` for outputs of the models' size.

    Args:
        models: the autoencoders.
        output_size: `OWN` or `MODEL`; `None` for the own size where all models can return it.
        user_images: what they are applied to.

    Returns:
        The models, and sentences for the user.

    Raises:
        UserError: pictures cannot have their own size.
    """
    if output_size == MODEL:
        return None, []
    if not user_images.from_files:
        if output_size == OWN:
            raise UserError("--output-size own requires pictures: images of a data set keep their size")
        return None, []
    if user_images.value_range.is_deep:
        source = user_images.source
        if output_size == OWN:
            raise UserError(f"{source}: --output-size own is for pictures of 8 bits, and these have more")
        return None, [f"{source}: pictures of more than 8 bits get outputs of the model's size"]
    own: list[OwnSizeModel] = []
    for loaded in models:
        if refusal := _refusal(loaded, convolutional := _picture_model(loaded)):
            text = f"{loaded.path}: {refusal}"
            if output_size == OWN:
                raise UserError(f"{text}; use --output-size model")
            return None, [f"{text}: outputs have that size"]
        own.append(OwnSizeModel(loaded, convolutional))
    return own, [note for model in own for note in model.notes]


def _picture_model(loaded: LoadedAutoencoder) -> PictureModel | None:
    return picture_model(loaded.model) if isinstance(loaded.model, keras.Model) else None


def _refusal(loaded: LoadedAutoencoder, convolutional: PictureModel | None) -> str:
    """Why a model cannot return pictures of their own size; empty if it can."""
    task, shape = get_task(loaded.hp), loaded.image_shape
    is_refined = not isinstance(loaded.model, keras.Model)
    is_possible = task.predicts_scaled or (task.targets_are_images and convolutional is not None)
    if shape[-1] in (1, 3) and is_possible and not is_refined:
        return ""
    reason = "refines codes of" if is_refined else "takes"
    return f"the model {reason} images of {format_shape(shape)} only"
