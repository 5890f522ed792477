"""Distributed training: process groups, distribution over devices, agreement on stopping.

TensorFlow distributes over the devices of one process (`MirroredStrategy`), JAX over the devices of several
processes (`keras.distribution.DataParallel`).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import keras
import numpy as np

from lib.common.errors import UserError
from lib.config.process_group import ProcessGroup, Shard


def join_process_group(group: ProcessGroup) -> None:
    """Connect to the other processes of a group; must be called before anything is computed.

    Raises:
        UserError: the backend cannot train over several processes.
    """
    backend = keras.backend.backend()
    if backend != "jax" and (backend != "tensorflow" or group.world_size > 1):
        raise UserError(
            "--distributed with an address needs JAX: pip install jax, and set KERAS_BACKEND=jax before the "
            "command"
        )
    if group.world_size > 1:
        keras.distribution.initialize(group.address, group.world_size, group.rank)


@contextmanager
def distribution_scope(group: ProcessGroup | None) -> Iterator[Shard | None]:
    """A block in which this thread builds models on all devices of a group.

    Args:
        group: the process group that `join_process_group` has joined; without one nothing is distributed.

    Yields:
        The rows of each batch that this process takes; `None` without a group.
    """
    if group is None:
        yield None
    elif keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        devices = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
        strategy = tf.distribute.MirroredStrategy(
            [device.name for device in devices], tf.distribute.ReductionToOneDevice()
        )
        with strategy.scope():
            yield Shard(group, strategy.num_replicas_in_sync)
    else:
        devices = keras.distribution.list_devices()
        keras.distribution.set_distribution(
            keras.distribution.DataParallel(devices=devices, auto_shard_dataset=False)
        )
        try:
            yield Shard(group, len(devices))
        finally:
            keras.distribution.set_distribution(None)


def run_undistributed(function: Callable[[], None]) -> None:
    """Call a function in a new thread, which the distribution of the current thread does not reach."""
    with ThreadPoolExecutor(1) as executor:
        executor.submit(function).result()


def replica_config(layer: keras.layers.Layer) -> dict:
    """The configuration of a layer's copy in a distribution scope.

    Batch normalization takes its statistics from the batch on all devices, as JAX does by itself.
    """
    config = layer.get_config()
    if keras.backend.backend() == "tensorflow" and isinstance(layer, keras.layers.BatchNormalization):
        import tensorflow as tf

        config["synchronized"] = tf.distribute.has_strategy()
    return config


class StopAgreement(threading.Event):
    """A stop signal that is the same in all processes of a group.

    With several processes it is set only by `synchronize`, at the end of an epoch: if one process stopped
    earlier, the others would wait for its gradients forever. Otherwise it is the process's own signal.

    Args:
        stop_event: the stop signal of this process.
        group: the process group, if any.
    """

    def __init__(self, stop_event: threading.Event, group: ProcessGroup | None):
        super().__init__()
        self._stop_event = stop_event
        self._is_shared = group is not None and group.world_size > 1

    def is_set(self) -> bool:
        return super().is_set() if self._is_shared else self._stop_event.is_set()

    def synchronize(self) -> None:
        """Set the signal in all processes if it is set in one; all must call this at the same point."""
        if not self._is_shared:
            return
        from jax.experimental import multihost_utils

        if multihost_utils.process_allgather(np.array(self._stop_event.is_set())).any():
            self.set()
