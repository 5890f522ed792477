"""Outputs of models, in batches that fit in memory."""

from weakref import WeakKeyDictionary

import keras
import numpy as np

from lib.models.saving.graph_limits import count_values

MAX_BATCH_VALUES = 2**29  # numbers that the layers compute of a batch: 2 GB if all of them are kept

_values_per_image: WeakKeyDictionary[keras.Model, int] = WeakKeyDictionary()


def predict(model: keras.Model, inputs: np.ndarray):
    """Return the outputs of a model as `predict_on_batch` does; models of large images get smaller batches.

    Args:
        model: any model with one input.
        inputs: float32 (n, …).
    """
    if model not in _values_per_image:
        _values_per_image[model] = count_values(model)
    size = max(1, MAX_BATCH_VALUES // max(1, _values_per_image[model]))
    if len(inputs) <= size:
        return model.predict_on_batch(inputs)
    parts = [model.predict_on_batch(inputs[start : start + size]) for start in range(0, len(inputs), size)]
    return keras.tree.map_structure(lambda *arrays: np.concatenate(arrays), *parts)
