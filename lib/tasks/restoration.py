"""Restoration: the input is a degraded picture, made from the clean one or given by the user."""

from typing import Any, ClassVar

from lib.common.settings import task_option
from lib.common.value_types import Text
from lib.tasks.base import Task
from lib.tasks.baselines import Method, TrainingSample, baseline
from lib.tasks.degradation import DEGRADATIONS, Damages, degrade
from lib.tasks.image_filters import bilateral, median, non_local_means


def _is_enlarged(sample: TrainingSample) -> bool:
    settings: Any = sample.settings
    return settings.targets is None and any(damage.name == "downscale" for damage in settings.degrade)


@baseline("degraded input", name="input")
def degraded_input(sample: TrainingSample) -> Method | None:
    return None if _is_enlarged(sample) else lambda inputs: inputs


@baseline("degraded input, enlarged bicubically")
def bicubic(sample: TrainingSample) -> Method | None:
    return (lambda inputs: inputs) if _is_enlarged(sample) else None


class Restoration(Task):
    """Clean pictures from degraded ones: simulated damage, or pairs of the user's own pictures."""

    name = "restore"
    help = "the clean image from a degraded one: JPEG, noise, blur, low resolution, or your own pairs"
    order = 50
    baselines = (degraded_input, bicubic, median, bilateral, non_local_means)
    targets_are_images = True
    bypasses_code = True
    error_label = "difference to the input"
    options: ClassVar = {
        "degrade": task_option(
            "gaussian:0.05,jpeg:10-40",
            Damages(),
            only_when={"targets": None},
            is_later=True,
            help="damage of the inputs: "
            + ", ".join(f"{name} ({entry.strength})" for name, entry in DEGRADATIONS.items())
            + "; one or several, each with a value or a range that is drawn from for each picture",
        ),
        "targets": task_option(
            None,
            Text(),
            group="data",
            is_later=True,
            in_menu=True,
            help="clean pictures: the targets for the degraded ones of --dataset, of the same names",
        ),
        "test_targets": task_option(
            None,
            Text(),
            group="data",
            is_later=True,
            help="clean pictures for the degraded ones of --testset",
        ),
    }

    def target_files(self, settings):
        return settings.targets, settings.test_targets

    def refusal(self, settings):
        if settings.targets and settings.targets == settings.dataset:
            return "targets are the pictures of --dataset itself; --targets requires the clean ones"
        if settings.targets and settings.testset and not settings.test_targets:
            return "targets and a test set require --test-targets, the clean pictures of the test set"
        if settings.test_targets and not (settings.targets and settings.testset):
            return "test targets require --targets and --testset"
        return ""

    def make_pair(self, settings, pixels, rng):
        return degrade(pixels, settings.degrade, rng), pixels

    def make_inference_pair(self, settings, pixels):
        return pixels, pixels
