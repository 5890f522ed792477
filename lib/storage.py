"""Models in and out of `.h5`: whole Keras models that plain Keras opens, with what they are as HDF5 attributes inside."""

import json
import math
import warnings
from dataclasses import dataclass
from pathlib import Path

import h5py
import keras

from lib import foreign, hdf5, keras2, targets
from lib.errors import UserError, reason
from lib.files import by
from lib.hyperparameters import Hyperparameters
from lib.runs import require_model
from lib.written import replacing

ATTRIBUTE = 60_000  # characters that an HDF5 attribute can hold, with room for its header
LARGEST = 2**27  # numbers that a layer may make of one image: half a gigabyte
MESSAGE = 300  # characters of Keras's, whose messages hold whole descriptions
PREFIX = "latent_lab_"  # so that our attributes and Keras's never meet


def save(model: keras.Model, path: Path, hp: Hyperparameters, classes: tuple[str, ...] = ()) -> None:
    """Write a model to `path`, which appears only when it is whole.

    The attributes hold the model's part (its name), the task, the pixel range, the hyperparameters and a classifier's
    classes; paths stay out. Raises `RunFailed` when the file cannot be written.
    """
    attributes = {
        "part": model.name,
        "task": hp.task,
        "pixel_range": "0..1",
        "hyperparameters": json.dumps({k: v for k, v in hp.to_json().items() if k not in PRIVATE}),
    }
    if classes and len(text := json.dumps(classes)) < ATTRIBUTE:
        attributes["classes"] = text
    with replacing(path) as partial:
        model.save(partial, include_optimizer=False)
        with h5py.File(partial, "a") as file:
            for name, value in attributes.items():
                file.attrs[PREFIX + name] = value


PRIVATE = ("dataset", "labels", "testset", "test_labels", "model")  # paths on somebody's machine


def load(path: Path) -> keras.Model:
    """A model from `.h5`, of Keras 3 or 2, nothing in it executed. Raises `UserError` for what is none."""
    require_model(path)
    hdf5.require_harmless(path)
    scope = keras.StatelessScope()
    try:
        with warnings.catch_warnings(), scope:  # in here shapes are known and compared with the file's, and no memory is taken
            warnings.simplefilter("ignore", UserWarning)  # about the older words of older files
            try:
                model = keras.saving.load_model(path, keras2.readers(), compile=False, safe_mode=True)
                _require_moderate(model)
            except BaseException:
                keras.utils.clear_session()  # else what has just been refused would be made on the way out
                raise
        for variable in model.variables:
            if (value := scope.get_current_value(variable)) is not None:
                variable.assign(value)
        return model
    except Exception as error:  # a foreign file can fail in any way; each of them is the file's fault
        raise UserError(f"{path}: is no model that Keras can open ({reason(error)[:MESSAGE]})") from None


def _require_moderate(model: keras.Model) -> None:
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            _require_moderate(layer)
            continue
        for tensor in keras.tree.flatten(layer.output):
            if math.prod(side or 1 for side in tensor.shape[1:]) > LARGEST:
                raise ValueError(f"its layer {layer.name} makes {by(tensor.shape[1:])} numbers of each image")


@dataclass(frozen=True)
class Saved:
    """A model from a file, and what the file says of it: hyperparameters and classes, `None` and () where it says nothing."""

    model: keras.Model
    hp: Hyperparameters | None
    classes: tuple[str, ...] = ()

    def part(self, name: str) -> keras.Model | None:
        """The model called so: this one, or one inside it."""
        if self.model.name == name:
            return self.model
        return next((layer for layer in self.model.layers if layer.name == name and isinstance(layer, keras.Model)), None)


def load_saved(path: Path) -> Saved:
    """A model with what its file says of it. Raises `UserError` as `load` does."""
    model, classes = load(path), _said(path, "classes")
    named = isinstance(classes, list) and all(isinstance(name, str) for name in classes)
    return Saved(model, _described(path), tuple(classes) if named else ())


@dataclass(frozen=True)
class Encoder:
    """What a classifier is built on: `model` gives the code and nothing else, `layer` says which layer of the file that is.

    `hp` are the hyperparameters of the autoencoder, as far as the file tells: what its task showed it of an image.
    """

    model: keras.Model
    hp: Hyperparameters | None
    layer: str


def load_encoder(path: Path, image: targets.ImageShape, layer: str | None = None) -> Encoder:
    """The encoder in a model of ours or of anybody's (`foreign` has the rule), up to the layer of that name if one is given.

    Raises `UserError` when there is no encoder, or when it cannot see images of shape (height, width, channels), nor that
    part of them which was its input.
    """
    saved = load_saved(path)
    hp, seen = saved.hp, image
    if hp is not None and layer is None and saved.part("encoder") is None:
        raise UserError(
            f"{path}: holds no model called encoder (it is called {saved.model.name}); give an autoencoder.h5 or encoder.h5"
        )
    of = ""
    if hp is not None and hp.task != "reconstruct" and (seen := targets.pair(hp, seen)[0]) != image:
        of = f"; {hp.task} showed it {by(seen)} of that"
    encoder, found = foreign.encoder_of(saved.model, seen, layer, str(path), by(image) + of)
    return Encoder(encoder, hp, found)


def _described(path: Path) -> Hyperparameters | None:
    """The hyperparameters in a file of ours; `None` for anybody else's, and for what cannot be read as such."""
    record = _said(path, "hyperparameters")
    try:
        return Hyperparameters.from_json(record, str(path)) if isinstance(record, dict) else None
    except UserError:
        return None


def _said(path: Path, name: str):
    """What a file says of itself under this name; `None` where that cannot be read, for it is the file's fault again."""
    try:
        with h5py.File(path, "r") as file:
            text = file.attrs.get(PREFIX + name)
        return json.loads(text) if isinstance(text, str) else None
    except (OSError, KeyError, TypeError, ValueError, RuntimeError):  # a RecursionError is one of the last
        return None
