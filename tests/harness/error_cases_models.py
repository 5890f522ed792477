"""Cases that provoke each error about model files and checkpoints, by module.

A case is the function to call, the value or file that the message must name, and a part of the message.
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
from tests.models.saving import test_graph_limits
from tests.models.saving.test_encoder_extraction import IMAGE_SHAPE
from tests.training.test_checkpoints import HISTORY, compiled, fitted, rewrite
from tests.worker.test_model_jobs import GRAY, save_autoencoder

PIXELS = IMAGE_SHAPE[0] * IMAGE_SHAPE[1]
KERNEL = "model_weights/code/code/kernel"


@functools.cache
def small_autoencoder() -> bytes:
    """A small autoencoder as plain Keras saves it."""
    image = keras.Input(IMAGE_SHAPE, name="image")
    code = layers.Dense(3, name="code")(layers.Flatten(name="flat")(image))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.h5"
        keras.Model(
            image, layers.Reshape(IMAGE_SHAPE, name="back")(layers.Dense(PIXELS, name="pixels")(code))
        ).save(path)
        return path.read_bytes()


def load_changed(change: Callable[[h5py.File], object], content: bytes | None = None, **limits: int):
    """Load it after a change; `limits` replace constants of `hdf5_checks`."""
    Path("a.h5").write_bytes(content or small_autoencoder())
    with h5py.File("a.h5", "a") as file:
        change(file)
    assert limits.keys() <= vars(hdf5_checks).keys()
    with mock.patch.dict(vars(hdf5_checks), limits):
        model_files.load_model(Path("a.h5"))


def load_with_link(name: str, to):
    """Load it with a further link, type or group."""
    load_changed(
        lambda file: file.__setitem__(f"model_weights/{name}", file[to] if isinstance(to, str) else to)
    )


def load_with_weights(**how):
    """Load it with other weights of the layer `code`."""

    def change(file: h5py.File):
        del file[KERNEL]
        file.create_dataset(KERNEL, **how)

    load_changed(change)


def load_with_description(value):
    load_changed(lambda file: file.attrs.__setitem__("model_config", value))


def load_with_layer(**changes):
    """Load it with another description of the layer `code`."""

    def change(file: h5py.File):
        config = json.loads(file.attrs["model_config"])
        config["config"]["layers"][2].update(changes)
        file.attrs["model_config"] = json.dumps(config)

    load_changed(change)


def load_overlapping_weights():
    """Load two weights of 80 kB at the same place of the file."""
    with h5py.File("b.h5", "w") as file:
        file["one"] = np.ones(10_000)
        file.create_dataset("two", (10_000,), "f8")
        start, size = file["one"].id.get_offset(), struct.pack("<Q", 80_000)
    nowhere = b"\xff" * 8 + size
    content = Path("b.h5").read_bytes()
    assert content.count(nowhere) == 1
    load_changed(lambda file: None, content.replace(nowhere, struct.pack("<Q", start) + size))


def load_large_attribute():
    with h5py.File("a.h5", "w", libver="latest") as file:  # the older form holds 64 KiB at most
        file.attrs["model_config"] = np.zeros(9 * 2**20, np.uint8)
    model_files.load_model(Path("a.h5"))


def load_large_layer_output():
    """Load a layer that makes gigabytes of a small image, followed by one that reduces them."""
    image = keras.Input(IMAGE_SHAPE)
    x = layers.MaxPooling2D(2**11)(layers.UpSampling2D(2**11, name="grown")(image))
    keras.Model(image, x).save("a.h5")
    model_files.load_model(Path("a.h5"))


def truncated_file() -> Path:
    path = Path("a.h5")
    path.write_bytes(small_autoencoder()[:3000])
    return path


def load_renamed():
    Path("a.keras").write_bytes(small_autoencoder())
    model_files.load_model(Path("a.keras"))


def two_inputs() -> keras.Model:
    two = [keras.Input((PIXELS,)), keras.Input((PIXELS,))]
    return keras.Model(two, layers.Dense(PIXELS)(layers.Dense(4)(layers.Add()(two))))


def identity_model(name: str) -> keras.Model:
    same = keras.Input(IMAGE_SHAPE)
    return keras.Model(same, same, name=name)


def wide(*widths: int) -> keras.Model:
    """Dense layers, none of them narrower than the output."""
    first = x = keras.Input((PIXELS,))
    for number, width in enumerate(widths, start=1):
        x = layers.Dense(width, name=f"wide_{number}")(x)
    return keras.Model(first, x, name="model")


def load_saved_encoder(image: tuple, made_for: tuple = GRAY, file: str = "autoencoder", **values):
    save_autoencoder(image=made_for, **values)
    model_files.load_encoder(Path(f"ae/{file}.h5"), image)


def restore_checkpoint(change: Callable[[Path], object], units: int = 3):
    """Restore a checkpoint after a change, into a network of so many units."""
    Checkpoint(Path("run"), "head").write(*fitted(), HISTORY)
    change(Path("run/checkpoint/head.npz"))
    network, best = compiled(units)
    Checkpoint(Path("run"), "head").restore(network, [best])


def truncate(path: Path):
    path.write_bytes(path.read_bytes()[:100])


LONG = "x" * (9 * 2**20)

CASES = {
    "models/saving/hdf5_checks": [
        (load_renamed, "a.keras", "Keras opens it only if its name ends in .h5; rename it"),
        (
            lambda: model_files.load_model(truncated_file()),
            "a.h5",
            "is not a model that Keras can open, it is corrupt or truncated (",
        ),
        (
            lambda: load_changed(lambda file: file.attrs.__delitem__("model_config")),
            "a.h5",
            "contains weights at most, not a model that Keras can open; save the model with model.save(...)",
        ),
        (
            lambda: load_with_link("again", "model_weights/code"),
            "a.h5",
            "contains /model_weights/again twice, under different names; Keras does not",
        ),
        (
            lambda: load_changed(len, MAX_OBJECTS=5),
            "a.h5",
            "contains more than 5 objects, or more than 64 levels; no model does",
        ),
        (
            lambda: load_with_link("x", h5py.SoftLink("/y")),
            "a.h5: /model_weights/x",
            "is a link; a model must contain its weights",
        ),
        (
            lambda: load_with_link("x", np.dtype("f4")),
            "a.h5: /model_weights/x",
            "is neither a group nor weights; Keras does not write other objects",
        ),
        (load_overlapping_weights, "a.h5", "declares weights of 160,000 bytes, but has 8"),
        (
            lambda: load_changed(len, MAX_OVERHEAD=100),
            "a.h5",
            "bytes besides its weights; a model has less than 100",
        ),
        (
            load_large_attribute,
            "a.h5: the file",
            "has an attribute that is not text, or longer than 8,388,608 bytes",
        ),
        (
            lambda: load_with_weights(shape=3, dtype="f4", external=[("/etc/passwd", 0, 12)]),
            KERNEL,
            "is stored in another file; a model must contain its weights",
        ),
        (
            lambda: load_with_weights(data=[b"text"]),
            KERNEL,
            "contains other data than numbers; Keras does not write such weights",
        ),
        (
            lambda: load_with_weights(shape=9, dtype="f4", chunks=3),
            KERNEL,
            "is chunked or compressed; unpack it with h5repack -l",
        ),
        (
            lambda: load_with_weights(shape=(2**50, 3), dtype="f4"),
            KERNEL,
            "declares 1,125,899,906,842,624×3 numbers, but the file does",
        ),
        (
            lambda: load_with_description(LONG),
            "a.h5",
            "the description is not text of at most 8,388,608 characters",
        ),
        (
            lambda: load_with_description("{"),
            "a.h5",
            "the description is not valid JSON (Expecting property name enclosed in double",
        ),
        (
            lambda: load_with_description("[" * 100_000),
            "a.h5",
            "the description is not valid JSON (it is nested too deeply)",
        ),
        (
            lambda: load_with_description("[" * 200 + "]" * 200),
            "a.h5",
            "the description has more than 64 levels; no model has",
        ),
        (
            lambda: load_with_layer(class_name="system", module="os"),
            "a.h5: code",
            "has the class os.system, which is not a Keras 3 layer; custom code is never",
        ),
        (
            lambda: load_with_layer(class_name=None),
            "a.h5: code",
            "has the class null, which is not a Keras 3 layer; custom code is never run;",
        ),
        (
            lambda: load_with_description('{"class_name": "Lambda"}'),
            "a.h5: it",
            "has the class Lambda, which contains code, and code from files is never run;",
        ),
    ],
    "models/saving/graph_limits": [
        (
            lambda: test_graph_limits.load(test_graph_limits.nested(9, 10)),
            "attack.h5",
            "contains 11,111,111,111 layer calls, with those of nested models; at most",
        ),
        (
            lambda: test_graph_limits.load(test_graph_limits.reversed_chain(400)),
            "attack.h5",
            "the layers are not in the order of their calls, and sorting them would take more than",
        ),
        (
            load_large_layer_output,
            "a.h5",
            "layer grown computes 503,316,480 values per image; at most 134,217,728 fit in",
        ),
        (
            lambda: test_graph_limits.load(test_graph_limits.wide_chain()),
            "attack.h5",
            "the layers up to x8 compute 1,207,959,552 values per image; at most",
        ),
    ],
    "models/saving/model_files": [
        (
            lambda: load_with_weights(data=np.zeros((3, 120), "f4")),
            "a.h5",
            "is not a model that Keras can open (layer code takes weights of 120×3, the",
        ),
        (
            lambda: load_with_description('{"class_name": "Model", "config": [1]}'),
            "a.h5",
            "is not a model that Keras can open (the description is not that of a model)",
        ),
        (
            lambda: load_saved_encoder(GRAY, file="decoder"),
            "ae/decoder.h5",
            "contains no model named encoder (it is named decoder); use an autoencoder.h5",
        ),
    ],
    "training/checkpoints": [
        (
            lambda: restore_checkpoint(truncate),
            "run/checkpoint/head.npz",
            "cannot be read, it is corrupt or truncated (File is not a zip file); delete",
        ),
        (
            lambda: restore_checkpoint(lambda path: rewrite(path, {"history": []})),
            "run/checkpoint/head.npz",
            "cannot be read (the history does not contain one number per epoch); delete it",
        ),
        (
            lambda: restore_checkpoint(Path.exists, units=2),
            "run/checkpoint/head.npz",
            "belongs to another network; delete it to restart the phase",
        ),
    ],
}
