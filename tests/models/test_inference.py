"""Outputs of models in batches that fit in memory. python -m pytest tests/models/test_inference.py"""

import keras
import numpy as np
from keras import layers

from lib.models import inference


def test_large_images_pass_in_smaller_batches_and_give_the_same(monkeypatch):
    x = keras.Input((4, 4, 1))
    model = keras.Model(x, [layers.Conv2D(2, 3)(x), layers.Flatten()(x)])  # 16 (or 8) and 16 numbers
    images = np.random.default_rng(0).random((7, 4, 4, 1), np.float32)
    expected = model.predict_on_batch(images)
    sizes = []
    predict = model.predict_on_batch
    monkeypatch.setattr(model, "predict_on_batch", lambda batch: sizes.append(len(batch)) or predict(batch))
    for limit, batches in ((2**29, [7]), (3 * 32, [3, 3, 1]), (1, [1] * 7)):
        monkeypatch.setattr(inference, "MAX_BATCH_VALUES", limit)
        sizes.clear()
        for output, whole in zip(inference.predict(model, images), expected, strict=True):
            np.testing.assert_allclose(output, whole, atol=1e-6)
        assert sizes == batches
