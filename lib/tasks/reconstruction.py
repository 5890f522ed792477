"""Reconstruction: the target is the image itself, or the image with pixels of two values."""

from typing import ClassVar

import numpy as np

from lib.common.settings import task_option
from lib.common.value_types import OneOf, OrWord
from lib.tasks.base import Task
from lib.tasks.baselines import constant, pca

BINARIZATIONS = (STATIC, DYNAMIC) = ("static", "dynamic")
WHITE = 0.5  # static: the lowest value of a white pixel


class Reconstruction(Task):
    """Reconstruction of the input image (all five reports)."""

    name = "reconstruct"
    help = "the image from itself"
    order = 10
    baselines = (constant, pca)
    options: ClassVar = {
        "binarize": task_option(
            None,
            OrWord("off", OneOf(BINARIZATIONS)),
            is_later=True,
            help="make pixels black or white, for likelihoods that compare; static: white from one half up; "
            "dynamic: the value of a pixel is its probability of being white, drawn again in each epoch "
            "(Salakhutdinov and Murray 2008)",
        ),
    }
    targets_are_inputs = True
    targets_are_images = True

    def has_binary_pixels(self, settings):
        return getattr(settings, "binarize", None) is not None

    def make_pair(self, settings, pixels, rng):
        binarize = getattr(settings, "binarize", None)
        if binarize == DYNAMIC:
            pixels = (rng.random(pixels.shape, np.float32) < pixels).astype(np.float32)
        elif binarize == STATIC:
            pixels = (pixels >= WHITE).astype(np.float32)
        return pixels, pixels

    def make_fixed_pair(self, settings, pixels, rng, indices):
        if getattr(settings, "binarize", None) != DYNAMIC:
            return self.make_pair(settings, pixels, rng)
        generators = (np.random.default_rng((settings.seed, int(index))) for index in indices)
        draws = np.stack([generator.random(pixels.shape[1:], np.float32) for generator in generators])
        binary = (draws < pixels).astype(np.float32)
        return binary, binary

    def make_inference_pair(self, settings, pixels):
        if getattr(settings, "binarize", None) == DYNAMIC:
            return pixels, pixels
        return super().make_inference_pair(settings, pixels)
