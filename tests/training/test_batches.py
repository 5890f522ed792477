"""Batches for training and for scores. python -m pytest tests/training/test_batches.py"""

import tracemalloc

import numpy as np
import pytest

from lib.config.hyperparameters import AutoencoderHyperparameters, ClassifierHyperparameters
from lib.data.formats.base import Images
from lib.data.splits import Subset
from lib.tasks import TASKS, make_pair
from lib.tasks.augmentation import AUGMENTATIONS
from lib.tasks.pixels import to_uint8
from lib.training.batches import Batches
from tests.harness import sample_files

IMAGES, LABELS = sample_files.shapes(10)
SUBSET = Subset(Images(IMAGES[..., None], LABELS.astype(int)), np.array([9, 2, 4, 7, 1]))


def make_batches(size: int, seed: int = 0, hp: dict | None = None, **options) -> Batches:
    return Batches(SUBSET, size, AutoencoderHyperparameters(seed=seed, **hp or {}), **options)


def one_epoch(batches: Batches, epoch: int = 0) -> tuple[np.ndarray, np.ndarray]:
    numbers = range(epoch * len(batches), (epoch + 1) * len(batches))
    return tuple(np.concatenate(arrays) for arrays in zip(*(batches[n] for n in numbers), strict=True))


def test_batches_for_scores_cover_the_subset_in_its_order():
    inputs, targets = one_epoch(make_batches(2))
    np.testing.assert_array_equal(to_uint8(inputs)[..., 0], IMAGES[SUBSET.indices])
    np.testing.assert_array_equal(inputs, targets)


def test_training_shuffles_each_epoch_and_repeats_with_the_seed():
    def epochs(seed: int):
        batches = make_batches(2, training=True, labeled=True, seed=seed)
        return [one_epoch(batches, epoch)[1].tolist() for epoch in range(3)]

    assert epochs(3) == epochs(3)
    assert len({tuple(order) for order in epochs(3)}) > 1
    assert epochs(3) != epochs(4)
    assert all(sorted(order) == sorted(SUBSET.labels) for order in epochs(3))


def test_endless_batches_continue_an_interrupted_training():
    complete = make_batches(2, training=True, endless=True)
    resumed = make_batches(2, training=True, endless=True, first_epoch=2)
    assert complete.num_batches is None
    assert len(complete) == make_batches(2).num_batches == 3
    for number in range(7):
        np.testing.assert_array_equal(complete[6 + number][0], resumed[number][0])


def test_labels_belong_to_their_images():
    for image, label in zip(*one_epoch(make_batches(2, training=True, labeled=True)), strict=True):
        index = next(n for n in range(10) if np.array_equal(to_uint8(image)[..., 0], IMAGES[n]))
        assert LABELS[index] == label


def test_noise_differs_in_each_training_epoch_and_is_constant_for_scores():
    hp = dict(task="denoise", noise=0.2)
    training = make_batches(5, hp=hp, training=True)
    (first, clean), (second, _) = training[0], training[len(training)]
    assert not np.array_equal(np.sort(first.ravel()), np.sort(second.ravel()))
    np.testing.assert_array_equal(np.sort(to_uint8(clean).ravel()), np.sort(IMAGES[SUBSET.indices].ravel()))
    scoring = make_batches(5, hp=hp)
    np.testing.assert_array_equal(scoring[0][0], scoring[len(scoring)][0])
    assert not np.array_equal(make_batches(5, hp=hp, seed=1)[0][0], scoring[0][0])


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_augmentation_differs_in_each_training_epoch_and_is_absent_from_scores(name):
    training = make_batches(5, hp={name: True}, training=True, labeled=True)
    assert not np.array_equal(training[0][0], training[len(training)][0])
    inputs, _ = one_epoch(make_batches(5, hp={name: True}))
    np.testing.assert_array_equal(to_uint8(inputs)[..., 0], IMAGES[SUBSET.indices])


@pytest.mark.parametrize("task", TASKS)
def test_erased_inputs_have_complete_targets(task):
    images = np.full((40, 6, 8, 3), 60, np.uint8)
    # Nothing is drawn beforehand.
    quiet = {
        "denoise": {"noise": 0},
        "restore": {"degrade": "downscale:1"},
        "anomaly": {"defects": "none"},
    }
    hp = AutoencoderHyperparameters(task=task, erase=True, **quiet.get(task, {}))
    expected_inputs, expected_targets = make_pair(hp, images, np.random.default_rng(0))
    subset = Subset(Images(images, np.arange(40)), np.arange(40))
    training, repeated, scoring = (
        Batches(subset, 40, hp, training=training) for training in (True, True, False)
    )
    inputs, targets = training[0]
    assert inputs.dtype == np.float32
    unchanged = (inputs == expected_inputs).all(axis=(1, 2, 3))
    assert 8 < unchanged.sum() < 32
    np.testing.assert_array_equal(targets, expected_targets)
    np.testing.assert_array_equal(inputs, repeated[0][0])
    assert (inputs != training[1][0]).any()  # the batch of the next epoch
    np.testing.assert_array_equal(scoring[0][0], expected_inputs)


def test_a_classifier_trains_on_erased_images():
    images = np.full((40, 6, 8, 3), 60, np.uint8)
    hp = ClassifierHyperparameters(shift=False, erase=True)
    subset = Subset(Images(images, np.arange(40)), np.arange(40))
    inputs, labels = Batches(subset, 40, hp, training=True, labeled=True)[0]
    assert 8 < (inputs == np.float32(60 / 255)).all(axis=(1, 2, 3)).sum() < 32
    assert set(labels) == set(range(40))


def test_a_batch_needs_the_memory_of_one_batch():
    """A data set of 12 GB that has no memory of its own: only the images of a batch become floats."""
    source = np.broadcast_to(np.uint8(7), (4_000_000, 32, 32, 3))
    subset = Subset(Images(source), np.arange(len(source)))
    for task in TASKS:
        tracemalloc.start()
        Batches(subset, 64, AutoencoderHyperparameters(task=task))[1000]
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 45 << 20, task  # most of it the order of the images, 32 MB
