"""Saved models as the jobs use them: whole autoencoders and encoders, with the shape of their images."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event
from typing import NamedTuple

import keras
import numpy as np

from lib.common.errors import UserError
from lib.config.hyperparameters import Hyperparameters
from lib.models.autoencoder import code_only
from lib.models.code_refinement import CodeRefinement
from lib.models.saving.model_files import SavedModel, load_saved_model
from lib.tasks.base import ImageShape, image_shape, make_inference_pair

OTHER_MODELS = ("encoder", "decoder", "classifier")  # names of models that are no whole autoencoder


@dataclass(frozen=True)
class LoadedAutoencoder:
    """A saved autoencoder.

    Attributes:
        path: its file.
        saved: the content of the file.
        hp: the hyperparameters in the file, or the defaults where there are none.
        image_shape: (height, width, channels) of the images of its task.
        model: maps inputs to outputs by `predict_on_batch`.
    """

    path: Path
    saved: SavedModel
    hp: Hyperparameters
    image_shape: ImageShape
    model: keras.Model | CodeRefinement

    def run(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return inputs, outputs and targets of uint8 images (n, height, width, channels)."""
        inputs, targets = make_inference_pair(self.hp, images)
        return inputs, self.model.predict_on_batch(inputs), targets

    def with_refinement(
        self, steps: int, stop_event: Event, report: Callable[[float], None]
    ) -> "LoadedAutoencoder":
        """Return this autoencoder with per-image refinement of its codes.

        Args:
            steps: of gradient descent.
            stop_event: ends the refinement early.
            report: called with the fraction of the steps that are done.

        Raises:
            UserError: the task is not `reconstruct`, or the encoder or a decoder of a code alone is missing.
        """
        encoder, decoder = self.saved.submodel("encoder"), self.saved.submodel("decoder")
        if self.hp.task != "reconstruct":
            raise UserError(
                f"{self.path}: it is for {self.hp.task}; --refine is for reconstruct, where what is wanted "
                f"is given"
            )
        if encoder is None or decoder is None or len(decoder.inputs) > 1:
            raise UserError(
                f"{self.path}: --refine needs two models in it, one called encoder, one called decoder that "
                f"takes a code alone"
            )
        return replace(self, model=CodeRefinement(code_only(encoder), decoder, steps, stop_event, report))


def load_autoencoder(name: str, purpose: str = "") -> LoadedAutoencoder:
    """Load a whole autoencoder.

    Args:
        name: path of an `.h5` file.
        purpose: end of the error message, such as `, which --refine needs`.

    Raises:
        UserError: the file cannot be loaded, or its model does not map images to images.
    """
    path = Path(name)
    saved = load_saved_model(path)
    input_shape, output_shape = saved.model.input_shape, saved.model.output_shape
    maps_images = all(
        isinstance(shape, tuple) and len(shape) == 4 and None not in shape[1:]
        for shape in (input_shape, output_shape)
    )
    if saved.model.name in OTHER_MODELS or not maps_images:
        raise UserError(
            f"{path}: is no whole autoencoder (images in, images out){purpose}; give an autoencoder.h5"
        )
    hp = saved.hp or Hyperparameters()
    shape = image_shape(hp, input_shape[1:], output_shape[1:])
    return LoadedAutoencoder(path, saved, hp, shape, saved.model)


class LoadedEncoder(NamedTuple):
    """An encoder of codes alone, the hyperparameters of its task, and the shape of the task's images."""

    model: keras.Model
    hp: Hyperparameters
    image_shape: ImageShape


def find_encoder(path: Path) -> LoadedEncoder:
    """The encoder in a file, or in `autoencoder.h5` or `encoder.h5` in the same folder."""
    for candidate in (path, path.with_name("autoencoder.h5"), path.with_name("encoder.h5")):
        if candidate.is_file() and (saved := load_saved_model(candidate)).submodel("encoder") is not None:
            encoder, hp = code_only(saved.submodel("encoder")), saved.hp or Hyperparameters()
            input_shape = encoder.input_shape[1:]
            target_shape = saved.model.output_shape[1:] if saved.model.name == "autoencoder" else input_shape
            return LoadedEncoder(encoder, hp, image_shape(hp, input_shape, target_shape))
    raise UserError(
        f"{path}: holds no encoder, nor is there one beside it; give an autoencoder.h5 or encoder.h5"
    )
