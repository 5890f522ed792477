"""Reconstruction: the target is the image itself."""

from lib.tasks.base import Task


class Reconstruction(Task):
    """Reconstruction of the input image (all five reports)."""

    name = "reconstruct"
    targets_are_images = True

    def make_pair(self, settings, pixels, rng):
        return pixels, pixels
