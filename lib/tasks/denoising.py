"""Denoising: the input is the image with Gaussian noise."""

from typing import ClassVar

import numpy as np

from lib.common.settings import task_option
from lib.common.value_types import FloatInterval, FloatRange
from lib.tasks.base import Task
from lib.tasks.baselines import Method, TrainingSample, baseline, constant, pca

NOISE_LEVELS = (0.1, 0.3, 0.5, 0.7)  # in the figure: standard deviations, pixels in 0..1


@baseline("noisy input", name="input")
def noisy_input(sample: TrainingSample) -> Method:
    return lambda inputs: inputs


class Denoising(Task):
    """Removal of Gaussian noise (report E, section 4).

    The standard deviation is drawn uniformly from `settings.noise`, one for each image; inputs are clipped to
    0..1.
    """

    name = "denoise"
    help = "the image from the image with Gaussian noise"
    order = 20
    baselines = (noisy_input, constant, pca)
    targets_are_images = True
    bypasses_code = True
    error_label = "difference to the input"
    options: ClassVar = {
        "noise": task_option(
            (0.3, 0.3),
            FloatInterval(FloatRange(0, 10)),
            help="standard deviation of the Gaussian noise, for pixels in 0..1; a range draws one per image",
        )
    }
    variants: ClassVar = {f"noise {level:g}": {"noise": (level, level)} for level in NOISE_LEVELS}

    def make_pair(self, settings, pixels, rng):
        sigma = rng.uniform(*settings.noise, (len(pixels), 1, 1, 1)).astype(np.float32)
        noise = rng.standard_normal(pixels.shape, np.float32)
        return np.clip(pixels + sigma * noise, 0, 1), pixels

    def make_inference_pair(self, settings, pixels):
        return pixels, pixels
