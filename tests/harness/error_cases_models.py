"""What provokes each error about model files and checkpoints, by module: (what to do, what is named, what is
said).
"""

import functools
import json
import struct
import tempfile
from collections.abc import Callable
from pathlib import Path
from unittest import mock

import h5py
import keras
import numpy as np
from keras import layers

from lib.models.saving import hdf5_checks, model_files
from lib.training.checkpoints import Checkpoint
from tests.models.saving.test_encoder_extraction import IMAGE, nested
from tests.models.saving.test_encoder_extraction import found as encoder_in
from tests.training.test_checkpoints import HISTORY, compiled, learned
from tests.worker.test_model_jobs import COLOR, GREY, model

PIXELS = IMAGE[0] * IMAGE[1]
KERNEL = "model_weights/code/code/kernel"


@functools.cache
def whole() -> bytes:
    """A small autoencoder as plain Keras saves it."""
    image = keras.Input(IMAGE, name="image")
    code = layers.Dense(3, name="code")(layers.Flatten(name="flat")(image))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.h5"
        keras.Model(
            image, layers.Reshape(IMAGE, name="back")(layers.Dense(PIXELS, name="pixels")(code))
        ).save(path)
        return path.read_bytes()


def changed(change: Callable[[h5py.File], object], content: bytes | None = None, **limits: int):
    """The same after a change, opened; `limits` are other ones than those of `hdf5`."""
    Path("a.h5").write_bytes(content or whole())
    with h5py.File("a.h5", "a") as file:
        change(file)
    with mock.patch.dict(vars(hdf5_checks), limits):
        model_files.load_model(Path("a.h5"))


def linked(name: str, to):
    """With a link, a type or a group in a second place."""
    changed(lambda file: file.__setitem__(f"model_weights/{name}", file[to] if isinstance(to, str) else to))


def weights(**how):
    """With other weights in the place of the code's."""

    def change(file: h5py.File):
        del file[KERNEL]
        file.create_dataset(KERNEL, **how)

    changed(change)


def described(value):
    changed(lambda file: file.attrs.__setitem__("model_config", value))


def layered(**changes):
    """With another description of the layer `code`."""

    def change(file: h5py.File):
        config = json.loads(file.attrs["model_config"])
        config["config"]["layers"][2].update(changes)
        file.attrs["model_config"] = json.dumps(config)

    changed(change)


def overlapping():
    """Two times the weights of 80 kB, the second ones in the place of the first."""
    with h5py.File("b.h5", "w") as file:
        file["one"] = np.ones(10_000)
        file.create_dataset("two", (10_000,), "f8")
        start, size = file["one"].id.get_offset(), struct.pack("<Q", 80_000)
    nowhere = b"\xff" * 8 + size
    content = Path("b.h5").read_bytes()
    assert content.count(nowhere) == 1
    changed(lambda file: None, content.replace(nowhere, struct.pack("<Q", start) + size))


def large_attribute():
    with h5py.File("a.h5", "w", libver="latest") as file:  # the older form holds 64 KiB at most
        file.attrs["model_config"] = np.zeros(9 * 2**20, np.uint8)
    model_files.load_model(Path("a.h5"))


def grown():
    """A layer that makes gigabytes of a small image, and a second one that makes little of them."""
    image = keras.Input(IMAGE)
    x = layers.MaxPooling2D(2**11)(layers.UpSampling2D(2**11, name="grown")(image))
    keras.Model(image, x).save("a.h5")
    model_files.load_model(Path("a.h5"))


def cut_short() -> Path:
    path = Path("a.h5")
    path.write_bytes(whole()[:3000])
    return path


def renamed():
    Path("a.keras").write_bytes(whole())
    model_files.load_model(Path("a.keras"))


def two_inputs() -> keras.Model:
    two = [keras.Input((PIXELS,)), keras.Input((PIXELS,))]
    return keras.Model(two, layers.Dense(PIXELS)(layers.Dense(4)(layers.Add()(two))))


def nothing(name: str) -> keras.Model:
    same = keras.Input(IMAGE)
    return keras.Model(same, same, name=name)


def wide(*widths: int) -> keras.Model:
    """Dense layers, none of them narrower than what comes out."""
    first = x = keras.Input((PIXELS,))
    for number, width in enumerate(widths, start=1):
        x = layers.Dense(width, name=f"wide_{number}")(x)
    return keras.Model(first, x, name="model")


def encoder(image: tuple, made_for: tuple = GREY, file: str = "autoencoder", **values):
    model(image=made_for, **values)
    model_files.load_encoder(Path(f"ae/{file}.h5"), image)


def checkpoint(change: Callable[[Path], object], units: int = 3):
    """A checkpoint that is changed after it was written, for a network of so many units."""
    Checkpoint(Path("run"), "head").write(*learned(), HISTORY)
    change(Path("run/checkpoint/head.npz"))
    network, best = compiled(units)
    Checkpoint(Path("run"), "head").restore(network, [best])


def cut(path: Path):
    path.write_bytes(path.read_bytes()[:100])


def emptied(path: Path):
    path.write_bytes(b"")


LONG = "x" * (9 * 2**20)

CASES = {
    "models/saving/hdf5_checks": [
        (renamed, "a.keras", "its name must end in .h5 for Keras to open it as such; rename it"),
        (
            lambda: model_files.load_model(cut_short()),
            "a.h5",
            "is no model that Keras can open: broken or truncated (",
        ),
        (
            lambda: changed(lambda file: file.attrs.__delitem__("model_config")),
            "a.h5",
            "holds no model that Keras can open, at most weights; save a whole one with model.save(...)",
        ),
        (
            lambda: linked("again", "model_weights/code"),
            "a.h5",
            "is in it a second time, under another name; Keras writes no",
        ),
        (
            lambda: changed(len, OBJECTS=5),
            "a.h5",
            "holds more than 5 parts, or more than 64 levels of them; no model does",
        ),
        (
            lambda: linked("x", h5py.SoftLink("/y")),
            "a.h5: /model_weights/x",
            "is a link to another place; a model holds its",
        ),
        (
            lambda: linked("x", np.dtype("f4")),
            "a.h5: /model_weights/x",
            "is neither a group nor weights; Keras writes nothing",
        ),
        (overlapping, "a.h5", "announces weights of 160,000 bytes, and has 8"),
        (lambda: changed(len, REST=100), "a.h5", "bytes beside its weights; a model has less than 100"),
        (
            lambda: changed(len, UNFOLDED=100),
            "a.h5",
            "holds a list of 5 texts, which may become more than 100 bytes",
        ),
        (
            large_attribute,
            "a.h5: the file",
            "has an attribute that is no text, or more than 8,388,608 bytes of it",
        ),
        (
            lambda: weights(shape=3, dtype="f4", external=[("/etc/passwd", 0, 12)]),
            KERNEL,
            "lies in another file; a model holds",
        ),
        (
            lambda: weights(data=[b"text"]),
            KERNEL,
            "holds something else than numbers; Keras writes no such weights",
        ),
        (
            lambda: weights(shape=9, dtype="f4", chunks=3),
            KERNEL,
            "is stored in pieces or compressed; undo that with h5repack -l",
        ),
        (
            lambda: weights(shape=(2**50, 3), dtype="f4"),
            KERNEL,
            "announces 1,125,899,906,842,624×3 numbers, and the file does",
        ),
        (lambda: described(LONG), "a.h5", "its description is no text of at most 8,388,608 characters"),
        (
            lambda: described("{"),
            "a.h5",
            "its description cannot be read as JSON (Expecting property name enclosed in double",
        ),
        (
            lambda: described("[" * 100_000),
            "a.h5",
            "its description cannot be read as JSON (it is nested too deeply)",
        ),
        (
            lambda: described("[" * 200 + "]" * 200),
            "a.h5",
            "its description has more than 64 levels; no model has",
        ),
        (
            lambda: layered(class_name="system", module="os"),
            "a.h5: code",
            "is of the class os.system, and only those of Keras's",
        ),
        (
            lambda: layered(class_name=None),
            "a.h5: code",
            "is of the class null, and only those of Keras's own are opened that",
        ),
        (lambda: described('{"class_name": "Lambda"}'), "a.h5: it", "is of the class Lambda"),
    ],
    "models/saving/encoder_extraction": [
        (
            lambda: encoder_in(nothing("encoder")),
            "foreign.h5: encoder",
            "gives back its input; name the layer of the code with",
        ),
        (
            lambda: encoder_in(two_inputs()),
            "foreign.h5",
            "takes 2 inputs; only models that take images alone have an encoder",
        ),
        (
            lambda: encoder_in(wide(4), image=(28, 28, 1)),
            "foreign.h5",
            "encoder takes images of 120, the data set has 28×28×1",
        ),
        (
            lambda: encoder((9, 9, 1)),
            "ae/autoencoder.h5",
            "its encoder takes images of 12×10×1, the data set has 9×9×1",
        ),
        (
            lambda: encoder((9, 9, 3), COLOR, task="colorize"),
            "ae/autoencoder.h5",
            "the data set has 9×9×3; colorize showed it 9×9×1 of that",
        ),
        (
            lambda: encoder_in(nested("a"), "one"),
            "foreign.h5",
            "has 3 layers called one; give one of a/one, a/sequential",
        ),
        (
            lambda: encoder_in(nested("a"), "thre"),
            "foreign.h5",
            "has no layer called 'thre'; did you mean three or",
        ),
        (
            lambda: encoder_in(nested("a"), "zzz"),
            "foreign.h5",
            "has no layer called 'zzz'; it has gaussian_noise",
        ),
        (lambda: encoder_in(nothing("model")), "foreign.h5", "has no layers; give an autoencoder"),
        (
            lambda: encoder_in(wide(200, 300, 120)),
            "foreign.h5",
            "no layer that everything passes through is smaller than both input (120 numbers) and output "
            "(120); name that of the "
            "code with --encoder-layer, such as wide_1 (200), wide_2 (300)",
        ),
        (
            lambda: encoder_in(wide(200)),
            "foreign.h5",
            "smaller than both input (120 numbers) and output (200); name that of",
        ),
    ],
    "models/saving/model_files": [
        (
            grown,
            "a.h5",
            "is no model that Keras can open (its layer grown makes 24,576×20,480×1 numbers of each image)",
        ),
        (
            lambda: weights(data=np.zeros((3, 120), "f4")),
            "a.h5",
            "is no model that Keras can open (Shape mismatch",
        ),
        (
            lambda: encoder(GREY, file="decoder"),
            "ae/decoder.h5",
            "holds no model called encoder (it is called decoder); give an",
        ),
    ],
    "training/checkpoints": [
        (lambda: checkpoint(cut), "run/checkpoint/head.npz", "cannot be read ("),
        (
            lambda: checkpoint(emptied),
            "run/checkpoint/head.npz",
            "cannot be read (No data left in file); delete it, and its",
        ),
        (
            lambda: checkpoint(Path.exists, units=2),
            "run/checkpoint/head.npz",
            "is of another network; delete it, and its phase",
        ),
    ],
}
