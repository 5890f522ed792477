"""Inputs, targets and pictures of all tasks. python -m pytest tests/tasks/test_tasks.py"""

import numpy as np
import pytest
from PIL import Image

from lib.config.hyperparameters import AutoencoderHyperparameters
from lib.tasks import TASKS, get_task, make_inference_pair, make_pair
from lib.tasks.colorization import COLOR_SPACES
from lib.tasks.halves import SIDES
from lib.tasks.pixels import UNKNOWN, to_float, to_uint8
from tests.harness import sample_files

IMAGES = sample_files.shapes(10)[0][..., None]


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def test_the_registry_has_all_tasks_in_the_order_of_the_prompts():
    assert tuple(TASKS) == ("reconstruct", "denoise", "colorize", "complete", "restore", "anomaly")


def test_pixels_round_trip():
    pixels = to_float(np.arange(256, dtype=np.uint8))
    assert (pixels.dtype, pixels.min(), pixels.max()) == (np.float32, 0, 1)
    np.testing.assert_array_equal(to_uint8(pixels), np.arange(256))
    np.testing.assert_array_equal(to_uint8([-1, 2]), [0, 255])


def test_noise_has_the_given_standard_deviation():
    gray = np.full((200, 12, 10, 1), 128, np.uint8)
    for noise, low, high in (("0.1", 0.1, 0.1), ("0.05-0.15", 0.05, 0.15)):
        inputs, targets = make_pair(AutoencoderHyperparameters(task="denoise", noise=noise), gray, rng())
        deviation = inputs.reshape(200, -1).std(axis=1)
        assert deviation.min() == pytest.approx(low, rel=0.25)
        assert deviation.max() == pytest.approx(high, rel=0.25)
        assert (deviation.max() / deviation.min() > 2) == (low < high)
        np.testing.assert_array_equal(targets, to_float(gray))
    strong, _ = make_pair(AutoencoderHyperparameters(task="denoise", noise=3), gray, rng())
    assert (strong.min(), strong.max()) == (0, 1)


@pytest.mark.parametrize("side", SIDES)
def test_the_two_halves_make_the_image(side):
    hp = AutoencoderHyperparameters(task="complete", missing=side)
    images = rng().integers(0, 256, (4, 7, 9, 3), dtype=np.uint8)
    inputs, targets = make_pair(hp, images, rng())
    assert (inputs.shape[1:], targets.shape[1:]) == get_task(hp).shapes(hp, (7, 9, 3))
    input_pictures, target_pictures = map(to_uint8, get_task(hp).to_pixels(hp, inputs, targets))
    np.testing.assert_array_equal(target_pictures, images)
    gray = (input_pictures == UNKNOWN).all(axis=(0, 3))
    edge = {"right": gray[:, -1], "left": gray[:, 0], "top": gray[0], "bottom": gray[-1]}[side]
    assert edge.all()
    assert gray.sum() == targets[0, ..., 0].size


@pytest.mark.parametrize("space", COLOR_SPACES)
def test_gray_inputs_and_color_targets(space):
    hp = AutoencoderHyperparameters(task="colorize", color_space=space)
    images = rng().integers(0, 256, (4, 7, 9, 3), dtype=np.uint8)
    gray, targets = make_pair(hp, images, rng())
    assert (gray.shape, targets.shape) == ((4, 7, 9, 1), (4, 7, 9, 3 if space == "rgb" else 2))
    assert {gray.dtype, targets.dtype} == {np.dtype(np.float32)}
    input_pictures, target_pictures = map(to_uint8, get_task(hp).to_pixels(hp, gray, targets))
    np.testing.assert_array_equal(target_pictures, images)  # UV with the given Y is exact within rounding
    luma = np.asarray([Image.fromarray(image).convert("L") for image in images]).astype(int)
    assert np.abs(input_pictures[..., 0] - luma).max() <= 1


@pytest.mark.parametrize("task", TASKS)
def test_the_image_shape_is_the_inverse_of_the_task_shapes(task):
    hp = AutoencoderHyperparameters(task=task)
    assert get_task(hp).image_shape(hp, *get_task(hp).shapes(hp, (7, 9, 3))) == (7, 9, 3)


def test_inference_adds_no_noise():
    inputs, targets = make_inference_pair(AutoencoderHyperparameters(task="denoise"), IMAGES)
    np.testing.assert_array_equal(inputs, to_float(IMAGES))
    np.testing.assert_array_equal(targets, inputs)
    left, right = make_inference_pair(AutoencoderHyperparameters(task="complete"), IMAGES)
    np.testing.assert_array_equal(np.concatenate([left, right], axis=2), to_float(IMAGES))
