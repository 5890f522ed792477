"""TensorFlow without graphs: tracing one takes longer than a tiny training."""

from collections.abc import Iterator
from contextlib import contextmanager

import keras


@contextmanager
def eager_functions() -> Iterator[None]:
    """A block in which functions of TensorFlow run as they are written; on other backends nothing changes."""
    if keras.backend.backend() != "tensorflow":
        yield
        return
    import tensorflow as tf

    before = tf.config.functions_run_eagerly()
    tf.config.run_functions_eagerly(True)
    try:
        yield
    finally:
        tf.config.run_functions_eagerly(before)
