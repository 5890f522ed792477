"""Every layer and activation of Keras 2 that an `.h5` file may hold, against tf_keras, Keras 2's last line.

Runs only where tf_keras is installed, which no program needs. It makes the models in a process of its own,
since two versions of Keras in one do not mix.

python -m pytest tests/models/saving/test_keras2_package.py
python -m tests.models.saving.test_keras2_package      prints a table of the differences
"""

import importlib.util
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import h5py
import keras
import numpy as np
import pytest
from keras.ops import convert_to_numpy as to_numpy

from lib.common.errors import UserError
from lib.models.saving import model_files
from lib.models.saving.layer_classes import ALLOWED_LAYERS, KERAS2_LAYERS
from tests.harness.terminal_session import PROJECT

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("tf_keras") is None, reason="tf_keras is not installed: nothing to compare with"
)

TOLERANCE = 1e-5  # of the largest output, or of 1 where that is larger
HALF_PRECISION = 5e-3  # of models that Keras 2 computed in float16, and these programs compute in float32
REFUSED = {
    "gaussian": "interpolates by 'gaussian', which Keras 3 does not support",
    "mitchellcubic": "interpolates by 'mitchellcubic', which Keras 3 does not support",
    "tf.nn.gelu approximate": "is the TensorFlow operation nn.gelu, which has no layer in Keras 3",
    "tf.nn.depth_to_space": "is the TensorFlow operation nn.depth_to_space, which has no layer in Keras 3",
    "tf.expand_dims": "is the TensorFlow operation expand_dims, which has no layer in Keras 3",
    "tf.squeeze": "is the TensorFlow operation compat.v1.squeeze, which has no layer in Keras 3",
    "x[:, 1:3]": "is the TensorFlow operation __operators__.getitem, which has no layer in Keras 3",
    "vgg16.preprocess": "is the TensorFlow operation __operators__.getitem, which has no layer in Keras 3",
}
# Plain Keras 3 does not read these of its own files: it takes the words in their settings for functions, and
# drops several axes. These programs do.
UNREADABLE_BY_KERAS = re.compile("^Attention|of two axes|of all axes")
OF_KERAS_3 = {"RMSNormalization"}
OF_EARLIER_VERSIONS = {"BatchNormalizationV1", "BatchNormalizationV2"}


class Comparison(NamedTuple):
    """A model of Keras 2: its name, the classes in it, and the largest difference or the refusal."""

    name: str
    classes: set[str]
    difference: float
    tolerance: float
    refusal: str = ""


def make_models(folder: Path) -> None:
    command = [sys.executable, "-W", "ignore", "-m", "tests.harness.keras2_models", str(folder)]
    subprocess.run(command, cwd=PROJECT, check=True, capture_output=True)


def compare_models(folder: Path) -> Iterator[Comparison]:
    for path in sorted(folder.glob("*.npz"), key=lambda path: int(path.stem)):
        with np.load(path) as arrays:
            name, inputs, outputs = str(arrays["name"]), arrays["inputs"], arrays["outputs"]
        source = path.with_suffix(".h5")
        with h5py.File(source) as file:
            classes = class_names(json.loads(file.attrs["model_config"]))
        try:
            model = model_files.load_model(source)
        except UserError as error:
            yield Comparison(name, classes, 0, 0, str(error))
            continue
        model.save(folder / "again.h5")
        if UNREADABLE_BY_KERAS.search(name):
            again = model_files.load_model(folder / "again.h5")
        else:
            again = keras.models.load_model(folder / "again.h5", compile=False)
        difference = max(np.abs(to_numpy(m(inputs, training=False)) - outputs).max() for m in (model, again))
        tolerance = HALF_PRECISION if "float16" in name else TOLERANCE
        yield Comparison(name, classes, float(difference), tolerance * max(1.0, float(np.abs(outputs).max())))


def class_names(node) -> set[str]:
    """The classes of the layers in a description."""
    if not isinstance(node, list | dict):
        return set()
    children = node if isinstance(node, list) else node.values()
    own = {node["class_name"]} & KNOWN if isinstance(node, dict) and "class_name" in node else set()
    return own.union(*map(class_names, children))


KNOWN = {*ALLOWED_LAYERS.split(), *KERAS2_LAYERS}


@pytest.fixture(scope="module")
def comparisons(tmp_path_factory) -> list[Comparison]:
    folder = tmp_path_factory.mktemp("keras2")
    make_models(folder)
    return list(compare_models(folder))


def test_keras_3_computes_what_keras_2_did(comparisons):
    wrong = []
    for case in comparisons:
        expected = next((text for words, text in REFUSED.items() if words in case.name), "")
        if expected not in case.refusal or bool(expected) != bool(case.refusal):
            wrong.append(f"{case.name}: {case.refusal or 'is not refused'}")
        if not case.difference <= case.tolerance:
            wrong.append(f"{case.name}: differs by {case.difference:.1e}")
    assert not wrong
    assert len(comparisons) > 250


def test_no_layer_is_left_out(comparisons):
    covered = set().union(*(case.classes for case in comparisons))
    assert covered == KNOWN - OF_KERAS_3 - OF_EARLIER_VERSIONS


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        make_models(Path(folder))
        print("| model | largest difference | note |\n|---|---|---|")
        for case in compare_models(Path(folder)):
            value = "refused" if case.refusal else f"{case.difference:.1e}"
            print(f"| {case.name} | {value} | {case.refusal.partition(': ')[2]} |")


if __name__ == "__main__":
    main()
