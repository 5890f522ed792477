"""python -m pytest tests/training/test_optimizers.py"""

import keras
import numpy as np
import pytest

from lib.config.hyperparameters import Hyperparameters
from lib.training.optimizers import MIN_CHANNELS, Muon, make_optimizer

RATE = 0.01
RNG = np.random.default_rng(0)


def stepped(rule, shape, steps=1, value=None, gradient=None):
    """A variable before and after some steps of an optimizer."""
    before = RNG.normal(size=shape).astype(np.float32) if value is None else value
    gradient = RNG.normal(size=shape).astype(np.float32) if gradient is None else gradient
    variable = keras.Variable(before)
    rule.build([variable])
    for _ in range(steps):
        rule.apply([keras.ops.convert_to_tensor(gradient)])
    return before, keras.ops.convert_to_numpy(variable)


@pytest.mark.parametrize("shape", [(3, 3, 16, 32), (4, 4, 32, 16), (1, 1, 16, 16)])
def test_a_step_of_a_kernel_is_nearly_orthogonal(shape):
    before, after = stepped(Muon(RATE, weight_decay=None), shape)
    matrix = (before - after).reshape(-1, shape[-1])
    found = np.linalg.svd(matrix, compute_uv=False) / (RATE * 0.2 * max(matrix.shape) ** 0.5)
    # Five steps of Newton and Schulz come no nearer to 1.
    assert found.min() > 0.6
    assert found.max() < 1.3


def test_a_fully_connected_layer_is_trained_as_by_keras():
    value, gradient = RNG.normal(size=(2, 40, 20)).astype(np.float32)
    _, ours = stepped(Muon(RATE), None, 3, value, gradient)
    _, theirs = stepped(keras.optimizers.Muon(RATE), None, 3, value, gradient)
    assert ours == pytest.approx(theirs, abs=1e-6)  # of steps of 0.01


@pytest.mark.parametrize("shape", [(300, 40), (40, 300), (64, 64), (70, 40), (3, 3, 16, 32)])
@pytest.mark.parametrize("directions", [5, None])
def test_steps_are_orthogonalized_as_by_keras(shape, directions):
    """Also gradients of a few directions and little else, as most are."""
    rows, columns = int(np.prod(shape[:-1])), shape[-1]
    gradient = RNG.normal(size=(rows, columns))
    if directions:
        gradient = (
            RNG.normal(size=(rows, directions)) @ RNG.normal(size=(directions, columns)) + gradient / 1000
        )
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
    """float32 numbers that are multiplied as a GPU does it: with ten bits of each (TF32)."""

    def __matmul__(self, other):
        return np.matmul(_ten_bits(self), _ten_bits(other)).view(Rounded)


def _ten_bits(numbers) -> np.ndarray:
    bits = np.ascontiguousarray(numbers, np.float32).view(np.uint32)
    return ((bits + (1 << 12)) >> 13 << 13).view(np.float32)


@pytest.mark.parametrize("shape", [(576, 64), (1152, 128), (64, 64)])
@pytest.mark.parametrize("directions", [1, 5])
@pytest.mark.parametrize("rest", [0.1, 0.01, 0.001])
def test_what_a_gpu_rounds_does_not_grow(monkeypatch, shape, directions, rest):
    """A gradient of few directions leaves others next to nothing, and rounding less than nothing."""
    gradient = RNG.normal(size=(shape[0], directions)) @ RNG.normal(size=(directions, shape[1]))
    gradient = np.asarray(gradient + rest * RNG.normal(size=shape), np.float32)
    exact = keras.ops.convert_to_numpy(
        keras.optimizers.Muon(RATE).zeropower_via_newtonschulz5(keras.ops.array(gradient), 5)
    )
    for name in ("cast", "transpose", "reshape"):
        monkeypatch.setattr(keras.ops, name, getattr(np, name, lambda x, dtype: x.astype(dtype)))
    monkeypatch.setattr(keras.ops, "norm", np.linalg.norm)
    monkeypatch.setattr(keras.ops, "eye", lambda n: np.eye(n, dtype=np.float32))
    found = np.asarray(Muon(RATE).zeropower_via_newtonschulz5(gradient.view(Rounded), 5))
    assert np.linalg.norm(found, 2) < 1.3
    assert np.linalg.norm(found - exact) < 0.2 * np.linalg.norm(exact)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
def test_steps_of_nothing_are_none_and_coarse_ones_are_computed_finely(dtype):
    rule, gradient = Muon(RATE), RNG.normal(size=(160, 40)).astype(np.float32)
    nothing = rule.zeropower_via_newtonschulz5(keras.ops.zeros((160, 40), dtype), 5)
    assert (keras.ops.convert_to_numpy(keras.ops.cast(nothing, "float32")) == 0).all()
    found = rule.zeropower_via_newtonschulz5(keras.ops.cast(gradient, dtype), 5)
    assert keras.backend.standardize_dtype(found.dtype) == dtype
    values = np.linalg.svd(keras.ops.convert_to_numpy(keras.ops.cast(found, "float32")), compute_uv=False)
    assert 0.6 < values.min() < values.max() < 1.3


def test_layers_can_be_left_to_adamw():
    kernels = {
        name: keras.Variable(np.zeros((3, 3, 16, 16)), name=name) for name in ("first", "last", "embedding")
    }
    rule = Muon(RATE, exclude_layers=["last"])
    assert [rule._should_use_adamw(kernel) for kernel in kernels.values()] == [False, True, True]
    assert not Muon(RATE, exclude_embeddings=False)._should_use_adamw(kernels["embedding"])


@pytest.mark.parametrize("shape", [(3, 3, MIN_CHANNELS - 1, 32), (3, 3, 32, 3), (64, 10), (32,)])
def test_what_faces_images_or_classes_is_trained_by_adamw(shape):
    value, gradient = RNG.normal(size=(2, *shape)).astype(np.float32)
    _, ours = stepped(Muon(RATE, weight_decay=0.1, adam_weight_decay=0.1), None, 3, value, gradient)
    _, theirs = stepped(keras.optimizers.AdamW(RATE, weight_decay=0.1), None, 3, value, gradient)
    assert ours == pytest.approx(theirs, abs=1e-6)


@pytest.mark.parametrize("shape", [(3, 3, 16, 16), (32,)])
def test_weights_decay_as_the_hyperparameters_say_and_not_by_kerass_default(shape):
    value, nothing = np.ones(shape, np.float32), np.zeros(shape, np.float32)
    for decay, left in ((0.0, 1.0), (0.5, 1 - 0.5 * RATE)):
        hp = Hyperparameters(optimizer="muon", weight_decay=decay)
        _, after = stepped(make_optimizer(hp, RATE), None, 1, value, nothing)
        assert after == pytest.approx(left, abs=1e-6)
