"""Models in and out of `.h5`: whole Keras models that plain Keras opens, with what they are as HDF5
attributes inside.
"""

import json
import math
import warnings
from dataclasses import dataclass
from pathlib import Path

import h5py
import keras

from lib.common.errors import UserError, reason
from lib.common.filesystem import atomic_write
from lib.common.formatting import format_shape
from lib.config.hyperparameters import Hyperparameters
from lib.models.saving.encoder_extraction import extract_encoder
from lib.models.saving.hdf5_checks import require_safe
from lib.models.saving.keras2_compat import keras2_classes
from lib.runs.run_folder import require_model_file
from lib.tasks.base import ImageShape, task_shapes

MAX_ATTRIBUTE = 60_000  # characters that an HDF5 attribute can hold, with room for its header
MAX_LAYER_OUTPUT = 2**27  # numbers that a layer may make of one image: half a gigabyte
MAX_MESSAGE = 300  # characters of Keras's, whose messages hold whole descriptions
PREFIX = "latent_lab_"  # so that our attributes and Keras's never meet


def save_model(model: keras.Model, path: Path, hp: Hyperparameters, classes: tuple[str, ...] = ()) -> None:
    """Write a model to `path`, which appears only when it is whole.

    The attributes hold the model's part (its name), the task, the pixel range, the hyperparameters and a
    classifier's classes; paths stay out. Raises `RunFailed` when the file cannot be written.
    """
    attributes = {
        "part": model.name,
        "task": hp.task,
        "pixel_range": "0..1",
        "hyperparameters": json.dumps({k: v for k, v in hp.to_json().items() if k not in PRIVATE_FIELDS}),
    }
    if classes and len(text := json.dumps(classes)) < MAX_ATTRIBUTE:
        attributes["classes"] = text
    with atomic_write(path) as partial:
        model.save(partial, include_optimizer=False)
        with h5py.File(partial, "a") as file:
            for name, value in attributes.items():
                file.attrs[PREFIX + name] = value


PRIVATE_FIELDS = ("dataset", "labels", "testset", "test_labels", "model")  # paths on somebody's machine


def load_model(path: Path) -> keras.Model:
    """A model from `.h5`, of Keras 3 or 2, nothing in it executed. Raises `UserError` for what is none."""
    require_model_file(path)
    require_safe(path)
    scope = keras.StatelessScope()
    try:
        with (
            warnings.catch_warnings(),
            scope,
        ):  # in here shapes are known and compared with the file's, and no memory is taken
            warnings.simplefilter("ignore", UserWarning)  # about the older words of older files
            try:
                model = keras.saving.load_model(path, keras2_classes(), compile=False, safe_mode=True)
                _check_output_sizes(model)
            except BaseException:
                keras.utils.clear_session()  # else what has just been refused would be made on the way out
                raise
        for variable in model.variables:
            if (value := scope.get_current_value(variable)) is not None:
                variable.assign(value)
        return model
    except Exception as error:  # a foreign file can fail in any way; each of them is the file's fault
        raise UserError(f"{path}: is no model that Keras can open ({reason(error)[:MAX_MESSAGE]})") from None


def _check_output_sizes(model: keras.Model) -> None:
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            _check_output_sizes(layer)
            continue
        for tensor in keras.tree.flatten(layer.output):
            if math.prod(side or 1 for side in tensor.shape[1:]) > MAX_LAYER_OUTPUT:
                raise ValueError(
                    f"its layer {layer.name} makes {format_shape(tensor.shape[1:])} numbers of each image"
                )


@dataclass(frozen=True)
class SavedModel:
    """A model from a file, and what the file says of it: hyperparameters and classes, `None` and () where it
    says nothing.
    """

    model: keras.Model
    hp: Hyperparameters | None
    classes: tuple[str, ...] = ()

    def part(self, name: str) -> keras.Model | None:
        """The model called so: this one, or one inside it."""
        if self.model.name == name:
            return self.model
        return next(
            (layer for layer in self.model.layers if layer.name == name and isinstance(layer, keras.Model)),
            None,
        )


def load_saved(path: Path) -> SavedModel:
    """A model with what its file says of it. Raises `UserError` as `load` does."""
    model, classes = load_model(path), _read_attribute(path, "classes")
    named = isinstance(classes, list) and all(isinstance(name, str) for name in classes)
    return SavedModel(model, _read_hyperparameters(path), tuple(classes) if named else ())


@dataclass(frozen=True)
class SavedEncoder:
    """What a classifier is built on: `model` gives the code and nothing else, `layer` says which layer of the
    file that is.

    `hp` are the hyperparameters of the autoencoder, as far as the file tells: what its task showed it of an
    image.
    """

    model: keras.Model
    hp: Hyperparameters | None
    layer: str


def load_encoder(path: Path, image: ImageShape, layer: str | None = None) -> SavedEncoder:
    """The encoder in a model of ours or of anybody's (`foreign` has the rule), up to the layer of that name
    if one is given.

    Raises `UserError` when there is no encoder, or when it cannot see images of shape (height, width,
    channels), nor that part of them which was its input.
    """
    saved = load_saved(path)
    hp, seen = saved.hp, image
    if hp is not None and layer is None and saved.part("encoder") is None:
        raise UserError(
            f"{path}: holds no model called encoder (it is called {saved.model.name}); give an "
            f"autoencoder.h5 or encoder.h5"
        )
    of = ""
    if hp is not None and hp.task != "reconstruct" and (seen := task_shapes(hp, seen)[0]) != image:
        of = f"; {hp.task} showed it {format_shape(seen)} of that"
    encoder, found = extract_encoder(saved.model, seen, layer, str(path), format_shape(image) + of)
    return SavedEncoder(encoder, hp, found)


def _read_hyperparameters(path: Path) -> Hyperparameters | None:
    """The hyperparameters in a file of ours; `None` for anybody else's, and for what cannot be read as such."""
    record = _read_attribute(path, "hyperparameters")
    try:
        return Hyperparameters.from_json(record, str(path)) if isinstance(record, dict) else None
    except UserError:
        return None


def _read_attribute(path: Path, name: str):
    """What a file says of itself under this name; `None` where that cannot be read, for it is the file's
    fault again.
    """
    try:
        with h5py.File(path, "r") as file:
            text = file.attrs.get(PREFIX + name)
        return json.loads(text) if isinstance(text, str) else None
    except (OSError, KeyError, TypeError, ValueError, RuntimeError):  # a RecursionError is one of the last
        return None
