"""Reconstruction: the target is the image itself."""

from lib.tasks.base import Task
from lib.tasks.baselines import constant, pca


class Reconstruction(Task):
    """Reconstruction of the input image (all five reports)."""

    name = "reconstruct"
    help = "the image from itself"
    order = 10
    baselines = (constant, pca)
    targets_are_inputs = True
    targets_are_images = True

    def make_pair(self, settings, pixels, rng):
        return pixels, pixels
