"""Patches and overrides of Keras are still needed, and still take effect.

A test here fails when Keras does the same by itself; the patch that it names can then be deleted.

python -m pytest tests/training/test_compat.py
"""

import importlib.util
import os
import subprocess
import sys

import keras
import numpy as np
import pytest

from lib.training import backend
from lib.training.optimizers import Muon
from tests.harness.terminal_session import PROJECT

needs_tensorflow = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="needs TensorFlow as the backend"
)


def traced_operations(function, *arguments) -> list:
    """TensorFlow's operations when the function is called."""
    import tensorflow as tf

    return tf.function(function).get_concrete_function(*arguments).graph.get_operations()


@needs_tensorflow
def test_keras_does_not_use_the_fused_batch_normalization():
    """`lib.training.backend.fused_batch_norm`."""
    model = keras.Sequential([keras.Input((4, 4, 3)), keras.layers.BatchNormalization()])
    images = keras.ops.ones((2, 4, 4, 3))

    def kernels() -> int:
        operations = traced_operations(lambda x: model(x, training=True), images)
        return sum(operation.type == "FusedBatchNormV3" for operation in operations)

    assert kernels() == 0
    with backend.fused_batch_norm(model):
        assert kernels() == 1


# Counts the compiled calls in Keras's train function for four steps per execution.
COUNT_CALLS = """
import itertools
import jax, keras, numpy as np
model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
model.compile("sgd", "mse", steps_per_execution=4)
model.make_train_function()
original, counts = model.train_function, []
def train_function(state, iterator):
    batches = list(itertools.islice(iterator, 4))
    jaxpr = jax.make_jaxpr(lambda state, batches: original(state, iter(batches)))(state, batches)
    counts.append(sum(equation.primitive.name in ("jit", "pjit") for equation in jaxpr.eqns))
    return original(state, iter(batches))
model.train_function = train_function
model.fit(np.ones((8, 3)), np.ones((8, 1)), batch_size=2, verbose=0)
print(counts)
"""


def test_keras_on_jax_makes_one_call_per_step():
    """`lib.training.backend.scan_train_steps`; and that `fit` keeps a train function that was replaced."""
    if importlib.util.find_spec("jax") is None:
        pytest.skip("JAX is not installed here")
    environment = os.environ | {"KERAS_BACKEND": "jax", "PYTHONPATH": str(PROJECT)}
    done = subprocess.run(
        [sys.executable, "-c", COUNT_CALLS], capture_output=True, text=True, env=environment, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "[4]"


def change(optimizer: keras.optimizers.Optimizer, value: np.ndarray, gradient: np.ndarray) -> np.ndarray:
    variable = keras.Variable(value)
    optimizer.build([variable])
    optimizer.apply([keras.ops.convert_to_tensor(gradient)])
    return keras.ops.convert_to_numpy(variable) - value


def test_keras_leaves_convolution_kernels_to_adamw():
    """`lib.training._compat.MuonWithChoice`."""
    rng = np.random.default_rng(0)
    value, gradient = rng.normal(size=(2, 3, 3, 16, 16)).astype(np.float32)
    adam = change(keras.optimizers.Adam(0.01), value, gradient)
    keras_muon = change(
        keras.optimizers.Muon(0.01, weight_decay=None, adam_weight_decay=None), value, gradient
    )
    ours = change(Muon(0.01, weight_decay=None), value, gradient)
    assert keras_muon == pytest.approx(adam, abs=1e-6)
    assert np.abs(ours - adam).max() > 0.001


@needs_tensorflow
def test_keras_orthogonalizes_with_twice_the_multiplications():
    """`lib.training.optimizers.Muon.zeropower_via_newtonschulz5`."""
    gradient = keras.ops.convert_to_tensor(np.ones((9 * 64, 64), np.float32))

    def multiplications(optimizer: keras.optimizers.Muon) -> int:
        operations = traced_operations(lambda x: optimizer.zeropower_via_newtonschulz5(x, 5), gradient)
        products = [operation for operation in operations if "MatMul" in operation.type]
        return sum(
            product.inputs[0].shape.num_elements() * product.outputs[0].shape[-1] for product in products
        )

    assert 0 < multiplications(Muon()) < 0.55 * multiplications(keras.optimizers.Muon())
