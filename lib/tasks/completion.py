"""Completion: the missing part of an image, a half or a hole, is predicted from the rest."""

from typing import Any, ClassVar

import numpy as np

from lib.common.errors import UserError
from lib.common.formatting import format_shape
from lib.common.settings import task_option
from lib.tasks import halves, holes
from lib.tasks.base import Task
from lib.tasks.baselines import constant
from lib.tasks.fixed_maps import FixedMap, FixedMaps, InputPart
from lib.tasks.halves import cut_axis, given_half, half_slices, hides_half, join_halves, mirror_matrix
from lib.tasks.hole_baselines import biharmonic, known_neighbors, nearest_border

GRAY = 128  # the missing part in a picture of the inputs


class Completion(Task):
    """Prediction of the missing part of an image.

    Of a half (report D: the right one), input and target are the two halves. Of a hole, the input is the
    image with black missing pixels and, as a further channel, the mask, 1 where a pixel is missing. The
    target is the whole image; the network puts its prediction into the hole alone (Pathak et al., "Context
    encoders: feature learning by inpainting", 2016, score the hole alone, too).
    """

    name = "complete"
    help = "the missing half or hole from the rest of the image"
    order = 40
    baselines = (
        *(constant, halves.mirror, halves.ridge, halves.neighbors),
        *(nearest_border, biharmonic, known_neighbors),
    )
    options: ClassVar = {
        "missing": task_option(
            "right",
            holes.MissingPart(),
            help="the missing part, which is predicted from the rest: a half, or a hole with its fraction "
            "(of each side for center, else of the area; random:0.75:4 hides patches of 4×4)",
        )
    }
    targets_resemble_inputs = False
    copies = 1
    error_label = "error of the missing part"
    shows_classes = True
    predicts_scaled = True

    def notes(self, settings, image):
        folder = "" if hides_half(settings) else holes.mask_folder(settings.missing)
        return holes.load_masks(folder, image[:2]).notes if folder else ()

    def shapes(self, settings, image):
        if not hides_half(settings):
            _require_room(settings, image)
            return (*image[:2], image[2] + 1), image
        axis, count = given_half(settings, image)
        sizes = count, image[axis] - count
        return tuple((*image[:axis], size, *image[axis + 1 :]) for size in sizes)

    def image_shape(self, settings, input_shape, target):
        if not hides_half(settings):
            return (*input_shape[:2], input_shape[2] - 1)
        axis = cut_axis(settings)
        return (*input_shape[:axis], input_shape[axis] + target[axis], *input_shape[axis + 1 :])

    def pair_copies(self, settings):
        return self.copies if hides_half(settings) else 3

    def make_pair(self, settings, pixels, rng):
        if not hides_half(settings):
            masks = holes.draw_holes(settings.missing, pixels.shape[1:3], len(pixels), rng)
            return self.mask_images(pixels, masks), pixels
        given, missing = half_slices(settings, pixels.shape[1:])
        return pixels[:, *given], pixels[:, *missing]

    def make_fixed_pair(self, settings, pixels, rng, indices):
        if hides_half(settings):
            return self.make_pair(settings, pixels, rng)
        masks = holes.fixed_holes(settings.missing, pixels.shape[1:3], indices, settings.seed)
        return self.mask_images(pixels, masks), pixels

    def make_inference_pair(self, settings, pixels):
        """Return halves as in training; of holes, whole images with an empty mask."""
        if hides_half(settings):
            return super().make_inference_pair(settings, pixels)
        return self.mask_images(pixels, np.zeros(pixels.shape[:3], bool)), pixels

    def hole(self, settings):
        return "" if hides_half(settings) else settings.missing

    @staticmethod
    def mask_images(pixels: np.ndarray, masks: np.ndarray) -> np.ndarray:
        """Return the inputs of images with holes.

        Args:
            pixels: float32 (n, height, width, channels) in 0..1.
            masks: bool (n, height, width), True where pixels are missing.

        Returns:
            float32 (n, height, width, channels + 1).
        """
        masks = masks[..., None]
        return np.concatenate([np.where(masks, np.float32(0), pixels), masks.astype(np.float32)], axis=-1)

    def to_pixels(self, settings, inputs, *outputs):
        if not hides_half(settings):
            return [np.where(inputs[..., -1:] > 0.5, np.float32(GRAY / 255), inputs[..., :-1]), *outputs]
        blank = np.full_like(outputs[0], GRAY / 255)
        return [join_halves(settings, inputs, half) for half in (blank, *outputs)]

    def predicted_part(self, settings, pixels):
        if not hides_half(settings):
            return None
        missing = np.zeros(pixels.shape[:2], bool)
        missing[half_slices(settings, pixels.shape)[1]] = True
        return missing

    def input_part(self, settings, image):
        if not hides_half(settings):
            return InputPart(channels=np.eye(image[2], image[2] + 1, dtype=np.float32))  # an empty mask
        return InputPart(*half_slices(settings, image)[0])

    def fixed_maps(self, settings, input_shape, target):
        """Known pixels are kept. Of halves, the given one is mirrored where skip or residual need it.

        Symmetric content then has the same place in the feature maps that skip connections join, and in the
        image that a residual output is added to.
        """
        if not hides_half(settings):
            channels = target[2]
            known = np.eye(channels + 1, channels, dtype=np.float32)
            hole = np.eye(channels + 1, dtype=np.float32)[:, -1:]
            return FixedMaps(known=FixedMap(2, known), hole=FixedMap(2, hole))
        if not (settings.skip or settings.residual):
            return FixedMaps()
        axis = cut_axis(settings)
        mirrored = FixedMap(axis, mirror_matrix(settings, input_shape[axis], target[axis]))
        return FixedMaps(mirrored, mirrored if settings.residual else None)

    def suits_bypass(self, settings):
        return not hides_half(settings)

    def allows_residual(self, settings):
        return hides_half(settings)

    @property
    def residual_requirement(self):
        return f"{self.name} of a half"

    def refusal(self, settings):
        if not hides_half(settings) and settings.erase:
            return "erase has no use with a hole: the known pixels of the inputs stay in the outputs"
        return ""

    def mirror_refusal(self, settings):
        if settings.missing in ("left", "right"):
            return "TTA mirrors images left to right: it requires missing top or bottom, or a hole"
        return ""

    def decoded_words(self, settings):
        return "missing half" if hides_half(settings) else ""

    def target_words(self, settings):
        return "the missing half" if hides_half(settings) else "the hole"

    def scored_mask(self, settings, inputs):
        return None if hides_half(settings) else inputs[..., -1] > 0.5

    def keep_known(self, settings, inputs, outputs):
        if hides_half(settings):
            return outputs
        return np.where(inputs[..., -1:] > 0.5, outputs, inputs[..., :-1])


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
