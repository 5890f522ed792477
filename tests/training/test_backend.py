"""python -m pytest tests/training/test_backend.py"""

import keras
import numpy as np
import pytest

from lib.config.hyperparameters import Hyperparameters
from lib.data import datasets
from lib.training import backend
from lib.training.batches import Batches, StackedBatches


def test_the_processor_is_named_with_its_cores():
    assert backend.device().startswith(("CPU: ", "GPU: "))
    assert "core" in backend.device() or "GPU" in backend.device()


def test_a_gpu_is_named_with_its_memory(monkeypatch, tmp_path):
    tool = tmp_path / "nvidia-smi"
    tool.write_text("#!/bin/sh\necho 'NVIDIA H200, 143771 MiB'\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setattr(keras.distribution, "list_devices", lambda: ["gpu:0"])
    assert backend.device().startswith("GPU: NVIDIA H200, 143771 MiB (")
    tool.write_text("#!/bin/sh\nexit 9\n")
    assert backend.device().startswith("GPU: gpu:0 (")


def test_the_environment_says_what_a_figure_depends_on():
    assert {"device", "python", "keras", "backend", "numpy"} <= set(backend.environment())


def normalizing(frozen: bool) -> keras.Model:
    """A model with batch normalization where it has a kernel (also inside another model), and where it has
    none.
    """
    keras.utils.set_random_seed(5)
    inner_inputs = keras.Input((6, 6, 3))
    norm = keras.layers.BatchNormalization(momentum=0.8, gamma_initializer="random_uniform", name="inside")
    inner = keras.Model(inner_inputs, norm(keras.layers.Conv2D(3, 3, use_bias=False)(inner_inputs)))
    inputs = keras.Input((6, 6, 3))
    x = keras.layers.BatchNormalization(name="outside")(inner(inputs))
    x = keras.layers.BatchNormalization(scale=False, name="unscaled")(x)
    x = keras.layers.BatchNormalization(name="flat")(keras.layers.Flatten()(x))
    norm.trainable = not frozen
    model = keras.Model(inputs, keras.layers.Dense(2)(x))
    model.compile("sgd", "mse")
    return model


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="other backends are left as they are")
@pytest.mark.parametrize("frozen", [False, True])
def test_the_kernel_normalizes_as_keras_does(frozen):
    images, targets = np.random.default_rng(0).normal(2, 3, (40, 6, 6, 3)), np.ones((40, 2))
    plain, quick = normalizing(frozen), normalizing(frozen)
    before = plain.fit(
        images, targets, batch_size=16, epochs=3, validation_data=(images, targets), verbose=0, shuffle=False
    )
    names = ["inside", "outside", "unscaled", "flat"]
    with backend.fused_batch_norm(quick):
        found = [layer for layer in backend._all_layers(quick) if "call" in vars(layer)]
        assert [layer.name for layer in found if layer.name in names] == ["inside", "outside"]
        after = quick.fit(
            images,
            targets,
            batch_size=16,
            epochs=3,
            validation_data=(images, targets),
            verbose=0,
            shuffle=False,
        )
    assert not any("call" in vars(layer) for layer in backend._all_layers(quick))
    for name, values in before.history.items():
        np.testing.assert_allclose(after.history[name], values, rtol=1e-4)
    for weight, other in zip(plain.get_weights(), quick.get_weights(), strict=True):
        np.testing.assert_allclose(other, weight, rtol=1e-4, atol=1e-5)


def test_gangs_hold_the_batches_in_their_order(tiny):
    data = datasets.load_dataset(Hyperparameters(dataset=tiny["-d"]))
    batches = Batches(data.train, 8, Hyperparameters(), learn=True, endless=True)  # 48 images: 6 batches
    odd = Batches(data.train, 10, Hyperparameters(), learn=True, endless=True)  # 4 batches and 8 images
    of_two = StackedBatches(batches, 2 * sum(array.nbytes for array in batches[0]))
    of_three = StackedBatches(odd, 3 * sum(array.nbytes for array in odd[0]) + 1)
    assert [of_two[number][0].shape[:2] for number in range(len(of_two))] == [(2, 8)] * 3
    assert [of_three[number][0].shape[:2] for number in range(len(of_three))] == [(3, 10), (1, 10), (1, 8)]
    assert [of_three.images_until(number) for number in range(3)] == [30, 40, 48]
    for gangs, single, ends in ((of_two, batches, [2, 4, 6, 8]), (of_three, odd, [3, 4, 5, 8])):
        for number, end in enumerate(ends):  # the last is of the second epoch
            first = ends[number - 1] if number else 0
            for place, wanted in enumerate(range(first, end)):
                for stacked, alone in zip(gangs[number], single[wanted], strict=True):
                    np.testing.assert_array_equal(stacked[place], alone)
    assert [len(StackedBatches(batches, 1)), len(StackedBatches(odd, 1 << 30))] == [6, 2]
