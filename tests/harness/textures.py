"""Generated textures with painted defects, in the folders of MVTec AD: a small set for tests of detection.

Three textures (a weave, grain, wood), each with its own defects: scratches, spots, missing threads. A picture
is drawn from a seed and its number, so that every machine draws the same.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.ndimage import gaussian_filter

GOOD = "good"


def weave(side: int, rng: np.random.Generator) -> np.ndarray:
    """Threads over and under each other, eight pixels wide, float (side, side, 3) in about 0..1."""
    y, x = np.mgrid[:side, :side] + rng.uniform(0, 8, (2, 1, 1))
    over = (np.floor(y / 4) + np.floor(x / 4)) % 2
    ridges = np.where(over, np.sin(np.pi * (x % 4) / 4), np.sin(np.pi * (y % 4) / 4))
    shade = 0.35 + 0.35 * ridges + gaussian_filter(rng.normal(0, 0.3, (side, side)), 1)
    return shade[..., None] * np.array([0.95, 0.9, 0.75])


def grain(side: int, rng: np.random.Generator) -> np.ndarray:
    """Grains of two sizes on a gray ground, as of leather or stone."""
    fine, coarse = (gaussian_filter(rng.normal(0, 1, (side, side)), sigma, mode="wrap") for sigma in (1, 3))
    shade = 0.5 + 0.25 * fine / fine.std() * 0.4 + 0.25 * coarse / coarse.std() * 0.3
    return shade[..., None] * np.array([0.8, 0.7, 0.65])


def wood(side: int, rng: np.random.Generator) -> np.ndarray:
    """Wavy rings along the picture."""
    x = np.arange(side, dtype=float)
    waves = gaussian_filter(rng.normal(0, 1, (side, side)), (side / 4, 3), mode="wrap")
    rings = np.sin(2 * np.pi * (x / rng.uniform(7, 10) + 0.4 * waves / waves.std()) + rng.uniform(0, 6))
    fibers = gaussian_filter(rng.normal(0, 0.3, (side, side)), (5, 0.5))
    return (0.55 + 0.12 * rings + fibers)[..., None] * np.array([0.95, 0.75, 0.5])


def scratch(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A thin line in another shade, painted into the picture; the mask, bool (side, side)."""
    side = len(picture)
    y, x = np.mgrid[:side, :side]
    angle, center = rng.uniform(0, np.pi), rng.uniform(0.3, 0.7, 2) * side
    along = (x - center[0]) * np.cos(angle) + (y - center[1]) * np.sin(angle)
    across = (y - center[1]) * np.cos(angle) - (x - center[0]) * np.sin(angle)
    bend = 0.004 * rng.normal() * along**2
    mask = (np.abs(across + bend) < rng.uniform(0.7, 1.2)) & (np.abs(along) < rng.uniform(0.15, 0.3) * side)
    picture[mask] = picture[mask] + rng.choice([-0.25, 0.25])
    return mask


def spot(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A soft stain that shades the texture."""
    side = len(picture)
    y, x = np.mgrid[:side, :side]
    center, radius = rng.uniform(0.2, 0.8, 2) * side, rng.uniform(0.05, 0.1) * side
    distance = np.hypot(y - center[0], (x - center[1]) * rng.uniform(0.7, 1.4))
    strength = np.clip(1.5 - distance / radius, 0, 1)
    picture += (rng.choice([-0.2, 0.2]) * strength)[..., None]
    return strength > 0


def missing_thread(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A band without the texture: its pixels have the mean color of the picture."""
    side = len(picture)
    start, length = rng.integers(0, side - 4), int(rng.uniform(0.3, 0.6) * side)
    first = rng.integers(0, side - length)
    mask = np.zeros((side, side), bool)
    mask[start : start + 3, first : first + length] = True
    if rng.random() < 0.5:
        mask = mask.T
    picture[mask] = picture.mean(axis=(0, 1)) + rng.normal(0, 0.02, (mask.sum(), 1))
    return mask


TEXTURES: dict[str, Callable[[int, np.random.Generator], np.ndarray]] = {
    "weave": weave,
    "grain": grain,
    "wood": wood,
}
DEFECTS: dict[str, Callable[[np.ndarray, np.random.Generator], np.ndarray]] = {
    "scratch": scratch,
    "spot": spot,
    "thread": missing_thread,
}


def write_textures(
    folder: Path, texture: str, side: int = 64, train: int = 200, good: int = 40, bad: int = 20, seed: int = 0
) -> Path:
    """Write a texture in the folders of MVTec AD, and return the folder.

    Args:
        folder: new folder.
        texture: one of `TEXTURES`.
        side: of the pictures, in pixels.
        train: number of normal pictures to learn from.
        good: number of normal pictures in the test set.
        bad: number of pictures of each kind of defect.
        seed: of the pictures.
    """
    rng = np.random.default_rng((seed, list(TEXTURES).index(texture)))
    for part, count in (("train", train), ("test", good)):
        for number in range(count):
            save_picture(folder / part / GOOD / f"{number:03}.png", TEXTURES[texture](side, rng))
    for name, paint in DEFECTS.items():
        for number in range(bad):
            picture = TEXTURES[texture](side, rng)
            mask = paint(picture, rng)
            save_picture(folder / "test" / name / f"{number:03}.png", picture)
            save_picture(folder / "ground_truth" / name / f"{number:03}_mask.png", mask.astype(float))
    return folder


def save_picture(path: Path, pixels: np.ndarray) -> None:
    """Write pixels in 0..1 as a picture; folders are made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray((np.clip(pixels, 0, 1) * 255).round().astype(np.uint8)).save(path)
