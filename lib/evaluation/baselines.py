"""The trivial methods that every score on the test set has to beat, fitted on training images."""

import collections
import math
from collections.abc import Callable

import numpy as np
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor

from lib.config.hyperparameters import Hyperparameters
from lib.data.datasets import Dataset
from lib.data.splits import Subset, sample_subset
from lib.evaluation.metrics import BATCH_SIZE, psnr
from lib.models.pca import MAX_BYTES, available_components, principal_components
from lib.tasks import get_task
from lib.tasks.colorization import rgb_to_yuv, yuv_to_rgb
from lib.tasks.completion import cut_axis
from lib.tasks.pixels import to_float
from lib.training.batches import Batches

NEIGHBORS = 15  # whose mean completes a half
MAX_LABELED = 10_000  # images that the classifiers learn from


def autoencoder_baselines(dataset: Dataset, hp: Hyperparameters, latent_size: int) -> dict:
    """What trivial methods reach on the same test set: `…_mse`, and `…_psnr` in dB where targets are images.

    `constant`: the mean of the targets. `pca` (reconstruct, denoise): as many components as the code has
    numbers; `pca_components` is what it could use, since a code with as many numbers as the image copies it.
    `input`: the noisy or the gray image itself. `mean_color`: gray with the mean color difference of each
    place. `mirror`, `ridge` and `neighbors` (complete): the given half's mirror image, linear regression from
    the given half, and the mean of the 15 images whose given half is the nearest.

    They are fitted on as many training images as 256 MiB hold: as bytes for the first three, else as float32.
    """
    methods = (
        _image_methods(hp, dataset.train, latent_size)
        if get_task(hp.task).targets_are_images
        else _pair_methods(hp, dataset.train)
    )
    batches, numbers = Batches(dataset.test, BATCH_SIZE, hp), 0
    sums: dict[str, float] = collections.defaultdict(float)
    for number in range(len(batches)):
        inputs, targets = batches[number]
        numbers += targets.size
        for name, method in methods.items():
            sums[name] += np.square(method(inputs) - targets).sum(dtype=np.float64)
    errors = {name: float(total / numbers) for name, total in sums.items()}
    scores: dict[str, float | None] = {f"{name}_mse": error for name, error in errors.items()}
    if not hp.color_differences:
        scores |= {f"{name}_psnr": psnr(error) for name, error in errors.items()}
    if "pca" in methods:
        scores["pca_components"] = available_components(dataset.train, latent_size)
    return scores


def _image_methods(hp: Hyperparameters, train: Subset, latent_size: int) -> dict[str, Callable]:
    """Methods that need no more than images: name to function from inputs (n, height, width, channels) to
    targets.
    """
    mean, axes = principal_components(train, latent_size, hp.seed)
    methods: dict[str, Callable] = {"constant": lambda given: mean}
    if hp.task == "denoise":
        methods["input"] = lambda given: given

    def project(given: np.ndarray) -> np.ndarray:
        off = (given - mean).reshape(len(given), -1)
        return mean + (off @ axes @ axes.T).reshape(given.shape)

    return methods | {"pca": project if axes.shape[1] < mean.size else lambda given: given}


def _pair_methods(hp: Hyperparameters, train: Subset) -> dict[str, Callable]:
    """Methods that learn what belongs to what: name to function from inputs (n, height, width, channels) to
    targets.
    """
    pixels = 2 * math.prod(train.shape) if hp.task == "colorize" else math.prod(train.shape)
    part = sample_subset(train, MAX_BYTES // (4 * pixels), hp.seed)
    inputs, targets = Batches(part, len(part), hp)[0]
    mean = targets.mean(axis=0)
    methods: dict[str, Callable] = {"constant": lambda given: mean}
    if hp.task == "colorize":
        methods["input"] = (
            (lambda given: np.zeros(1, np.float32)) if hp.color_differences else lambda given: given
        )
    if hp.task == "colorize" and hp.color_space == "rgb":
        difference = rgb_to_yuv(targets).mean(axis=0)[..., 1:]
        methods["mean_color"] = lambda given: yuv_to_rgb(
            np.concatenate([given, np.broadcast_to(difference, (len(given), *difference.shape))], axis=-1)
        )
    if hp.task == "complete":
        axis = 1 + cut_axis(hp)
        if inputs.shape == targets.shape:
            methods["mirror"] = lambda given: np.flip(given, axis)
        known, wanted = (pixels.reshape(len(pixels), -1) for pixels in (inputs, targets))
        neighbors = min(NEIGHBORS, len(known))
        for name, model in (
            ("ridge", Ridge(alpha=1.0)),
            ("neighbors", KNeighborsRegressor(neighbors, algorithm="brute")),
        ):
            model.fit(known, wanted)
            methods[name] = lambda given, model=model: model.predict(given.reshape(len(given), -1)).reshape(
                -1, *mean.shape
            )
    return methods


def classifier_baselines(dataset: Dataset, hp: Hyperparameters) -> dict:
    """Test accuracy of the most frequent class, of logistic regression on pixels and of the 3 nearest
    neighbors.

    The last two learn from at most 10,000 training images.
    """
    part = sample_subset(
        dataset.train, min(MAX_LABELED, MAX_BYTES // (4 * math.prod(dataset.shape))), hp.seed
    )
    train, test = (to_float(p.take(slice(None))).reshape(len(p), -1) for p in (part, dataset.test))
    frequent = np.bincount(dataset.train.labels).argmax()
    models = {
        "logistic_regression_accuracy": LogisticRegression(C=0.1, tol=1e-3, max_iter=300),
        "nearest_neighbors_accuracy": KNeighborsClassifier(n_neighbors=3, algorithm="brute"),
    }
    found = {"most_frequent_accuracy": float((dataset.test.labels == frequent).mean())}
    for name, model in models.items():
        if len(np.unique(part.labels)) > 1:
            found[name] = float(model.fit(train, part.labels).score(test, dataset.test.labels))
    return found | {"images_learned_from": len(part)}
