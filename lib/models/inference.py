"""Outputs of models, in batches that fit in memory."""

from weakref import WeakKeyDictionary

import keras
import numpy as np

from lib.models.saving.graph_limits import count_values

MAX_BATCH_VALUES = 2**29  # numbers that the layers compute of a batch: 2 GB if all of them are kept

_values_per_image: WeakKeyDictionary[keras.Model, int] = WeakKeyDictionary()


def predict(model: keras.Model, inputs: np.ndarray, labels: np.ndarray | None = None):
    """Return the outputs of a model as `predict_on_batch` does; models of large images get smaller batches.

    Args:
        model: any model with one input, or a conditional encoder, decoder or autoencoder.
        inputs: float32 (n, …).
        labels: classes, integers (n,), for a conditional model.
    """
    if model not in _values_per_image:
        _values_per_image[model] = count_values(model)
    size = max(1, MAX_BATCH_VALUES // max(1, _values_per_image[model]))
    arrays = (inputs,) if labels is None else (inputs, labels.astype(np.int32))
    parts = []
    for start in range(0, len(inputs), size):
        batch = tuple(array[start : start + size] for array in arrays)
        parts.append(model.predict_on_batch(batch if len(batch) > 1 else batch[0]))
    if len(parts) == 1:
        return parts[0]
    return keras.tree.map_structure(lambda *arrays: np.concatenate(arrays), *parts)
