"""Per-image refinement of latent codes. python -m pytest tests/models/test_code_refinement.py"""

import threading
from collections.abc import Callable

import keras
import numpy as np
import pytest

from lib.config.architecture_planner import plan_architecture
from lib.config.hyperparameters import AutoencoderHyperparameters
from lib.models import code_refinement
from lib.models.autoencoder import build_autoencoder, code_only
from lib.models.code_refinement import CodeRefinement

IMAGE_SHAPE = (8, 6, 1)


def build(**values) -> keras.Model:
    """An untrained autoencoder with latent dimension 3 and layers that depend on the training mode."""
    keras.utils.set_random_seed(0)
    defaults = dict(
        layers=2,
        kernels=4,
        stride=2,
        fc_units=(8,),
        latent_dim=3,
        activation="silu",
        batch_norm="all",
        dropout=0.3,
    )
    return build_autoencoder(plan_architecture(AutoencoderHyperparameters(**defaults | values), IMAGE_SHAPE))


def refinement_of(
    model: keras.Model,
    steps: int = 60,
    stopped: bool = False,
    on_progress: Callable[[float], None] = lambda fraction: None,
) -> CodeRefinement:
    event = threading.Event()
    if stopped:
        event.set()
    encoder, decoder = code_only(model.get_layer("encoder")), model.get_layer("decoder")
    return CodeRefinement(encoder, decoder, steps, event, on_progress)


def random_images(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random((count, *IMAGE_SHAPE), np.float32)


def mse(outputs: np.ndarray, targets: np.ndarray) -> np.ndarray:
    return np.square(outputs - targets).mean(axis=(1, 2, 3))


def test_it_finds_the_codes_that_images_were_decoded_from():
    model = build()
    codes = model.get_layer("encoder").predict_on_batch(random_images(9))
    images = model.get_layer("decoder").predict_on_batch(codes + 0.5 * np.abs(codes).mean())
    before = mse(model.predict_on_batch(images), images)
    after = mse(refinement_of(model, 200).predict_on_batch(images), images)
    assert after.mean() < 0.05 * before.mean()


def test_its_codes_decode_to_its_outputs():
    model, images = build(), random_images(5)
    refinement = refinement_of(model)
    np.testing.assert_allclose(
        model.get_layer("decoder").predict_on_batch(refinement.encode(images)),
        refinement.predict_on_batch(images),
        atol=1e-6,
    )


def test_the_code_of_an_image_does_not_depend_on_its_batch_or_earlier_batches():
    refinement, images = refinement_of(build()), random_images(6)
    codes = refinement.encode(images)
    assert not np.allclose(codes, refinement.encoder.predict_on_batch(images), atol=0.01)
    refinement.encode(random_images(6, seed=1))
    np.testing.assert_array_equal(refinement.encode(images), codes)
    assert [errors.shape for errors in refinement.errors] == [(2, 6)] * 3
    expected_errors = [
        mse(outputs, images)
        for outputs in (build().predict_on_batch(images), refinement.predict_on_batch(images))
    ]
    np.testing.assert_allclose(refinement.errors[0], expected_errors, rtol=1e-4)
    np.testing.assert_allclose(
        np.concatenate([refinement.encode(image[None]) for image in images]), codes, atol=1e-3
    )


def test_smaller_batches_need_no_further_compilation(monkeypatch):
    code_shapes, refinement = [], refinement_of(build())
    build_model = CodeRefinement._build_optimizer_model

    def record(self, code_shape, image_shape):
        code_shapes.append(code_shape)
        return build_model(self, code_shape, image_shape)

    monkeypatch.setattr(CodeRefinement, "_build_optimizer_model", record)
    for count in (4, 3, 1, 6, 5):
        assert len(refinement.encode(random_images(count))) == count
    assert [shape[0] for shape in code_shapes] == [4, 6]


@pytest.mark.parametrize("layer", ["encoder", "decoder"])
def test_the_models_weights_stay(layer):
    model = build()
    before = [weight.copy() for weight in model.get_layer(layer).get_weights()]
    refinement_of(model).encode(random_images(5))
    for expected, weight in zip(before, model.get_layer(layer).get_weights(), strict=True):
        np.testing.assert_array_equal(expected, weight)


def test_codes_that_would_get_worse_are_not_refined(monkeypatch):
    monkeypatch.setattr(code_refinement, "STEP_SIZE", 1e4)
    model, images = build(), random_images(5)
    refinement = refinement_of(model, 1)
    np.testing.assert_allclose(refinement.predict_on_batch(images), model.predict_on_batch(images), atol=1e-6)
    np.testing.assert_array_equal(
        refinement.encode(images), model.get_layer("encoder").predict_on_batch(images)
    )


def test_stopping_keeps_the_codes_so_far():
    model, images = build(), random_images(5)
    np.testing.assert_array_equal(
        refinement_of(model, 10**9, stopped=True).encode(images),
        model.get_layer("encoder").predict_on_batch(images),
    )


def test_it_reports_its_progress():
    fractions: list[float] = []
    refinement_of(build(), 4, on_progress=fractions.append).encode(random_images(5))
    assert fractions == [0.25, 0.5, 0.75, 1]


def test_a_code_of_zeros_and_of_feature_maps_is_refined_too():
    model = build(latent_dim=None, fc_units=())
    encoder, decoder = model.get_layer("encoder"), model.get_layer("decoder")
    encoder.set_weights([np.zeros_like(weight) for weight in encoder.get_weights()])
    refinement, images = refinement_of(model), random_images(4)
    assert not refinement.encoder.predict_on_batch(images).any()
    codes = refinement.encode(images)
    assert codes.shape == (4, *decoder.input_shape[1:])
    assert (mse(decoder.predict_on_batch(codes), images) < mse(model.predict_on_batch(images), images)).all()


def test_a_variational_code_starts_at_the_mean():
    model, images = build(regularization="kl"), random_images(4)
    refinement = refinement_of(model)
    assert (
        mse(refinement.predict_on_batch(images), images) <= mse(model.predict_on_batch(images), images)
    ).all()
