"""Malicious and damaged model files.

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
from tests.test_no_terminal import assert_refused

MALICIOUS_FILE = Path("malicious.h5")


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
def model_file(harmless) -> h5py.File:
    """The same, open to be changed."""
    MALICIOUS_FILE.write_bytes(harmless)
    with h5py.File(MALICIOUS_FILE, "a") as file:
        yield file


def assert_load_refused(file: h5py.File, words: str) -> None:
    file.close()
    with pytest.raises(UserError, match=words) as caught:
        model_files.load_model(MALICIOUS_FILE)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 600


def change_layers(file: h5py.File, change) -> None:
    """Change the description of the model: `change` gets the list of its layers."""
    config = json.loads(file.attrs["model_config"])
    change(config["config"]["layers"])
    file.attrs["model_config"] = json.dumps(config)


def test_harmless(model_file):
    model_file.close()
    assert model_files.load_model(MALICIOUS_FILE).output_shape == (None, 12, 10, 1)


# Code


def save_lambda_model() -> None:
    """A model whose Lambda layer writes the file `ran` wherever it is opened without care or used."""
    Path("ran").unlink(missing_ok=True)
    image = keras.Input((12, 10, 1))
    code = layers.Lambda(lambda x: x * (open("ran", "w").close() or 1), output_shape=(12, 10, 1))(image)
    model = keras.Model(image, layers.Conv2D(1, 3, padding="same")(code), name="autoencoder")
    model.save(MALICIOUS_FILE)
    Path("ran").unlink(missing_ok=True)


def test_code_in_a_file_does_not_run(tiny, call):
    save_lambda_model()
    with pytest.raises(
        UserError,
        match=r"malicious\.h5: lambda.* has the class Lambda, which contains code, and code from files is",
    ):
        model_files.load_model(MALICIOUS_FILE)
    words = ["-d", tiny["-d"], "-dl", tiny["-dl"], "-model", str(MALICIOUS_FILE)]
    assert_refused(
        call("classification.py", *words, "--no-input"), "malicious.h5: lambda", "has the class Lambda"
    )
    assert_refused(
        call("autoencoder.py", "encode", "-model", str(MALICIOUS_FILE), "-d", tiny["-d"]),
        "malicious.h5: lambda",
        "has the class Lambda",
    )
    assert not Path("ran").exists()
    keras.models.load_model(MALICIOUS_FILE, compile=False, safe_mode=False)(np.zeros((1, 12, 10, 1)))
    assert Path("ran").exists()


CODE = {"class_name": "__lambda__", "config": {"code": "4wAAAAA=", "defaults": None, "closure": None}}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (dict(class_name="system", module="os"), "code has the class os.system"),
        (dict(class_name="Dense", module="os"), "code has the class os.Dense"),
        (dict(class_name="Dense", module="keras_evil.layers"), "has the class keras_evil.layers.Dense"),
        (dict(class_name="Dense", module=["keras"]), "has the class"),
        (dict(class_name="Dense", registered_name="latent_lab>Sampling"), "has the class Dense"),
        (dict(class_name="latent_lab>Sampling"), "has the class latent_lab>Sampling"),
        (dict(class_name=["Dense"]), "has the class"),
        (
            dict(class_name="TFSMLayer", config={"name": "code", "filepath": "/tmp/x"}),
            "has the class TFSMLayer",
        ),
        (
            dict(class_name="StringLookup", config={"name": "code", "vocabulary": "/etc/passwd"}),
            "has the class StringLookup",
        ),
        (dict(class_name="deserialize"), "has the class deserialize"),
        (dict(config={"name": "code", "units": 3, "activation": CODE}), "code has the class __lambda__"),
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
            "code has the class os.function",
        ),
        (
            dict(
                config={
                    "name": "code",
                    "units": 3,
                    "dtype": {"class_name": "TypeSpec", "type_spec": "x", "serialized": []},
                }
            ),
            "has the class TypeSpec",
        ),
    ],
)
def test_classes_of_others_are_refused(model_file, change, words):
    change_layers(model_file, lambda layers: layers[2].update(change))
    assert_load_refused(model_file, words)


def test_a_name_of_another_form_is_refused(harmless):
    """A file can be HDF5 from its beginning and a zip from its end, and Keras goes by the name."""
    Path("a.keras").write_bytes(harmless)
    with pytest.raises(UserError, match=r"a\.keras: Keras opens it only if its name ends in \.h5"):
        model_files.load_model(Path("a.keras"))


# Links, and weights that are not in the file


def test_links_out_of_the_file_are_refused(model_file):
    weights = model_file["model_weights/code/code"]
    del weights["kernel"]
    weights["kernel"] = h5py.ExternalLink("/etc/passwd", "/")
    assert_load_refused(model_file, r"malicious\.h5: /model_weights/code/code/kernel is a link; a model")


def test_links_inside_the_file_are_refused(model_file):
    model_file["model_weights/again"] = h5py.SoftLink("/model_weights/code")
    assert_load_refused(model_file, "/model_weights/again is a link; a model")


def test_circles_are_refused(model_file):
    model_file["model_weights/code/code/again"] = model_file["model_weights"]
    assert_load_refused(model_file, "twice, under different names")


def replace_kernel(file: h5py.File, **how) -> None:
    del file["model_weights/code/code/kernel"]
    file["model_weights/code/code"].create_dataset("kernel", **how)


@pytest.mark.parametrize(
    ("how", "words"),
    [
        (
            dict(shape=(120, 3), dtype="f4", external=[("/etc/passwd", 0, 1440)]),
            "kernel is stored in another file",
        ),
        (
            dict(shape=(2**50, 3), dtype="f4"),
            "kernel declares 1,125,899,906,842,624×3 numbers, but the file does not contain them",
        ),
        (
            dict(shape=(2**50, 3), dtype="f4", chunks=(1024, 3)),
            "kernel is chunked or compressed; unpack it with",
        ),
        (dict(data=np.zeros((120, 3), "f4"), compression="gzip"), "is chunked or compressed"),
        (dict(data=np.array([b"text"])), "kernel contains other data than numbers"),
        (dict(data=np.zeros((3, 120), "f4")), "code takes weights of 120×3, the file has 3×120"),
    ],
)
def test_weights_that_are_none_are_refused(model_file, how, words):
    replace_kernel(model_file, **how)
    assert_load_refused(model_file, words)


def test_weights_put_together_from_elsewhere_are_refused(model_file):
    layout = h5py.VirtualLayout((120, 3), "f4")
    layout[:] = h5py.VirtualSource("other.h5", "x", (120, 3))
    del model_file["model_weights/code/code/kernel"]
    model_file["model_weights/code/code"].create_virtual_dataset("kernel", layout)
    assert_load_refused(model_file, "kernel is stored in another file")


def test_what_is_neither_group_nor_weights_is_refused(model_file):
    model_file["model_weights/kind"] = np.dtype("f4")
    assert_load_refused(model_file, "/model_weights/kind is neither a group nor weights")


def test_too_many_parts_are_refused(model_file, monkeypatch):
    monkeypatch.setattr(hdf5_checks, "MAX_OBJECTS", 10)
    assert_load_refused(model_file, r"contains more than 10 objects, or more than 64 levels")


# Sizes


def test_long_descriptions_are_refused(model_file):
    model_file.attrs["model_config"] = "x" * (9 * 2**20)
    assert_load_refused(model_file, r"the description is not text of at most 8,388,608 characters")


def test_much_beside_the_weights_is_refused(model_file, monkeypatch):
    monkeypatch.setattr(hdf5_checks, "MAX_OVERHEAD", 1000)
    assert_load_refused(model_file, r"contains [\d,]+ bytes besides its weights; a model has less than 1,000")


def test_large_attributes_are_refused(harmless):
    with h5py.File(MALICIOUS_FILE, "w", libver="latest") as file:  # the older form holds 64 KiB at most
        file.attrs["model_config"] = np.zeros(9 * 2**20, np.uint8)
        assert_load_refused(
            file, r"the file has an attribute that is not text, or longer than 8,388,608 bytes"
        )


def test_lists_of_one_long_text_are_refused(model_file):
    model_file.attrs["model_config"] = model_file.attrs["model_config"] + " " * (7 * 2**20)
    group = model_file["model_weights"].move("code", "other") or model_file["model_weights"]
    group.attrs["layer_names"] = ["code"] * 400
    assert_load_refused(model_file, r"a list has 400 names, which may take more than 2,147,483,648 bytes")


def test_deep_descriptions_are_refused(model_file):
    for text in ("[" * 100_000, "[" * 200 + "]" * 200):
        model_file.attrs["model_config"] = text
    assert_load_refused(model_file, "the description has more than 64 levels")


@pytest.mark.parametrize("text", ["[" * 100_000, '{"class_name": ', "[" + "9" * 5000 + "]"])
def test_descriptions_that_are_no_json_are_refused(model_file, text):
    model_file.attrs["model_config"] = text
    assert_load_refused(model_file, r"the description is not valid JSON")


@pytest.mark.parametrize("value", [3, np.zeros(3)])
def test_descriptions_that_are_no_text_are_refused(model_file, value):
    model_file.attrs["model_config"] = value
    assert_load_refused(model_file, "the description is not text")


@pytest.mark.parametrize("units", [10**6, 10**10, 10**30])
def test_layers_larger_than_their_weights_take_no_memory(model_file, units):
    change_layers(model_file, lambda layers: layers[2]["config"].update(units=units))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert_load_refused(model_file, "code takes weights of 120×1[0,]+, the file has 120×3")
    assert (
        resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300_000
    )  # KiB; a million units have 480 MB of weights


def test_layers_without_weights_that_make_too_much_are_refused():
    image = keras.Input((12, 10, 1))
    x = layers.MaxPooling2D(2**11)(layers.UpSampling2D(2**11)(image))
    keras.Model(image, layers.Conv2D(1, 3, padding="same")(x)).save(MALICIOUS_FILE)
    with pytest.raises(
        UserError, match=r"layer up_sampling2d.* computes 503,316,480 values per image; at most"
    ):
        model_files.load_model(MALICIOUS_FILE)


def test_weights_alone_are_refused_with_what_to_do(model_file):
    del model_file.attrs["model_config"]
    assert_load_refused(
        model_file, r"contains weights at most, not a model that Keras can open; save the model with"
    )


# Damaged files, opened in another process, because an error inside of HDF5 can end the process

CHILD = """
import sys
from pathlib import Path
from lib.common.errors import UserError
from lib.models.saving import hdf5_checks, model_files

for number, path in enumerate(map(Path, sys.argv[2:])):
    print(path, flush=True)
    try:
        hdf5_checks.require_safe(path)
        if number % int(sys.argv[1]) == 0:
            model_files.load_model(path)
    except UserError as error:
        assert "\\n" not in str(error), error
"""


def damage(whole: bytes, case: int) -> bytes:
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


def assert_survives(whole: bytes, cases: range, loaded: int) -> None:
    """Check damaged files in another process, and load each `loaded`-th of them with Keras."""
    names = [f"{case}.h5" for case in cases]
    for case, name in zip(cases, names, strict=True):
        Path(name).write_bytes(damage(whole, case))
    command = [sys.executable, "-W", "ignore", "-c", CHILD, str(loaded), *names]
    done = subprocess.run(command, capture_output=True, text=True, timeout=1800, check=False)
    assert done.returncode == 0, f"{done.stdout.splitlines()[-1:]}: {done.returncode}\n{done.stderr[-2000:]}"


@pytest.fixture
def _importable(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(PROJECT))


@pytest.mark.usefixtures("_importable")
def test_damaged_files_are_refused_or_whole(harmless):
    assert_survives(harmless, range(200), loaded=16)


@pytest.mark.fuzz
@pytest.mark.usefixtures("_importable")
@pytest.mark.parametrize("start", range(0, 4000, 500))
def test_thousands_of_damaged_files_are_refused_or_whole(harmless, start):
    assert_survives(harmless, range(start, start + 500), loaded=1)


def test_files_cut_off_anywhere_are_refused(harmless):
    for length in sorted({*range(0, 200, 7), *range(0, len(harmless), 701), len(harmless) - 1}):
        MALICIOUS_FILE.write_bytes(harmless[:length])
        with pytest.raises(UserError):
            model_files.load_model(MALICIOUS_FILE)
