"""Patches and overrides of Keras are still needed, and still take effect.

A test here fails when Keras does the same by itself; the patch that it names can then be deleted.

python -m pytest tests/training/test_compat.py
"""

import keras
import numpy as np
import pytest

from lib.training import backend
from lib.training.optimizers import Muon

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
