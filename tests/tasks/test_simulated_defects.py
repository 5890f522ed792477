"""Simulated defects and the task that repairs them. python -m pytest tests/tasks/test_simulated_defects.py"""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lib.common.errors import UserError
from lib.config.hyperparameters import AutoencoderHyperparameters
from lib.tasks import get_task, make_inference_pair, make_pair
from lib.tasks.simulated_defects import DEFECTS, DefectSettings, add_defects

ALL = DefectSettings(tuple(DEFECTS), (0.1, 0.5), (0.3, 1.0))


def pictures(count=16, side=24, channels=1, seed=0):
    return np.random.default_rng(seed).random((count, side, side, channels), np.float32)


@settings(max_examples=25, deadline=None)
@given(
    shape=st.tuples(st.integers(1, 5), st.integers(1, 20), st.integers(1, 20), st.integers(1, 4)),
    kinds=st.lists(st.sampled_from(list(DEFECTS)), min_size=1, unique=True),
    seed=st.integers(0, 100),
)
def test_pixels_outside_of_the_defects_stay_and_all_are_in_range(shape, kinds, seed):
    rng = np.random.default_rng(seed)
    pixels = rng.random(shape, np.float32)
    before = pixels.copy()
    defective, changed = add_defects(pixels, dataclasses.replace(ALL, kinds=kinds), rng)
    assert (pixels == before).all()
    assert defective.shape == shape
    assert defective.dtype == np.float32
    assert defective.min() >= 0
    assert defective.max() <= 1
    assert (defective[~changed] == pixels[~changed]).all()


@pytest.mark.parametrize("kind", DEFECTS)
def test_each_kind_changes_pictures(kind):
    pixels = pictures(64)
    defective, changed = add_defects(
        pixels, DefectSettings((kind,), (0.2, 0.5), (1.0, 1.0)), np.random.default_rng(1)
    )
    share = changed.mean(axis=(1, 2))
    assert (share > 0).mean() > 0.9
    assert share.max() < 0.9
    assert not np.array_equal(defective, pixels)


def test_opaque_defects_of_one_color_have_one_color():
    pixels = pictures(20, channels=3)
    chosen = DefectSettings(("blank",), (0.3, 0.3), (1.0, 1.0))
    defective, changed = add_defects(pixels, chosen, np.random.default_rng(3))
    for picture, region in zip(defective, changed, strict=True):
        assert len(np.unique(picture[region], axis=0)) <= 3  # up to three defects


def test_more_defects_change_more():
    pixels = pictures(100)
    few, many = (
        add_defects(pixels, dataclasses.replace(ALL, count=count), np.random.default_rng(4))[1].mean()
        for count in (1, 8)
    )
    assert many > 2 * few > 0


def test_a_faint_defect_changes_little():
    pixels = pictures(20)
    faint = add_defects(pixels, dataclasses.replace(ALL, opacities=(0.05, 0.05)), np.random.default_rng(2))[0]
    strong = add_defects(pixels, dataclasses.replace(ALL, opacities=(1.0, 1.0)), np.random.default_rng(2))[0]
    assert np.abs(faint - pixels).max() <= 0.15
    assert np.abs(strong - pixels).max() > 0.5


def hyperparameters(**values):
    return AutoencoderHyperparameters(task="anomaly", layers=1, **values)


def test_training_inputs_have_defects_and_targets_and_examined_pictures_have_none():
    hp = hyperparameters()
    images = (pictures() * 255).astype(np.uint8)
    inputs, targets = make_pair(hp, images, np.random.default_rng(0))
    assert np.array_equal(targets, images / np.float32(255))
    assert not np.array_equal(inputs, targets)
    inputs, targets = make_inference_pair(hp, images)
    assert np.array_equal(inputs, targets)


def test_without_defects_the_task_is_a_reconstruction():
    hp = hyperparameters(defects="none")
    images = (pictures() * 255).astype(np.uint8)
    inputs, targets = make_pair(hp, images, np.random.default_rng(0))
    assert np.array_equal(inputs, targets)
    assert get_task(hp).targets_are_inputs
    with pytest.raises(UserError, match="skip connections would copy the image"):
        hyperparameters(defects="none", skip=True)


def test_a_detector_requires_validation_images():
    with pytest.raises(UserError, match="requires a validation set"):
        hyperparameters(split="90/0/10")


@pytest.mark.parametrize(
    ("value", "canonical"),
    [("noise,paste", ("paste", "noise")), ("none", ()), (["blank"], ("blank",)), ([], ())],
)
def test_kinds_of_defects(value, canonical):
    assert hyperparameters(defects=value).defects == canonical


@pytest.mark.parametrize("value", ["", "dust", "paste,,noise", 3, None, "error", ["paste", 1.5]])
def test_other_kinds_are_refused(value):
    with pytest.raises((UserError, TypeError)):
        hyperparameters(defects=value)
    with pytest.raises(UserError, match="must be some of squared"):
        hyperparameters(error_map="none")
