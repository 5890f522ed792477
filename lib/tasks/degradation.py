"""Degradations: simulated damage of pictures, with a strength that is drawn for each picture.

An entry of `DEGRADATIONS` is all that a degradation needs: the value of `--degrade`, prompts and documents
read it. Several are applied in the order of the entries, which is that of a camera: lens, sensor, file (the
degradation model of Wang et al., "Real-ESRGAN", 2021: blur, resizing, noise, JPEG).
"""

from __future__ import annotations  # types that name np.random would load it before the first prompt

import io
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from lib.common.errors import UserError
from lib.common.formatting import abbreviate
from lib.common.suggestions import closest_name
from lib.common.value_types import FloatInterval, FloatRange, ValueType, elements
from lib.tasks.pixels import to_float, to_uint8

THREADED_PIXELS = 96 * 96  # of a picture; smaller ones are done faster by one thread


@dataclass(frozen=True)
class Degradation:
    """A kind of damage.

    Attributes:
        strength: the meaning of its value, for help and documents.
        bounds: of the value.
        apply: function of pictures, float32 (n, height, width, channels) in 0..1, the value of each, float64
            (n,), and a random generator, that returns such pictures; values beyond 0..1 are clipped.
    """

    strength: str
    bounds: FloatRange
    apply: Callable[[np.ndarray, np.ndarray, np.random.Generator], np.ndarray]


def blur(pixels: np.ndarray, deviations: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Gaussian blur with a standard deviation in pixels; what lies outside a picture is its mirror image."""
    from scipy.ndimage import gaussian_filter  # late, since the settings import this module

    def blur_picture(picture: np.ndarray, sigma: float) -> np.ndarray:
        return gaussian_filter(picture, (sigma, sigma, 0))

    return _map_pictures(blur_picture, pixels, deviations.tolist())


def downscale(pixels: np.ndarray, factors: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Reduction by a factor and enlargement to the former size, both bicubic with Pillow's filters."""
    return _map_pictures(_shrink_and_enlarge, pixels, factors.tolist())


def poisson(pixels: np.ndarray, photons: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Photon noise: a Poisson count at each pixel, with this many photons on average where it is white."""

    def count_photons(picture: np.ndarray, at_white: float, own_rng: np.random.Generator) -> np.ndarray:
        return (own_rng.poisson(picture * at_white) / at_white).astype(np.float32)

    return _map_pictures(count_photons, pixels, photons.tolist(), rng.spawn(len(pixels)))


def gaussian(pixels: np.ndarray, deviations: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Gaussian noise with a standard deviation for pixels in 0..1."""
    sigma = deviations.astype(np.float32)[:, None, None, None]
    return pixels + sigma * rng.standard_normal(pixels.shape, np.float32)


def salt_pepper(pixels: np.ndarray, fractions: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A fraction of the pixels in white or black, in all channels."""
    draws = rng.random((*pixels.shape[:3], 1), np.float32) / fractions.astype(np.float32)[:, None, None, None]
    return np.where(draws < 0.5, np.float32(0), np.where(draws < 1, np.float32(1), pixels))


def jpeg(pixels: np.ndarray, qualities: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """JPEG compression at a quality; channels that are no RGB are compressed one by one."""
    return to_float(_map_pictures(_compress, to_uint8(pixels), qualities.round().tolist()))


DEGRADATIONS = {
    "blur": Degradation("standard deviation in pixels", FloatRange(0, 100, open_low=True), blur),
    "downscale": Degradation("factor", FloatRange(1, 100), downscale),
    "poisson": Degradation("photons at a white pixel", FloatRange(0, 1e6, open_low=True), poisson),
    "gaussian": Degradation("standard deviation, pixels in 0..1", FloatRange(0, 10, open_low=True), gaussian),
    "salt-pepper": Degradation("fraction of the pixels", FloatRange(0, 1, open_low=True), salt_pepper),
    "jpeg": Degradation("quality", FloatRange(1, 100), jpeg),
}


class Damage(NamedTuple):
    """A degradation by its name, with the range that its value is drawn from, uniformly for each picture."""

    name: str
    low: float
    high: float


def degrade(pixels: np.ndarray, damages: Sequence[Damage], rng: np.random.Generator) -> np.ndarray:
    """Return degraded pictures.

    Args:
        pixels: float32 (n, height, width, channels) in 0..1.
        damages: applied one after the other, each with a value for each picture.
        rng: source of the values and of noise.

    Returns:
        float32 array of the same shape in 0..1.
    """
    for damage in damages:
        values = rng.uniform(damage.low, damage.high, len(pixels))
        pixels = np.clip(DEGRADATIONS[damage.name].apply(pixels, values, rng), 0, 1)
    return pixels


class Damages(ValueType):
    """A tuple of one or more `Damage` in the order in which they are applied: `blur:1-3,jpeg:10-40`."""

    @property
    def description(self) -> str:
        return f"{', '.join(DEGRADATIONS)}, each with a value or a range: jpeg:10-40,gaussian:0.1"

    def parse(self, value) -> tuple[Damage, ...]:
        damages: dict[str, Damage] = {}
        for part in elements(value, ","):
            damage = self._parse_part(part)
            if damage.name in damages:
                raise UserError(f"has {damage.name} twice; give it one value or a range")
            damages[damage.name] = damage
        if not damages:
            raise self.error(value)
        return tuple(damages[name] for name in DEGRADATIONS if name in damages)

    read = parse

    def _parse_part(self, part) -> Damage:
        if isinstance(part, Damage):
            part = self._format_part(part)
        if not isinstance(part, str):
            raise self.error(part)
        name, _, strength = part.strip().partition(":")
        if name not in DEGRADATIONS:
            close = closest_name(name, DEGRADATIONS)
            hint = f"; did you mean {close}?" if close else ""
            raise UserError(f"must be {self.description}, not {abbreviate(part)}{hint}")
        known = DEGRADATIONS[name]
        low, high = FloatInterval(known.bounds).parse_as(f"{name} ({known.strength})", strength)
        return Damage(name, low, high)

    def format(self, value: tuple[Damage, ...]) -> str:
        return ",".join(map(self._format_part, value))

    def to_json(self, value: tuple[Damage, ...] | None) -> str | None:
        return None if value is None else self.format(value)

    @staticmethod
    def _format_part(damage: Damage) -> str:
        ends = dict.fromkeys([damage.low, damage.high])
        return f"{damage.name}:{'-'.join(str(int(end)) if end == int(end) else repr(end) for end in ends)}"


# --- pictures one by one


def _map_pictures(function: Callable[..., np.ndarray], pictures: np.ndarray, *values: list) -> np.ndarray:
    """The results of a function of each picture and its values, stacked."""
    if pictures.shape[1] * pictures.shape[2] < THREADED_PIXELS:
        return np.stack(list(map(function, pictures, *values)))
    with ThreadPoolExecutor() as pool:  # NumPy, SciPy and Pillow release Python's lock
        return np.stack(list(pool.map(function, pictures, *values)))


def _map_channels(function: Callable[[np.ndarray], np.ndarray], picture: np.ndarray) -> np.ndarray:
    """The results of a function of each channel (height, width) of a picture, as channels."""
    return np.stack([function(picture[..., channel]) for channel in range(picture.shape[2])], axis=2)


def _shrink_and_enlarge(picture: np.ndarray, factor: float) -> np.ndarray:
    from PIL import Image  # late, since only some degradations need Pillow

    height, width = picture.shape[:2]
    small_size = max(1, round(width / factor)), max(1, round(height / factor))

    def resize(channel: np.ndarray) -> np.ndarray:
        small = Image.fromarray(channel).resize(small_size, Image.Resampling.BICUBIC)
        return np.asarray(small.resize((width, height), Image.Resampling.BICUBIC))

    return _map_channels(resize, picture)


def _compress(picture: np.ndarray, quality: float) -> np.ndarray:
    from PIL import Image

    def compress(pixels: np.ndarray) -> np.ndarray:
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, "JPEG", quality=int(quality))
        return np.asarray(Image.open(file))

    return compress(picture) if picture.shape[2] == 3 else _map_channels(compress, picture)
