"""Saved models as the jobs use them: autoencoders, encoders, decoders and classifiers of images.

Models of these programs are used as they are. Models made elsewhere, and those of which a layer is named, are
adapted to images by `lib.models.saving.encoder_extraction`; what was assumed is said in `notes`.
"""

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from pathlib import Path
from threading import Event
from typing import Any, NamedTuple

import keras
import numpy as np

from lib.common.errors import RunFailed, UserError
from lib.common.formatting import format_shape
from lib.config.code_settings import CodeSettings
from lib.config.hyperparameters import AutoencoderHyperparameters
from lib.data import dataset_names
from lib.data.user_images import find_pictures
from lib.data.value_range import ValueRange
from lib.models import inference
from lib.models.autoencoder import code_only
from lib.models.code_refinement import CodeRefinement
from lib.models.label_input import count_label_classes
from lib.models.saving.encoder_extraction import ForeignModel
from lib.models.saving.image_formats import ImagePattern, input_pattern
from lib.models.saving.model_files import SavedModel, load_saved_model
from lib.tasks import ImageShape, get_task, list_tasks, make_inference_pair
from lib.tasks.settings import MAX_CHANNELS
from lib.worker.image_labels import ModelClasses
from lib.worker.messages import ModelRequest

OTHER_MODELS = ("encoder", "decoder", "classifier")  # names of models that are no whole autoencoder

MAX_OUTPUT = 1e18  # of a model, or of an encoder: errors and distances are squares


@dataclass(frozen=True)
class LoadedAutoencoder:
    """A saved autoencoder.

    Attributes:
        path: its file.
        saved: the content of the file.
        hp: the hyperparameters in the file, or the defaults where there are none.
        image_shape: (height, width, channels) of the images of its task.
        model: maps inputs to outputs.
        foreign: the model adapted to images, if it was made elsewhere or layers of it are named.
        options: the request, which names those layers.
    """

    path: Path
    saved: SavedModel
    hp: AutoencoderHyperparameters
    image_shape: ImageShape
    model: keras.Model | CodeRefinement
    foreign: ForeignModel | None
    options: ModelRequest

    @property
    def notes(self) -> list[str]:
        """Sentences for the user about what was assumed."""
        return [] if self.foreign is None else self.foreign.notes

    @property
    def classes(self) -> ModelClasses | None:
        """The classes of a conditional autoencoder; None for others."""
        return find_classes(self.saved, self.path)

    def require_no_labels(self, command: str) -> None:
        """Raise `UserError` for a conditional autoencoder, which a command gives no labels."""
        if self.classes is not None:
            raise UserError(
                f"{self.path}: {command} cannot use a conditional autoencoder, which needs the label of each "
                f"image; use one that was trained without --conditional"
            )

    def run(
        self, images: np.ndarray, labels: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return inputs, outputs and targets of images (n, height, width, channels), uint8 or uint16.

        A further channel is above 0 where pixels are missing, for tasks that take masks. A conditional model
        needs labels, integers (n,).
        """
        channels = self.image_shape[2]
        masks = images[..., channels] > 0 if images.shape[-1] > channels else None
        inputs, targets = make_inference_pair(self.hp, images[..., :channels], masks)
        if isinstance(self.model, CodeRefinement):
            return inputs, self.model.predict_on_batch(inputs), targets
        return inputs, inference.predict(self.model, inputs, labels), targets

    def with_refinement(
        self, steps: int, stop_event: Event, report: Callable[[float], None]
    ) -> "LoadedAutoencoder":
        """Return this autoencoder with per-image refinement of its codes.

        Args:
            steps: of gradient descent.
            stop_event: ends the refinement early.
            report: called with the fraction of the steps that are done.

        Raises:
            UserError: codes are quantized, the targets of the task are not its inputs, or the encoder or a
                decoder of a code alone is missing.
        """
        self.require_no_labels("--refine")
        if self.hp.quantize:
            raise UserError(
                f"{self.path}: --refine cannot change the codes of a quantized autoencoder, which are at a "
                "few levels"
            )
        if not get_task(self.hp).targets_are_inputs:
            tasks = list_tasks(lambda task: task.targets_are_inputs)
            raise UserError(
                f"{self.path}: the model is for {self.hp.task}; --refine requires a model for {tasks}"
            )
        if self.foreign is not None:
            encoder, decoder = self.code_encoder(), self.code_decoder()
        else:
            encoder, decoder = self.saved.submodel("encoder"), self.saved.submodel("decoder")
        if encoder is None or decoder is None or len(decoder.inputs) > 1:
            raise UserError(
                f"{self.path}: --refine requires nested models named encoder and decoder, and a decoder that "
                f"takes only a latent code"
            )
        return replace(self, model=CodeRefinement(code_only(encoder), decoder, steps, stop_event, report))

    def code_encoder(self) -> keras.Model:
        """Return the encoder of codes alone; of a VAE, of their means. Raises `UserError`: there is none."""
        if self.foreign is not None:
            return self.foreign.encoder(self.options.encoder_layer)
        if (encoder := self.saved.submodel("encoder")) is None:
            raise UserError(f"{self.path}: contains no model named encoder; use an autoencoder.h5")
        return code_only(encoder)

    def code_decoder(self) -> keras.Model:
        """Return the decoder of codes, or codes and labels. Raises `UserError`: none, or it needs more."""
        if self.foreign is not None:
            return self.foreign.decoder(self.options.encoder_layer, self.options.decoder_layer)
        return code_decoder(self.saved, self.path, self.hp)


def load_autoencoder(name: str, options: ModelRequest, purpose: str = "") -> LoadedAutoencoder:
    """Load a whole autoencoder.

    Args:
        name: path of an `.h5` file.
        options: the request: its data, size and names of layers.
        purpose: end of the error message, such as `, which --refine needs`.

    Raises:
        UserError: the file cannot be loaded, or its model does not map images to images.
        RunFailed: a weight is NaN or infinite.
    """
    path = Path(name)
    saved = load_saved_model(path)
    if saved.model.name in OTHER_MODELS or (saved.hp is not None and not _maps_images(saved.model)):
        raise UserError(
            f"{path}: is not a complete autoencoder (images in, images out){purpose}; use an autoencoder.h5"
        )
    hp = saved.autoencoder_hp or AutoencoderHyperparameters()
    is_foreign, model = saved.hp is None, saved.model
    foreign = adapt(saved, path, options) if is_foreign or names_layers(options) else None
    shape = input_image_shape(model) if foreign is None else foreign.image_shape
    if foreign is not None and is_foreign:
        model = foreign.autoencoder()
    else:
        shape = get_task(hp).image_shape(hp, shape, model.output_shape[1:])
    if names_layers(options):
        hp = without_code_settings(hp)
    return LoadedAutoencoder(path, saved, hp, shape, model, foreign, options)


def without_code_settings(hp: AutoencoderHyperparameters) -> AutoencoderHyperparameters:
    """Return hyperparameters for the outputs of a layer that was not trained as the code."""
    defaults: dict[str, Any] = {field.name: field.default for field in fields(CodeSettings)}
    return replace(hp, **defaults)


def names_layers(options: ModelRequest) -> bool:
    """Return whether a request names the layer of the code, or the first one of the decoder."""
    return bool(options.encoder_layer or options.decoder_layer)


def _maps_images(model: keras.Model) -> bool:
    tensors = [model.inputs[0], *model.outputs]
    has_right_inputs = len(model.inputs) == (2 if count_label_classes(model) else 1)
    return (
        has_right_inputs
        and len(tensors) == 2
        and all(len(tensor.shape) == 4 and None not in tensor.shape[1:] for tensor in tensors)
    )


def input_image_shape(model: keras.Model) -> ImageShape:
    """Return (height, width, channels) of the images that a model takes, conditional or not."""
    return tuple(model.inputs[0].shape[1:])


def find_classes(saved: SavedModel, path: Path) -> ModelClasses | None:
    """Return the classes of a conditional autoencoder; None for other models."""
    count = 0 if saved.hp is None else count_label_classes(saved.model)
    return ModelClasses(path, count, saved.classes) if count else None


def adapt(saved: SavedModel, path: Path, options: ModelRequest) -> ForeignModel:
    """Return the model adapted to the images of a request. Raises `UserError`: it is conditional."""
    if find_classes(saved, path) is not None:
        raise UserError(f"{path}: the layers of a conditional autoencoder cannot be named; remove the names")
    pattern = input_pattern(saved.model, str(path))
    return ForeignModel(
        saved.model, _choose_shape(pattern, path, options), str(path), finds_ranges=saved.hp is None
    )


def _choose_shape(pattern: ImagePattern, path: Path, options: ModelRequest) -> ImageShape:
    """The shape of the images for a model: its own, the data set's, or the one that was stated."""
    if options.size is not None:
        if pattern.shape is None:
            channels = pattern.flat_size // (options.size[0] * options.size[1])
        else:
            channels = pattern.shape[2] or 1
        shape = (*options.size, channels)
        if not pattern.fits(shape):
            raise UserError(
                f"{path}: takes images of {pattern}; --size {options.size[0]}x{options.size[1]} does not fit "
                f"it"
            )
    elif pattern.shape is not None and pattern.fixed is not None:
        shape = pattern.fixed
    else:
        of_dataset = _dataset_shape(options.data)
        if of_dataset is not None and pattern.fits(of_dataset):
            return of_dataset
        if pattern.fixed is None:
            if of_dataset is not None:
                raise UserError(
                    f"{options.data}: the images are {format_shape(of_dataset)}, {path} takes {pattern}; "
                    f"use images of this shape"
                )
            raise UserError(f"{path}: takes images of {pattern}; set a size, such as --size 28x28")
        shape = pattern.fixed
    if not 1 <= shape[2] <= MAX_CHANNELS:
        raise UserError(
            f"{path}: takes images of {pattern}, with {shape[2]} channels; images have 1 to {MAX_CHANNELS}"
        )
    return shape


def _dataset_shape(source: str | None) -> ImageShape | None:
    """The shape of a data set's images; `None` for pictures, which are made to fit."""
    if source is None or find_pictures(source):
        return None
    return dataset_names.peek(source).shape


def code_decoder(saved: SavedModel, path: Path, hp: AutoencoderHyperparameters) -> keras.Model:
    """Return the decoder in a file of these programs. Raises `UserError`: it takes more than codes."""
    decoder = saved.submodel("decoder")
    if decoder is None:
        raise UserError(f"{path}: contains no model named decoder; use an autoencoder.h5 or decoder.h5")
    count = 2 if count_label_classes(decoder) else 1
    if hp.skip or hp.residual or len(decoder.inputs) != count:
        raise UserError(
            f"{path}: the decoder needs more than a latent code (skip connections or residual) and cannot "
            f"generate samples"
        )
    return decoder


class LoadedClassifier(NamedTuple):
    """A classifier, the names of its classes, shape and range of its images, and notes for the user."""

    model: keras.Model
    classes: tuple[str, ...]
    image_shape: ImageShape
    notes: list[str]
    value_range: ValueRange


def load_classifier(path: Path, options: ModelRequest) -> LoadedClassifier:
    """Load a classifier.

    Returns:
        The classifier; its classes are numbers where the file has no names.

    Raises:
        UserError: the model in the file is no classifier.
        RunFailed: a weight is NaN or infinite.
    """
    saved = load_saved_model(path)
    shape = saved.model.output_shape
    model, notes = saved.model, []
    if saved.hp is None:
        foreign = adapt(saved, path, options)
        model, notes = foreign.classifier(), foreign.notes
    elif not isinstance(shape, tuple) or len(shape) != 2 or saved.model.name != "classifier":
        raise UserError(f"{path}: is not a classifier; use a classifier.h5 saved by classification.py")
    count = model.output_shape[1]
    classes = saved.classes if len(saved.classes) == count else tuple(map(str, range(count)))
    return LoadedClassifier(model, classes, tuple(model.input_shape[1:]), notes, saved.value_range)


def require_finite(values: np.ndarray, names: list[str], path: Path | str) -> None:
    """Raise `RunFailed` if a model's outputs hold NaN, infinity, or numbers whose squares do not fit float32.

    Args:
        values: outputs, shape (n, …).
        names: of the n images.
        path: of the model.
    """
    finite = (np.abs(values.reshape(len(values), -1)) < MAX_OUTPUT).all(axis=1)  # false for NaN
    if finite.all():
        return
    count = int((~finite).sum())
    raise RunFailed(
        f"{path}: returns NaN, infinity or values beyond {MAX_OUTPUT:.0e} for {names[int(np.argmin(finite))]}"
        + (f" and {count - 1:,} more of {len(values):,} images" if count > 1 else "")
        + "; nothing was written; use another model"
    )
