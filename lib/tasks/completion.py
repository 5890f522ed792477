"""Completion: the missing part of an image, a half or a hole, is predicted from the rest."""

from typing import Any, ClassVar

import numpy as np

from lib.common.errors import UserError
from lib.common.formatting import format_shape
from lib.common.settings import task_option
from lib.tasks import holes
from lib.tasks.base import Task
from lib.tasks.baselines import Baseline, constant
from lib.tasks.fixed_maps import FixedMap, FixedMaps, InputPart
from lib.tasks.halves import (
    SIDES,
    cut_axis,
    given_half,
    half_slices,
    join_halves,
    mirror,
    mirror_matrix,
    neighbors,
    ridge,
)
from lib.tasks.hole_baselines import biharmonic, known_neighbors, nearest_border, split_mask
from lib.tasks.pixels import UNKNOWN

HALF_BASELINES = constant, mirror, ridge, neighbors
HOLE_BASELINES = constant, nearest_border, biharmonic, known_neighbors


class Completion(Task):
    """Prediction of the missing part of an image: `MissingHalf` or `MissingHole`, by the option `missing`."""

    name = "complete"
    help = "the missing half or hole from the rest of the image"
    order = 40
    baselines: ClassVar[tuple[Baseline, ...]] = (*HALF_BASELINES, *HOLE_BASELINES[1:])
    options: ClassVar = {
        "missing": task_option(
            "right",
            holes.MissingPart(),
            help="the missing part, which is predicted from the rest: a half, or a hole with its fraction "
            "(of each side for center, else of the area; random:0.75:4 hides patches of 4×4)",
        )
    }
    targets_resemble_inputs = False
    error_label = "error of the missing part"
    shows_classes = True
    predicts_scaled = True

    def for_options(self, settings):
        return MISSING_HALF if settings.missing in SIDES else MISSING_HOLE

    @property
    def residual_requirement(self):
        return f"{self.name} of a half"


class MissingHalf(Completion):
    """Prediction of one half of an image (report D: the right one) from the other."""

    baselines = HALF_BASELINES
    copies = 1

    def shapes(self, settings, image):
        axis, count = given_half(settings, image)
        sizes = count, image[axis] - count
        return tuple((*image[:axis], size, *image[axis + 1 :]) for size in sizes)

    def image_shape(self, settings, input_shape, target):
        axis = cut_axis(settings)
        return (*input_shape[:axis], input_shape[axis] + target[axis], *input_shape[axis + 1 :])

    def make_pair(self, settings, pixels, rng):
        given, missing = half_slices(settings, pixels.shape[1:])
        return pixels[:, *given], pixels[:, *missing]

    def to_pixels(self, settings, inputs, *outputs):
        blank = np.full_like(outputs[0], UNKNOWN / 255)
        return [join_halves(settings, inputs, half) for half in (blank, *outputs)]

    def predicted_part(self, settings, pixels):
        missing = np.zeros(pixels.shape[:2], bool)
        missing[half_slices(settings, pixels.shape)[1]] = True
        return missing

    def input_part(self, settings, image):
        return InputPart(*half_slices(settings, image)[0])

    def fixed_maps(self, settings, input_shape, target):
        """Mirror image of the visible half, where skip or residual connections need it.

        Symmetric content then has the same place in the feature maps that skip connections join, and in the
        image that a residual output is added to.
        """
        if not (settings.skip or settings.residual):
            return FixedMaps()
        axis = cut_axis(settings)
        mirrored = FixedMap(axis, mirror_matrix(settings, input_shape[axis], target[axis]))
        return FixedMaps(mirrored, mirrored if settings.residual else None)

    def mirror_refusal(self, settings):
        if settings.missing in ("left", "right"):
            return "TTA mirrors images left to right: it requires missing top or bottom, or a hole"
        return ""

    def decoded_words(self, settings):
        return "missing half"

    def target_words(self, settings):
        return "the missing half"


class MissingHole(Completion):
    """Prediction of the pixels of a hole.

    The input is the image with black missing pixels and, as a further channel, the mask, 1 where a pixel is
    missing. The target is the whole image; the network puts its prediction into the hole alone (Pathak et
    al., "Context encoders: feature learning by inpainting", 2016, score the hole alone, too).
    """

    baselines = HOLE_BASELINES
    bypasses_code = True
    copies = 3

    def notes(self, settings, image):
        folder = holes.mask_folder(settings.missing)
        return holes.load_masks(folder, image[:2]).notes if folder else ()

    def shapes(self, settings, image):
        _require_room(settings, image)
        return (*image[:2], image[2] + 1), image

    def image_shape(self, settings, input_shape, target):
        return (*input_shape[:2], input_shape[2] - 1)

    def make_pair(self, settings, pixels, rng):
        masks = holes.draw_holes(settings.missing, pixels.shape[1:3], len(pixels), rng)
        return self.mask_images(pixels, masks), pixels

    def make_fixed_pair(self, settings, pixels, rng, indices):
        masks = holes.fixed_holes(settings.missing, pixels.shape[1:3], indices, settings.seed)
        return self.mask_images(pixels, masks), pixels

    def make_inference_pair(self, settings, pixels):
        """Whole images with an empty mask."""
        return self.mask_images(pixels, np.zeros(pixels.shape[:3], bool)), pixels

    def hole(self, settings):
        return settings.missing

    @staticmethod
    def mask_images(pixels, masks):
        masks = masks[..., None]
        return np.concatenate([np.where(masks, np.float32(0), pixels), masks.astype(np.float32)], axis=-1)

    def to_pixels(self, settings, inputs, *outputs):
        return [self.keep_known(settings, inputs, np.float32(UNKNOWN / 255)), *outputs]

    def input_part(self, settings, image):
        return InputPart(channels=np.eye(image[2], image[2] + 1, dtype=np.float32))  # an empty mask

    def fixed_maps(self, settings, input_shape, target):
        """The network's predictions in the hole, the known pixels around it."""
        channels = target[2]
        known = np.eye(channels + 1, channels, dtype=np.float32)
        hole = np.eye(channels + 1, dtype=np.float32)[:, -1:]
        return FixedMaps(known=FixedMap(2, known), hole=FixedMap(2, hole))

    def allows_residual(self, settings):
        return False

    def refusal(self, settings):
        if settings.erase:
            return "erase has no use with a hole: the known pixels of the inputs stay in the outputs"
        return ""

    def target_words(self, settings):
        return "the hole"

    def scored_mask(self, settings, inputs):
        return split_mask(inputs)[1]

    def keep_known(self, settings, inputs, outputs):
        images, masks = split_mask(inputs)
        return np.where(masks[..., None], outputs, images)


MISSING_HALF, MISSING_HOLE = MissingHalf(), MissingHole()


def _require_room(settings: Any, image: tuple[int, int, int]) -> None:
    """Require at least one known pixel beside a missing one. Raises `UserError`."""
    height, width, _ = image
    if height * width < 2:
        raise UserError(f"task complete: images of {format_shape(image)} are too small for a hole")
    if not settings.missing.startswith("random:"):
        return
    size = holes.patch_size(settings.missing, (height, width))
    if size >= max(height, width):
        raise UserError(
            f"missing {settings.missing}: one patch of {size}×{size} covers images of {format_shape(image)}; "
            f"the maximum is {max(height, width) - 1}"
        )
