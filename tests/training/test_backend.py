"""Device names, and batch normalization in one kernel. python -m pytest tests/training/test_backend.py"""

import keras
import numpy as np
import pytest

from lib.training import backend


def test_the_device_name_of_a_processor_has_its_cores():
    assert backend.device_name().startswith(("CPU: ", "GPU: "))
    assert "core" in backend.device_name() or "GPU" in backend.device_name()


def test_the_device_name_of_a_gpu_has_its_memory(monkeypatch, tmp_path):
    tool = tmp_path / "nvidia-smi"
    tool.write_text("#!/bin/sh\necho 'NVIDIA H200, 143771 MiB'\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setattr(keras.distribution, "list_devices", lambda: ["gpu:0"])
    assert backend.device_name().startswith("GPU: NVIDIA H200, 143771 MiB (")
    tool.write_text("#!/bin/sh\nexit 9\n")
    assert backend.device_name().startswith("GPU: gpu:0 (")


def test_the_environment_has_device_and_versions():
    assert {"device", "python", "keras", "backend", "numpy"} <= set(backend.describe_environment())


def normalizing_model(frozen: bool) -> keras.Model:
    """A model with batch normalization that the kernel can compute, also inside another model, and that it
    cannot.
    """
    keras.utils.set_random_seed(5)
    inner_inputs = keras.Input((6, 6, 3))
    norm = keras.layers.BatchNormalization(momentum=0.8, gamma_initializer="random_uniform", name="inside")
    inner = keras.Model(inner_inputs, norm(keras.layers.Conv2D(3, 3, use_bias=False)(inner_inputs)))
    inputs = keras.Input((6, 6, 3))
    x = keras.layers.BatchNormalization(name="outside")(inner(inputs))
    x = keras.layers.BatchNormalization(scale=False, name="unscaled")(x)
    x = keras.layers.BatchNormalization(renorm=True, name="renormalized")(x)
    x = keras.layers.BatchNormalization(name="flat")(keras.layers.Flatten()(x))
    norm.trainable = not frozen
    model = keras.Model(inputs, keras.layers.Dense(2)(x))
    model.compile("sgd", "mse")
    return model


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="fused only on TensorFlow")
@pytest.mark.parametrize("frozen", [False, True])
def test_the_fused_kernel_computes_what_keras_computes(frozen):
    images, targets = np.random.default_rng(0).normal(2, 3, (40, 6, 6, 3)), np.ones((40, 2))
    plain, fused = normalizing_model(frozen), normalizing_model(frozen)
    before = plain.fit(
        images, targets, batch_size=16, epochs=3, validation_data=(images, targets), verbose=0, shuffle=False
    )
    with backend.fused_batch_norm(fused):
        patched = [layer.name for layer in backend._all_layers(fused) if "call" in vars(layer)]
        assert patched == ["inside", "outside"]
        after = fused.fit(
            images,
            targets,
            batch_size=16,
            epochs=3,
            validation_data=(images, targets),
            verbose=0,
            shuffle=False,
        )
    assert not any("call" in vars(layer) for layer in backend._all_layers(fused))
    for name, values in before.history.items():
        np.testing.assert_allclose(after.history[name], values, rtol=1e-4)
    for weight, other in zip(plain.get_weights(), fused.get_weights(), strict=True):
        np.testing.assert_allclose(other, weight, rtol=1e-4, atol=1e-5)
