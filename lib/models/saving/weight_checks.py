"""Check of the weights of a loaded model: finite numbers, without which it computes none."""

from pathlib import Path

import keras
import numpy as np

from lib.common.errors import RunFailed
from lib.models.saving.weight_loading import inner_layers


def require_finite_weights(model: keras.Model, path: Path) -> None:
    """Raise `RunFailed` if a weight of a model from the file `path` is NaN or infinite."""
    for layer in inner_layers(model):
        for weights in layer.weights:
            values = keras.ops.convert_to_numpy(weights)
            if not np.isfinite(values).all():
                kind = "NaN" if np.isnan(values).any() else "infinite weights"
                raise RunFailed(
                    f"{path}: returns no finite numbers: layer {layer.name} contains {kind}; the training "
                    f"diverged; train it again with a lower learning rate"
                )
