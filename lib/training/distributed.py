"""The hardware that trains: named for people, and joined. The one module that may touch a backend."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import keras
import numpy

from lib.common.errors import UserError
from lib.config.process_group import ProcessGroup, Shard


def join_process_group(team: ProcessGroup) -> None:
    """Meet the other processes of a team, before anything is computed. Raises `UserError` on a backend that
    cannot.
    """
    kind = keras.backend.backend()
    if kind != "jax" and (kind != "tensorflow" or team.of > 1):
        raise UserError(
            "--distributed with an address needs JAX: pip install jax, and set KERAS_BACKEND=jax before the "
            "command"
        )
    if team.of > 1:
        keras.distribution.initialize(team.address, team.of, team.number - 1)


@contextmanager
def distribution_scope(team: ProcessGroup | None) -> Iterator[Shard | None]:
    """Models that are built in this block live on all devices of a team, in this thread; `None` is this
    process as it is.
    """
    if team is None:
        yield None
    elif keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        devices = [
            device.name
            for device in tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
        ]
        strategy = tf.distribute.MirroredStrategy(devices, tf.distribute.ReductionToOneDevice())
        with strategy.scope():
            yield Shard(team, strategy.num_replicas_in_sync)
    else:
        devices = keras.distribution.list_devices()
        keras.distribution.set_distribution(
            keras.distribution.DataParallel(devices=devices, auto_shard_dataset=False)
        )
        try:
            yield Shard(team, len(devices))
        finally:
            keras.distribution.set_distribution(None)


def run_undistributed(work: Callable[[], None]) -> None:
    """Do what this process computes alone: in a thread of its own, which knows nothing of a distribution."""
    with ThreadPoolExecutor(1) as thread:
        thread.submit(work).result()


def replica_config(layer: keras.layers.Layer) -> dict:
    """The configuration of a layer as one that learns on several devices: batches are normalized whole, as
    JAX does by itself.
    """
    config = layer.get_config()
    if keras.backend.backend() == "tensorflow" and isinstance(layer, keras.layers.BatchNormalization):
        import tensorflow as tf

        config["synchronized"] = tf.distribute.has_strategy()
    return config


class StopAgreement(threading.Event):
    """Whether training is to end, as all processes of a team know it: what one of them wants, they agree on
    after an epoch.
    """

    def __init__(self, wanted: threading.Event, team: ProcessGroup | None):
        super().__init__()
        self._wanted, self._team = wanted, team

    def is_set(self) -> bool:
        return super().is_set() if self._team is not None and self._team.of > 1 else self._wanted.is_set()

    def agree(self) -> None:
        """Ask all others; every process calls this at the same point."""
        if self._team is None or self._team.of == 1:
            return
        from jax.experimental import multihost_utils

        if multihost_utils.process_allgather(numpy.array(self._wanted.is_set())).any():
            self.set()
