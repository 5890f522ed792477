"""Encoders and decoders of saved models as the jobs use them: those of codes alone."""

from pathlib import Path
from typing import NamedTuple

import keras

from lib.common.errors import UserError
from lib.config.hyperparameters import AutoencoderHyperparameters
from lib.data.value_range import BYTES, ValueRange
from lib.models.autoencoder import code_only
from lib.models.saving.encoder_extraction import adapt_decoder, is_decoder
from lib.models.saving.model_files import load_saved_model
from lib.tasks import ImageShape, get_task
from lib.worker.image_labels import ModelClasses
from lib.worker.messages import ModelRequest
from lib.worker.saved_models import (
    adapt,
    code_decoder,
    find_classes,
    input_image_shape,
    names_layers,
    without_code_settings,
)


class LoadedEncoder(NamedTuple):
    """An encoder of codes alone; hyperparameters, shape and range of its images; notes for the user.

    Of a variational autoencoder, `posterior` returns means and logarithms of variances. A conditional encoder
    takes labels of `classes`, too.
    """

    model: keras.Model
    hp: AutoencoderHyperparameters
    image_shape: ImageShape
    notes: list[str]
    value_range: ValueRange = BYTES
    posterior: keras.Model | None = None
    classes: ModelClasses | None = None


def find_encoder(path: Path, options: ModelRequest) -> LoadedEncoder:
    """Load the encoder in a file, or in `autoencoder.h5` or `encoder.h5` in the same folder.

    Raises:
        UserError: there is none, or images of the request do not fit it.
        RunFailed: a weight is NaN or infinite.
    """
    for candidate in (path, path.with_name("autoencoder.h5"), path.with_name("encoder.h5")):
        if not candidate.is_file():
            continue
        saved = load_saved_model(candidate)
        hp = saved.autoencoder_hp or AutoencoderHyperparameters()
        if saved.hp is None and is_decoder(saved.model):
            continue
        posterior = None
        if saved.hp is None or (options.encoder_layer and candidate == path):
            foreign = adapt(saved, candidate, options)
            encoder = foreign.encoder(options.encoder_layer)
            hp = without_code_settings(hp)
        elif (own := saved.submodel("encoder")) is not None:
            foreign, encoder = None, code_only(own)
            posterior = own if hp.variational and len(own.outputs) == 2 else None
        else:
            continue
        input_shape, classes = input_image_shape(encoder), find_classes(saved, candidate)
        is_whole = saved.hp is not None and saved.model.name == "autoencoder"
        target_shape = saved.model.output_shape[1:] if is_whole else input_shape
        notes = [] if foreign is None else foreign.notes
        shape = get_task(hp).image_shape(hp, input_shape, target_shape)
        return LoadedEncoder(encoder, hp, shape, notes, saved.value_range, posterior, classes)
    raise UserError(
        f"{path}: contains no encoder, and there is none in its folder; use an autoencoder.h5 or encoder.h5"
    )


class LoadedDecoder(NamedTuple):
    """A decoder of codes alone, hyperparameters of its task, and notes for the user.

    A conditional decoder takes labels of `classes`, too.
    """

    model: keras.Model
    hp: AutoencoderHyperparameters
    notes: list[str]
    classes: ModelClasses | None = None

    @property
    def code_shape(self) -> tuple[int, ...]:
        """The shape of a code."""
        return tuple(self.model.inputs[0].shape[1:])


def load_decoder(path: Path, options: ModelRequest) -> LoadedDecoder:
    """Load the decoder in a file.

    Raises:
        UserError: there is none that decodes a code alone.
        RunFailed: a weight is NaN or infinite.
    """
    saved = load_saved_model(path)
    if saved.hp is None and is_decoder(saved.model):
        model, note = adapt_decoder(saved.model, str(path))
        return LoadedDecoder(model, AutoencoderHyperparameters(), [note])
    if (hp := saved.autoencoder_hp) is None or names_layers(options):
        foreign = adapt(saved, path, options)
        model = foreign.decoder(options.encoder_layer, options.decoder_layer)
        hp = without_code_settings(hp) if hp else AutoencoderHyperparameters()
        return LoadedDecoder(model, hp, foreign.notes)
    return LoadedDecoder(code_decoder(saved, path, hp), hp, [], find_classes(saved, path))
