"""Device names, the input pipeline, and patches of Keras for TensorFlow and JAX.

This module and `distributed` are the only ones that import a backend.
"""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from itertools import count

import keras
import numpy as np
import sklearn

from lib.common.errors import UserError
from lib.training.batches import Batches

PREFETCHED_BATCHES = 4  # made while the device trains on another

# ---------------------------------------------------------------- devices and versions


def device_name() -> str:
    """The GPUs with their memory, or the processor and the number of cores that this process may use."""
    if names := [name for name in keras.distribution.list_devices() if not name.startswith("cpu")]:
        return f"GPU: {_gpu_names() or ', '.join(names)} ({_backend_name()})"
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"CPU: {_processor_name()}, {cores} core{'s' if cores != 1 else ''} ({_backend_name()})"


def reset_keras_settings() -> None:
    """Set what the user's keras.json may have changed and the models rely on: data format, types, epsilon."""
    keras.config.set_image_data_format("channels_last")
    keras.config.set_floatx("float32")
    keras.config.set_dtype_policy("float32")
    keras.config.set_epsilon(1e-7)


def describe_environment() -> dict[str, str]:
    """Device and versions for `run.json`: all that results depend on besides the hyperparameters."""
    return {
        "device": device_name(),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "keras": keras.__version__,
        "backend": keras.backend.backend(),
        "numpy": np.__version__,
        "scikit-learn": sklearn.__version__,
    }


def require_tensorboard() -> None:
    """Check that a TensorBoard log can be written: Keras's callback needs two packages on every backend.

    Raises:
        UserError: one of them is not installed.
    """
    missing = [name for name in ("tensorflow", "tensorboard") if importlib.util.find_spec(name) is None]
    if missing:
        raise UserError(
            f"--tensorboard needs a package that is not installed: pip install {' '.join(missing)}"
        )


def _backend_name() -> str:
    backend = keras.backend.backend()
    return {"tensorflow": "TensorFlow", "jax": "JAX", "torch": "PyTorch"}.get(backend, backend)


def _gpu_names() -> str:
    if not shutil.which("nvidia-smi"):
        return ""
    query = ["nvidia-smi", "--query-gpu=name,memory.total", "--format=csv,noheader"]
    answer = subprocess.run(query, capture_output=True, text=True, check=False, timeout=20)
    return "; ".join(line.strip() for line in answer.stdout.splitlines()) if answer.returncode == 0 else ""


def _processor_name() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            return next(line.split(":")[1].strip() for line in file if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


# ---------------------------------------------------------------- before the first step


def input_pipeline(batches: Batches):
    """Endless batches in the form that Keras's `fit` takes, with the next batches made ahead.

    On TensorFlow it is a `tf.data.Dataset` without autotuning. The one that Keras makes of a `PyDataset` has
    a tuning thread, which takes half a second to end after each validation. On other backends it is the
    batches themselves.
    """
    if keras.backend.backend() != "tensorflow":
        return batches
    import tensorflow as tf

    signature = keras.tree.map_structure(
        lambda array: tf.TensorSpec((None, *array.shape[1:]), array.dtype), batches[0]
    )
    options = tf.data.Options()
    options.autotune.enabled = False
    dataset = tf.data.Dataset.from_generator(
        lambda: map(batches.__getitem__, count()), output_signature=signature
    )
    return dataset.prefetch(PREFETCHED_BATCHES).with_options(options)


def build_before_first_step(model: keras.Model, batch: tuple) -> None:
    """Create the variables of optimizer, loss and metrics before the first step, with one image of a batch.

    TensorFlow compiles a step that creates variables twice. Random states are put back, so that later draws
    are the same as without this call.
    """
    if keras.distribution.distribution() is not None:  # one image cannot be spread over devices
        return
    random_states = [
        (variable, np.array(variable))
        for variable in model.non_trainable_variables
        if variable.dtype == "uint32"
    ]
    model.optimizer.build(model.trainable_variables)
    inputs, targets = keras.tree.map_structure(lambda array: array[:1], batch)
    outputs = model(inputs)
    model.compute_loss(inputs, targets, outputs)
    model.compute_metrics(inputs, targets, outputs)
    for variable, value in random_states:
        variable.assign(value)


# ---------------------------------------------------------------- patches of Keras 3.15
# Each replaces a method of an object that Keras made. tests/training/test_compat.py fails when Keras does the
# same by itself and a patch is no longer needed.


@contextmanager
def fused_batch_norm(model: keras.Model) -> Iterator[None]:
    """A block in which batch normalization on TensorFlow is one fused kernel.

    Keras's `BatchNormalization.call` computes the same numbers in about ten operations. The block replaces
    `call` of each layer that the kernel can stand in for; the default network then trains 1.4 times as many
    images per second on two cores. On other backends it does nothing: JAX's compiler fuses the operations.
    """
    if keras.backend.backend() != "tensorflow":
        yield
        return
    layers = [layer for layer in _all_layers(model) if _can_fuse(layer)]
    for layer in layers:
        layer.call = partial(_fused_call, layer)
    try:
        yield
    finally:
        for layer in layers:
            del layer.call


def _all_layers(model: keras.Model) -> Iterator[keras.layers.Layer]:
    for layer in model.layers:
        yield layer
        if isinstance(layer, keras.Model):
            yield from _all_layers(layer)


def _can_fuse(layer: keras.layers.Layer) -> bool:
    return (
        type(layer) is keras.layers.BatchNormalization
        and layer.built
        and layer.input_spec.ndim == 4
        and layer.axis in (-1, 3)
        and layer.scale
        and layer.center
        and not layer.synchronized
        and not layer.renorm
        and layer.compute_dtype in ("float32", "bfloat16")
    )


def _fused_call(layer: keras.layers.BatchNormalization, inputs, training=None, mask=None):
    """The outputs of `layer.call`, and its update of the moving statistics."""
    import tensorflow as tf

    gamma, beta, moving_mean, moving_variance = (
        tf.convert_to_tensor(weight)
        for weight in (layer.gamma, layer.beta, layer.moving_mean, layer.moving_variance)
    )
    uses_batch = bool(training) and layer.trainable  # statistics of the batch, not the moving ones
    empty = tf.zeros(0)
    outputs, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
        x=inputs,
        scale=gamma,
        offset=beta,
        mean=empty if uses_batch else moving_mean,
        variance=empty if uses_batch else moving_variance,
        epsilon=layer.epsilon,
        is_training=uses_batch,
    )
    if uses_batch:
        size = tf.cast(tf.reduce_prod(tf.shape(inputs)[:3]), tf.float32)
        variance *= (size - 1) / size  # the kernel divides by size - 1, Keras by size
        layer.moving_mean.assign(moving_mean * layer.momentum + mean * (1 - layer.momentum))
        layer.moving_variance.assign(moving_variance * layer.momentum + variance * (1 - layer.momentum))
    return outputs
