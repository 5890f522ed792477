"""Denoising: the input is the image with Gaussian noise."""

import numpy as np

from lib.tasks.base import Task


class Denoising(Task):
    """Removal of Gaussian noise (report E, section 4).

    The standard deviation is drawn uniformly from `settings.noise`, one for each image; inputs are clipped to
    0..1.
    """

    name = "denoise"
    targets_are_images = True
    bypasses_code = True

    def make_pair(self, settings, pixels, rng):
        sigma = rng.uniform(*settings.noise, (len(pixels), 1, 1, 1)).astype(np.float32)
        noise = rng.standard_normal(pixels.shape, np.float32)
        return np.clip(pixels + sigma * noise, 0, 1), pixels

    def make_inference_pair(self, settings, pixels):
        return pixels, pixels
