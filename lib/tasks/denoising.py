"""Denoising: the input is the image with Gaussian noise."""

from typing import ClassVar

from lib.common.settings import task_option
from lib.common.value_types import FloatInterval, FloatRange
from lib.tasks.base import Task
from lib.tasks.baselines import Method, TrainingSample, baseline, constant, pca
from lib.tasks.degradation import Damage, degrade
from lib.tasks.image_filters import non_local_means

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
    baselines = (noisy_input, constant, pca, non_local_means)
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
        return degrade(pixels, [Damage("gaussian", *settings.noise)], rng), pixels

    def make_inference_pair(self, settings, pixels):
        return pixels, pixels
