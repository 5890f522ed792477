"""python -m pytest tests/tasks/test_tasks.py"""

import tracemalloc

import numpy as np
import pytest
from PIL import Image

from lib.config.hyperparameters import Hyperparameters
from lib.data.augmentation import AUGMENTATIONS
from lib.data.formats.base import Images
from lib.data.splits import Subset
from lib.tasks import TASKS, base, completion
from lib.tasks.colorization import COLOR_SPACES
from lib.tasks.completion import SIDES
from lib.tasks.pixels import to_float, to_uint8
from lib.training.batches import Batches
from tests.harness import sample_files

IMAGES, LABELS = sample_files.shapes(10)
PART = Subset(Images(IMAGES[..., None], LABELS.astype(int)), np.array([9, 2, 4, 7, 1]))


def batches(size: int, **values) -> Batches:
    options = {
        key: values.pop(key) for key in ("learn", "labeled", "form", "endless", "first") if key in values
    }
    return Batches(PART, size, Hyperparameters(**values), **options)


def everything(given: Batches, epoch: int = 0) -> tuple[np.ndarray, np.ndarray]:
    numbers = range(epoch * len(given), (epoch + 1) * len(given))
    return tuple(np.concatenate(arrays) for arrays in zip(*(given[n] for n in numbers), strict=True))


def test_every_task_that_can_be_named_can_be_made():
    assert tuple(TASKS) == ("reconstruct", "denoise", "colorize", "complete")


def test_scaling_there_and_back():
    pixels = to_float(np.arange(256, dtype=np.uint8))
    assert (pixels.dtype, pixels.min(), pixels.max()) == (np.float32, 0, 1)
    np.testing.assert_array_equal(to_uint8(pixels), np.arange(256))
    np.testing.assert_array_equal(to_uint8([-1, 2]), [0, 255])


def test_batches_cover_the_part_in_its_order():
    inputs, targets = everything(batches(2))
    np.testing.assert_array_equal(to_uint8(inputs)[..., 0], IMAGES[PART.positions])
    np.testing.assert_array_equal(inputs, targets)


def test_learning_shuffles_anew_each_epoch_and_the_same_each_time():
    def epochs(seed: int):
        given = batches(2, learn=True, labeled=True, seed=seed)
        return [everything(given, epoch)[1].tolist() for epoch in range(3)]

    assert epochs(3) == epochs(3)
    assert len({tuple(order) for order in epochs(3)}) > 1
    assert epochs(3) != epochs(4)
    assert all(sorted(order) == sorted(PART.labels) for order in epochs(3))


def test_endless_batches_go_on_where_a_training_was_interrupted():
    whole, rest = batches(2, learn=True, endless=True), batches(2, learn=True, endless=True, first=2)
    assert whole.num_batches is None
    assert len(whole) == batches(2).num_batches == 3
    for number in range(7):
        np.testing.assert_array_equal(whole[6 + number][0], rest[number][0])


def test_labels_go_with_their_images():
    for image, label in zip(*everything(batches(2, learn=True, labeled=True)), strict=True):
        place = next(n for n in range(10) if np.array_equal(to_uint8(image)[..., 0], IMAGES[n]))
        assert LABELS[place] == label


def test_noise_is_drawn_anew_for_each_batch_and_epoch_and_its_target_is_clean():
    learning = batches(5, learn=True, task="denoise", noise=0.2)
    (first, clean), (second, _) = learning[0], learning[len(learning)]
    assert not np.array_equal(np.sort(first.ravel()), np.sort(second.ravel()))
    np.testing.assert_array_equal(np.sort(to_uint8(clean).ravel()), np.sort(IMAGES[PART.positions].ravel()))
    scoring = batches(5, task="denoise", noise=0.2)
    before = scoring[0][0]
    np.testing.assert_array_equal(before, scoring[len(scoring)][0])  # scores always meet the same noise
    assert not np.array_equal(batches(5, task="denoise", noise=0.2, seed=1)[0][0], before)


def test_noise_has_the_strength_that_was_asked_for():
    gray = np.full((200, 12, 10, 1), 128, np.uint8)
    part = Subset(Images(gray), np.arange(200))
    for noise, low, high in (("0.1", 0.1, 0.1), ("0.05-0.15", 0.05, 0.15)):
        inputs, _ = Batches(part, 200, Hyperparameters(task="denoise", noise=noise))[0]
        spread = inputs.reshape(200, -1).std(axis=1)
        assert spread.min() == pytest.approx(low, rel=0.25)
        assert spread.max() == pytest.approx(high, rel=0.25)
        assert (spread.max() / spread.min() > 2) == (low < high)
    strong, _ = Batches(part, 200, Hyperparameters(task="denoise", noise=3))[0]
    assert (strong.min(), strong.max()) == (0, 1)


@pytest.mark.parametrize("side", SIDES)
def test_halves_are_the_image_again(side):
    hp = Hyperparameters(task="complete", missing=side)
    images = np.random.default_rng(0).integers(0, 256, (4, 7, 9, 3), dtype=np.uint8)
    given, missing = base.make_pair(hp, images, np.random.default_rng(0))
    assert given.shape[1:], missing.shape[1:] == base.task_shapes(hp, (7, 9, 3))
    shown, whole = base.to_pictures(hp, given, missing)
    np.testing.assert_array_equal(whole, images)
    gray = (shown == completion.GRAY).all(axis=(0, 3))
    edge = {"right": gray[:, -1], "left": gray[:, 0], "top": gray[0], "bottom": gray[-1]}[side]
    assert edge.all()
    assert gray.sum() == missing[0, ..., 0].size


@pytest.mark.parametrize("space", COLOR_SPACES)
def test_colors_from_gray(space):
    hp = Hyperparameters(task="colorize", color_space=space)
    images = np.random.default_rng(0).integers(0, 256, (4, 7, 9, 3), dtype=np.uint8)
    gray, targets = base.make_pair(hp, images, np.random.default_rng(0))
    assert (gray.shape, targets.shape) == ((4, 7, 9, 1), (4, 7, 9, 3 if space == "rgb" else 2))
    assert {gray.dtype, targets.dtype} == {np.dtype(np.float32)}
    shown, whole = base.to_pictures(hp, gray, targets)
    np.testing.assert_array_equal(
        whole, images
    )  # UV is put together with the given Y, exactly within rounding
    assert (
        np.abs(
            shown[..., 0] - np.asarray([Image.fromarray(image).convert("L") for image in images]).astype(int)
        ).max()
        <= 1
    )


def test_changes_are_drawn_anew_each_epoch_for_learning_alone():
    for change in ({name: True} for name in AUGMENTATIONS):
        learning = batches(5, learn=True, labeled=True, **change)
        assert not np.array_equal(learning[0][0], learning[len(learning)][0])
        inputs, _ = everything(batches(5, **change))
        np.testing.assert_array_equal(to_uint8(inputs)[..., 0], IMAGES[PART.positions])


@pytest.mark.parametrize("task", TASKS)
def test_what_is_erased_from_an_input_is_still_to_be_found(task):
    images = np.full((40, 6, 8, 3), 60, np.uint8)
    hp = Hyperparameters(task=task, erase=True, **dict(noise=0) if task == "denoise" else {})
    wanted = base.make_pair(hp, images, np.random.default_rng(0))
    part = Subset(Images(images, np.arange(40)), np.arange(40))
    learned, again, used = (Batches(part, 40, hp, learn=learn) for learn in (True, True, False))
    inputs, targets = learned[0]
    assert inputs.dtype == np.float32
    whole = (inputs == wanted[0]).all(axis=(1, 2, 3))
    assert 8 < whole.sum() < 32
    np.testing.assert_array_equal(targets, wanted[1])
    np.testing.assert_array_equal(inputs, again[0][0])
    assert (inputs != learned[1][0]).any()  # the next epoch's
    np.testing.assert_array_equal(used[0][0], wanted[0])


def test_a_classifier_sees_images_of_which_a_part_is_erased():
    images = np.full((40, 6, 8, 3), 60, np.uint8)
    hp = Hyperparameters(program="classification", shift=False, erase=True)
    part = Subset(Images(images, np.arange(40)), np.arange(40))
    inputs, labels = Batches(part, 40, hp, learn=True, labeled=True)[0]
    assert 8 < (inputs == np.float32(60 / 255)).all(axis=(1, 2, 3)).sum() < 32
    assert set(labels) == set(range(40))


def test_images_that_are_used_get_no_noise():
    images = IMAGES[..., None]
    inputs, targets = base.make_inference_pair(Hyperparameters(task="denoise"), images)
    np.testing.assert_array_equal(inputs, to_float(images))
    np.testing.assert_array_equal(targets, inputs)
    left, right = base.make_inference_pair(Hyperparameters(task="complete"), images)
    np.testing.assert_array_equal(np.concatenate([left, right], axis=2), to_float(images))


def test_images_stay_bytes_until_a_batch_is_taken():
    """A data set of 12 GB that exists only as a promise: a batch of it costs a batch, in every task."""
    source = np.broadcast_to(np.uint8(7), (4_000_000, 32, 32, 3))
    part = Subset(Images(source), np.arange(len(source)))
    for task in TASKS:
        tracemalloc.start()
        Batches(part, 64, Hyperparameters(task=task))[1000]
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 45 << 20, task  # most of it the order of the images, 32 MB
