"""python -m pytest tests/test_tasks.py"""

import numpy as np

from lib import tasks
from lib.datasets import Part
from lib.fields import TASKS
from lib.files import Images
from tests import made

IMAGES, LABELS = made.shapes(10)
PART = Part(Images(IMAGES[..., None], LABELS.astype(int)), np.array([9, 2, 4, 7, 1]))


def test_every_task_that_can_be_named_can_be_made():
    assert tuple(tasks.PAIRS) == TASKS


def test_scaling_there_and_back():
    pixels = tasks.scale(np.arange(256, dtype=np.uint8))
    assert (pixels.dtype, pixels.min(), pixels.max()) == (np.float32, 0, 1)
    np.testing.assert_array_equal(tasks.picture(pixels), np.arange(256))
    np.testing.assert_array_equal(tasks.picture([-1, 2]), [0, 255])


def test_batches_cover_the_part_in_its_order():
    batches = tasks.Batches(PART, 2, "reconstruct")
    inputs = np.concatenate([batches[n][0] for n in range(len(batches))])
    np.testing.assert_array_equal(tasks.picture(inputs)[..., 0], IMAGES[PART.positions])
    np.testing.assert_array_equal(*batches[0])


def test_a_seed_shuffles_anew_each_epoch_and_the_same_each_time():
    def epochs():
        batches = tasks.Batches(PART, 2, seed=3)
        orders = []
        for _ in range(3):
            orders.append(np.concatenate([batches[n][1] for n in range(len(batches))]).tolist())
            batches.on_epoch_end()
        return orders

    orders = epochs()
    assert orders == epochs()
    assert len({tuple(order) for order in orders}) > 1
    assert all(sorted(order) == sorted(PART.labels) for order in orders)


def test_labels_go_with_their_images():
    batches = tasks.Batches(PART, 2, seed=0)
    for number in range(len(batches)):
        for image, label in zip(*batches[number], strict=True):
            place = next(n for n in range(10) if np.array_equal(tasks.picture(image)[..., 0], IMAGES[n]))
            assert LABELS[place] == label


def test_shifted_images_are_windows_of_their_bordered_selves():
    random = np.random.default_rng(0)
    images = IMAGES[..., None]
    moved = tasks.shifted(images, random)
    assert moved.shape == images.shape
    bordered = np.pad(images, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="edge")
    offsets = set()
    for image, window in zip(bordered, moved, strict=True):
        places = [(y, x) for y in range(3) for x in range(3) if np.array_equal(image[y : y + 12, x : x + 10], window)]
        assert len(places) == 1
        offsets |= set(places)
    assert len(offsets) > 3


def test_shifts_are_drawn_anew_each_epoch():
    batches = tasks.Batches(PART, 5, seed=0, shift=True)
    first = batches[0][0]
    batches.on_epoch_end()
    assert not np.array_equal(first, batches[0][0])
