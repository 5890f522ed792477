"""Data augmentation: python -m pytest tests/tasks/test_augmentation.py"""

import numpy as np
import pytest

from lib.tasks import augmentation
from lib.tasks.augmentation import AUGMENTATIONS
from tests.harness import sample_files

IMAGES = sample_files.shapes(10)[0][..., None]


@pytest.mark.parametrize("entry", [entry for entry in AUGMENTATIONS.values() if not entry.on_inputs])
@pytest.mark.parametrize("shape", [(6, 5, 9, 3), (6, 1, 1, 1), (0, 8, 8, 1)])
def test_augmentation_keeps_shape_and_type_and_does_not_change_its_argument(entry, shape):
    images = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    before = images.copy()
    first, second = (entry.apply(images, np.random.default_rng(1)) for _ in range(2))
    assert (first.shape, first.dtype) == (shape, np.uint8)
    np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(images, before)


def test_shifted_images_are_windows_of_the_padded_ones():
    images = IMAGES
    shifted = augmentation.shift(images, np.random.default_rng(0))
    assert shifted.shape == images.shape
    padded = np.pad(images, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="edge")
    offsets = set()
    for image, window in zip(padded, shifted, strict=True):
        matches = [
            (y, x)
            for y in range(3)
            for x in range(3)
            if np.array_equal(image[y : y + 12, x : x + 10], window)
        ]
        assert len(matches) == 1
        offsets |= set(matches)
    assert len(offsets) > 3


def test_half_of_the_images_are_mirrored():
    images = np.random.default_rng(0).integers(0, 256, (64, 5, 4, 3), dtype=np.uint8)
    mirrored = augmentation.flip(images, np.random.default_rng(0))
    same = (mirrored == images).all(axis=(1, 2, 3))
    np.testing.assert_array_equal(mirrored[~same], images[~same][:, :, ::-1])
    assert 16 < same.sum() < 48


def test_gamma_is_monotonic_and_keeps_black_and_white():
    ramp = np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1).repeat(50, axis=0)
    corrected = augmentation.change_gamma(ramp, np.random.default_rng(0)).reshape(50, 256).astype(int)
    assert (np.diff(corrected, axis=1) >= 0).all()
    assert (corrected[:, 0] == 0).all()
    assert (corrected[:, -1] == 255).all()
    middles = corrected[:, 128]
    assert (
        255 * (128 / 255) ** 1.4 - 1
        <= middles.min()
        < 110
        < 145
        < middles.max()
        <= 255 * (128 / 255) ** (1 / 1.4) + 1
    )


def spots(count: int) -> np.ndarray:
    """Nine round spots in each image, as in a noughts and crosses game; shape (count, 60, 60, 2), the
    channels alike.
    """
    rows, columns = np.indices((60, 60))
    far = [(rows - y) ** 2 + (columns - x) ** 2 for y in (15, 30, 45) for x in (15, 30, 45)]
    image = 255 * np.exp(-np.min(far, axis=0) / 8)
    return np.broadcast_to(image[..., None], (count, 60, 60, 2)).astype(np.uint8)


def test_warp_moves_each_spot_a_little_in_every_direction():
    images = spots(200)
    warped = augmentation.warp(images, np.random.default_rng(0))
    np.testing.assert_array_equal(warped[..., 0], warped[..., 1])
    same = (warped == images).all(axis=(1, 2, 3))
    assert 50 < same.sum() < 110  # two in five stay
    light = warped[~same, ..., 0].astype(float)
    moves = np.array([centers(image) for image in light]) - centers(images[0, ..., 0].astype(float))
    assert 0.5 < np.abs(moves).mean() < 1.5  # pixels of 60
    assert np.abs(moves).max() < 6
    assert (moves.std(axis=0) > 0.4).all()  # each spot, down and across
    assert np.abs(moves.mean(axis=0)).max() < 0.5  # as often one way as the other
    apart = moves - moves.mean(axis=1, keepdims=True)
    assert apart.std() > 0.5  # not only all of them together


def centers(image: np.ndarray) -> list[tuple[float, float]]:
    """Centers of brightness (row, column) of the nine squares around the spots."""
    result = []
    for top in (8, 23, 38):
        for left in (8, 23, 38):
            square = image[top : top + 15, left : left + 15]
            rows, columns = np.indices(square.shape)
            result.append(
                (top + np.average(rows, weights=square), left + np.average(columns, weights=square))
            )
    return result


def test_warped_images_stay_sharp():
    """Linear interpolation leaves less than two thirds of the contrast between neighboring pixels."""
    images = np.random.default_rng(0).integers(0, 2, (50, 40, 40, 1), dtype=np.uint8) * 255
    warped = augmentation.warp(images, np.random.default_rng(0))
    different = (warped != images).any(axis=(1, 2, 3))
    steps = [np.abs(np.diff(array[different].astype(float), axis=2)).mean() for array in (images, warped)]
    assert 0.75 < steps[1] / steps[0] < 1.05


def test_warp_leaves_uniform_images_unchanged():
    images = np.full((20, 9, 9, 1), 37, np.uint8)
    np.testing.assert_array_equal(augmentation.warp(images, np.random.default_rng(0)), images)


def test_erase_puts_a_rectangle_of_noise_into_half_of_the_images():
    images = np.zeros((400, 40, 30, 2), np.float32)
    hidden = augmentation.erase(images, np.random.default_rng(0)).any(axis=3)
    chosen = hidden.any(axis=(1, 2))
    assert 160 < chosen.sum() < 240
    areas, ratios, corners = [], [], set()
    for mask in hidden[chosen]:
        rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        height, width = (int(np.ptp(indices)) + 1 for indices in (rows, columns))
        # The rectangle is complete but for noise that is black by chance.
        assert mask.mean() > 0.99 * height * width / mask.size
        areas.append(height * width / mask.size)
        ratios.append(height / width)
        corners.add((rows[0], columns[0]))
    assert 0.01 < min(areas) < 0.05 < 0.3 < max(areas) < 0.43
    assert min(ratios) < 0.5 < 2 < max(ratios)
    assert len(corners) > chosen.sum() / 2


def test_noise_is_uniform_and_independent_between_channels():
    erased = augmentation.erase(np.zeros((400, 40, 30, 2), np.float32), np.random.default_rng(0))
    assert erased.dtype == np.float32
    noise = erased[erased.any(axis=3)]  # (pixels, 2)
    assert np.histogram(noise, 4, (0, 1))[0].min() > 0.24 * noise.size
    assert abs(np.corrcoef(noise.T)[0, 1]) < 0.05
