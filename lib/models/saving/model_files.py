"""Saving and loading of Keras models as `.h5`, with their hyperparameters as HDF5 attributes.

Plain Keras opens the files without our code.
"""

import json
import warnings
from dataclasses import dataclass
from pathlib import Path

import h5py
import keras

from lib.common.errors import UserError, reason
from lib.common.filesystem import atomic_write
from lib.common.formatting import format_shape
from lib.config.hyperparameters import AutoencoderHyperparameters, Hyperparameters
from lib.data.value_range import BYTES, ValueRange
from lib.models.label_input import count_label_classes, has_label_inputs
from lib.models.saving.encoder_extraction import ForeignModel
from lib.models.saving.file_attributes import PREFIX, VALUE_RANGE, read_attribute, read_value_range
from lib.models.saving.graph_limits import require_buildable, require_small
from lib.models.saving.hdf5_checks import ModelDescription, require_safe
from lib.models.saving.image_formats import ImagePattern, input_pattern
from lib.models.saving.keras2_compat import keras3_description
from lib.models.saving.weight_loading import (
    correct_keras2_weights,
    load_weights,
    match_weights,
    require_finite_weights,
)
from lib.runs.run_folder import require_model_file
from lib.tasks import ImageShape, get_task

MAX_ATTRIBUTE = 60_000  # characters; HDF5 allows 64 KiB with the header
MAX_REASON_LENGTH = 300  # characters of Keras's messages, which can hold whole descriptions


def save_model(
    model: keras.Model,
    path: Path,
    hp: Hyperparameters,
    classes: tuple[str, ...] = (),
    value_range: ValueRange = BYTES,
) -> None:
    """Save a model as `.h5`, atomically and without the optimizer's state.

    Its attributes hold the model's name, the task, the pixel range, the hyperparameters (without paths), the
    classes of a classifier or of a conditional autoencoder, and of images of more than 8 bits the values of
    black and white.

    Args:
        model: the Keras model.
        path: file to write.
        hp: hyperparameters of the run.
        classes: names of the classes, in the order of the classifier's outputs, or of the labels.
        value_range: of the images that it was trained on.

    Raises:
        RunFailed: the file cannot be written.
    """
    private = {name for name, setting in hp.settings().items() if setting.is_path}
    hyperparameters = {key: value for key, value in hp.to_json().items() if key not in private}
    attributes = {
        "part": model.name,
        "task": hp.task_name,
        "pixel_range": "0..1",
        "hyperparameters": json.dumps(hyperparameters),
    }
    if classes and len(text := json.dumps(classes)) < MAX_ATTRIBUTE:
        attributes["classes"] = text
    if value_range.is_deep:
        attributes[VALUE_RANGE] = json.dumps(value_range.to_json())
    with atomic_write(path) as partial:
        model.save(partial, include_optimizer=False)
        with h5py.File(partial, "a") as file:
            for name, value in attributes.items():
                file.attrs[PREFIX + name] = value


def load_model(path: Path) -> keras.Model:
    """Load a model from an `.h5` file of Keras 3 or 2 without running any code in it.

    Raises:
        UserError: the file does not exist, or it is not a safe, complete Keras model.
    """
    require_model_file(path)
    description = require_safe(path)
    try:
        with warnings.catch_warnings(), h5py.File(path, "r") as file:
            warnings.simplefilter("ignore", UserWarning)  # about deprecated settings in older files
            return _build_model(description, file, str(path))
    except UserError:
        raise
    except Exception as error:  # an invalid file can raise any exception
        problem = reason(_first_cause(error))[:MAX_REASON_LENGTH]
    # Out of the `except`, since an exception would hold the frames, and they the model, in memory.
    raise UserError(f"{path}: is not a model that Keras can open ({problem})")


def _first_cause(error: BaseException) -> BaseException:
    """The exception from which an exception results; Keras wraps those of layers, once for each model."""
    while error.__context__ is not None and not error.__suppress_context__:
        error = error.__context__
    return error


def _build_model(description: ModelDescription, file: h5py.File, source: str) -> keras.Model:
    """Build the described model with the weights in the file."""
    try:
        config = keras3_description(description.content, description.is_keras2)
        require_buildable(config, source)
    except (KeyError, TypeError, IndexError, AttributeError):
        raise ValueError("the description is not that of a model") from None
    # In this scope no memory is allocated before the shapes have been compared with those in the file.
    with keras.StatelessScope():
        try:
            model = keras.saving.deserialize_keras_object(config)
            pairs = match_weights(model, file, description.overhead)
            require_small(model, source)
        except BaseException:
            keras.utils.clear_session()  # else leaving the scope would allocate what was refused
            raise
    load_weights(model, pairs)
    if description.is_keras2:
        correct_keras2_weights(model, description.backend)
    return model


@dataclass(frozen=True)
class SavedModel:
    """A model from a file with the attributes of that file.

    Attributes:
        model: the Keras model.
        hp: hyperparameters of the run, `None` for a model made elsewhere.
        classes: names of the classes of a classifier, or of a conditional autoencoder; empty where the file
            has none.
        value_range: of the images that the model was trained on.
    """

    model: keras.Model
    hp: Hyperparameters | None
    classes: tuple[str, ...] = ()
    value_range: ValueRange = BYTES

    @property
    def autoencoder_hp(self) -> AutoencoderHyperparameters | None:
        """The hyperparameters of the autoencoder, `None` for a model made elsewhere; those of a classifier
        do not say how its encoder was trained: they are the defaults, by which it takes whole images.
        """
        if self.hp is None or isinstance(self.hp, AutoencoderHyperparameters):
            return self.hp
        return AutoencoderHyperparameters()

    def submodel(self, name: str) -> keras.Model | None:
        """Return the model with this name: the outermost, or one nested in it; `None` if there is none."""
        if self.model.name == name:
            return self.model
        nested = (layer for layer in self.model.layers if isinstance(layer, keras.Model))
        return next((model for model in nested if model.name == name), None)


def load_saved_model(path: Path) -> SavedModel:
    """Load a model with the attributes of its file.

    Raises:
        UserError: as `load_model` does.
        RunFailed: a weight is NaN or infinite.
    """
    model, classes = load_model(path), read_attribute(path, "classes")
    require_finite_weights(model, path)
    valid = isinstance(classes, list) and all(isinstance(name, str) for name in classes)
    names = tuple(classes) if valid else ()
    if count_label_classes(model) and not has_label_inputs(model):
        raise UserError(f"{path}: its inputs of labels are not those of a conditional autoencoder")
    return SavedModel(model, _read_hyperparameters(path), names, read_value_range(path))


@dataclass(frozen=True)
class SavedEncoder:
    """The encoder of a model from a file.

    Attributes:
        model: Keras model `encoder` from inputs of its task, float32 (n, height, width, channels) in 0..1, to
            codes (n, …).
        hp: hyperparameters of its autoencoder, `None` for a model made elsewhere.
        layer: path and shape of the layer that gives the code, such as `encoder (8)`.
        notes: sentences for the user about that layer, and about the pixels that the model takes.
    """

    model: keras.Model
    hp: AutoencoderHyperparameters | None
    layer: str
    notes: tuple[str, ...] = ()


def load_encoder(path: Path, image_shape: ImageShape, layer: str | None = None) -> SavedEncoder:
    """Load the encoder of a model, saved by these programs or made elsewhere.

    Args:
        path: an `.h5` file.
        image_shape: (height, width, channels) of whole images.
        layer: name or path of the layer that gives the code; `None` to find it as `code_layer` does.

    Returns:
        The encoder, whose inputs are the images, or the part of them that its task showed it.

    Raises:
        UserError: there is no encoder, or images of this shape do not fit it.
        RunFailed: a weight is NaN or infinite.
    """
    saved = load_saved_model(path)
    hp = saved.autoencoder_hp
    if hp is not None and layer is None and saved.submodel("encoder") is None:
        raise UserError(
            f"{path}: contains no model named encoder (it is named {saved.model.name}); use an "
            f"autoencoder.h5 or encoder.h5"
        )
    if hp is not None and count_label_classes(saved.model):
        raise UserError(
            f"{path}: the encoder of a conditional autoencoder is given the label of each image, which a "
            f"classifier must not know; use one that was trained without --conditional"
        )
    input_shape, data_shape = image_shape, format_shape(image_shape)
    if hp is not None:
        input_shape, _ = get_task(hp).shapes(hp, image_shape)
        if input_shape != image_shape:
            data_shape += f"; {hp.task} passed {format_shape(input_shape)} of that to it"
    if input_shape == image_shape:
        data_shape += _describe_fit(input_pattern(saved.model, str(path)))
    foreign = ForeignModel(saved.model, input_shape, str(path), data_shape, finds_ranges=hp is None)
    encoder = foreign.encoder(layer)
    return SavedEncoder(encoder, hp, str(foreign.find_code(layer).call), tuple(foreign.notes))


def _describe_fit(pattern: ImagePattern) -> str:
    """Return which flags bring the pictures of a folder to the images that a model takes, if they can."""
    if (shape := pattern.fixed) is None or (color := {1: "gray", 3: "rgb"}.get(shape[2])) is None:
        return ""
    return f"; for a folder of pictures, set --size {shape[0]}x{shape[1]} --color {color}"


def _read_hyperparameters(path: Path) -> Hyperparameters | None:
    """The hyperparameters in a file; `None` for files made elsewhere, and for invalid hyperparameters."""
    record = read_attribute(path, "hyperparameters")
    try:
        return Hyperparameters.from_json(record, str(path)) if isinstance(record, dict) else None
    except UserError:
        return None
