"""Baselines: trivial methods whose test scores stand beside those of a network.

A baseline is a function with the decorator `baseline`, listed in the `baselines` of its task.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from lib.tasks.settings import TaskSettings

# A function from inputs, float32 (n, height, width, channels) in 0..1, to predictions of the targets.
Method = Callable[[np.ndarray], np.ndarray]


class TrainingSample(Protocol):
    """Training images of a task that its baselines are fitted on; each part is computed when it is read.

    Attributes:
        settings: the task's name and its options.
        count: number of training images.
        inputs: float32 (n, height, width, channels) in 0..1.
        targets: float32 (n, height, width, channels).
        mean_target: float32 (height, width, channels).
        components: the mean image, and as columns as many principal components of the images as the latent
            code has values, float32 (height · width · channels, components).
        component_counts: `components` that exist, and `images` that they are computed from, if not all.
        leading_components: function of a number that returns the like of `components` for so many, fewer
            where there are no more.
        images: function of a number that returns as many images of the training set, or fewer where there
            are no more or memory does not hold them, float32 (n, height, width, channels) in 0..1.
        note: takes a sentence for the user, such as why a baseline is skipped.
        validation_pairs: function of a number of pixels that returns inputs and targets like the above, of
            as many validation images, at least one; of training images where there are none.
    """

    settings: TaskSettings
    count: int
    inputs: np.ndarray
    targets: np.ndarray
    mean_target: np.ndarray
    components: tuple[np.ndarray, np.ndarray]
    component_counts: dict[str, int]
    note: Callable[[str], None]

    def leading_components(self, count: int) -> tuple[np.ndarray, np.ndarray]: ...

    def images(self, count: int) -> np.ndarray: ...

    def validation_pairs(self, pixels: int) -> tuple[np.ndarray, np.ndarray]: ...


@dataclass(frozen=True)
class Baseline:
    """A trivial method.

    Args:
        name: beginning of its keys in a record, such as `pca` of `pca_mse`.
        label: on the screen and in reports; `{components}` stands for the number under `<name>_components`.
        fit: function of the training sample, that of a task or of a classifier, that returns the fitted
            method; `None` where it does not apply.
        counts: numbers that the record keeps as `<name>_<key>`, computed from the sample.
        max_images: the number of test images, evenly spaced, that a slow method is scored on, computed from
            the sample; the record keeps it as `<name>_images`. None for all.
        detects: its method returns a score and an error map for each picture in place of a prediction; see
            `lib.tasks.detection_baselines`.
    """

    name: str
    label: str
    fit: Callable[[Any], Any]
    counts: Callable[[Any], dict[str, int]] = lambda sample: {}
    max_images: Callable[[Any], int] | None = None
    detects: bool = False

    def describe(self, scores: Mapping) -> str:
        """Return the label with the numbers that a record holds for this baseline."""
        components = scores.get(f"{self.name}_components", float("nan"))
        text = self.label.format(components=f"{components:,}")
        images = scores.get(f"{self.name}_images")
        return text if images is None else f"{text} of {images:,} images"


def baseline(label: str, name: str = "", **options) -> Callable[[Callable[[Any], Any]], Baseline]:
    """Return a decorator that makes a baseline of a function.

    Args:
        label: as in `Baseline`.
        name: likewise; by default the name of the function.
        **options: likewise.
    """
    return lambda fit: Baseline(name or fit.__name__, label, fit, **options)


def missing_packages(name: str, packages: str) -> str:
    """Return a sentence on a baseline that is skipped since packages of an extra are not installed."""
    return f"{name} is skipped as a baseline: it requires pip install {packages}"


@baseline("mean image")
def constant(sample: TrainingSample) -> Method:
    mean = sample.mean_target
    return lambda inputs: mean


@baseline("PCA, {components} components", counts=lambda sample: sample.component_counts)
def pca(sample: TrainingSample) -> Method:
    mean, axes = sample.components

    def project(inputs: np.ndarray) -> np.ndarray:
        centered = (inputs - mean).reshape(len(inputs), -1)
        return mean + (centered @ axes @ axes.T).reshape(inputs.shape)

    return project if axes.shape[1] < mean.size else lambda inputs: inputs


def regression_method(regression, sample: TrainingSample) -> Method:
    """Fit a regression of scikit-learn on flat inputs and targets, and return it as a method."""
    inputs, targets = sample.inputs, sample.targets
    regression.fit(inputs.reshape(len(inputs), -1), targets.reshape(len(targets), -1))
    shape = targets.shape[1:]
    return lambda inputs: regression.predict(inputs.reshape(len(inputs), -1)).reshape(-1, *shape)
