"""Data augmentation, drawn for each batch from a random generator.

An entry of `AUGMENTATIONS` is a switch of both programs with its help text. Functions take and return uint8
or uint16 images (n, height, width, channels), or with `on_inputs` the float32 inputs of a network. None of
them changes its argument.
"""

from __future__ import annotations  # types that name np.random would load it before the first prompt

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from lib.tasks.pixels import to_float, to_images, white_of

MAX_GAMMA = 1.4
MAX_AFFINE = 0.06  # greatest change of an entry of the affine matrix: rotation, scale, shear
ELASTIC_DEVIATION = 1 / 70  # standard deviation of the grid points' displacement, as a fraction of each side
ELASTIC_POINTS = 4  # points of the elastic deformation's grid along each side
# Fraction of the images that are not warped: resampled images are smoother than those of the test set.
UNWARPED_FRACTION = 0.4
ERASED_AREA = 0.02, 0.4  # range of the erased fraction of an image
MIN_ASPECT_RATIO = 0.3  # of an erased rectangle, width by height or height by width


def shift(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return the images translated by up to 1/14 of their sides (2 pixels of 28), their borders repeated.

    Args:
        images: uint8 (n, height, width, channels).
        rng: source of the shifts, one for each image.

    Returns:
        uint8 array of the same shape.
    """
    count, height, width, _ = images.shape
    max_down, max_right = max(1, height // 14), max(1, width // 14)
    padded = np.pad(images, ((0, 0), (max_down, max_down), (max_right, max_right), (0, 0)), mode="edge")
    rows = rng.integers(0, 2 * max_down + 1, (count, 1)) + np.arange(height)
    columns = rng.integers(0, 2 * max_right + 1, (count, 1)) + np.arange(width)
    return padded[np.arange(count)[:, None, None], rows[:, :, None], columns[:, None, :]]


def flip(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return the images, half of them mirrored left to right.

    Args:
        images: uint8 (n, height, width, channels).
        rng: source of the choice for each image, with probability 0.5.

    Returns:
        uint8 array of the same shape.
    """
    return np.where(rng.random((len(images), 1, 1, 1)) < 0.5, images, images[:, :, ::-1])


def change_gamma(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return the images with a gamma correction of 1 / 1.4 to 1.4, the same for all channels.

    Args:
        images: uint8 (n, height, width, channels).
        rng: source of the gammas, one for each image, uniform in their logarithm.

    Returns:
        uint8 array of the same shape; 0 and 255 are unchanged.
    """
    gammas = np.exp(rng.uniform(-np.log(MAX_GAMMA), np.log(MAX_GAMMA), (len(images), 1)))
    if images.dtype != np.uint8:
        return to_images(to_float(images) ** gammas[:, :, None, None].astype(np.float32), images.dtype)
    curves = np.round(255 * (np.arange(256) / 255) ** gammas).astype(np.uint8)  # (n, 256)
    return curves[np.arange(len(images))[:, None, None, None], images]


def warp(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return the images, 60 % of them with a small affine and elastic deformation and their borders repeated.

    Simard, Steinkraus and Platt, "Best Practices for Convolutional Neural Networks Applied to Visual Document
    Analysis" (2003). Images are resampled with cubic splines: with linear interpolation networks learn to
    blur.

    Args:
        images: uint8 (n, height, width, channels).
        rng: source of the deformations and of the choice of unchanged images.

    Returns:
        uint8 array of the same shape.
    """
    from scipy.ndimage import map_coordinates  # here, because the settings import this module at the start

    count, *sides, channels = images.shape
    center = (np.array(sides)[:, None] - 1) / 2
    affine = np.eye(2) + rng.uniform(-MAX_AFFINE, MAX_AFFINE, (count, 2, 2))
    displacements = (
        rng.normal(0, ELASTIC_DEVIATION, (count, 2, ELASTIC_POINTS, ELASTIC_POINTS))
        * np.array(sides)[:, None, None]
    )
    unwarped = rng.random(count) < UNWARPED_FRACTION
    pixels = np.indices(sides).reshape(2, -1) - center  # (2, height · width)
    down, right = (_interpolation_matrix(side) for side in sides)
    elastic = (down @ displacements @ right.T).reshape(count, *pixels.shape)
    result = images.copy()
    for index in np.flatnonzero(~unwarped):
        coordinates = affine[index] @ pixels + elastic[index] + center
        for channel in range(channels):
            resampled = map_coordinates(
                images[index, ..., channel], coordinates, np.float32, order=3, mode="nearest"
            )
            result[index, ..., channel] = resampled.round().clip(0, white_of(images.dtype)).reshape(sides)
    return result


def _interpolation_matrix(side: int) -> np.ndarray:
    """Return the weights of linear interpolation from the elastic grid to pixels: (side, ELASTIC_POINTS).

    `scipy.ndimage.zoom` computes the same, but would take longer than all the rest of `warp`.
    """
    positions = np.linspace(0, ELASTIC_POINTS - 1, side)
    return np.stack(
        [np.interp(positions, np.arange(ELASTIC_POINTS), point) for point in np.eye(ELASTIC_POINTS)], axis=1
    )


def erase(inputs: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return the inputs, half of them with a random rectangle, 2 to 40 % of the area, replaced by noise.

    Zhong et al., "Random Erasing Data Augmentation" (2020), with the paper's areas and aspect ratios. The
    targets are not erased.

    Args:
        inputs: float32 (n, height, width, channels), 0 to 1.
        rng: source of the rectangles and the noise.

    Returns:
        float32 array of the same shape, 0 to 1.
    """
    count, height, width, _ = inputs.shape
    areas = rng.uniform(*ERASED_AREA, count) * height * width
    aspect_ratios = np.exp(rng.uniform(np.log(MIN_ASPECT_RATIO), -np.log(MIN_ASPECT_RATIO), count))
    rows = random_intervals(np.sqrt(areas * aspect_ratios), height, rng)
    columns = random_intervals(np.sqrt(areas / aspect_ratios), width, rng)
    chosen = rng.random((count, 1, 1)) < 0.5
    mask = (chosen & rows[:, :, None] & columns[:, None, :])[..., None]
    noise = rng.integers(0, 256, inputs.shape, dtype=np.uint8)
    return np.where(mask, noise / np.float32(255), inputs)


def random_intervals(lengths: np.ndarray, side: int, rng: np.random.Generator) -> np.ndarray:
    """Return a mask (n, side) of intervals of `lengths` (n,), each at a random position within the side."""
    lengths = lengths.round().astype(int).clip(1, side)[:, None]
    starts = rng.integers(0, side - lengths + 1)
    positions = np.arange(side)
    return (starts <= positions) & (positions < starts + lengths)


@dataclass(frozen=True)
class Augmentation:
    """An augmentation of training images.

    Args:
        help: help text of its switch.
        apply: from images (or inputs) and a random generator to an array of the same shape.
        order: augmentations are applied by rising order; those of one order as they are listed.
        on_inputs: it is applied to the inputs of the network; targets stay complete.
        default_in: programs in which it is on by default.
    """

    help: str
    apply: Callable[[np.ndarray, np.random.Generator], np.ndarray]
    order: int = 1
    on_inputs: bool = False
    default_in: tuple[str, ...] = ()


AUGMENTATIONS = {
    "flip": Augmentation("mirror half of the training images left to right", flip),
    "shift": Augmentation(
        "shift training images by up to 1/14 of their sides (2 of 28 pixels)",
        shift,
        order=0,
        default_in=("classification",),
    ),
    "gamma": Augmentation("gamma of 0.71 to 1.4 on training images", change_gamma),
    "warp": Augmentation("slightly rotate, scale, shear and bend 60 % of the training images", warp),
    "erase": Augmentation(
        "replace 2 to 40 % of half of the training inputs by noise; the targets stay complete",
        erase,
        on_inputs=True,
    ),
}


def chosen_augmentations(settings: object, on_inputs: bool) -> list[Callable]:
    """Return the functions that settings turn on, in the order in which they are applied.

    Args:
        settings: object with an attribute of the name of each augmentation.
        on_inputs: those of inputs, else those of images.
    """
    chosen = [
        entry
        for name, entry in AUGMENTATIONS.items()
        if entry.on_inputs == on_inputs and getattr(settings, name)
    ]
    return [entry.apply for entry in sorted(chosen, key=lambda entry: entry.order)]
