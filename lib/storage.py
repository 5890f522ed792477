"""Models in and out of `.h5`: whole Keras models that plain Keras opens, with what they are as HDF5 attributes inside."""

import json
from dataclasses import dataclass
from pathlib import Path

import h5py
import keras

from lib import networks, targets
from lib.errors import UserError, reason
from lib.files import by
from lib.hyperparameters import Hyperparameters
from lib.runs import require_model
from lib.written import replacing

ATTRIBUTE = 60_000  # characters that an HDF5 attribute can hold, with room for its header
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
    """A model from `.h5`, nothing in it executed. Raises `UserError` for what is none."""
    require_model(path)
    try:
        return keras.saving.load_model(path, compile=False, safe_mode=True)
    except Exception as error:  # a foreign file can fail in any way; each of them is the file's fault
        raise UserError(f"{path}: is no model that Keras can open ({reason(error)})") from None


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
    model = load(path)
    with h5py.File(path, "r") as file:
        classes = _json(file.attrs.get(PREFIX + "classes"))
    named = isinstance(classes, list) and all(isinstance(name, str) for name in classes)
    return Saved(model, _described(path), tuple(classes) if named else ())


def load_encoder(path: Path, image: tuple[int, int, int]) -> tuple[keras.Model, Hyperparameters | None]:
    """The encoder in an `autoencoder.h5` or `encoder.h5`, with the code as its one output, and what its task showed it.

    The latter are the hyperparameters of the autoencoder, as far as the file tells. Raises `UserError` when there is no
    encoder, or when it cannot see images of shape (height, width, channels), nor that part of them which was its input.
    """
    saved = load_saved(path)
    encoder, hp = saved.part("encoder"), saved.hp
    if encoder is None:
        raise UserError(
            f"{path}: holds no model called encoder (it is called {saved.model.name}); give an autoencoder.h5 or encoder.h5"
        )
    taken = tuple(encoder.input_shape[1:])
    seen = tuple(image)
    if hp is not None and hp.task != "reconstruct":
        seen, _ = targets.pair(hp, seen)
    if taken != seen:
        of = f" ({by(seen)} for {hp.task})" if seen != tuple(image) else ""
        raise UserError(f"{path}: its encoder takes images of {by(taken)}, the data set has {by(image)}{of}")
    return networks.code_alone(encoder), hp


def _described(path: Path) -> Hyperparameters | None:
    """The hyperparameters in a file of ours; `None` for anybody else's, and for what cannot be read as such."""
    with h5py.File(path, "r") as file:
        record = _json(file.attrs.get(PREFIX + "hyperparameters"))
    try:
        return None if record is None else Hyperparameters.from_json(record, str(path))
    except UserError:
        return None


def _json(text):
    try:
        return json.loads(text) if isinstance(text, str) else None
    except ValueError:
        return None
