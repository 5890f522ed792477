"""Muon for convolutions, and weight decay. python -m pytest tests/training/test_optimizers.py"""

import keras
import numpy as np
import pytest

from lib.config.hyperparameters import AutoencoderHyperparameters
from lib.training.optimizers import MIN_CHANNELS, Muon, make_optimizer

RATE = 0.01
RNG = np.random.default_rng(0)


def apply_steps(optimizer, shape, steps=1, value=None, gradient=None):
    """The values of a variable before and after some steps."""
    before = RNG.normal(size=shape).astype(np.float32) if value is None else value
    gradient = RNG.normal(size=shape).astype(np.float32) if gradient is None else gradient
    variable = keras.Variable(before)
    optimizer.build([variable])
    for _ in range(steps):
        optimizer.apply([keras.ops.convert_to_tensor(gradient)])
    return before, keras.ops.convert_to_numpy(variable)


@pytest.mark.parametrize("shape", [(3, 3, 16, 32), (4, 4, 32, 16), (1, 1, 16, 16)])
def test_the_step_of_a_convolution_kernel_is_nearly_orthogonal(shape):
    before, after = apply_steps(Muon(RATE, weight_decay=None), shape)
    matrix = (before - after).reshape(-1, shape[-1])
    singular_values = np.linalg.svd(matrix, compute_uv=False) / (RATE * 0.2 * max(matrix.shape) ** 0.5)
    # Five Newton-Schulz steps come no nearer to 1.
    assert 0.6 < singular_values.min() < singular_values.max() < 1.3


def test_a_dense_kernel_gets_the_steps_of_keras():
    value, gradient = RNG.normal(size=(2, 40, 20)).astype(np.float32)
    _, ours = apply_steps(Muon(RATE), None, 3, value, gradient)
    _, theirs = apply_steps(keras.optimizers.Muon(RATE), None, 3, value, gradient)
    assert ours == pytest.approx(theirs, abs=1e-6)  # of steps of 0.01


@pytest.mark.parametrize("shape", [(300, 40), (40, 300), (64, 64), (70, 40), (3, 3, 16, 32)])
@pytest.mark.parametrize("rank", [5, None])
def test_orthogonalized_steps_are_those_of_keras(shape, rank):
    """Also for gradients of low rank with a little noise, as most are."""
    rows, columns = int(np.prod(shape[:-1])), shape[-1]
    gradient = RNG.normal(size=(rows, columns))
    if rank:
        gradient = RNG.normal(size=(rows, rank)) @ RNG.normal(size=(rank, columns)) + gradient / 1000
    ours = Muon(RATE).zeropower_via_newtonschulz5(
        keras.ops.convert_to_tensor(gradient.reshape(shape), "float32"), 5
    )
    theirs = keras.optimizers.Muon(RATE).zeropower_via_newtonschulz5(
        keras.ops.convert_to_tensor(gradient, "float32"), 5
    )
    ours, theirs = (keras.ops.convert_to_numpy(steps) for steps in (ours, theirs))
    assert ours.shape == shape
    assert np.abs(ours.reshape(rows, columns) - theirs).max() < 1e-3 * np.abs(theirs).max()


class Rounded(np.ndarray):
    """A float32 matrix whose products use ten bits of each number, as TF32 on a GPU does."""

    def __matmul__(self, other):
        return np.matmul(_ten_bits(self), _ten_bits(other)).view(Rounded)


def _ten_bits(numbers) -> np.ndarray:
    bits = np.ascontiguousarray(numbers, np.float32).view(np.uint32)
    return ((bits + (1 << 12)) >> 13 << 13).view(np.float32)


@pytest.mark.parametrize("shape", [(576, 64), (1152, 128), (64, 64)])
@pytest.mark.parametrize("rank", [1, 5])
@pytest.mark.parametrize("noise", [0.1, 0.01, 0.001])
def test_rounding_on_a_gpu_does_not_lengthen_steps(monkeypatch, shape, rank, noise):
    """With a gradient of low rank, rounding makes small eigenvalues of the Gram matrix negative."""
    gradient = RNG.normal(size=(shape[0], rank)) @ RNG.normal(size=(rank, shape[1]))
    gradient = np.asarray(gradient + noise * RNG.normal(size=shape), np.float32)
    exact = keras.ops.convert_to_numpy(
        keras.optimizers.Muon(RATE).zeropower_via_newtonschulz5(keras.ops.array(gradient), 5)
    )
    for name in ("cast", "transpose", "reshape"):
        monkeypatch.setattr(keras.ops, name, getattr(np, name, lambda x, dtype: x.astype(dtype)))
    monkeypatch.setattr(keras.ops, "norm", np.linalg.norm)
    monkeypatch.setattr(keras.ops, "eye", lambda n: np.eye(n, dtype=np.float32))
    rounded = np.asarray(Muon(RATE).zeropower_via_newtonschulz5(gradient.view(Rounded), 5))
    assert np.linalg.norm(rounded, 2) < 1.3
    assert np.linalg.norm(rounded - exact) < 0.2 * np.linalg.norm(exact)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
def test_zero_gradients_and_low_precision(dtype):
    optimizer, gradient = Muon(RATE), RNG.normal(size=(160, 40)).astype(np.float32)
    zeros = optimizer.zeropower_via_newtonschulz5(keras.ops.zeros((160, 40), dtype), 5)
    assert (keras.ops.convert_to_numpy(keras.ops.cast(zeros, "float32")) == 0).all()
    steps = optimizer.zeropower_via_newtonschulz5(keras.ops.cast(gradient, dtype), 5)
    assert keras.backend.standardize_dtype(steps.dtype) == dtype
    values = np.linalg.svd(keras.ops.convert_to_numpy(keras.ops.cast(steps, "float32")), compute_uv=False)
    assert 0.6 < values.min() < values.max() < 1.3


def test_layers_can_be_excluded_from_muon():
    kernels = {
        name: keras.Variable(np.zeros((3, 3, 16, 16)), name=name) for name in ("first", "last", "embedding")
    }
    optimizer = Muon(RATE, exclude_layers=["last"])
    assert [optimizer.uses_adamw(kernel) for kernel in kernels.values()] == [False, True, True]
    assert not Muon(RATE, exclude_embeddings=False).uses_adamw(kernels["embedding"])


@pytest.mark.parametrize("shape", [(3, 3, MIN_CHANNELS - 1, 32), (3, 3, 32, 3), (64, 10), (32,)])
def test_small_kernels_and_vectors_are_trained_by_adamw(shape):
    value, gradient = RNG.normal(size=(2, *shape)).astype(np.float32)
    _, ours = apply_steps(Muon(RATE, weight_decay=0.1, adam_weight_decay=0.1), None, 3, value, gradient)
    _, theirs = apply_steps(keras.optimizers.AdamW(RATE, weight_decay=0.1), None, 3, value, gradient)
    assert ours == pytest.approx(theirs, abs=1e-6)


@pytest.mark.parametrize("shape", [(3, 3, 16, 16), (32,)])
def test_weight_decay_is_that_of_the_hyperparameters(shape):
    value, zeros = np.ones(shape, np.float32), np.zeros(shape, np.float32)
    for decay, expected in ((0.0, 1.0), (0.5, 1 - 0.5 * RATE)):
        hp = AutoencoderHyperparameters(optimizer="muon", weight_decay=decay)
        _, after = apply_steps(make_optimizer(hp, RATE), None, 1, value, zeros)
        assert after == pytest.approx(expected, abs=1e-6)
