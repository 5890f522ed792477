"""Model files that somebody made to do harm, or that were damaged on the way.

python -m pytest tests/models/saving/test_hdf5_checks.py, and with -m fuzz thousands of damaged ones
"""

import json
import random
import resource
import subprocess
import sys
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest
from keras import layers

from lib.common.errors import UserError
from lib.models.saving import hdf5_checks, model_files
from tests.harness.terminal_session import PROJECT
from tests.test_no_terminal import assert_refused, run

BOMB = Path("bomb.h5")


@pytest.fixture(scope="module")
def harmless(tmp_path_factory) -> bytes:
    """A small autoencoder of 12×10 images, as plain Keras saves it, with the state of its optimizer."""
    path = tmp_path_factory.mktemp("harmless") / "a.h5"
    image = keras.Input((12, 10, 1), name="image")
    code = layers.Dense(3, activation="relu", name="code")(layers.Flatten(name="flat")(image))
    model = keras.Model(
        image, layers.Reshape((12, 10, 1), name="back")(layers.Dense(120, name="pixels")(code))
    )
    model.compile("adam", "mse")
    model.fit(np.zeros((2, 12, 10, 1)), np.zeros((2, 12, 10, 1)), verbose=0)
    model.save(path)
    return path.read_bytes()


@pytest.fixture
def bomb(harmless) -> h5py.File:
    """The same, open to be changed."""
    BOMB.write_bytes(harmless)
    with h5py.File(BOMB, "a") as file:
        yield file


def refused(file: h5py.File, words: str) -> None:
    file.close()
    with pytest.raises(UserError, match=words) as caught:
        model_files.load_model(BOMB)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 600


def described(file: h5py.File, change) -> None:
    """Change the description of the model: `change` gets the list of its layers."""
    config = json.loads(file.attrs["model_config"])
    change(config["config"]["layers"])
    file.attrs["model_config"] = json.dumps(config)


def test_harmless(bomb):
    bomb.close()
    assert model_files.load_model(BOMB).output_shape == (None, 12, 10, 1)


# What runs


def planted() -> None:
    """A model whose Lambda layer writes the file `ran` wherever it is opened without care or used."""
    Path("ran").unlink(missing_ok=True)
    image = keras.Input((12, 10, 1))
    code = layers.Lambda(lambda x: x * (open("ran", "w").close() or 1), output_shape=(12, 10, 1))(image)
    model = keras.Model(image, layers.Conv2D(1, 3, padding="same")(code), name="autoencoder")
    model.save(BOMB)
    Path("ran").unlink(missing_ok=True)


def test_the_payload_is_live_and_does_not_run(tiny):
    planted()
    with pytest.raises(
        UserError,
        match=r"bomb\.h5: lambda.* is of the class Lambda, and only those of Keras's own are opened",
    ):
        model_files.load_model(BOMB)
    words = ["-d", tiny["-d"], "-dl", tiny["-dl"], "-model", str(BOMB)]
    assert_refused(
        run("classification.py", *words, "--no-input"), "bomb.h5: lambda", "is of the class Lambda"
    )
    assert_refused(
        run("autoencoder.py", "encode", "-model", str(BOMB), "-d", tiny["-d"]),
        "bomb.h5: lambda",
        "of the class Lambda",
    )
    assert not Path("ran").exists()
    keras.models.load_model(BOMB, compile=False, safe_mode=False)(np.zeros((1, 12, 10, 1)))
    assert Path("ran").exists()


CODE = {"class_name": "__lambda__", "config": {"code": "4wAAAAA=", "defaults": None, "closure": None}}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (dict(class_name="system", module="os"), "code is of the class os.system"),
        (dict(class_name="Dense", module="os"), "code is of the class os.Dense"),
        (dict(class_name="Dense", module="keras_evil.layers"), "of the class keras_evil.layers.Dense"),
        (dict(class_name="Dense", module=["keras"]), "of the class"),
        (dict(class_name="Dense", registered_name="latent_lab>Sampling"), "of the class Dense"),
        (dict(class_name="latent_lab>Sampling"), "of the class latent_lab>Sampling"),
        (dict(class_name=["Dense"]), "of the class"),
        (
            dict(class_name="TFSMLayer", config={"name": "code", "filepath": "/tmp/x"}),
            "of the class TFSMLayer",
        ),
        (
            dict(class_name="StringLookup", config={"name": "code", "vocabulary": "/etc/passwd"}),
            "of the class StringLookup",
        ),
        (dict(class_name="deserialize"), "of the class deserialize"),
        (dict(config={"name": "code", "units": 3, "activation": CODE}), "code is of the class __lambda__"),
        (
            dict(
                config={
                    "name": "code",
                    "units": 3,
                    "kernel_initializer": {
                        "class_name": "function",
                        "config": "system",
                        "module": "os",
                        "registered_name": "system",
                    },
                }
            ),
            "code is of the class os.function",
        ),
        (
            dict(
                config={
                    "name": "code",
                    "units": 3,
                    "dtype": {"class_name": "TypeSpec", "type_spec": "x", "serialized": []},
                }
            ),
            "of the class TypeSpec",
        ),
    ],
)
def test_classes_of_others_are_refused(bomb, change, words):
    described(bomb, lambda layers: layers[2].update(change))
    refused(bomb, words)


def test_a_name_of_another_form_is_refused(harmless):
    """A file can be HDF5 from its beginning and a zip from its end, and Keras goes by the name."""
    Path("a.keras").write_bytes(harmless)
    with pytest.raises(UserError, match=r"a\.keras: its name must end in \.h5"):
        model_files.load_model(Path("a.keras"))


# What is elsewhere, or nowhere


def test_links_out_of_the_file_are_refused(bomb):
    weights = bomb["model_weights/code/code"]
    del weights["kernel"]
    weights["kernel"] = h5py.ExternalLink("/etc/passwd", "/")
    refused(bomb, r"bomb\.h5: /model_weights/code/code/kernel is a link to another place")


def test_links_inside_the_file_are_refused(bomb):
    bomb["model_weights/again"] = h5py.SoftLink("/model_weights/code")
    refused(bomb, "/model_weights/again is a link to another place")


def test_circles_are_refused(bomb):
    bomb["model_weights/code/code/again"] = bomb["model_weights"]
    refused(bomb, "is in it a second time, under another name")


def replaced(file: h5py.File, **how) -> None:
    del file["model_weights/code/code/kernel"]
    file["model_weights/code/code"].create_dataset("kernel", **how)


@pytest.mark.parametrize(
    ("how", "words"),
    [
        (
            dict(shape=(120, 3), dtype="f4", external=[("/etc/passwd", 0, 1440)]),
            "kernel lies in another file",
        ),
        (
            dict(shape=(2**50, 3), dtype="f4"),
            "kernel announces 1,125,899,906,842,624×3 numbers, and the file does not have them",
        ),
        (
            dict(shape=(2**50, 3), dtype="f4", chunks=(1024, 3)),
            "kernel is stored in pieces or compressed; undo that with",
        ),
        (dict(data=np.zeros((120, 3), "f4"), compression="gzip"), "stored in pieces or compressed"),
        (dict(data=np.array([b"text"])), "kernel holds something else than numbers"),
        (dict(data=np.zeros((3, 120), "f4")), "is no model that Keras can open .Shape mismatch"),
    ],
)
def test_weights_that_are_none_are_refused(bomb, how, words):
    replaced(bomb, **how)
    refused(bomb, words)


def test_weights_put_together_from_elsewhere_are_refused(bomb):
    layout = h5py.VirtualLayout((120, 3), "f4")
    layout[:] = h5py.VirtualSource("other.h5", "x", (120, 3))
    del bomb["model_weights/code/code/kernel"]
    bomb["model_weights/code/code"].create_virtual_dataset("kernel", layout)
    refused(bomb, "kernel lies in another file")


def test_what_is_neither_group_nor_weights_is_refused(bomb):
    bomb["model_weights/kind"] = np.dtype("f4")
    refused(bomb, "/model_weights/kind is neither a group nor weights")


def test_too_many_parts_are_refused(bomb, monkeypatch):
    monkeypatch.setattr(hdf5_checks, "MAX_OBJECTS", 10)
    refused(bomb, r"holds more than 10 parts, or more than 64 levels")


# What is too much


def test_long_descriptions_are_refused(bomb):
    bomb.attrs["model_config"] = "x" * (9 * 2**20)
    refused(bomb, r"its description is no text of at most 8,388,608 characters")


def test_much_beside_the_weights_is_refused(bomb, monkeypatch):
    monkeypatch.setattr(hdf5_checks, "MAX_OVERHEAD", 1000)
    refused(bomb, r"holds [\d,]+ bytes beside its weights; a model has less than 1,000")


def test_large_attributes_are_refused(harmless):
    with h5py.File(BOMB, "w", libver="latest") as file:  # the older form holds 64 KiB at most
        file.attrs["model_config"] = np.zeros(9 * 2**20, np.uint8)
        refused(file, r"the file has an attribute that is no text, or more than 8,388,608 bytes of it")


def test_lists_of_one_long_text_are_refused(bomb):
    bomb.attrs["model_config"] = "x" * (7 * 2**20)
    bomb["model_weights"].attrs["layer_names"] = ["code"] * 400
    refused(bomb, r"holds a list of 400 texts, which may become more than 2,147,483,648 bytes")


def test_deep_descriptions_are_refused(bomb):
    for text in ("[" * 100_000, "[" * 200 + "]" * 200):
        bomb.attrs["model_config"] = text
    refused(bomb, "its description has more than 64 levels")


@pytest.mark.parametrize("text", ["[" * 100_000, '{"class_name": ', "[" + "9" * 5000 + "]"])
def test_descriptions_that_are_no_json_are_refused(bomb, text):
    bomb.attrs["model_config"] = text
    refused(bomb, r"its description cannot be read as JSON")


@pytest.mark.parametrize("value", [3, np.zeros(3)])
def test_descriptions_that_are_no_text_are_refused(bomb, value):
    bomb.attrs["model_config"] = value
    refused(bomb, "its description is no text")


@pytest.mark.parametrize("units", [10**6, 10**10, 10**30])
def test_layers_larger_than_their_weights_take_no_memory(bomb, units):
    described(bomb, lambda layers: layers[2]["config"].update(units=units))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    refused(bomb, "is no model that Keras can open")
    assert (
        resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300_000
    )  # KiB; a million units have 480 MB of weights


def test_layers_without_weights_that_make_too_much_are_refused():
    image = keras.Input((12, 10, 1))
    x = layers.MaxPooling2D(2**11)(layers.UpSampling2D(2**11)(image))
    keras.Model(image, layers.Conv2D(1, 3, padding="same")(x)).save(BOMB)
    with pytest.raises(
        UserError, match=r"its layer up_sampling2d.* makes 24,576×20,480×1 numbers of each image"
    ):
        model_files.load_model(BOMB)


def test_weights_alone_are_refused_with_what_to_do(bomb):
    del bomb.attrs["model_config"]
    refused(bomb, r"holds no model that Keras can open, at most weights; save a whole one with model\.save")


# What was damaged: in a process of its own, because what breaks HDF5 itself breaks the process

CHILD = """
import sys
from pathlib import Path
from lib import hdf5, storage
from lib.errors import UserError

for path in map(Path, sys.argv[2:]):
    print(path, flush=True)
    try:
        hdf5.require_harmless(path)
        if sys.argv[1] == "keras":
            storage.load(path)
    except UserError as error:
        assert "\\n" not in str(error), error
"""


def damaged(whole: bytes, case: int) -> bytes:
    """The file cut off somewhere, or with some bytes changed, most of them near its beginning, where its
    structure is.
    """
    chance = random.Random(case)
    if case % 4 == 0:
        return whole[: chance.randrange(len(whole))]
    broken = bytearray(whole)
    for _ in range(chance.choice((1, 1, 3, 20, 200))):
        place = chance.randrange(len(whole) if case % 4 == 1 else min(len(whole), 12_000))
        broken[place] = chance.choice(
            (0, 255, chance.randrange(256), broken[place] ^ 1 << chance.randrange(8))
        )
    return bytes(broken)


def survives(whole: bytes, cases: range, how: str) -> None:
    names = [f"{case}.h5" for case in cases]
    for case, name in zip(cases, names, strict=True):
        Path(name).write_bytes(damaged(whole, case))
    command = [sys.executable, "-W", "ignore", "-c", CHILD, how, *names]
    done = subprocess.run(command, capture_output=True, text=True, timeout=1800, check=False)
    assert done.returncode == 0, f"{done.stdout.splitlines()[-1:]}: {done.returncode}\n{done.stderr[-2000:]}"


@pytest.fixture
def _importable(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(PROJECT))


@pytest.mark.usefixtures("_importable")
def test_damaged_files_are_refused_or_whole(harmless):
    survives(harmless, range(200), "look")
    survives(harmless, range(1, 200, 16), "keras")


@pytest.mark.fuzz
@pytest.mark.usefixtures("_importable")
@pytest.mark.parametrize("start", range(0, 4000, 500))
def test_thousands_of_damaged_files_are_refused_or_whole(harmless, start):
    survives(harmless, range(start, start + 500), "keras")


def test_files_cut_off_anywhere_are_refused(harmless):
    for length in sorted({*range(0, 200, 7), *range(0, len(harmless), 701), len(harmless) - 1}):
        BOMB.write_bytes(harmless[:length])
        with pytest.raises(UserError):
            model_files.load_model(BOMB)
