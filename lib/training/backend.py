"""The hardware that trains: named for people, and joined. The one module that may touch a backend."""

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
import numpy
import sklearn

from lib.common.errors import UserError
from lib.training.batches import StackedBatches

PREFETCHED_BATCHES = 4  # batches that wait to be trained on


def device() -> str:
    """What Keras trains on: each GPU with its memory, or the processor with the cores that this process may
    use.
    """
    if found := accelerators():
        return f"GPU: {_gpu_names() or ', '.join(found)} ({_backend_name()})"
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"CPU: {_processor()}, {cores} core{'s' if cores != 1 else ''} ({_backend_name()})"


def accelerators() -> list[str]:
    """Keras's names of all devices that are no processors."""
    return [name for name in keras.distribution.list_devices() if not name.startswith("cpu")]


def environment() -> dict:
    """What a figure in `run.json` depends on besides its hyperparameters."""
    return {
        "device": device(),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "keras": keras.__version__,
        "backend": keras.backend.backend(),
        "numpy": numpy.__version__,
        "scikit-learn": sklearn.__version__,
    }


def input_pipeline(batches: keras.utils.PyDataset):
    """Endless batches as Keras's `fit` takes them, a few of them made while the last one is trained on.

    What Keras makes of them for TensorFlow has a thread that tunes it, and whose end takes half a second:
    after each validation nothing is computed for so long.
    """
    if keras.backend.backend() != "tensorflow":
        return batches
    import tensorflow as tf

    kinds = keras.tree.map_structure(
        lambda array: tf.TensorSpec((None, *array.shape[1:]), array.dtype), batches[0]
    )
    options = tf.data.Options()
    options.autotune.enabled = False
    found = tf.data.Dataset.from_generator(lambda: map(batches.__getitem__, count()), output_signature=kinds)
    return found.prefetch(PREFETCHED_BATCHES).with_options(options)


def uses_scan() -> bool:
    """Whether steps are to be ganged: where a step is over before Python has asked for the next one."""
    return keras.backend.backend() == "jax" and bool(accelerators())


def with_scan(model: keras.Model, batches):
    """What `fit` trains a compiled model on: batches, or where steps are short gangs of them, which one call
    scans over.

    Keras's own trainer for JAX makes each step a call of its own, whatever `steps_per_execution` says.
    """
    if not uses_scan() or batches.share is not None:
        return batches
    import jax

    def step(state, batch):
        logs, state = model.train_step(state, batch)
        return state, logs

    @partial(jax.jit, donate_argnums=0)
    def scan(state, gang):
        state, logs = jax.lax.scan(step, state, gang)
        return jax.tree.map(lambda values: values[-1], logs), state  # metrics are means since the epoch began

    model.train_function = lambda state, iterator: scan(state, next(iterator))
    return StackedBatches(batches)


def build_before_first_step(model: keras.Model, batch: tuple) -> None:
    """Make now what the first step would make: TensorFlow compiles a step twice in which variables are made,
    and what JAX scans over may make none.
    """
    if keras.distribution.distribution() is not None:  # one image cannot be spread over devices
        return
    seeds = [
        (state, numpy.array(state)) for state in model.non_trainable_variables if state.dtype == "uint32"
    ]
    model.optimizer.build(model.trainable_variables)
    inputs, targets = keras.tree.map_structure(lambda array: array[:1], batch)
    outputs = model(inputs)
    model.compute_loss(inputs, targets, outputs)
    model.compute_metrics(inputs, targets, outputs)
    for state, before in seeds:  # nothing that is drawn later has to do with this
        state.assign(before)


@contextmanager
def fused_batch_norm(model: keras.Model) -> Iterator[None]:
    """In this block a model's batch normalization is TensorFlow's one kernel, instead of Keras's many: the
    same numbers, sooner.

    On JAX the compiler does as much by itself.
    """
    if keras.backend.backend() != "tensorflow":
        yield
        return
    changed = [layer for layer in _all_layers(model) if _can_fuse(layer)]
    for layer in changed:
        layer.call = partial(_fused_call, layer)
    try:
        yield
    finally:
        for layer in changed:
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
        and layer.compute_dtype in ("float32", "bfloat16")
    )


def _fused_call(layer: keras.layers.BatchNormalization, inputs, training=None, mask=None):
    """What the layer's own `call` gives, and does to its averages."""
    import tensorflow as tf

    scale, offset, average, spread = (
        tf.convert_to_tensor(weight)
        for weight in (layer.gamma, layer.beta, layer.moving_mean, layer.moving_variance)
    )
    learns = bool(training) and layer.trainable
    seen = (tf.zeros(0), tf.zeros(0)) if learns else (average, spread)
    outputs, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
        x=inputs,
        scale=scale,
        offset=offset,
        mean=seen[0],
        variance=seen[1],
        epsilon=layer.epsilon,
        is_training=learns,
    )
    if learns:
        size = tf.cast(tf.reduce_prod(tf.shape(inputs)[:3]), tf.float32)
        variance *= (size - 1) / size  # the kernel's divides by one less than Keras's
        layer.moving_mean.assign(average * layer.momentum + mean * (1 - layer.momentum))
        layer.moving_variance.assign(spread * layer.momentum + variance * (1 - layer.momentum))
    return outputs


def require_tensorboard() -> None:
    """Refuse a TensorBoard log where what writes it is missing: Keras's callback needs both packages on any
    backend.
    """
    missing = [name for name in ("tensorflow", "tensorboard") if importlib.util.find_spec(name) is None]
    if missing:
        raise UserError(
            f"--tensorboard needs a package that is not installed: pip install {' '.join(missing)}"
        )


def _backend_name() -> str:
    return {"tensorflow": "TensorFlow", "jax": "JAX", "torch": "PyTorch"}.get(
        keras.backend.backend(), keras.backend.backend()
    )


def _gpu_names() -> str:
    if not shutil.which("nvidia-smi"):
        return ""
    query = ["nvidia-smi", "--query-gpu=name,memory.total", "--format=csv,noheader"]
    answer = subprocess.run(query, capture_output=True, text=True, check=False, timeout=20)
    return "; ".join(line.strip() for line in answer.stdout.splitlines()) if answer.returncode == 0 else ""


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            return next(line.split(":")[1].strip() for line in file if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
