"""Simulated damage against its definitions, and the setting that describes it.

python -m pytest tests/tasks/test_degradation.py
"""

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from scipy.ndimage import gaussian_filter

from lib.config.hyperparameters import AutoencoderHyperparameters
from lib.data.named_datasets import NAMED_DATASETS
from lib.tasks import make_inference_pair, make_pair
from lib.tasks.degradation import DEGRADATIONS, Damage, Damages, degrade
from lib.tasks.pixels import to_float, to_uint8

PHOTO = NAMED_DATASETS["photos"].load_bundled().images[:1]
GRAY = np.full((40, 24, 20, 3), 0.5, np.float32)


def damaged(text: str, pixels: np.ndarray = GRAY) -> np.ndarray:
    return degrade(pixels, Damages().parse(text), np.random.default_rng(0))


def strengths(low: float, high: float) -> st.SearchStrategy[tuple[float, float]]:
    number = (
        st.floats(low, high).map(lambda value: round(value, 3)).filter(lambda value: low <= value <= high)
    )
    return st.tuples(number, number).map(lambda ends: tuple(sorted(ends)))


@given(st.data(), st.sets(st.sampled_from(list(DEGRADATIONS)), min_size=1))
@settings(max_examples=50)
def test_a_text_gives_the_value_that_it_was_made_from(data, names):
    bounds = {name: DEGRADATIONS[name].bounds for name in names}
    ends = {name: data.draw(strengths(max(bounds[name].low, 0.001), bounds[name].high)) for name in names}
    value = tuple(Damage(name, *ends[name]) for name in DEGRADATIONS if name in names)
    shuffled = data.draw(st.permutations(value))
    assert Damages().parse(Damages().format(tuple(shuffled))) == value  # the order is that of a camera
    assert Damages().parse(Damages().to_json(value)) == Damages().parse(list(value)) == value


@given(
    st.sampled_from(
        [f"{name}:{text}" for name, text in zip(DEGRADATIONS, ("0.5-2", *["1"] * 5), strict=True)]
    ),
    st.tuples(*[st.integers(1, 12)] * 3, st.sampled_from([1, 2, 3, 5])),
)
@settings(max_examples=40, deadline=None)
def test_images_of_any_shape_keep_shape_type_and_range(text, shape):
    pixels = np.random.default_rng(0).random(shape, np.float32)
    before = pixels.copy()
    result = damaged(text, pixels)
    assert (result.shape, result.dtype) == (shape, np.float32)
    assert result.min() >= 0
    assert result.max() <= 1
    np.testing.assert_array_equal(pixels, before)


def test_noise_has_the_given_strength():
    assert damaged("gaussian:0.1").std() == pytest.approx(0.1, rel=0.02)
    assert damaged("poisson:50").std() == pytest.approx(0.1, rel=0.02)  # of 25 photons, sqrt(25) / 50
    spoiled = damaged("salt-pepper:0.2")
    assert set(np.unique(spoiled)) == {0, 0.5, 1}
    assert (spoiled != 0.5).mean() == pytest.approx(0.2, rel=0.05)
    assert (spoiled == 1).mean() == pytest.approx(0.1, rel=0.1)
    assert (spoiled == spoiled[..., :1]).all()  # a pixel, not one of its channels


def test_blur_and_downscaling_are_those_of_scipy_and_pillow():
    pixels = to_float(PHOTO)
    np.testing.assert_allclose(
        damaged("blur:1.5", pixels)[0], gaussian_filter(pixels[0], (1.5, 1.5, 0)), atol=1e-6
    )
    side = pixels.shape[1]
    red = Image.fromarray(pixels[0, ..., 0])
    for size in (side // 2, side):
        red = red.resize((size, size), Image.Resampling.BICUBIC)
    np.testing.assert_allclose(damaged("downscale:2", pixels)[0, ..., 0], np.clip(red, 0, 1), atol=1e-6)


def test_jpeg_is_that_of_a_file():
    file = io.BytesIO()
    Image.fromarray(PHOTO[0]).save(file, "JPEG", quality=10)
    np.testing.assert_array_equal(to_uint8(damaged("jpeg:10", to_float(PHOTO)))[0], Image.open(file))


def test_large_pictures_by_several_threads_are_the_same(monkeypatch):
    pixels = to_float(np.repeat(PHOTO, 3, axis=0))
    text = "blur:0.5-1,downscale:1-3,poisson:10-40,jpeg:5-60"
    alone = damaged(text, pixels)
    monkeypatch.setattr("lib.tasks.degradation.THREADED_PIXELS", 0)
    np.testing.assert_array_equal(damaged(text, pixels), alone)


def test_each_picture_has_a_strength_of_its_own_and_a_seed_repeats_them():
    deviations = damaged("gaussian:0.01-0.2").reshape(len(GRAY), -1).std(axis=1)
    assert deviations.max() > 3 * deviations.min()
    np.testing.assert_array_equal(
        damaged("gaussian:0.01-0.2,jpeg:5-90"), damaged("gaussian:0.01-0.2,jpeg:5-90")
    )


def test_denoising_is_the_simplest_restoration():
    restore = AutoencoderHyperparameters(task="restore", degrade="gaussian:0.1-0.3")
    denoise = AutoencoderHyperparameters(task="denoise", noise="0.1-0.3")
    pairs = [make_pair(hp, PHOTO, np.random.default_rng(4)) for hp in (restore, denoise)]
    np.testing.assert_array_equal(*(inputs for inputs, _ in pairs))
    np.testing.assert_array_equal(*(targets for _, targets in pairs))
    inputs, targets = make_inference_pair(restore, PHOTO)
    np.testing.assert_array_equal(inputs, to_float(PHOTO))
    np.testing.assert_array_equal(targets, inputs)
