"""Codes that are improved after training. python -m pytest tests/models/test_code_refinement.py"""

import threading

import keras
import numpy as np
import pytest

from lib.config import architecture_planner
from lib.config.hyperparameters import Hyperparameters
from lib.models import autoencoder, code_refinement
from lib.models.code_refinement import CodeRefinement

IMAGE = (8, 6, 1)


def network(**values) -> keras.Model:
    """An untrained autoencoder with a code of three numbers, with everything that behaves otherwise in
    training.
    """
    keras.utils.set_random_seed(0)
    usual = dict(
        layers=2,
        kernels=4,
        stride=2,
        fc_units=(8,),
        latent_dim=3,
        activation="silu",
        batch_norm="all",
        dropout=0.3,
    )
    return autoencoder.build_autoencoder(
        architecture_planner.plan_architecture(Hyperparameters(**usual | values), IMAGE)
    )


def refined(
    model: keras.Model, steps: int = 60, stopped: bool = False, told=lambda share: None
) -> CodeRefinement:
    """With refined codes."""
    event = threading.Event()
    if stopped:
        event.set()
    return CodeRefinement(
        autoencoder.code_only(model.get_layer("encoder")), model.get_layer("decoder"), steps, event, told
    )


def images(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random((count, *IMAGE), np.float32)


def error(outputs: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    return np.square(outputs - wanted).mean(axis=(1, 2, 3))


def test_it_finds_the_codes_that_images_were_made_of():
    model = network()
    codes = model.get_layer("encoder").predict_on_batch(images(9))
    made = model.get_layer("decoder").predict_on_batch(codes + 0.5 * np.abs(codes).mean())
    before = error(model.predict_on_batch(made), made)
    after = error(refined(model, 200).predict_on_batch(made), made)
    assert after.mean() < 0.05 * before.mean()


def test_its_codes_make_its_images():
    model, wanted = network(), images(5)
    way = refined(model)
    np.testing.assert_allclose(
        model.get_layer("decoder").predict_on_batch(way.encode(wanted)),
        way.predict_on_batch(wanted),
        atol=1e-6,
    )


def test_an_image_has_the_same_code_whatever_is_beside_it_or_came_before():
    way, wanted = refined(network()), images(6)
    together = way.encode(wanted)
    assert not np.allclose(together, way.encoder.predict_on_batch(wanted), atol=0.01)
    way.encode(images(6, seed=1))
    np.testing.assert_array_equal(way.encode(wanted), together)
    assert [errors.shape for errors in way.errors] == [(2, 6)] * 3
    lost = [
        error(pictures, wanted)
        for pictures in (network().predict_on_batch(wanted), way.predict_on_batch(wanted))
    ]
    np.testing.assert_allclose(way.errors[0], lost, rtol=1e-4)
    np.testing.assert_allclose(
        np.concatenate([way.encode(image[None]) for image in wanted]), together, atol=1e-3
    )


def test_fewer_images_than_before_compile_nothing_anew(monkeypatch):
    made, way = [], refined(network())
    monkeypatch.setattr(
        CodeRefinement,
        "_search",
        lambda self, *shapes, search=CodeRefinement._search: made.append(shapes) or search(self, *shapes),
    )
    for count in (4, 3, 1, 6, 5):
        assert len(way.encode(images(count))) == count
    assert [codes[0] for codes, _ in made] == [4, 6]


@pytest.mark.parametrize("layer", ["encoder", "decoder"])
def test_nothing_but_the_codes_changes(layer):
    model = network()
    before = [weight.copy() for weight in model.get_layer(layer).get_weights()]
    refined(model).encode(images(5))
    for mine, its in zip(before, model.get_layer(layer).get_weights(), strict=True):
        np.testing.assert_array_equal(mine, its)


def test_what_would_be_worse_stays_as_it_was(monkeypatch):
    monkeypatch.setattr(code_refinement, "STEP_SIZE", 1e4)
    model, wanted = network(), images(5)
    way = refined(model, 1)
    np.testing.assert_allclose(way.predict_on_batch(wanted), model.predict_on_batch(wanted), atol=1e-6)
    np.testing.assert_array_equal(way.encode(wanted), model.get_layer("encoder").predict_on_batch(wanted))


def test_ctrl_c_keeps_what_there_is():
    model, wanted = network(), images(5)
    np.testing.assert_array_equal(
        refined(model, 10**9, stopped=True).encode(wanted),
        model.get_layer("encoder").predict_on_batch(wanted),
    )


def test_it_tells_how_far_it_is():
    told: list[float] = []
    refined(network(), 4, told=told.append).encode(images(5))
    assert told == [0.25, 0.5, 0.75, 1]


def test_a_code_of_zeros_and_a_map_are_moved_too():
    model = network(latent_dim=None, fc_units=())
    encoder, decoder = model.get_layer("encoder"), model.get_layer("decoder")
    encoder.set_weights([np.zeros_like(weight) for weight in encoder.get_weights()])
    way = refined(model)
    assert not way.encoder.predict_on_batch(images(4)).any()
    found = way.encode(images(4))
    assert found.shape == (4, *decoder.input_shape[1:])
    assert (
        error(decoder.predict_on_batch(found), images(4))
        < error(model.predict_on_batch(images(4)), images(4))
    ).all()


def test_a_variational_one_starts_at_the_means():
    model, wanted = network(variational=True), images(4)
    way = refined(model)
    assert (
        error(way.predict_on_batch(wanted), wanted) <= error(model.predict_on_batch(wanted), wanted)
    ).all()
