"""What is done to training images, anew in each epoch, so that a network sees more of them than there are.

Each takes images, uint8 of shape (n, height, width, channels), and where its random numbers come from, and
gives as many of the same shape; `erased` takes what a network is given of them.
"""

import numpy as np
from scipy.ndimage import map_coordinates

MAX_GAMMA = 1.4  # the strongest change of tones
MAX_SLANT = 0.06  # most that a side is turned, stretched or slanted by, as a part of the other
BEND_DEVIATION = 1 / 70  # of the sides: how far the points of a coarse grid go astray (standard deviation)
BEND_POINTS = 4  # that grid's, along each side
# share of the images that are not warped: what is resampled is smoother than any picture that will come
UNWARPED_FRACTION = 0.4
ERASED_AREA = 0.02, 0.4  # least and most of an image that is erased
MIN_ASPECT_RATIO = 0.3  # of what is erased: width by height, or height by width


def shift(images: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Each image moved a little, by up to a fourteenth of its sides (2 pixels of 28), its border repeated.

    What a picture shows does not depend on where exactly it stands; a classifier learns that from moved
    copies.
    """
    count, height, width, _ = images.shape
    down, right = max(1, height // 14), max(1, width // 14)
    padded = np.pad(images, ((0, 0), (down, down), (right, right), (0, 0)), mode="edge")
    rows = random.integers(0, 2 * down + 1, (count, 1)) + np.arange(height)
    columns = random.integers(0, 2 * right + 1, (count, 1)) + np.arange(width)
    return padded[np.arange(count)[:, None, None], rows[:, :, None], columns[:, None, :]]


def flip(images: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Every other image, at random, mirrored left to right."""
    return np.where(random.random((len(images), 1, 1, 1)) < 0.5, images, images[:, :, ::-1])


def change_gamma(images: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Each image with its tones changed by a gamma from 1 / 1.4 to 1.4, all its pixels alike; black and white
    stay.
    """
    gammas = np.exp(random.uniform(-np.log(MAX_GAMMA), np.log(MAX_GAMMA), (len(images), 1)))
    curves = np.round(255 * (np.arange(256) / 255) ** gammas).astype(np.uint8)  # (n, 256)
    return curves[np.arange(len(images))[:, None, None, None], images]


def warp(images: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Three in five images turned, stretched, slanted and bent a little, their borders going on as they end.

    Handwriting and clothes differ by such things (Simard et al., "Best practices for convolutional neural
    networks applied to visual document analysis", 2003). Cubic splines keep what is sharp: with linear ones
    networks learn to blur.
    """
    count, *sides, channels = images.shape
    middle = (np.array(sides)[:, None] - 1) / 2
    slants = np.eye(2) + random.uniform(-MAX_SLANT, MAX_SLANT, (count, 2, 2))
    astray = (
        random.normal(0, BEND_DEVIATION, (count, 2, BEND_POINTS, BEND_POINTS))
        * np.array(sides)[:, None, None]
    )
    spared = random.random(count) < UNWARPED_FRACTION
    points = np.indices(sides).reshape(2, -1) - middle  # (2, height · width)
    down, right = (_interpolation_matrix(side) for side in sides)
    bends = (down @ astray @ right.T).reshape(count, *points.shape)
    result = images.copy()
    for number in np.flatnonzero(~spared):
        places = slants[number] @ points + bends[number] + middle
        for channel in range(channels):
            found = map_coordinates(images[number, ..., channel], places, np.float32, order=3, mode="nearest")
            result[number, ..., channel] = found.round().clip(0, 255).reshape(sides)
    return result


def _interpolation_matrix(side: int) -> np.ndarray:
    """What each pixel of a side takes from each point of the grid, linearly: shape (side, POINTS).

    `scipy.ndimage.zoom` gives the same, but takes longer for it than all the rest of `warped` does.
    """
    where = np.linspace(0, BEND_POINTS - 1, side)
    return np.stack(
        [np.interp(where, np.arange(BEND_POINTS), point) for point in np.eye(BEND_POINTS)], axis=1
    )


def erase(inputs: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Every other input of a network, at random, with a rectangle of noise anywhere in it, of 2 to 40 % of
    its area; float32 in 0..1 of shape (n, height, width, channels), and so is what comes of it.

    A network that cannot count on any one part learns from all of them (Zhong et al., "Random Erasing Data
    Augmentation", 2020; its shares and shapes are taken over). What it is to find stays whole.
    """
    count, height, width, _ = inputs.shape
    areas = random.uniform(*ERASED_AREA, count) * height * width
    ratios = np.exp(random.uniform(np.log(MIN_ASPECT_RATIO), -np.log(MIN_ASPECT_RATIO), count))
    rows = _random_stretch(np.sqrt(areas * ratios), height, random)
    columns = _random_stretch(np.sqrt(areas / ratios), width, random)
    chosen = random.random((count, 1, 1)) < 0.5
    hidden = (chosen & rows[:, :, None] & columns[:, None, :])[..., None]
    noise = random.integers(0, 256, inputs.shape, dtype=np.uint8)
    return np.where(hidden, noise / np.float32(255), inputs)


def _random_stretch(lengths: np.ndarray, side: int, random: np.random.Generator) -> np.ndarray:
    """Which pixels of a side lie in stretches of these lengths, each put anywhere that it fits: shape (n,
    side).
    """
    lengths = lengths.round().astype(int).clip(1, side)[:, None]
    first = random.integers(0, side - lengths + 1)
    place = np.arange(side)
    return (first <= place) & (place < first + lengths)


# Of training images, by the field that asks for them.
AUGMENTATIONS = {"shift": shift, "flip": flip, "gamma": change_gamma, "warp": warp}
